"""The operations of a recurrent step: on floats in training, on exact integers while lowering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.quantizers import Quantizer

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@dataclass(frozen=True)
class Floats:
    """Arithmetic on tensors with batch axis."""

    training: bool

    def quantize(self, q: Quantizer, x: Any) -> Any:
        """Quantize ``x``."""
        return q(x, training=self.training)

    def activate(self, function: Any, x: Any) -> Any:
        """Apply an activation."""
        return function(x)

    def mix(self, z: Any, a: Any, b: Any) -> Any:
        """Weighted mean z·a + (1 - z)·b."""
        return z * a + (1 - z) * b

    def join(self, *parts: Any) -> Any:
        """Join along the last axis."""
        return ops.concatenate(parts, axis=-1)

    def products(self, x: Any, kernel: Any, h: Any, recurrent: Any, bias: Any = None) -> Any:
        """x·K + bias + h·R, added in this order."""
        z = x @ kernel
        return (z if bias is None else z + bias) + h @ recurrent


class Integers:
    """Arithmetic on FixedArrays, without batch axis."""

    def quantize(self, q: Quantizer, x: FixedArray) -> FixedArray:
        """Quantize ``x``."""
        return q.lower(x)

    def activate(self, function: Any, x: FixedArray) -> FixedArray:
        """Apply an activation, linear or relu."""
        return x.relu() if function is keras.activations.relu else x

    def mix(self, z: FixedArray, a: FixedArray, b: FixedArray) -> FixedArray:
        """Weighted mean z·a + (1 - z)·b, with one product."""
        return b + z * (a - b)

    def join(self, *parts: FixedArray) -> FixedArray:
        """Join along the last axis."""
        return parts[0].like(np.concatenate([part.elements for part in parts], axis=-1))

    def products(
        self, x: FixedArray, kernel: Any, h: FixedArray, recurrent: Any, bias: Any = None
    ) -> FixedArray:
        """x·K + h·R + bias as one matrix: one sum per output, whose order is left open."""
        z = self.join(x, h) @ np.concatenate([kernel, recurrent])
        return z if bias is None else z + bias
