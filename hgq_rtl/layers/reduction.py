"""Sums over axes of one input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import luts
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.merge import ADDER
from hgq_rtl.layers.reciprocal import nearest_power

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


class _QReduction(QLayer):
    """A scaled sum of Q(x) over ``axes`` (an axis or several, the batch axis counted)."""

    luts_per_ebop = luts.ADDER / ADDER

    def __init__(
        self, axes: int | Sequence[int] = -1, *, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axes = (axes,) if isinstance(axes, int) else tuple(int(a) for a in axes)
        self.keepdims = bool(keepdims)

    def positive_axes(self, rank: int) -> tuple[int, ...]:
        """The axes, counted from the front; ConfigError for the batch axis and unknown ones."""
        if any(not -rank < a < rank or a == 0 for a in self.axes):
            raise ConfigError(
                "axes must be axes of the input other than the batch axis",
                received=f"axes {self.axes} of an input with {rank} axes",
            )
        return tuple(sorted({a % rank for a in self.axes}))

    def factor(self, shape: Sequence[int]) -> float:
        """The scale for an input of ``shape``, batch axis included."""
        raise NotImplementedError

    def call(self, x: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.iq(x, training=training)
        axes = self.positive_axes(len(x.shape))
        y = ops.sum(x, axis=axes, keepdims=self.keepdims) * self.factor(x.shape)
        return self.finish(y, training)

    def lower(self, x: FixedArray) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        x = self.iq.lower(x)
        axes = [a - 1 for a in self.positive_axes(x.ndim + 1)]
        kept = [a for a in range(x.ndim) if a not in axes]
        sizes = [x.shape[a] for a in kept]
        y = x.transpose(*kept, *axes).reshape(*sizes, -1).sum(axis=-1)
        if self.keepdims:
            y = y.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])
        return self.oq.lower(y * self.factor((1, *x.shape)))

    def compute_ebops(self) -> Any:
        """Adders over all elements of each sum but the narrowest."""
        bits = self.quantized_input_bits()
        axes = self.positive_axes(len(bits.shape))
        return ADDER * (ops.sum(bits) - ops.sum(ops.min(bits, axis=axes)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input shape without the axes, or with 1 in their place."""
        axes = self.positive_axes(len(input_shape))
        if self.keepdims:
            return tuple(1 if a in axes else n for a, n in enumerate(input_shape))
        return tuple(n for a, n in enumerate(input_shape) if a not in axes)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "axes": self.axes, "keepdims": self.keepdims}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSum(_QReduction):
    """The sum of Q(x) over ``axes``, times ``scale``, a power of two.

    ``axes``: an axis or several, the batch axis counted. ``keepdims`` keeps them with length 1.
    """

    def __init__(self, axes: int | Sequence[int] = -1, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(axes, **kwargs)
        if not scale > 0 or math.frexp(scale)[0] != 0.5:
            raise ConfigError("scale must be a power of two", received=repr(scale))
        self.scale = float(scale)

    def factor(self, shape: Sequence[int]) -> float:
        """``scale``."""
        return self.scale

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMeanPow2(_QReduction):
    """The sum of Q(x) over ``axes``, times the power of two nearest (in exponent) to 1/n."""

    def factor(self, shape: Sequence[int]) -> float:
        """The power of two nearest to one over the number of elements of a sum."""
        return nearest_power(math.prod(shape[a] for a in self.positive_axes(len(shape))))
