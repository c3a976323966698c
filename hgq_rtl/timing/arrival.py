"""When the bits of a value are there: the lowest first, the highest last.

An adder starts with the low bits of the one before it, so a path of adders takes a cell for each
and about one carry chain in all, not the sum of their chains. Two times per value tell that, and
stay cheap: the arrival of the lowest and of the highest bit, in ps from the stage's beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Arrival(NamedTuple):
    """Picoseconds until the lowest and the highest bit of a value are there; low <= high."""

    low: int
    high: int

    def by(self, deadline: Arrival) -> bool:
        """Whether both bits are there by their deadlines."""
        return self.low <= deadline.low and self.high <= deadline.high


class Transfer(NamedTuple):
    """What an operation does to arrivals.

    ``cell``: ps from a bit to the bit of the result at the same place, net included. ``carry``: ps
    more from the lowest bit to the highest one. ``whole``: all bits of the result come with the
    last one, as from a comparison or a table.

    Sums and maxima of times only, so what arrives is the maximum over paths, as schedules need it.
    """

    cell: int
    carry: int
    whole: bool

    def after(self, low: int, high: int) -> Arrival:
        """When the result is there, for the latest arrivals of all arguments."""
        high = max(low + self.carry, high) + self.cell
        return Arrival(high if self.whole else low + self.cell, high)

    def before(self, low: int, high: int) -> Arrival:
        """What is left from each end of an argument, for what is left from those of the result."""
        last = max(low, high) if self.whole else high
        first = self.carry + last
        return Arrival(self.cell + (first if self.whole else max(low, first)), self.cell + last)


AT_ONCE = Arrival(0, 0)
"""What comes out of a register."""
WIRES = Transfer(0, 0, False)


def latest(arrivals: Iterable[Arrival]) -> Arrival:
    """The latest of each kind; ``AT_ONCE`` if there are none."""
    low = high = 0
    for arrival in arrivals:
        low, high = max(low, arrival.low), max(high, arrival.high)
    return Arrival(low, high)
