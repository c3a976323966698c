"""HardTanhConfig and HardSigmoidConfig: what they compute, train, save and refuse."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import HardSigmoidConfig, HardTanhConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers import Quantizer

X = np.linspace(-5, 5, 401, dtype=np.float32)


@pytest.mark.parametrize("q_type", ["kif", "kbi"])
def test_hard_tanh(q_type):
    widths = {"f0": 3} if q_type == "kif" else {"b0": 3}
    for symmetric in (False, True):
        conf = HardTanhConfig(q_type, symmetric=symmetric, heterogeneous_axis=(), **widths)
        y = np.asarray(Quantizer(conf)(X))
        low = -0.875 if symmetric else -1.0
        assert np.array_equal(y, np.clip(np.floor(X * 8 + 0.5) / 8, low, 0.875))


def test_hard_sigmoid():
    q = Quantizer(HardSigmoidConfig("kif", f0=3, heterogeneous_axis=()))
    want = np.clip(np.floor(X * 8 + 0.5) / 8, -2, 2 - 2**-3) / 4 + 0.5
    assert np.array_equal(np.asarray(q(X)), want)
    assert (want.min(), want.max()) == (0.0, 1 - 2**-5)


def test_integer_bits_stay():
    q = Quantizer(HardTanhConfig())
    q.build((None, 1))
    assert q.format._i.trainable
    assert np.asarray(q.format._i.constraint(q.format._i + 3)).tolist() == [[0.0]]
    assert q.config["ir"] is None


def test_scopes_apply_where_they_can():
    with QuantizerConfigScope(default_q_type="kbi", b0=4, overflow_mode="WRAP", affine=(2, 0)):
        conf = HardTanhConfig("default", round_mode="TRN")
    assert (conf.q_type, conf["b0"], conf["round_mode"]) == ("kbi", 4, "TRN")
    assert (conf["overflow_mode"], conf["affine"], conf["i0"]) == ("SAT", None, 0)
    with QuantizerConfigScope(default_q_type="dummy"):  # they are functions, whatever the scope
        assert [c().q_type for c in (HardTanhConfig, HardSigmoidConfig)] == ["kif", "kif"]
    assert HardTanhConfig("kif", "datalane", True)["overflow_mode"] == "SAT_SYM"


def test_saved_as_what_they_stand_for():
    for conf in (HardTanhConfig(f0=2), HardSigmoidConfig(f0=2)):
        loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(conf))
        assert loaded.get_config() == conf.get_config()
        assert conf.replace(f0=5)["f0"] == 5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: HardTanhConfig(overflow_mode="WRAP"),
            "HardTanhConfig sets 'overflow_mode' itself.\n  Received: overflow_mode='WRAP'.\n"
            "  Use QuantizerConfig for another function.",
        ),
        (
            lambda: HardSigmoidConfig(affine=(1, 0)),
            "HardSigmoidConfig sets 'affine' itself.\n  Received: affine=(1, 0).\n"
            "  Use QuantizerConfig for another function.",
        ),
        (
            lambda: HardTanhConfig("float"),
            "HardTanhConfig is a fixed-point quantizer, kbi or kif.\n  Received: q_type 'float'.",
        ),
    ],
)
def test_errors(make, text):
    with pytest.raises(ConfigError) as error:
        make()
    assert str(error.value) == text
