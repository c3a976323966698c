"""Piecewise schedules of a number over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hgq_rtl.errors import ConfigError

_DECADES = 1000.0
"""A 'log' ramp that touches zero starts (or ends) as if from 1/1000 of its other end."""


class PieceWiseSchedule:
    """Interpolate between knots (epoch, value, kind); constant before the first, after the last.

    ``kind`` is how to go on from a knot to the next: 'linear', 'log' (a constant factor per
    epoch) or 'constant'. A log ramp from or to 0 is the exponential a·(1000^t - 1)/999, which
    reaches 0 exactly and else follows the ramp from a/1000 to a.
    Raises ConfigError for unordered epochs, unknown kinds, and negative values on a log ramp.

    >>> beta = PieceWiseSchedule([(0, 1e-6, "constant"), (10, 1e-6, "log"), (12, 1e-4, "linear")])
    >>> [round(beta(e) * 1e6) for e in (0, 10, 11, 12, 99)]
    [1, 1, 10, 100, 100]
    """

    def __init__(self, intervals: Sequence[tuple[float, float, str]]) -> None:
        self.knots = [(float(e), float(v), str(kind)) for e, v, kind in intervals]
        if not self.knots:
            raise ConfigError("a schedule needs at least one knot", received="none")
        epochs = [e for e, _, _ in self.knots]
        if any(b <= a for a, b in pairwise(epochs)):
            raise ConfigError("the epochs of a schedule must increase", received=str(epochs))
        for n, (_, value, kind) in enumerate(self.knots):
            if kind not in ("linear", "log", "constant"):
                raise ConfigError("unknown kind of interpolation", received=repr(kind),
                                  hint="Known: linear, log, constant")  # fmt: skip
            ends = [value, *(v for _, v, _ in self.knots[n + 1 : n + 2])]
            if kind == "log" and min(ends) < 0:
                raise ConfigError("a log ramp needs values of zero or more", received=str(ends))

    def __call__(self, epoch: float) -> float:
        """Value at ``epoch``."""
        if epoch <= self.knots[0][0]:
            return self.knots[0][1]
        n = max(n for n, (e, _, _) in enumerate(self.knots) if e <= epoch)
        start, a, kind = self.knots[n]
        if n + 1 == len(self.knots) or kind == "constant":
            return a
        end, b, _ = self.knots[n + 1]
        t = (epoch - start) / (end - start)
        if kind == "linear":
            return a + (b - a) * t
        if a == 0 or b == 0:
            ramp = _DECADES ** (t if a == 0 else 1 - t)
            return float((a + b) * (ramp - 1) / (_DECADES - 1))
        return float(a * (b / a) ** t)
