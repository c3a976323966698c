"""Convolutions whose every connection is a look-up table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.tables import TableLayer
from hgq_rtl.layers.weighted import known_size, positive
from hgq_rtl.layers.windows import Windows, check_rank, checked_format, several

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class _QConvT(TableLayer):
    """QDenseT on the cells of every window: one table per cell, channel and filter.

    ``filters``: output channels. ``kernel_size, strides, padding, data_format, dilation_rate``: as
    of QConv. Tables at cells of padding see 0. Connections have shape (batch, *output positions,
    cells·channels, filters), cells first. Positions share tables. Further arguments: see
    TableLayer.
    """

    rank: ClassVar[int]
    causal: ClassVar[bool] = False

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = 1,
        *args: Any,
        groups: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.filters = positive("filters", filters)
        self.windows = Windows(
            several("kernel_size", kernel_size, self.rank),
            several("strides", strides, self.rank),
            several("dilation_rate", dilation_rate, self.rank),
            str(padding).lower(),
        )
        self.windows.check(causal=self.causal)
        self.data_format = checked_format(data_format)
        if groups != 1:
            raise ConfigError("a convolution of tables has one group", received=f"groups={groups}",
                              hint="Split the channels, and concatenate the results")  # fmt: skip

    @property
    def is_channels_last(self) -> bool:
        """Whether the channel axis is the last one."""
        return self.data_format == "channels_last"

    def _spatial(self, shape: Any) -> tuple[int, ...]:
        return tuple(shape[1:-1] if self.is_channels_last else shape[2:])

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """Multiply cells and channels of every window."""
        check_rank(input_shape, self.rank)
        channels = known_size(input_shape, -1 if self.is_channels_last else 1, "channel axis")
        spatial = self._spatial(input_shape)
        positions = "xyz"[: self.rank]
        sizes = dict(zip(positions, self.windows.lengths(spatial), strict=True))
        sizes |= {"b": input_shape[0], "f": self.filters}
        sizes["c"] = math.prod(self.windows.size) * channels
        out = f"{positions}f" if self.is_channels_last else f"f{positions}"
        return Equation(f"b{positions}c", "cf", f"b{out}"), sizes

    def columns(self, x: Any) -> Any:
        """Gather the cells of every window, padding as zeros."""
        if not self.is_channels_last:
            x = ops.moveaxis(x, 1, -1)
        *spatial, channels = x.shape[1:]
        x = ops.reshape(x, (-1, math.prod(spatial), channels))
        x = ops.pad(x, [(0, 0), (0, 1), (0, 0)])  # the cell that index -1 names
        index = self.windows.index(spatial)
        index = index.reshape(*index.shape[: self.rank], -1) % (math.prod(spatial) + 1)
        return ops.reshape(ops.take(x, index, axis=1), (-1, *index.shape[:-1], self.sizes["c"]))

    def lower_columns(self, x: FixedArray) -> FixedArray:
        """Gather the cells of every window, padding as zeros."""
        x = x if self.is_channels_last else x.transpose(*range(1, x.ndim), 0)
        *spatial, channels = x.shape
        index = self.windows.index(spatial)
        cells = x.reshape(-1, channels).gather(index)
        return cells.reshape(*index.shape[: self.rank], -1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.windows.size,
            "strides": self.windows.strides,
            "padding": self.windows.padding,
            "data_format": self.data_format,
            "dilation_rate": self.windows.dilation,
            "groups": 1,
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConvT1D(_QConvT):
    """As QConv1D, with tables in place of products; see _QConvT."""

    rank = 1
    causal = True


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConvT2D(_QConvT):
    """As QConv2D, with tables in place of products; see _QConvT."""

    rank = 2
