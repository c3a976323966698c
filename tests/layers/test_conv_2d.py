"""QConv2D and QConv3D: the battery, and what the solver of constant matrices gets to see."""

import keras
import pytest

from hgq_rtl.layers import QConv2D, QConv3D
from tests.battery.conv import ConvBattery
from tests.battery.layer import Case


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

    @pytest.mark.skipif(
        keras.backend.backend() == "tensorflow",
        reason="Keras's own grouped layer misses its definition there; ours is checked above",
    )
    def test_without_quantization_it_is_the_keras_layer(self):
        super().test_without_quantization_it_is_the_keras_layer()


class TestQConv3D(ConvBattery):
    layer, plain = QConv3D, keras.layers.Conv3D
    cases = (
        Case(
            {"filters": 2, "kernel_size": (2, 1, 2), "padding": "same", "strides": (1, 2, 1)},
            (2, 3, 2, 2),
            ebops=(3 * 2 * 3) * 2 * 2 * 64 + (2 * 2 * 2) * 2 * 8,
        ),
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
