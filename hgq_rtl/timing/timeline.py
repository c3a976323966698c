"""When values are there, and how late they may be, when logic is cut into stages of one length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.node import Node
from hgq_rtl.timing.arrival import Arrival, Transfer
from hgq_rtl.timing.model import DelayModel

NEVER = 1 << 62
"""Later than any time: the arrival of what is slower than a stage, and of all behind it."""

Step = tuple[Node, Sequence[Node], Transfer]
"""A node, its arguments, and what it does to their arrivals."""


@dataclass(frozen=True)
class Cuts:
    """Stages to make do with. ``budget``: ps of logic in each. ``stages``: how many there are."""

    budget: int
    stages: int

    @property
    def unit(self) -> int:
        """A time is the number of its stage times this, plus the ps since the stage began."""
        return self.budget + 1


def arrive(
    steps: Iterable[Step], budget: int, lows: dict[Node, int], highs: dict[Node, int]
) -> None:
    """Enter the earliest times, in units of ``Cuts``, of the lowest and highest bit of every step.

    What does not fit into the stage of its last argument begins the next one. Arguments are steps
    before, or entered already. Constants, like inputs, are there at 0.
    """
    # One loop, not a call for each node: choosing matrices and clocks spends its time here.
    unit = budget + 1
    for node, args, (cell, carry, whole) in steps:
        high = max([highs[arg] for arg in args], default=0)
        begin = high - high % unit
        # What comes from an earlier stage is there when this one begins.
        low = max([lows[arg] for arg in args], default=0)
        if low < begin:
            low = begin
        if high < low + carry:
            high = low + carry
        high += cell
        if high - begin > budget:
            low = begin + unit
            high = low + carry + cell
            if carry + cell > budget:
                low, high = NEVER - cell, NEVER
        lows[node], highs[node] = high if whole else low + cell, high


def stage_of(time: int, budget: int) -> int:
    """The number of the stage that a time in units of ``Cuts`` lies in."""
    return time // (budget + 1)


class Timeline:
    """The earliest arrival of every node, stage after stage, as the greedy schedule has it.

    ``cuts``: None for logic without registers, whose times are ps from the inputs.
    """

    def __init__(self, model: DelayModel, cuts: Cuts | None) -> None:
        self.model = model
        self.budget = NEVER - 1 if cuts is None else cuts.budget
        self.lows: dict[Node, int] = {}
        self.highs: dict[Node, int] = {}

    def __call__(self, node: Node) -> Arrival:
        """When the bits of a node are there; ``NEVER`` or later if that takes too slow a node."""
        if node not in self.highs:
            order = toposort((node,), self.highs)
            steps = [(node, node.args, self.model.transfer(node)) for node in order]
            arrive(steps, self.budget, self.lows, self.highs)
        return Arrival(self.lows[node], self.highs[node])


def deadlines(graph: Graph, model: DelayModel, cuts: Cuts) -> Mapping[Node, Arrival]:
    """How late the lowest and the highest bit of every node may be for all outputs to be in time.

    In time is what arrives in the last stage of ``cuts`` at the latest.
    """
    end = (cuts.stages - 1) * cuts.unit + cuts.budget
    late = dict.fromkeys(graph.nodes, Arrival(end, end))
    for node in reversed(graph.nodes):
        limit = _before(model.transfer(node), late[node], cuts)
        for arg in node.args:
            known = late[arg]
            late[arg] = Arrival(min(known.low, limit.low), min(known.high, limit.high))
    return late


def _before(transfer: Transfer, limit: Arrival, cuts: Cuts) -> Arrival:
    """How late the bits of arguments may be for a result that is there by ``limit``."""
    cell, carry, whole = transfer
    low = min(limit.low, limit.high)
    begin = low - low % cuts.unit
    # A value that waits in registers waits as a whole.
    high = low if whole else min(limit.high, begin + cuts.budget)
    if high - begin < cell + carry or low - begin < cell:
        # It is there in time at any time of the stage before.
        low = high = begin - 1
    latest_low = high - cell - carry
    return Arrival(latest_low if whole else min(low - cell, latest_low), high - cell)
