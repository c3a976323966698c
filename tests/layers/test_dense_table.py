"""QDenseT: the battery, widths per connection, batch normalization and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers import QDenseT, Quantizer
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case
from tests.battery.table import PER_EDGE, TableBattery

PER_INPUT = QuantizerConfig(homogeneous_axis=(0, -1))


class TestQDenseT(TableBattery):
    layer, plain = QDenseT, keras.layers.Dense
    cases = (
        # 9 bits in and out, signs included: 2^(9-6) look-up elements and one adder bit, per bit
        Case(
            {"n_out": 2, "iq_conf": PER_INPUT, "toq_conf": PER_EDGE},
            (3,), ebops=9 * 9 * 6,
        ),
        Case(
            {"n_out": 3, "n_hl": 2, "d_hl": 4, "activation": "relu", "use_bias": False,
             "iq_conf": PER_INPUT, "parallelization_factor": 1, "table_idxs": (5, 4)},
            (2, 3), ebops=17 * 9 * 9,
        ),
        Case({"n_out": 2, "n_hl": 0, "iq_conf": PER_INPUT}, (1,), ebops=9 * 9 * 2),
        Case(
            {"n_out": 2, "n_hl": 1, "subnn_activation": "silu", "batch_norm": True,
             "bn_momentum": 0.5, "bn_epsilon": 1e-2, "iq_conf": PER_INPUT, "toq_conf": PER_EDGE},
            (3,), ebops=9 * 9 * 6,
        ),
    )  # fmt: skip

    def connected(self, layer, x):
        return np.repeat(x[..., None], layer.n_out, axis=-1)

    def plain_arguments(self, case):
        return {"units": case.arguments["n_out"], "use_bias": False}


def model_of(**arguments):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = Quantizer("kif", f0=6, i0=2, overflow_mode="SAT")(inputs)
    model = keras.Model(inputs, QDenseT(3, name="tables", **arguments)(x))
    layer = model.layers[-1]
    rng = np.random.default_rng(2)
    layer.iq.format._f.assign(rng.integers(-2, 6, layer.iq.format._f.shape))
    return model, layer


def test_widths_per_connection():
    model, layer = model_of(subnn_activation="hard_silu", toq_conf=PER_EDGE)
    layer.toq.format._f.assign(np.random.default_rng(3).integers(-2, 12, (1, 4, 3)))
    trace_minmax(model, np.random.default_rng(0).normal(0, 2, (300, 4)))
    lowered = lower(model)
    for float64 in (False, True):
        assert check_layers(Reference(model, float64=float64), lowered, 500) > 0


@pytest.mark.parametrize("more", [{}, {"bn_center": False, "bn_scale": False}])
def test_batch_normalization(more):
    model, layer = model_of(batch_norm=True, bn_momentum=0.0, **more)
    x = np.random.default_rng(0).normal(0, 2, (300, 4))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.fit(x, np.ones((300, 3)), batch_size=300, verbose=0)
    trace_minmax(model, x)
    y = model.predict(x, batch_size=300, verbose=0)
    assert np.abs(y.mean(0)).max() < 0.1  # of the batch that set the moments
    assert check_layers(Reference(model), lower(model), 200) > 0
    names = {v.name for v in layer.trainable_variables}
    assert ("gamma" in names, "beta_bn" in names) == (
        more.get("bn_scale", True), more.get("bn_center", True),
    )  # fmt: skip


def test_it_learns_what_a_dense_layer_cannot():
    model, layer = model_of()
    layer.iq.format._f.assign(np.full(layer.iq.format._f.shape, 4.0))
    x = np.random.default_rng(0).normal(0, 1, (512, 4)).astype(np.float32)
    y = np.stack([np.abs(x).sum(1), np.sin(2 * x[:, 0]), x[:, 1] * 0], 1)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(x, y, batch_size=64, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 3


def test_errors():
    def message(kind, call):
        with pytest.raises(kind) as error:
            call()
        return str(error.value)

    assert message(ConfigError, lambda: QDenseT(3, n_hl=-1)) == (
        "n_hl must be zero or more.\n  Received: -1."
    )
    assert message(ConfigError, lambda: QDenseT(0)) == (
        "n_out must be a positive integer.\n  Received: 0."
    )

    def lowered(**arguments):
        model, _ = model_of(**arguments)
        trace_minmax(model, np.ones((2, 4)))
        return lower(model)

    assert message(LoweringError, lambda: lowered(activation="tanh")) == (
        "layer 'tables' (QDenseT): the activation 'tanh' has no hardware form inside this layer.\n"
        "  Use activation=None or 'relu', or a QUnaryFunctionLUT after it."
    )
    assert message(LoweringError, lambda: lowered(toq_conf=QuantizerConfig("dummy"))) == (
        "layer 'tables' (QDenseT): a table needs an output quantizer.\n"
        "  Received: toq of type dummy.\n"
        "  Give it a config of type kbi or kif, and let it be enabled."
    )
