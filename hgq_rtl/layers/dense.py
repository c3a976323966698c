"""Fully connected layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.layers.weighted import QWeighted, known_size, positive

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDense(QWeighted):
    """activation(Q(x) @ Q(kernel) + Q(bias)), on the last axis of x, as ``keras.layers.Dense``.

    Input (batch, ..., n), output (batch, ..., units); the N positions that
    ``parallelization_factor`` divides are the middle axes. Further arguments: see QWeighted.
    """

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(activation, use_bias, **kwargs)
        self.units = positive("units", units)
        self.supports_masking = True  # as Keras's: a mask goes on with the output

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernel (n, units) and bias (units,)."""
        n = known_size(input_shape, -1, "last axis")
        self.add_weights((n, self.units), (self.units,))
        super().build(input_shape)

    def product(self, x: Any, kernel: Any) -> Any:
        """Multiply the last axis."""
        return ops.matmul(x, kernel)

    def lower_product(self, x: FixedArray, kernel: Any) -> FixedArray:
        """Multiply the last axis."""
        return x @ kernel

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Sum over all products; sums over positions and units come first, which costs less."""
        x = ops.sum(x, axis=tuple(range(len(x.shape) - 1)))
        return ops.sum(x * ops.sum(kernel, axis=1))

    @property
    def positions(self) -> int:
        """The product of the middle axes."""
        return math.prod(n or 1 for n in self.input_shape_built[1:-1])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input shape with ``units`` last."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "units": self.units}
