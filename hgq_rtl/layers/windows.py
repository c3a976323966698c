"""Sliding windows over spatial axes: shapes, padding and index maps.

Padding follows the convention of TensorFlow that Keras uses: "same" puts the odd cell at the end,
"causal" (one axis) puts all padding before the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import ConfigError

Shape = Sequence[int | None]


def several(what: str, value: Any, rank: int) -> tuple[int, ...]:
    """One positive integer per spatial axis, from an integer or a sequence; else ConfigError."""
    values = (value,) * rank if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != rank or any(not isinstance(v, int | np.integer) or v < 1 for v in values):
        raise ConfigError(
            f"{what} must be a positive integer or {rank} of them", received=repr(value)
        )
    return tuple(int(v) for v in values)


def checked_format(data_format: str | None) -> str:
    """The order of channels, Keras's own setting for None; ConfigError for an unknown one."""
    data_format = data_format or keras.config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ConfigError("unknown data_format", received=repr(data_format),
                          hint="Known: channels_last, channels_first")  # fmt: skip
    return data_format


def check_rank(shape: tuple[int | None, ...], rank: int) -> None:
    """Raise ConfigError unless a shape has batch, channels and ``rank`` spatial axes."""
    if len(shape) != rank + 2:
        raise ConfigError(
            f"the input needs {rank + 2} axes: batch, {rank} spatial, channels",
            received=f"shape {tuple(shape)}",
        )


@dataclass(frozen=True)
class Windows:
    """Windows of ``size`` cells at every ``strides``-th place, their cells ``dilation`` apart."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str

    def check(self, *, causal: bool) -> None:
        """Raise ConfigError for an unknown padding."""
        known = ("valid", "same", "causal") if causal else ("valid", "same")
        if self.padding not in known:
            raise ConfigError("unknown padding", received=repr(self.padding),
                              hint=f"Known: {', '.join(known)}")  # fmt: skip

    def lengths(self, shape: Shape) -> tuple[int | None, ...]:
        """Numbers of windows along each axis; None where the length of the input is not known."""
        out: list[int | None] = []
        for n, k, s, d in zip(shape, self.size, self.strides, self.dilation, strict=True):
            padded = n if self.padding == "valid" or n is None else n + (k - 1) * d
            if n is None:
                out.append(None)
            elif self.padding == "same":
                out.append(-(-n // s))
            elif padded < (k - 1) * d + 1:
                raise ConfigError(
                    "the window is larger than the input",
                    received=f"a window of {(k - 1) * d + 1} cells over {n}",
                    hint="Use padding='same' or a smaller window",
                )
            else:
                out.append((padded - (k - 1) * d - 1) // s + 1)
        return tuple(out)

    def pads(self, shape: Sequence[int]) -> list[tuple[int, int]]:
        """Cells of padding before and after each axis."""
        pads = []
        lengths = zip(shape, self.lengths(shape), strict=True)
        for (n, out), k, s, d in zip(lengths, self.size, self.strides, self.dilation, strict=True):
            reach = (k - 1) * d
            total = max(((out or 1) - 1) * s + reach + 1 - n, 0)
            before = {"valid": 0, "same": total // 2, "causal": reach}[self.padding]
            after = total - before if self.padding == "same" else 0
            pads.append((before, after))
        return pads

    def index(self, shape: Sequence[int]) -> NDArray[np.int64]:
        """Flat positions in an array of ``shape`` of every cell of every window; -1 is padding.

        Result of shape (*lengths, *size).
        """
        rank = len(self.size)
        flat: Any = 0
        outside: Any = False
        for axis, (n, k, s, d) in enumerate(
            zip(shape, self.size, self.strides, self.dilation, strict=True)
        ):
            before = self.pads(shape)[axis][0]
            starts = np.arange(self.lengths(shape)[axis] or 0) * s - before
            places = starts[:, None] + np.arange(k) * d
            view = [1] * (2 * rank)
            view[axis], view[rank + axis] = places.shape
            places = places.reshape(view)
            flat = flat * n + places
            outside = outside | (places < 0) | (places >= n)
        return np.where(outside, -1, flat)


def without_padding(index: NDArray[Any], rank: int) -> NDArray[Any]:
    """An index of windows whose padding repeats another cell of the same window."""
    flat = index.reshape(*index.shape[:rank], -1)
    flat = np.where(flat < 0, flat.max(axis=-1, keepdims=True), flat)
    return np.asarray(flat.reshape(index.shape))
