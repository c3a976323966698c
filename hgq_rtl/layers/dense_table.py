"""A dense layer whose every connection is a look-up table, trained as a tiny network."""

from __future__ import annotations

import string
from typing import Any

import keras

from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.tables import TableLayer
from hgq_rtl.layers.weighted import known_size, positive


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QDenseT(TableLayer):
    """activation(Σ over inputs i of Q(f_ij(Q(x_i)))): one table per input i and output j.

    Input (batch, ..., n), output (batch, ..., n_out); connections (batch, ..., n, n_out). The
    positions that ``parallelization_factor`` divides are the middle axes. Further arguments: see
    TableLayer.
    """

    def __init__(self, n_out: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.n_out = positive("n_out", n_out)

    def resolve(self, input_shape: Any) -> tuple[Equation, dict[str, Any]]:
        """Multiply the last axis."""
        known_size(input_shape, -1, "last axis")
        left = string.ascii_letters[: len(input_shape)]
        out = string.ascii_letters[len(input_shape)]
        sizes = {**dict(zip(left, input_shape, strict=True)), out: self.n_out}
        return Equation(left, left[-1] + out, left[:-1] + out), sizes

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "n_out": self.n_out}
