"""The axes of attention scores: equations that make and use them, and masks laid over them."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.equation import Equation


@dataclass(frozen=True)
class ScoreAxes:
    """Scores between the positions of a query and of a key, both (batch, ..., channels).

    ``rank``: of query and key, batch and channels counted; ``attended``: the axes of positions
    that attend to each other. Positions along the other axes (``free``) and heads stay apart.
    Scores have the axes (batch, *free, heads, *attended of the query, *attended of the key).
    """

    rank: int
    attended: tuple[int, ...]

    @staticmethod
    def of(rank: int, axes: Sequence[int] | None) -> ScoreAxes:
        """For axes counted from either end; None is all of them. Raises ConfigError."""
        if axes is None:
            return ScoreAxes(rank, tuple(range(1, rank - 1)))
        attended = tuple(a + rank if a < 0 else a for a in axes)
        inside = all(0 < a < rank - 1 for a in attended)
        if not attended or not inside or len(set(attended)) != len(attended):
            raise ConfigError(
                "attention_axes must be different axes between batch and channels",
                received=f"{tuple(axes)} of an input with {rank} axes",
            )
        return ScoreAxes(rank, attended)

    @property
    def free(self) -> tuple[int, ...]:
        """Axes of positions that do not attend to each other."""
        return tuple(a for a in range(1, self.rank - 1) if a not in self.attended)

    @property
    def softmax(self) -> tuple[int, ...]:
        """Axes of the scores that sum up to one."""
        return tuple(range(-len(self.attended), 0))

    # -- equations ---------------------------------------------------------------------------------

    @property
    def _letters(self) -> tuple[str, str, str]:
        """Letters of all heads of a query, of a key (or value), and of the scores."""
        letters = string.ascii_letters
        query = letters[: self.rank + 1]
        new = dict(zip(self.attended, letters[self.rank + 1 :], strict=False))
        key = "".join(new.get(a, c) for a, c in enumerate(query))
        kept = [query[a] for a in (0, *self.free, self.rank - 1)]
        return (
            query,
            key,
            "".join([*kept, *(query[a] for a in self.attended), *(key[a] for a in self.attended)]),
        )

    @property
    def dot(self) -> Equation:
        """Key and query, each (batch, ..., heads, channels), to scores."""
        query, key, scores = self._letters
        return Equation(key, query, scores)

    @property
    def context(self) -> Equation:
        """Scores and value to (batch, ..., heads, channels)."""
        query, key, scores = self._letters
        return Equation(scores, key, query)

    def projection(self, bound: int, made: int) -> tuple[str, str]:
        """The equation that maps the last ``bound`` axes to ``made`` new ones, and these axes."""
        letters = string.ascii_letters
        kept, rest = letters[: self.rank - 1], letters[self.rank - 1 :]
        old, new = rest[:bound], rest[bound : bound + made]
        return f"{kept}{old},{old}{new}->{kept}{new}", new

    def length_projection(self) -> str:
        """The equation that maps the attended axes to as many new ones."""
        letters = string.ascii_letters
        old = letters[: self.rank]
        new = dict(zip(self.attended, letters[self.rank :], strict=False))
        summed = "".join(old[a] for a in self.attended) + "".join(new.values())
        return f"{old},{summed}->{''.join(new.get(a, c) for a, c in enumerate(old))}"

    # -- shapes ------------------------------------------------------------------------------------

    def shape(self, query: Any, key: Any) -> tuple[int | None, ...]:
        """Of the scores, from the shapes (batch, ..., heads, channels)."""
        kept = (query[a] for a in (0, *self.free, self.rank - 1))
        return (*kept, *(query[a] for a in self.attended), *(key[a] for a in self.attended))

    def positions(self, query: Any) -> int:
        """How many positions of the query there are."""
        return math.prod(n or 1 for n in query[1 : self.rank - 1])

    # -- masks -------------------------------------------------------------------------------------

    def fixed_mask(self, shape: Any, causal: bool, window: int | None) -> NDArray[np.bool_] | None:
        """What a position may attend to whatever the data, (*query, *key), or None for all.

        ``causal``: keys that come after the query, in row-major order of the attended axes, are
        out. ``window``: keys at least this far away along any axis are out.
        """
        if not causal and window is None:
            return None
        n = len(self.attended)
        query, key = tuple(shape[-2 * n : -n]), tuple(shape[-n:])
        mask = np.ones((*query, *key), bool)
        if causal:
            order = np.arange(math.prod(query)), np.arange(math.prod(key))
            mask &= np.greater_equal.outer(*order).reshape(mask.shape)
        if window is not None:
            place = np.indices(mask.shape)
            mask &= (np.abs(place[:n] - place[n:]) < window).all(0)
        return mask

    def laid_out(self, kind: str, mask: Any) -> Any:
        """A mask with all axes of the scores, of length 1 where it is the same.

        ``kind``: "query", "value" or "key" for a mask of positions (batch, ...); "attention" for
        one that ends in the attended axes of query and key. ``mask``: tensor or array with a batch
        axis, or FixedArray without.
        """
        if hasattr(mask, "elements"):
            mask = mask.reshape(1, *mask.shape)
        n, shape = len(self.attended), tuple(mask.shape)
        if kind == "attention":
            full = 2 + len(self.free) + 2 * n
            if not 2 * n <= len(shape) <= full:
                raise ConfigError(
                    f"attention_mask needs {2 * n} to {full} axes", received=f"shape {shape}"
                )
            leading = shape[: -2 * n]
            ones = (1,) * (full - len(shape))
            return _arranged(mask, range(len(shape)), (*leading, *ones, *shape[-2 * n :]))
        if len(shape) != self.rank - 1:
            raise ConfigError(
                f"{kind}_mask needs the axes of {kind} but for the channels",
                received=f"shape {shape}",
            )
        attended = [shape[a] for a in self.attended]
        ends = [*attended, *(1,) * n] if kind == "query" else [*(1,) * n, *attended]
        free = [shape[a] for a in self.free]
        return _arranged(mask, (0, *self.free, *self.attended), (shape[0], *free, 1, *ends))


def _arranged(x: Any, axes: Any, shape: Sequence[int | None]) -> Any:
    """Transpose, then reshape; at most one size is None."""
    sizes = tuple(-1 if size is None else size for size in shape)
    if hasattr(x, "elements"):
        return x.transpose(*axes).reshape(sizes)
    return ops.reshape(ops.transpose(x, tuple(axes)), sizes)
