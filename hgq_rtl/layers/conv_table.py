"""Convolutions whose every connection is a look-up table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.sliding import SlidingLayer
from hgq_rtl.layers.tables import TableLayer
from hgq_rtl.layers.weighted import positive

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class _QConvT(SlidingLayer, TableLayer):
    """QDenseT on the cells of every window: one table per cell, channel and filter.

    ``filters``: output channels. Tables at cells of padding see 0. Connections have shape
    (batch, *output positions, cells·channels, filters), cells first. Positions share tables.
    Further arguments: see SlidingLayer, then TableLayer.
    """

    def __init__(self, filters: int, *args: Any, groups: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters = positive("filters", filters)
        if groups != 1:
            raise ConfigError("a convolution of tables has one group", received=f"groups={groups}",
                              hint="Split the channels, and concatenate the results")  # fmt: skip

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """Multiply cells and channels of every window."""
        channels = self.channels(input_shape)
        spatial = self.spatial(input_shape)
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
        cells = self.cells(x)
        return cells.reshape(*cells.shape[: self.rank], -1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "filters": self.filters, "groups": 1}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConvT1D(_QConvT):
    """As QConv1D, with tables in place of products; see _QConvT."""

    rank = 1
    causal = True


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QConvT2D(_QConvT):
    """As QConv2D, with tables in place of products; see _QConvT."""

    rank = 2
