"""QuantizerConfig and its scopes."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers import AxisMapper, MinMax, MonoL1, Quantizer


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_defaults():
    weight = QuantizerConfig(place="weight")
    assert weight.q_type == "kbi"
    assert (weight["b0"], weight["i0"], weight["overflow_mode"]) == (8, 2, "SAT_SYM")
    assert (weight["bc"].max_value, weight["br"].l1) == (23, 1e-8)
    data = QuantizerConfig()
    assert (data.q_type, data["f0"], data["i0"], data["overflow_mode"]) == ("kif", 6, 2, "WRAP")
    assert (data["homogeneous_axis"], data["i_decay_speed"]) == ((0,), 0.01)
    assert QuantizerConfig(place="bias")["overflow_mode"] == "WRAP"
    assert QuantizerConfig(place="table")["heterogeneous_axis"] == ()
    assert bool(QuantizerConfig("dummy"))
    assert set(dict(**data)) == set(data)


def test_config_is_a_copy():
    bounds = MinMax(0, 5)
    conf = QuantizerConfig("kif", ic=bounds)
    bounds.max_value = 99
    assert conf["ic"].max_value == 5
    changed = conf.replace(f0=1)
    assert (conf["f0"], changed["f0"]) == (6, 1)
    with pytest.raises(TypeError):
        conf["f0"] = 3


def test_one_axis_argument_clears_the_other():
    conf = QuantizerConfig("kif", heterogeneous_axis=(1,))
    assert (conf["heterogeneous_axis"], conf["homogeneous_axis"]) == ((1,), None)
    conf = QuantizerConfig("kif", heterogeneous_axis=None, homogeneous_axis=())
    assert (conf["heterogeneous_axis"], conf["homogeneous_axis"]) == (None, ())


def test_nested_scopes_and_restoration():
    with QuantizerConfigScope(f0=3, overflow_mode="SAT") as outer:
        with QuantizerConfigScope(place="datalane", f0=4), outer:
            assert QuantizerConfig("kif")["f0"] == 3  # re-entered: innermost wins
        with QuantizerConfigScope(q_type="kif", f0=4, i0=1):
            conf = QuantizerConfig("kif")
            assert (conf["f0"], conf["i0"], conf["overflow_mode"]) == (4, 1, "SAT")
        assert QuantizerConfig("kif")["f0"] == 3
        with pytest.raises(ZeroDivisionError), QuantizerConfigScope(f0=5):
            _ = 1 / 0
        assert QuantizerConfig("kif")["f0"] == 3
    assert QuantizerConfig("kif")["f0"] == 6


def test_two_widths_give_the_third():
    with QuantizerConfigScope(i0=1, f0=3):
        assert QuantizerConfig("kbi", "weight")["b0"] == 4
    with QuantizerConfigScope(i0=1, b0=3):
        assert QuantizerConfig("kif")["f0"] == 2
    assert message(lambda: QuantizerConfigScope(i0=1, b0=3, f0=3)) == (
        "b0 must be i0 + f0.\n  Received: i0=1, f0=3, b0=3."
    )


def test_default_type_and_scope_of_parameters():
    with QuantizerConfigScope(place="weight", default_q_type="kif", round_mode="trn"):
        assert QuantizerConfig(place="weight").q_type == "kif"
        assert QuantizerConfig("kbi", "weight")["round_mode"] == "TRN"
        assert QuantizerConfig("kif", "datalane")["round_mode"] == "RND"
    with QuantizerConfigScope(scaler=2.0):
        assert QuantizerConfig("kif")["scaler"] == 2.0


def test_seed_scopes():
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP"),
    ):
        assert QuantizerConfig(place="weight").q_type == "kbi"
        assert QuantizerConfig().q_type == "kif"
        assert QuantizerConfig()["overflow_mode"] == "WRAP"
    with QuantizerConfigScope(heterogeneous_axis=None, homogeneous_axis=()):
        q = Quantizer(QuantizerConfig())
        q.build((None, 3))  # the batch axis is always shared
        assert q.format.width_shape == (1, 3)


def test_configs_are_made_at_construction_not_at_build():
    with QuantizerConfigScope(f0=1, qnoise_factor=0.5, scaler=2.0, affine=[2, 1]):
        q = Quantizer("kif")
    q.build((None, 2))
    assert np.asarray(q.format._f).tolist() == [[1.0, 1.0]]
    assert (q.config["qnoise_factor"], q.config["scaler"], q.config["affine"]) == (0.5, 2.0, (2, 1))


def test_scope_of_a_mapper_and_axes_inside():
    with QuantizerConfigScope(bw_mapper=AxisMapper(heterogeneous_axis=())):
        assert QuantizerConfig("kif").mapper().heterogeneous_axis == ()
        # An axis that is given inside counts: the outer mapper would leave it without effect.
        assert QuantizerConfig("kif", homogeneous_axis=()).mapper().homogeneous_axis == ()


def test_numpy_numbers_are_numbers():
    conf = QuantizerConfig("kif", f0=np.int64(3), i0=np.float32(1), homogeneous_axis=[np.int64(0)])
    assert (conf["f0"], conf["i0"], conf["homogeneous_axis"]) == (3, 1.0, (0,))
    assert QuantizerConfigScope(i0=np.int64(1), f0=3)._setting.params["b0"] == 4


def test_keras_names_of_constraints_and_regularizers():
    conf = QuantizerConfig("kif", ic="non_neg", fr="l2")
    assert isinstance(conf["ic"], keras.constraints.NonNeg)
    assert isinstance(conf["fr"], keras.regularizers.L2)
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(conf))
    assert isinstance(loaded["fr"], keras.regularizers.L2)


def test_override(monkeypatch):
    monkeypatch.setattr(QuantizerConfigScope, "_permanent", ())
    QuantizerConfigScope(place="bias", b0=5).override()
    assert QuantizerConfig(place="bias")["b0"] == 5
    with QuantizerConfigScope(b0=6):
        assert QuantizerConfig(place="bias")["b0"] == 6
    assert QuantizerConfig(place="bias")["b0"] == 5


def test_serialization_ignores_the_scope():
    conf = QuantizerConfig(
        "kif",
        f0=keras.initializers.Constant(4),
        ir=MonoL1(0.5),
        affine=(2.0, 1.0),
        bw_mapper=AxisMapper(heterogeneous_axis=(1,)),
    )
    saved = keras.saving.serialize_keras_object(conf)
    with QuantizerConfigScope(i0=9, round_mode="TRN"):
        loaded = keras.saving.deserialize_keras_object(saved)
    assert (loaded.q_type, loaded.place, loaded["i0"]) == ("kif", "datalane", 2)
    assert loaded["f0"].value == 4
    assert loaded["ir"].l1 == 0.5
    assert loaded["affine"] == (2.0, 1.0)
    assert loaded["homogeneous_axis"] == (0,)
    assert keras.saving.serialize_keras_object(loaded) == saved
    q = Quantizer(loaded)
    q.build((None, 3, 2))
    assert q.format.width_shape == (1, 3, 1)


def test_initializer_of_widths():
    q = Quantizer("kif", f0=keras.initializers.RandomUniform(-9, 9, seed=1), fc=MinMax(0, 3))
    q.build((None, 50))
    f = np.asarray(q.format._f)
    assert (f.min(), f.max()) == (0, 3)


KIF_KEYS = (
    "affine, bw_mapper, f0, fc, fr, heterogeneous_axis, homogeneous_axis, i0, i_decay_speed, ic, "
    "ir, is_weight, k0, overflow_mode, qnoise_factor, round_mode, scaler, trainable"
)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: QuantizerConfig("kif", b0=3),
            f"a kif quantizer has no parameter 'b0'.\n  Known: {KIF_KEYS}.",
        ),
        (
            lambda: QuantizerConfig("fixed"),
            "unknown quantizer type.\n  Received: 'fixed'.\n"
            "  Known: default, kbi, kif, float, dummy.",
        ),
        (
            lambda: QuantizerConfig(place="weights"),
            "unknown place.\n  Received: 'weights'.\n  Known: weight, bias, table, datalane.",
        ),
        (
            lambda: QuantizerConfig(overflow_mode="WRAP_SM"),
            "unknown overflow_mode.\n  Received: 'WRAP_SM'.\n  Known: WRAP, SAT, SAT_SYM.",
        ),
        (
            lambda: QuantizerConfig(homogeneous_axis=(0,), heterogeneous_axis=(1,)),
            "homogeneous_axis and heterogeneous_axis exclude each other.\n"
            "  Received: homogeneous_axis=(0,), heterogeneous_axis=(1,).\n"
            "  Set one of them to None.",
        ),
        (
            lambda: QuantizerConfig(k0=2),
            "k0, the number of sign bits, must be 0 or 1.\n  Received: 2.",
        ),
        (
            lambda: QuantizerConfig("kbi", b0=-1),
            "b0 must not be negative.\n  Received: -1.",
        ),
        (
            lambda: QuantizerConfig("kif", i0=1, f0=-2),
            "i0 + f0 must not be negative.\n  Received: i0=1, f0=-2.",
        ),
        (
            lambda: QuantizerConfig("kif", i_decay_speed=-1),
            "i_decay_speed must be a number of zero or more.\n  Received: -1.",
        ),
        (
            lambda: QuantizerConfig("kif", i_decay_speed="slow"),
            "i_decay_speed must be a number of zero or more.\n  Received: 'slow'.",
        ),
        (
            lambda: QuantizerConfig("kif", ic="minmax"),
            "ic must be a constraint, the name of one in Keras, or None.\n  Received: 'minmax'.",
        ),
        (
            lambda: QuantizerConfig("float", e0r=1e-3),
            "e0r must be a regularizer, the name of one in Keras, or None.\n  Received: 0.001.",
        ),
        (
            lambda: MinMax(2, 1),
            "min_value must not be greater than max_value.\n  Received: 2, 1.",
        ),
        (
            lambda: QuantizerConfig(qnoise_factor=2),
            "qnoise_factor must lie in [0, 1].\n  Received: 2.",
        ),
        (lambda: QuantizerConfig(scaler=0), "scaler must not be zero.\n  Received: 0."),
        (
            lambda: QuantizerConfig(scaler="2"),
            "scaler must be a finite number.\n  Received: '2'.",
        ),
        (
            lambda: QuantizerConfig(affine=(1.0, float("nan"))),
            "affine must be a pair of numbers (scale, shift), scale not zero.\n"
            "  Received: (1.0, nan).",
        ),
        (
            lambda: QuantizerConfigScope(affine=2.0),
            "affine must be a pair of numbers (scale, shift), scale not zero.\n  Received: 2.0.",
        ),
        (
            lambda: QuantizerConfig(round_mode="S_TRN"),
            "unknown round_mode.\n  Received: 'S_TRN'.\n  Known: TRN, RND, RND_CONV, TRN_ZERO, "
            "RND_ZERO, RND_MIN_INF, RND_INF, S_RND, S_RND_CONV.",
        ),
        (
            lambda: QuantizerConfig(k0=0.5),
            "k0, the number of sign bits, must be 0 or 1.\n  Received: 0.5.",
        ),
        (lambda: QuantizerConfigScope(f0=np.nan), "f0 must be finite.\n  Received: nan."),
        (
            lambda: QuantizerConfig("kif", f0="many"),
            "f0 must be a number or a Keras initializer.\n  Received: 'many'.",
        ),
        (lambda: QuantizerConfig("float", m0=-2), "m0 must be -1 or more.\n  Received: -2."),
        (lambda: QuantizerConfig("float", e0=-1), "e0 must be 0 or more.\n  Received: -1."),
        (
            lambda: QuantizerConfig("float", homogeneous_axis="all"),
            "homogeneous_axis must be a tuple of axes.\n  Received: 'all'.",
        ),
        (
            lambda: QuantizerConfig(bw_mapper=3),
            "a bw_mapper needs a method 'width_shape'.\n  Received: 3.\n"
            "  hgq_rtl.quantizers.AxisMapper has all of them: width_shape, to_tensor, extrema, "
            "get_config.",
        ),
        (
            lambda: QuantizerConfig(bw_mapper=3, homogeneous_axis=()),
            "bw_mapper and homogeneous_axis exclude each other.\n"
            "  Received: bw_mapper=3, homogeneous_axis=().\n"
            "  A bw_mapper alone says which elements share widths.",
        ),
        (
            lambda: QuantizerConfig(place=["weight"]),
            "unknown place.\n  Received: ['weight'].\n  Known: weight, bias, table, datalane.",
        ),
        (
            lambda: QuantizerConfigScope(q_type="dummy", f0=3),
            "the parameter 'f0' has no effect in this scope.\n"
            "  Received: q_type='dummy', place='all'.\n  Known: affine, qnoise_factor, scaler.",
        ),
        (
            lambda: QuantizerConfigScope(q_type="kif", fo=3),
            "the parameter 'fo' has no effect in this scope.\n"
            f"  Received: q_type='kif', place='all'.\n  Known: {KIF_KEYS}.",
        ),
        (
            lambda: QuantizerConfigScope(place="nowhere"),
            "unknown place.\n  Received: 'nowhere'.\n  Known: all, weight, bias, table, datalane.",
        ),
        (
            lambda: Quantizer(QuantizerConfig("kif"), f0=3),
            "give 'f0' inside the config, or no config.\n"
            "  config.replace(...) makes a changed copy.",
        ),
        (
            lambda: Quantizer("kif").build((None, None, 3)),
            "axis 1 has widths of its own but no known size.\n"
            "  Received: a tensor of (None, None, 3).\n"
            "  Give the input a fixed shape, or name the axis in homogeneous_axis.",
        ),
        (
            lambda: Quantizer("kif", homogeneous_axis=(0, 4)).build((None, 3)),
            "axis 4 does not exist.\n  Received: a tensor of (None, 3).",
        ),
    ],
)
def test_errors(call, text):
    assert message(call) == text
