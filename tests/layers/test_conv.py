"""QConv1D, and the errors of all convolutions."""

import keras
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QConv1D, QConv2D
from tests.battery.conv import ConvBattery
from tests.battery.layer import Case


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
