"""QConv1D, 2D and 3D: the battery, and what is particular to them."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QConv1D, QConv2D, QConv3D
from tests.battery.layer import Case, LayerBattery
from tests.layers.spatial import correlate


class ConvBattery(LayerBattery):
    def maths(self, layer, x):
        w = layer.windows
        first = not layer.is_channels_last
        kernel = self.quantized(layer.kq, layer.kernel)
        x = np.moveaxis(x, 1, -1) if first else x
        y = correlate(x, kernel, w.strides, w.dilation, w.padding, layer.groups)
        if layer.use_bias:
            y = y + self.quantized(layer.bq, layer.bias)
        y = np.moveaxis(y, -1, 1) if first else y
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)


class TestQConv1D(ConvBattery):
    layer, plain = QConv1D, keras.layers.Conv1D
    cases = (
        Case(
            {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
            (5, 2),
            # Products of the three taps that meet data, at 5, 3 and 1 positions; biases.
            ebops=(5 + 3 + 1) * 2 * 2 * 64 + 5 * 2 * 8,
        ),
        Case(
            {"filters": 4, "kernel_size": 2, "strides": 2, "groups": 2, "activation": "relu",
             "parallelization_factor": 1},
            (6, 4),
            ebops=2 * 4 * 2 * 64 + 4 * 8,
        ),
    )  # fmt: skip


class TestQConv2D(ConvBattery):
    layer, plain = QConv2D, keras.layers.Conv2D
    cases = (
        Case(
            {"filters": 4, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same",
             "groups": 2, "data_format": "channels_first"},
            (2, 3, 4),
            # Rows: 2 windows of 2 and 1 rows; columns: 4 windows of 2, 3, 3, 2 columns.
            ebops=3 * 10 * 4 * 64 + 8 * 4 * 8,
        ),
        Case(
            {"filters": 3, "kernel_size": 2, "use_bias": False, "dilation_rate": (1, 2)},
            (3, 4, 2),
            ebops=2 * 2 * 4 * 2 * 3 * 64,
        ),
        Case(
            {"filters": 3, "kernel_size": 2, "activation": "relu"},
            (3, 3, 2),
            ebops=4 * 4 * 2 * 3 * 64 + 4 * 3 * 8,
        ),
    )  # fmt: skip


class TestQConv3D(ConvBattery):
    layer, plain = QConv3D, keras.layers.Conv3D
    cases = (
        Case(
            {"filters": 2, "kernel_size": (2, 1, 2), "padding": "same", "strides": (1, 2, 1)},
            (2, 3, 2, 2),
            ebops=(3 * 2 * 3) * 2 * 2 * 64 + (2 * 2 * 2) * 2 * 8,
        ),
    )


def message(call):
    with pytest.raises(ConfigError) as error:
        call()
    return str(error.value)


def test_errors():
    assert message(lambda: QConv2D(0, 3)) == ("filters must be a positive integer.\n  Received: 0.")
    assert message(lambda: QConv2D(4, (3, 3, 3))) == (
        "kernel_size must be a positive integer or 2 of them.\n  Received: (3, 3, 3)."
    )
    assert message(lambda: QConv2D(4, 3, padding="causal")) == (
        "unknown padding.\n  Received: 'causal'.\n  Known: valid, same."
    )
    assert message(lambda: QConv1D(4, 3, data_format="last")) == (
        "unknown data_format.\n  Received: 'last'.\n  Known: channels_last, channels_first."
    )
    assert message(lambda: QConv1D(4, 3, groups=3)) == (
        "the number of filters must be a multiple of groups.\n  Received: 4 filters, groups=3."
    )
    assert message(lambda: QConv1D(4, 1, groups=2).build((None, 4, 3))) == (
        "the number of channels must be a multiple of groups.\n  Received: 3 channels, groups=2."
    )
    assert message(lambda: QConv1D(4, 3).build((None, 2, 3))) == (
        "the window is larger than the input.\n  Received: a window of 3 cells over 2.\n"
        "  Use padding='same' or a smaller window."
    )
    assert message(lambda: QConv1D(4, 3).build((None, 2))) == (
        "the input needs 3 axes: batch, 1 spatial, channels.\n  Received: shape (None, 2)."
    )
    assert message(lambda: QConv1D(4, 3).build((None, 8, None))) == (
        "the channel axis of the input must have a known size.\n  Received: shape (None, 8, None)."
    )


def test_filters_of_a_position_share_their_arguments():
    """Otherwise the solver of constant matrices would see single dots."""
    from hgq_rtl.ir.ops import DOT
    from hgq_rtl.lowering.model import lower
    from hgq_rtl.utils import trace_minmax

    battery = TestQConv2D()
    case = Case({"filters": 6, "kernel_size": 2, "groups": 2}, (3, 3, 4), ebops=0)
    model, _ = battery.model(case, least=4)
    trace_minmax(model, battery.data(case))
    dots = [node for node in lower(model).graph.nodes if node.op is DOT]
    assert len(dots) == 4 * 6
    assert len({node.args for node in dots}) == 4 * 2
    assert all(len(node.args) == 4 * 2 for node in dots)
