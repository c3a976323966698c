"""When values are there, and how late they may be, when logic is cut into stages of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.timing.arrival import AT_ONCE, Arrival, Transfer, latest
from hgq_rtl.timing.model import DelayModel

NEVER = 1 << 62
"""Later than any time: the arrival of what is slower than a stage."""


@dataclass(frozen=True)
class Cuts:
    """Stages to make do with. ``budget``: ps of logic in each. ``stages``: how many there are."""

    budget: int
    stages: int

    @property
    def unit(self) -> int:
        """A time is the number of its stage times this, plus the ps since the stage began."""
        return self.budget + 1


class Timeline:
    """The earliest arrival of every node, stage after stage, as the greedy schedule has it.

    ``cuts``: None for logic without registers, whose times are ps from the inputs.
    """

    def __init__(self, model: DelayModel, cuts: Cuts | None) -> None:
        self.model = model
        self.cuts = cuts
        self.known: dict[Node, Arrival] = {}

    def __call__(self, node: Node) -> Arrival:
        """When the bits of a node are there; ``NEVER`` if an operation is slower than a stage."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [arg for arg in top.args if arg not in self.known]
            if missing:
                stack += missing
                continue
            stack.pop()
            if top not in self.known:
                self.known[top] = self._arrival(top)
        return self.known[node]

    def _arrival(self, node: Node) -> Arrival:
        if all(arg.type.is_const for arg in node.args):
            return AT_ONCE
        low, high = latest([self.known[arg] for arg in node.args])
        transfer = self.model.transfer(node)
        if self.cuts is None:
            return transfer.after(low, high)
        takes = transfer.cell + transfer.carry
        if high >= NEVER or takes > self.cuts.budget:
            return Arrival(NEVER, NEVER)
        begin = high - high % self.cuts.unit
        arrival = transfer.after(max(low, begin), high)
        if arrival.high - begin > self.cuts.budget:
            arrival = transfer.after(begin + self.cuts.unit, begin + self.cuts.unit)
        return arrival


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
