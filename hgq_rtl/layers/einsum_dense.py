"""Dense layers along any axes, stated as an einsum equation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.layers.equation import Equation, resolve
from hgq_rtl.layers.weighted import QWeighted

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QEinsumDense(QWeighted):
    """activation(einsum(Q(x), Q(kernel)) + Q(bias)), as ``keras.layers.EinsumDense``.

    ``equation``: such as "abc,cd->abd" or "...x,xy->...y", the batch axis first in input and
    result. ``output_shape``: of the result, without the batch axis and without the axes of an
    ellipsis; None where the input says it. ``bias_axes``: letters of the result along which the
    bias varies; None is no bias. ``parallelization_factor`` counts positions: the product of the
    input axes that are not axes of the kernel. Further arguments: see QWeighted.
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, bool(bias_axes), **kwargs)
        self.equation = equation
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.bias_axes = bias_axes

    def resolve(self, input_shape: tuple[int | None, ...]) -> tuple[Equation, dict[str, Any]]:
        """The equation for an input shape, and the size of every letter."""
        return resolve(
            self.equation, self.partial_output_shape, input_shape, self.bias_axes or "", "bias"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel of the equation, and a bias that broadcasts against the result."""
        self.resolved, sizes = self.resolve(input_shape)
        out, axes = self.resolved.out, self.bias_axes or ""
        first = min((out.index(c) for c in axes), default=len(out))
        bias = tuple(sizes[c] if c in axes else 1 for c in out[first:])
        self.add_weights(tuple(sizes[c] for c in self.resolved.right), bias)
        super().build(input_shape)

    def product(self, x: Any, kernel: Any) -> Any:
        """Multiply along the letters both have."""
        return ops.einsum(self.resolved.text, x, kernel)

    def lower_product(self, x: FixedArray, kernel: Any) -> FixedArray:
        """Multiply along the letters both have."""
        return x.einsum(self.resolved.without_batch(), kernel)

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Sum of all products of widths."""
        return ops.einsum(self.resolved.total, x, kernel)

    @property
    def positions(self) -> int:
        """The product of the input axes that are not axes of the kernel."""
        equation, sizes = self.resolve(self.input_shape_built)
        letters = set(equation.left[1:]) - set(equation.right)
        return math.prod(sizes[c] or 1 for c in letters)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result, batch axis included."""
        equation, sizes = self.resolve(input_shape)
        return tuple(sizes[c] for c in equation.out)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        del config["use_bias"]  # bias_axes says it
        return {
            **config,
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "bias_axes": self.bias_axes,
        }
