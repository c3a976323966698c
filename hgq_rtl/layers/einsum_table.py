"""An einsum layer whose every connection is a look-up table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from hgq_rtl.layers.equation import Equation, resolve
from hgq_rtl.layers.tables import TableLayer


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QEinsumDenseT(TableLayer):
    """As QEinsumDense, with a table f(x) in place of every product of an input with the kernel.

    ``equation, output_shape``: as of QEinsumDense; every letter of the kernel is one of the input
    or of the result. ``bias_axes``: the tables' networks have biases unless it is None; each
    network has its own. ``normalize_axes``: letters of the result with moments of their own in
    batch normalization; default: ``bias_axes``, or the letters of the kernel. Connections have
    the letters of the input, then those of the kernel alone. Further arguments: see TableLayer.
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        *args: Any,
        bias_axes: str | None = None,
        normalize_axes: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, use_bias=bias_axes is not None, **kwargs)
        self.equation = equation
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.bias_axes, self.normalize_axes = bias_axes, normalize_axes

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """The equation for an input shape, and the size of every letter."""
        axes = (self.bias_axes or "", "bias"), (self.normalize_axes or "", "normalized")
        for letters, what in axes:
            equation, sizes = resolve(
                self.equation, self.partial_output_shape, input_shape, letters, what
            )
        return equation, sizes

    def normalized_letters(self) -> str:
        """``normalize_axes``, with its defaults."""
        return self.normalize_axes or self.bias_axes or super().normalized_letters()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        del config["use_bias"]  # bias_axes says it
        return {
            **config,
            "equation": self.equation,
            "output_shape": self.partial_output_shape,
            "bias_axes": self.bias_axes,
            "normalize_axes": self.normalize_axes,
        }
