"""Products of two variable inputs: einsum and dot."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.merge import QMultiInput
from hgq_rtl.layers.products import product

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QEinsum(QMultiInput):
    """einsum(equation, Q(a), Q(b)) of two inputs, such as "bij,bjk->bik" or "...ij,...jk->...ik".

    The first letter is the batch axis of both inputs and of the result; an ellipsis includes it.
    Every product is a multiplication of two variables in hardware. EBOPs: the products of the
    widths. Further arguments: see QMultiInput.
    """

    inputs = 2

    def __init__(self, equation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.equation = equation

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """The equation for two input shapes, and the size of every letter."""
        a, b = (tuple(shape) for shape in input_shape)
        equation = Equation.parse(self.equation, (len(a), len(b)))
        equation.check_batch(self.equation, both=True)
        return equation, self._sizes(equation, a, b)

    def _sizes(self, equation: Equation, a: Any, b: Any) -> dict[str, Any]:
        sizes: dict[str, Any] = dict(zip(equation.left, a, strict=True))
        for letter, n in zip(equation.right, b, strict=True):
            if letter != equation.left[0] and sizes.setdefault(letter, n) != n:
                raise ConfigError(f"the inputs do not fit along {letter!r}", received=f"{a}, {b}")
        return sizes

    def build(self, input_shape: Any) -> None:
        """Resolve the equation."""
        if len(input_shape) == self.inputs:  # otherwise super() says what is wrong
            self.resolved, _ = self.resolve(input_shape)
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        a, b = self.quantized_inputs(inputs, training)
        return self.finish(self.shaped(product(self.resolved, a, b)), training)

    def lower(self, inputs: Sequence[FixedArray]) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        a, b = self.lowered_inputs(inputs)
        y = a.einsum(self.resolved.without_batch(), b)
        return self.oq.lower(self.shaped(y, batch=0))

    def shaped(self, y: Any, batch: int = 1) -> Any:
        """The result in its final shape; ``batch``: how many batch axes it has."""
        return y

    def compute_ebops(self) -> Any:
        """Sum of all products of widths."""
        return ops.einsum(self.resolved.total, *self.input_bits())

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the result, batch axis included."""
        equation, sizes = self.resolve(input_shape)
        return tuple(sizes[c] for c in equation.out)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "equation": self.equation}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDot(QEinsum):
    """The dot product of Q(a) and Q(b) along one axis of each, as ``keras.layers.Dot``.

    ``axes``: an axis for both, or one for each, the batch axis counted (and not allowed). The
    result has the other axes of a, then those of b; (batch, 1) for two vectors. Normalization is
    no fixed-point operation. Further arguments: see QMultiInput.
    """

    def __init__(self, axes: int | Sequence[int] = -1, normalize: bool = False, **kwargs: Any):
        if normalize:
            raise ConfigError("QDot cannot normalize", received="normalize=True",
                              hint="Normalize before quantizing, outside of the layer")  # fmt: skip
        super().__init__("", **kwargs)
        self.axes = (axes, axes) if isinstance(axes, int) else tuple(axes)

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """The equation of these axes, and the size of every letter."""
        a, b = (tuple(shape) for shape in input_shape)
        if len(self.axes) != 2 or any(
            not -len(s) < axis < len(s) or axis == 0
            for axis, s in zip(self.axes, (a, b), strict=True)
        ):
            raise ConfigError(
                "axes must name one axis of each input, other than the batch axis",
                received=f"axes={self.axes} for {a} and {b}",
            )
        batch, summed, *letters = string.ascii_letters
        left = [batch, *letters[: len(a) - 1]]
        right = [batch, *letters[len(a) : len(a) + len(b) - 1]]
        left[self.axes[0]] = right[self.axes[1]] = summed
        out = [batch, *(c for c in left[1:] + right[1:] if c != summed)]
        equation = Equation("".join(left), "".join(right), "".join(out))
        return equation, self._sizes(equation, a, b)

    def shaped(self, y: Any, batch: int = 1) -> Any:
        """Two vectors give an axis of length 1, as in Keras."""
        if len(y.shape) > batch:
            return y
        return ops.expand_dims(y, -1) if batch else y.reshape(1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the result, batch axis included."""
        shape = super().compute_output_shape(input_shape)
        return shape if len(shape) > 1 else (*shape, 1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        del config["equation"]
        return {**config, "axes": self.axes}
