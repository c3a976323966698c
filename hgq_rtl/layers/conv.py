"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import conv_gradient
from hgq_rtl.layers.sliding import SlidingLayer
from hgq_rtl.layers.weighted import QWeighted, positive, reshaped

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class SpatialLayer(SlidingLayer, QWeighted):
    """A layer whose kernel slides over spatial axes.

    ``parallelization_factor`` counts output positions. Further arguments: see SlidingLayer, then
    ``activation`` and ``use_bias``, and QWeighted.
    """

    def output_channels(self, channels: int) -> int:
        """The number of channels of the output."""
        raise NotImplementedError

    def convolve(self, operation: Any, x: Any, kernel: Any) -> Any:
        """``operation``, a convolution of ``keras.ops``, with the geometry of this layer."""
        padding = self.windows.padding
        if padding == "causal":
            ((before, _),) = self.windows.pads((1,))
            ends = [(before, 0), (0, 0)] if self.is_channels_last else [(0, 0), (before, 0)]
            x, padding = ops.pad(x, [(0, 0), *ends]), "valid"
        return operation(
            x,
            kernel,
            strides=self.windows.strides,
            padding=padding,
            dilation_rate=self.windows.dilation,
            data_format=self.data_format,
        )

    def lower_product(self, x: FixedArray, kernel: Any) -> FixedArray:
        """Gather the cells of every window, padding as zeros, and multiply them."""
        cells = self.cells(x)
        lengths = cells.shape[: self.rank]
        cells = cells.reshape(math.prod(lengths), -1, cells.shape[-1])
        y = self.lower_windows(cells, kernel.reshape(-1, *kernel.shape[self.rank :]))
        y = y.reshape(*lengths, -1)
        return y if self.is_channels_last else y.transpose(-1, *range(self.rank))

    def lower_windows(self, cells: FixedArray, kernel: Any) -> FixedArray:
        """Output (positions, ...) of cells (positions, K, channels) and kernel (K, ...)."""
        raise NotImplementedError

    def spread(self, bias: Any) -> Any:
        """Align the bias with the channel axis."""
        return bias if self.is_channels_last else reshaped(bias, (-1, *(1,) * self.rank))

    @property
    def positions(self) -> int:
        """Output positions."""
        lengths = self.windows.lengths(self.spatial(self.input_shape_built))
        return math.prod(n or 1 for n in lengths)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, batch axis included."""
        channels = self.output_channels(self.channels(input_shape))
        lengths = self.windows.lengths(self.spatial(input_shape))
        middle = (*lengths, channels) if self.is_channels_last else (channels, *lengths)
        return (input_shape[0], *middle)


class _QConv(SpatialLayer):
    """conv(Q(x), Q(kernel)) + Q(bias), as the Keras layer of the same name without Q.

    ``filters``: output channels. ``groups``: input and output channels fall into this many
    groups, and each output sees its own group only. ``padding='causal'`` (1D) looks at no later
    cell; it pads behind the input quantizer. Further arguments: see SpatialLayer.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            **kwargs,
        )  # fmt: skip
        self.filters = positive("filters", filters)
        self.groups = positive("groups", groups)
        self._check_groups("filters", self.filters)

    def _check_groups(self, what: str, n: int) -> None:
        if n % self.groups:
            raise ConfigError(f"the number of {what} must be a multiple of groups",
                              received=f"{n} {what}, groups={self.groups}")  # fmt: skip

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel (*kernel_size, channels/groups, filters) and bias (filters,)."""
        channels = self.channels(input_shape)
        self._check_groups("channels", channels)
        shape = (*self.windows.size, channels // self.groups, self.filters)
        self.add_weights(shape, (self.filters,))
        super().build(input_shape)

    def output_channels(self, channels: int) -> int:
        """``filters``."""
        return self.filters

    def product(self, x: Any, kernel: Any) -> Any:
        """Convolve."""
        if self.is_channels_last and self.groups == 1 and conv_gradient.pays(*kernel.shape[-2:]):
            convolve = functools.partial(self.convolve, ops.conv)
            return conv_gradient.convolve(convolve, self.windows, x, kernel)
        return self.convolve(ops.conv, x, kernel)

    def lower_windows(self, cells: FixedArray, kernel: Any) -> FixedArray:
        """One matrix product per position p and group g: over cells k and channels c."""
        g = self.groups
        cells = cells.reshape(*cells.shape[:-1], g, -1)
        kernel = kernel.reshape(*kernel.shape[:-1], g, -1)
        return cells.einsum("pkgc,kcgf->pgf", kernel)

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Convolve widths; the filters of a group are summed first, which costs less."""
        if keras.backend.backend() != "torch":  # it has no gradient for a single filter
            kernel = ops.reshape(kernel, (*kernel.shape[:-1], self.groups, -1))
            kernel = ops.sum(kernel, axis=-1)
        return ops.sum(self.convolve(ops.conv, x, kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "filters": self.filters, "groups": self.groups}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConv1D(_QConv):
    """As ``keras.layers.Conv1D``, quantized; see _QConv."""

    rank = 1
    causal = True


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConv2D(_QConv):
    """As ``keras.layers.Conv2D``, quantized; see _QConv."""

    rank = 2


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConv3D(_QConv):
    """As ``keras.layers.Conv3D``, quantized; see _QConv."""

    rank = 3
