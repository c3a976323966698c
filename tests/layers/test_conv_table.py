"""QConvT1D and QConvT2D: the battery, widths per connection, and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QConvT1D, QConvT2D, Quantizer
from hgq_rtl.lowering.model import lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case
from tests.battery.table import TableBattery
from tests.layers.spatial import lengths, windows

ONE_WIDTH = QuantizerConfig(heterogeneous_axis=())


class ConvTBattery(TableBattery):
    def connected(self, layer, x):
        w = layer.windows
        x = x if layer.is_channels_last else np.moveaxis(x, 1, -1)
        geometry = (x.shape[1:-1], w.size, w.strides, w.dilation, w.padding)
        cells = np.zeros((len(x), *lengths(*geometry), *w.size, x.shape[-1]), x.dtype)
        for position, found in windows(*geometry):
            for tap, place in found:
                cells[(slice(None), *position, *tap)] = x[(slice(None), *place)]
        cells = cells.reshape(*cells.shape[: 1 + len(w.size)], -1)
        return np.repeat(cells[..., None], layer.filters, axis=-1)

    def result(self, layer, t):
        return t.sum(-2) if layer.is_channels_last else np.moveaxis(t.sum(-2), -1, 1)

    def plain_arguments(self, case):
        return {**super().plain_arguments(case), "use_bias": False, "activation": None}


class TestQConvT1D(ConvTBattery):
    layer, plain = QConvT1D, keras.layers.Conv1D
    cases = (
        Case(
            {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same", "n_hl": 2, "d_hl": 3,
             "activation": "relu", "iq_conf": ONE_WIDTH, "parallelization_factor": 1},
            (5, 2), ebops=9 * 9 * 8,
        ),
        Case(
            {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2,
             "batch_norm": True, "iq_conf": ONE_WIDTH},
            (5, 1), ebops=9 * 9 * 5 * 6,
        ),
    )  # fmt: skip


@pytest.mark.slow
class TestQConvT2D(ConvTBattery):
    layer, plain = QConvT2D, keras.layers.Conv2D
    cases = (
        Case(
            {"filters": 1, "kernel_size": 2, "strides": (1, 2), "dilation_rate": (2, 1),
             "padding": "same", "iq_conf": ONE_WIDTH},
            (3, 4, 1), ebops=9 * 9 * 6 * 4,
        ),
        Case(
            {"filters": 2, "kernel_size": (2, 1), "dilation_rate": (2, 1),
             "data_format": "channels_first", "subnn_activation": "silu", "iq_conf": ONE_WIDTH},
            (2, 4, 2), ebops=9 * 9 * 4 * 8,
        ),
    )  # fmt: skip


def test_widths_per_connection():
    """Padded cells too have tables, of 0."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 2))
    x = Quantizer("kif", f0=4, i0=1, overflow_mode="SAT")(inputs)
    model = keras.Model(inputs, QConvT1D(2, 3, padding="same", name="tables")(x))
    layer = model.layers[-1]
    rng = np.random.default_rng(2)
    assert layer.iq.format._f.shape == (1, 4, 6, 2)
    layer.iq.format._f.assign(rng.integers(-2, 5, layer.iq.format._f.shape))
    trace_minmax(model, rng.normal(0, 2, (300, 4, 2)))
    assert check_layers(Reference(model), lower(model), 500) > 0


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(lambda: QConvT1D(2, 3, groups=2)) == (
        "a convolution of tables has one group.\n  Received: groups=2.\n"
        "  Split the channels, and concatenate the results."
    )
    assert message(lambda: QConvT2D(2, 3, padding="causal")) == (
        "unknown padding.\n  Received: 'causal'.\n  Known: valid, same."
    )
    assert message(lambda: QConvT2D(2, 3).build((None, 4, 2))) == (
        "the input needs 4 axes: batch, 2 spatial, channels.\n  Received: shape (None, 4, 2)."
    )
