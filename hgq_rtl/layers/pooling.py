"""Pooling layers: the largest or the mean value of windows, or of all positions.

For the mean, see the rule in reciprocal.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
from keras import ops

from hgq_rtl.layers.config import checked_parallel
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.reciprocal import RECIPROCAL_BITS, reciprocal
from hgq_rtl.layers.weighted import positive
from hgq_rtl.layers.windows import Windows, check_rank, checked_format, several, without_padding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hgq_rtl.lowering.array import FixedArray


class _QPooling(QLayer):
    """Common part: geometry, channel order, EBOPs (the input bits, as often as used in parallel).

    ``data_format``: channels_last, channels_first, or None for Keras's setting.
    ``parallelization_factor``: how many of the N outputs per channel are computed in parallel; it
    scales EBOPs by its ratio to N and changes no value. -1 is N. Further arguments: see QLayer.
    """

    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, *, parallelization_factor: int = -1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = checked_format(data_format)
        self.parallelization_factor = checked_parallel(parallelization_factor)

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes, the batch axis counted."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def spatial(self, shape: tuple[int | None, ...]) -> tuple[Any, ...]:
        """The spatial part of a shape with batch axis."""
        check_rank(shape, self.rank)
        return tuple(shape[a] for a in self.axes)

    def aligned(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values per position, reshaped to broadcast against an output without batch axis."""
        return values[..., None] if self.data_format == "channels_last" else values[None]

    def pool(self, x: Any) -> Any:
        """Pool in floats."""
        raise NotImplementedError

    def lower_pool(self, x: FixedArray) -> FixedArray:
        """Pool exact symbolic integers."""
        raise NotImplementedError

    def positions(self) -> int:
        """Outputs per channel."""
        return 1

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        return self.finish(self.pool(self.iq(x, training=training)), training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        return self.oq.lower(self.lower_pool(self.iq.lower(x)))

    def compute_ebops(self) -> Any:
        """Sum of the input bits, times the parallel share."""
        parallel = self.parallelization_factor
        share = 1.0 if parallel < 0 else parallel / self.positions()
        return ops.sum(self.quantized_input_bits()) * share

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "parallelization_factor": self.parallelization_factor,
        }


class _QWindowPooling(_QPooling):
    """Pooling of windows: ``pool_size``, ``strides`` (default: the size), ``padding``."""

    def __init__(
        self,
        pool_size: int | tuple[int, ...] = 2,
        strides: int | tuple[int, ...] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        size = several("pool_size", pool_size, self.rank)
        strides = size if strides is None else several("strides", strides, self.rank)
        self.windows = Windows(size, strides, (1,) * self.rank, str(padding).lower())
        self.windows.check(causal=False)

    def positions(self) -> int:
        """Outputs per channel."""
        return math.prod(n or 1 for n in self.windows.lengths(self.spatial(self.input_shape_built)))

    def cells(self, x: FixedArray, index: NDArray[Any]) -> FixedArray:
        """The cells of every window, as (positions, cells, channels)."""
        last = self.data_format == "channels_last"
        flat = x.reshape(-1, x.shape[-1]) if last else x.reshape(x.shape[0], -1).transpose(1, 0)
        return flat.gather(index.reshape(-1, math.prod(self.windows.size)))

    def arranged(self, y: FixedArray, index: NDArray[Any]) -> FixedArray:
        """An array (positions, channels) in the shape of the output."""
        lengths = index.shape[: self.rank]
        if self.data_format == "channels_last":
            return y.reshape(*lengths, -1)
        return y.transpose(1, 0).reshape(-1, *lengths)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, batch axis included."""
        shape = list(input_shape)
        lengths = self.windows.lengths(self.spatial(input_shape))
        for axis, n in zip(self.axes, lengths, strict=True):
            shape[axis] = n
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "pool_size": self.windows.size,
            "strides": self.windows.strides,
            "padding": self.windows.padding,
        }


class _QMaxPooling(_QWindowPooling):
    """The largest value of each window of Q(x), as the Keras layer of the name without Q."""

    def pool(self, x: Any) -> Any:
        """Take the largest value of each window."""
        w = self.windows
        return ops.max_pool(x, w.size, w.strides, w.padding, self.data_format)

    def lower_pool(self, x: FixedArray) -> FixedArray:
        """Take the largest value of each window; padding is no value."""
        index = self.windows.index([x.shape[a - 1] for a in self.axes])
        return self.arranged(self.cells(x, without_padding(index, self.rank)).max(axis=1), index)


class _Reciprocal(_QPooling):
    """Adds the argument ``reciprocal_bits``: significant bits of 1/n."""

    def __init__(self, *args: Any, reciprocal_bits: int = RECIPROCAL_BITS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reciprocal_bits = positive("reciprocal_bits", reciprocal_bits)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "reciprocal_bits": self.reciprocal_bits}


class _QAveragePooling(_Reciprocal, _QWindowPooling):
    """The mean of each window of Q(x), padding left out, as the Keras layer without Q.

    Keras divides; this layer multiplies by the ``reciprocal`` of the number of cells.
    """

    def factors(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The reciprocal per position, for a spatial ``shape`` of the input."""
        counts = (self.windows.index(shape) >= 0).reshape(*self.windows.lengths(shape), -1).sum(-1)
        known = {int(n): reciprocal(int(n), self.reciprocal_bits) for n in np.unique(counts)}
        return np.vectorize(lambda n: known[int(n)], otypes=[np.float64])(counts)

    def pool(self, x: Any) -> Any:
        """Add up slices, axis by axis, which is exact in any order; then scale."""
        w, shape = self.windows, self.spatial(tuple(x.shape))
        lengths, pads = w.lengths(shape), w.pads(shape)
        factors = self.aligned(self.factors(shape))
        for axis, out, pad, k, s in zip(self.axes, lengths, pads, w.size, w.strides, strict=True):
            x = ops.pad(x, [pad if a == axis else (0, 0) for a in range(len(x.shape))])
            before = (slice(None),) * axis
            ends = (out - 1) * s + 1
            x = sum(x[(*before, slice(t, t + ends, s))] for t in range(k))
        return x * ops.convert_to_tensor(factors, dtype=self.compute_dtype)

    def lower_pool(self, x: FixedArray) -> FixedArray:
        """Sum the cells of each window, padding as zeros; then scale."""
        shape = tuple(x.shape[a - 1] for a in self.axes)
        index = self.windows.index(shape)
        return self.arranged(self.cells(x, index).sum(axis=1), index) * self.aligned(
            self.factors(shape)
        )


class _QGlobalPooling(_QPooling):
    """Pooling of all positions; ``keepdims`` keeps their axes, with length 1."""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = bool(keepdims)

    def flat(self, x: FixedArray) -> FixedArray:
        """An array (positions, channels)."""
        if self.data_format == "channels_last":
            return x.reshape(-1, x.shape[-1])
        return x.reshape(x.shape[0], -1).transpose(1, 0)

    def kept(self, y: FixedArray) -> FixedArray:
        """Channels in the shape of the output."""
        ones = (1,) * self.rank
        shape = (*ones, -1) if self.data_format == "channels_last" else (-1, *ones)
        return y.reshape(shape) if self.keepdims else y

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output, batch axis included."""
        check_rank(input_shape, self.rank)
        if self.keepdims:
            return tuple(1 if a in self.axes else n for a, n in enumerate(input_shape))
        return tuple(n for a, n in enumerate(input_shape) if a not in self.axes)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "keepdims": self.keepdims}


class _QGlobalMaxPooling(_QGlobalPooling):
    """The largest value of each channel of Q(x), as the Keras layer of the name without Q."""

    def pool(self, x: Any) -> Any:
        """Take the largest value."""
        return ops.max(x, axis=self.axes, keepdims=self.keepdims)

    def lower_pool(self, x: FixedArray) -> FixedArray:
        """Take the largest value."""
        return self.kept(self.flat(x).max(axis=0))


class _QGlobalAveragePooling(_Reciprocal, _QGlobalPooling):
    """The mean of each channel of Q(x): the sum times the ``reciprocal`` of its length."""

    def factor(self, shape: tuple[int, ...]) -> float:
        """The reciprocal for a spatial ``shape``."""
        return reciprocal(math.prod(shape), self.reciprocal_bits)

    def pool(self, x: Any) -> Any:
        """Add up, then scale."""
        factor = self.factor(self.spatial(tuple(x.shape)))
        return ops.sum(x, axis=self.axes, keepdims=self.keepdims) * factor

    def lower_pool(self, x: FixedArray) -> FixedArray:
        """Add up, then scale."""
        factor = self.factor(tuple(x.shape[a - 1] for a in self.axes))
        return self.kept(self.flat(x).sum(axis=0) * factor)


def _layer(name: str, base: type, rank: int) -> type:
    """One public class: ``base`` over ``rank`` spatial axes, under its Keras name with a Q."""
    doc = f"As ``keras.layers.{name[1:]}``, quantized; see {base.__name__}."
    body = {"rank": rank, "__doc__": doc, "__module__": __name__}
    return keras.saving.register_keras_serializable(package="hgq_rtl")(type(name, (base,), body))


QMaxPooling1D = QMaxPool1D = _layer("QMaxPooling1D", _QMaxPooling, 1)
QMaxPooling2D = QMaxPool2D = _layer("QMaxPooling2D", _QMaxPooling, 2)
QMaxPooling3D = QMaxPool3D = _layer("QMaxPooling3D", _QMaxPooling, 3)
QAveragePooling1D = QAvgPool1D = _layer("QAveragePooling1D", _QAveragePooling, 1)
QAveragePooling2D = QAvgPool2D = _layer("QAveragePooling2D", _QAveragePooling, 2)
QAveragePooling3D = QAvgPool3D = _layer("QAveragePooling3D", _QAveragePooling, 3)
QGlobalMaxPooling1D = QGlobalMaxPool1D = _layer("QGlobalMaxPooling1D", _QGlobalMaxPooling, 1)
QGlobalMaxPooling2D = QGlobalMaxPool2D = _layer("QGlobalMaxPooling2D", _QGlobalMaxPooling, 2)
QGlobalMaxPooling3D = QGlobalMaxPool3D = _layer("QGlobalMaxPooling3D", _QGlobalMaxPooling, 3)
QGlobalAveragePooling1D = QGlobalAvgPool1D = _layer(
    "QGlobalAveragePooling1D", _QGlobalAveragePooling, 1
)
QGlobalAveragePooling2D = QGlobalAvgPool2D = _layer(
    "QGlobalAveragePooling2D", _QGlobalAveragePooling, 2
)
QGlobalAveragePooling3D = QGlobalAvgPool3D = _layer(
    "QGlobalAveragePooling3D", _QGlobalAveragePooling, 3
)
