"""Depthwise and separable convolutions: one kernel per input channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.layers.conv import SpatialLayer
from hgq_rtl.layers.layer import exact_products
from hgq_rtl.layers.weighted import positive
from hgq_rtl.quantizers import QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class _QDepthwiseConv(SpatialLayer):
    """depthwise_conv(Q(x), Q(kernel)) + Q(bias), as the Keras layer of the same name without Q.

    ``depth_multiplier``: output channels per input channel. The ``depthwise_`` initializer,
    regularizer and constraint are those of the kernel. Further arguments: see SpatialLayer.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        activation: Any = None,
        use_bias: bool = True,
        *,
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **kwargs,
        )  # fmt: skip
        self.depth_multiplier = positive("depth_multiplier", depth_multiplier)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.depthwise_regularizer = keras.regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = keras.constraints.get(depthwise_constraint)
        self.kernel_initializer = self.depthwise_initializer
        self.kernel_regularizer = self.depthwise_regularizer
        self.kernel_constraint = self.depthwise_constraint

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel (*kernel_size, channels, multiplier) and bias (channels·multiplier,)."""
        channels = self.channels(input_shape)
        shape = (*self.windows.size, channels, self.depth_multiplier)
        self.add_weights(shape, (channels * self.depth_multiplier,))
        super().build(input_shape)

    def output_channels(self, channels: int) -> int:
        """Channels times ``depth_multiplier``."""
        return channels * self.depth_multiplier

    def product(self, x: Any, kernel: Any) -> Any:
        """Convolve every channel."""
        return self.convolve(ops.depthwise_conv, x, kernel)

    def lower_windows(self, cells: FixedArray, kernel: Any) -> FixedArray:
        """One matrix product per position p and channel c: over cells k."""
        return cells.einsum("pkc,kcm->pcm", kernel)

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Convolve widths, those of one channel summed over its outputs first."""
        kernel = ops.sum(kernel, axis=-1, keepdims=True)
        return ops.sum(self.convolve(ops.depthwise_conv, x, kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        for name in ("initializer", "regularizer", "constraint"):
            del config[f"kernel_{name}"]
        return {
            **config,
            **self.saved("depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"),
            "depth_multiplier": self.depth_multiplier,
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDepthwiseConv1D(_QDepthwiseConv):
    """As ``keras.layers.DepthwiseConv1D``, quantized; see _QDepthwiseConv."""

    rank = 1


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDepthwiseConv2D(_QDepthwiseConv):
    """As ``keras.layers.DepthwiseConv2D``, quantized; see _QDepthwiseConv."""

    rank = 2


class _QSeparableConv(_QDepthwiseConv):
    """A depthwise convolution, then a dense layer over channels at every position.

    activation(Q(depthwise_conv(Q(x), Q(depthwise_kernel))) · Q(pointwise_kernel) + Q(bias)), as
    the Keras layer of the same name without Q. ``filters``: output channels. ``kq_conf, pq_conf``:
    configs of the depthwise and the pointwise kernel; ``mq_conf``: of the value between the two.
    Further arguments: see _QDepthwiseConv.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        *,
        pointwise_initializer: Any = "glorot_uniform",
        pointwise_regularizer: Any = None,
        pointwise_constraint: Any = None,
        pq_conf: QuantizerConfig | None = None,
        mq_conf: QuantizerConfig | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate,
            activation, use_bias, **kwargs,
        )  # fmt: skip
        self.filters = positive("filters", filters)
        self.pointwise_initializer = keras.initializers.get(pointwise_initializer)
        self.pointwise_regularizer = keras.regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = keras.constraints.get(pointwise_constraint)
        self.pq = self.quantizer("pq", pq_conf, "weight")
        self.mq = self.quantizer("mq", mq_conf, "datalane", self.enable_iq)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernels, (channels·multiplier, filters) the second, and bias (filters,)."""
        super().build(input_shape)
        self.mq.build(self._between(input_shape))

    def add_weights(self, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
        """Create the depthwise kernel, the matrix behind it, and a bias of the output's size."""
        self.pointwise = self.weight("pointwise", (*bias, self.filters))
        self.pq.build(self.pointwise.shape)
        super().add_weights(kernel, (self.filters,))

    def _between(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        shape = list(self.compute_output_shape(input_shape))
        shape[self._channel_axis] = super().output_channels(self.channels(input_shape))
        return tuple(shape)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.is_channels_last else 1

    def output_channels(self, channels: int) -> int:
        """``filters``."""
        return self.filters

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x, kernel = self.iq(x, training=training), self.kq(self.kernel, training=training)
        with exact_products():
            y = self.mq(self.product(x, kernel), training=training)
            y = self._pointwise(y, self.pq(self.pointwise, training=training))
        if self.use_bias:
            y = y + self.spread(self.bq(self.bias, training=training))
        return self.finish(self.activated(y, training), training)

    def _pointwise(self, y: Any, kernel: Any) -> Any:
        """Multiply the channel axis with a matrix."""
        if self.is_channels_last:
            return ops.matmul(y, kernel)
        return ops.moveaxis(ops.matmul(ops.moveaxis(y, 1, -1), kernel), -1, 1)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        kernel, pointwise, bias = self.evaluated(
            lambda: (self.qkernel, self.pq(self.pointwise), self.qbias)
        )
        y = self.lower_product(self.iq.lower(x), self.exact(kernel, "kernel"))
        y, kernel = self.mq.lower(y), self.exact(pointwise, "pointwise kernel")
        if self.is_channels_last:
            y = y @ kernel
        else:
            back = (self.rank, *range(self.rank))
            y = (y.transpose(*range(1, y.ndim), 0) @ kernel).transpose(*back)
        if self.use_bias:
            y = y + self.spread(self.exact(bias, "bias"))
        return self.oq.lower(self.lower_activation(y))

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Both products; the second from the widths between the two."""
        shape = (1, *(n or 1 for n in self._between(self.input_shape_built)[1:]))
        bits = ops.moveaxis(ops.broadcast_to(self.mq.bits(shape), shape), self._channel_axis, -1)
        weight_bits = ops.sum(self.pq.bits(tuple(self.pointwise.shape)), axis=-1)
        middle = ops.sum(ops.reshape(bits, (-1, bits.shape[-1])), axis=0)
        return super().product_bits(x, kernel) + ops.sum(middle * weight_bits)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"),
            "filters": self.filters,
            "pq_conf": self.saved_conf(self.pq),
            "mq_conf": self.saved_conf(self.mq),
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSeparableConv1D(_QSeparableConv):
    """As ``keras.layers.SeparableConv1D``, quantized; see _QSeparableConv."""

    rank = 1


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSeparableConv2D(_QSeparableConv):
    """As ``keras.layers.SeparableConv2D``, quantized; see _QSeparableConv."""

    rank = 2
