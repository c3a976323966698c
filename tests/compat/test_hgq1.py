"""HGQ 1's names over this project's layers. Its guides' samples run in tests/test_seeds.py."""

import keras
import numpy as np
import pytest

import hgq_rtl.compat.hgq1 as hgq1
from hgq_rtl.compat.hgq1.config import quantizer_config
from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError, ConversionError
from hgq_rtl.layers import QSoftmax, QUnaryFunctionLUT
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers


@pytest.fixture(scope="module")
def trained():
    """A small network of most kinds of layers, after one epoch and a trace."""
    keras.utils.set_random_seed(2)
    x = keras.Input((6, 6, 1))
    y = hgq1.HQuantize(beta=1e-6, name="inp_q")(x)
    y = hgq1.HConv2DBatchNorm(3, 2, activation="relu", beta=1e-6, name="conv")(y)
    y = hgq1.PFlatten()(hgq1.PMaxPooling2D(2)(y))
    a = hgq1.HDense(4, kq_conf={"rnd_strategy": "floor", "init_bw": 4}, name="a")(y)
    b = hgq1.HActivation("tanh", name="tanh")(hgq1.HDenseBatchNorm(4, name="b")(y))
    y = hgq1.HDense(2, paq_conf={"init_bw": 3}, name="out")(hgq1.HAdd(name="sum")([a, b]))
    model = keras.Model(x, y)
    data = np.random.default_rng(3).normal(0, 1, (64, 6, 6, 1)).astype(np.float32)
    model.compile("adam", "mse")
    model.fit(data, data[:, 0, :2, 0], callbacks=[hgq1.ResetMinMax(), hgq1.FreeBOPs()], verbose=0)
    hgq1.trace_minmax(model, data, bsz=32, cover_factor=1.0)
    return model, data


def test_it_lowers_and_the_layers_are_equal_to_keras(trained):
    model, _ = trained
    assert check_layers(Reference(model), lower(hgq1.to_proxy_model(model))) > 0


def test_it_is_saved_and_loaded(trained, tmp_path):
    model, x = trained
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(model(x), loaded(x))
    assert loaded.get_layer("a").get_config() == model.get_layer("a").get_config()


def test_arguments_arrive(trained):
    model, _ = trained
    layer = model.get_layer("a")
    assert (layer.kq.round_mode, layer.beta, layer.oq.is_dummy) == ("TRN", 0.0, True)
    assert model.get_layer("out").oq.config["f0"] == 3
    assert model.get_layer("conv").beta == np.float32(1e-6)
    assert model.get_layer("conv").parallelization_factor == 1
    assert model.get_layer("b").parallelization_factor == -1


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_the_folded_normalization_follows_the_layer(kind):
    """With weights and moments of few bits, and quantizers that keep them, float32 is exact."""
    x = keras.Input((4, 3) if kind == "dense" else (4, 4, 3))
    wide = QuantizerConfig("kif", "weight", f0=20, i0=3)
    with QuantizerConfigScope(place="bias", b0=16):
        if kind == "dense":
            mine = hgq1.HDenseBatchNorm(2, kq_conf=wide, epsilon=0.25)
            plain = keras.layers.Dense(2, use_bias=False)
        else:
            mine = hgq1.HConv2DBatchNorm(2, 2, kq_conf=wide, epsilon=0.25)
            plain = keras.layers.Conv2D(2, 2, use_bias=False)
        found = keras.Model(x, mine(x))
    norm = keras.layers.BatchNormalization(epsilon=0.25)
    expected = keras.Model(x, norm(plain(x)))
    rng = np.random.default_rng(0)
    kernel = rng.integers(-8, 9, plain.kernel.shape) / 4
    mean, beta, gamma = (rng.integers(1, 9, 2) / 4 for _ in range(3))
    mine.kernel.assign(kernel), plain.kernel.assign(kernel)
    for layer in (mine, norm):
        layer.moving_mean.assign(mean), layer.gamma.assign(gamma)
        layer.moving_variance.assign([0.75, 3.75])  # and epsilon: 1 and 4
    mine.bias.assign(beta), norm.beta.assign(beta)
    data = (rng.integers(-8, 9, (16, *x.shape[1:])) / 4).astype(np.float32)
    hgq1.trace_minmax(found, data)
    assert np.array_equal(found(data), expected(data))


def test_kernel_widths_start_from_the_magnitude_of_each_weight():
    layer = hgq1.HDense(50)
    layer.build((None, 20))
    kernel, f = np.abs(np.asarray(layer.kernel)), np.asarray(layer.kq.format._f)
    assert np.array_equal(f, 2 - np.frexp(kernel)[1])
    assert (np.asarray(layer.qkernel) != 0).all()


def test_reset_forgets_ranges():
    model = keras.Sequential([keras.Input((3,)), hgq1.HDense(2, name="d")])
    fmt = model.get_layer("d").iq.format
    fmt.assign_range(np.ones(fmt.width_shape), np.full(fmt.width_shape, 9.0))
    reset = hgq1.ResetMinMax()
    reset.set_model(model)
    reset.on_epoch_begin(0)
    assert (np.asarray(fmt._i) == -23).all()
    assert not np.asarray(fmt._k).any()


def test_activations():
    assert isinstance(hgq1.HActivation("relu"), keras.layers.Activation)
    softmax = hgq1.HActivation("softmax", bops_reg_factor=1e-3, paq_conf={"init_bw": 5})
    assert isinstance(softmax, QSoftmax)
    assert (softmax.beta0, softmax.oq.config["f0"]) == (1e-3, 5)
    with pytest.raises(ValueError, match="foo"):
        hgq1.HActivation("relu", beta=1e-3, foo=1)
    assert isinstance(hgq1.HActivation("sigmoid", beta=1e-6), QUnaryFunctionLUT)


@pytest.mark.parametrize(
    ("skip", "axes"),
    [
        (None, ((), None)),
        ("batch", ((0,), None)),
        ("all", (None, ())),
        ("except_last", (None, (-1,))),
        ((0, 1), ((0, 1), None)),
    ],
)
def test_skip_dims(skip, axes):
    conf = quantizer_config("weight", {"skip_dims": skip})
    assert (conf["homogeneous_axis"], conf["heterogeneous_axis"]) == axes


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: quantizer_config("weight", {"bits": 3}),
         "quantizers of HGQ 1 have no setting 'bits'.\n  Known: init_bw, skip_dims, rnd_strategy, "
         "exact_q_value, dtype, bw_clip, trainable, regularizer."),
        (lambda: quantizer_config("weight", {"rnd_strategy": "fast_uniform_noise_injection"}),
         "this rounding does not exist here.\n"
         "  Received: rnd_strategy='fast_uniform_noise_injection'.\n"
         "  Use 'standard_round', 'stochastic_round' or 'floor'."),
        (lambda: quantizer_config("datalane", {"minmax_record": False}),
         "ranges of activations are always recorded.\n  Received: minmax_record=False.\n"
         "  A quantizer of fixed range is QuantizerConfig(..., overflow_mode='SAT')."),
        (lambda: hgq1.HDense(3, "tanh"),
         "dense and convolution layers of HGQ 1 have the activations relu and linear.\n"
         "  Received: 'tanh'.\n  Put an HActivation after the layer."),
        (lambda: hgq1.HActivation("relu", paq_conf={"init_bw": 3}),
         "the result of 'relu' is quantized where it is read.\n  Received: paq_conf.\n"
         "  Put HQuantize(paq_conf=...) after the activation."),
    ],
)  # fmt: skip
def test_settings_without_meaning(call, text):
    with pytest.raises(ConfigError) as error:
        call()
    assert str(error.value) == text


def test_names_and_arguments_without_meaning(trained):
    model, _ = trained
    with pytest.raises(ConversionError) as error:
        hgq1.convert_from_hgq_model(model, "hls4ml_prj", clock_period=5)
    assert "hgq_rtl.compile(model, clock_ns=5.0, device='xcvu13p-2')" in str(error.value)
    with pytest.raises(ConversionError) as error:
        hgq1.to_proxy_model(model, aggressive=False)
    assert str(error.value).startswith("a traced range wraps, and cannot be made to saturate")
    with pytest.raises(ConversionError) as error:
        hgq1.to_proxy_model(model, unary_lut_max_table_size=1024)
    assert "no argument 'unary_lut_max_table_size'" in str(error.value)
    untraced = keras.Sequential([keras.Input((3,)), hgq1.HDense(2, name="d")])
    with pytest.raises(ConversionError) as error:
        hgq1.to_proxy_model(untraced)
    assert str(error.value).startswith("layer 'd' (HDense): the range of an activation is not")
    with pytest.raises(AttributeError):
        hgq1.frobnicate  # noqa: B018
