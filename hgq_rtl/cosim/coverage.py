"""Functional coverage: which bits, table entries and limits of a graph vectors exercise.

Everything is counted on the graph that the vectors' expected outputs come from, in its exact
integers. The vectors that were compared and found right have the same values in hardware.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hgq_rtl.cosim.places import KINDS, UNSEEN, Indices, places
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node

UNREACHABLE = -2
"""What stands in place of a first vector; UNSEEN is the other such number."""

Counts = dict[str, int]
"""``points``, and of them ``reached``, ``unreachable`` (proven) and ``missed``."""


class Coverage:
    """The places of a graph, and for each point the first vector that reached it."""

    def __init__(self, graph: Graph, interface: Interface) -> None:
        self.graph, self.interface = graph, interface
        self.places = list(places(graph, interface))
        self.first: list[Indices] = [
            np.where(place.reachable, UNSEEN, UNREACHABLE).astype(np.int64) for place in self.places
        ]
        self.vectors = 0

    def add(self, inputs: Ints) -> Ints:
        """Count further vectors of input integers; returns the output port integers."""
        outputs, first = self._observe(inputs)
        for mine, theirs in zip(self.first, first, strict=True):
            new = (mine < 0) & (theirs >= 0)
            mine[new] = theirs[new] + self.vectors
        self.vectors += len(inputs)
        return outputs

    def useful(self, inputs: Ints) -> Indices:
        """Indices of those vectors that reach a point first, in order; nothing is counted."""
        _, first = self._observe(inputs)
        new = [
            theirs[(mine < 0) & (theirs >= 0)]
            for mine, theirs in zip(self.first, first, strict=True)
        ]
        return np.unique(np.concatenate(new)) if new else np.empty(0, dtype=np.int64)

    def holes(self, number: int) -> Indices:
        """The points of a place that no vector reached, and that are not known unreachable."""
        return np.flatnonzero(self.first[number] == UNSEEN)

    def exclude(self, number: int, points: Indices) -> None:
        """Record that points of a place are proven unreachable."""
        self.first[number][points] = UNREACHABLE

    def _observe(self, inputs: Ints) -> tuple[Ints, list[Indices]]:
        """The outputs, and for every point the first of these vectors that reaches it."""
        wanted: dict[Node, list[int]] = {}
        for number, place in enumerate(self.places):
            for node in place.probes:
                wanted.setdefault(node, []).append(number)
        first = [np.full(len(one), UNSEEN, dtype=np.int64) for one in self.first]
        waiting = [len(set(place.probes)) for place in self.places]
        values: dict[Node, Ints] = {}
        left = {node: len(numbers) for node, numbers in wanted.items()}

        def observe(node: Node, args: Sequence[Ints], value: Ints) -> None:
            if node not in wanted:
                return
            values[node] = value
            for number in dict.fromkeys(wanted[node]):
                waiting[number] -= 1
                if waiting[number] == 0:
                    place = self.places[number]
                    _record(first[number], place.hits([values[n] for n in place.probes]))
                    for probe in place.probes:
                        left[probe] -= 1
                        if left[probe] == 0:
                            del values[probe]

        for j, node in enumerate(self.graph.inputs):
            observe(node, (), inputs[:, j])
        outputs = output_integers(self.graph, self.interface, inputs, observe)
        return outputs, first

    def counts(self) -> dict[str, Counts]:
        """How many points of each kind there are, and what became of them."""
        found = {kind: {"points": 0, "reached": 0, "unreachable": 0, "missed": 0} for kind in KINDS}
        for place, first in zip(self.places, self.first, strict=True):
            one = found[place.kind]
            one["points"] += len(first)
            one["reached"] += int((first >= 0).sum())
            one["unreachable"] += int((first == UNREACHABLE).sum())
            one["missed"] += int((first == UNSEEN).sum())
        return {kind: one for kind, one in found.items() if one["points"]}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every place as JSON has it: the first vector of each point, and what was missed."""
        for place, first in zip(self.places, self.first, strict=True):
            yield {
                "kind": place.kind,
                "name": place.name,
                "first": first.tolist(),
                "missed": [place.label(int(point)) for point in np.flatnonzero(first == UNSEEN)],
            }


def sentence(counts: Mapping[str, Counts]) -> str:
    """Reached of reachable points, kind by kind.

    >>> sentence({"output bits": {"points": 8, "reached": 5, "unreachable": 2, "missed": 1}})
    'output bits 5 of 6 (2 more cannot occur)'
    """
    parts = []
    for kind, one in counts.items():
        none = one["unreachable"]
        more = f" ({none} more cannot occur)" if none else ""
        parts.append(f"{kind} {one['reached']} of {one['points'] - none}{more}")
    return ", ".join(parts)


def _record(first: Indices, hits: Indices) -> None:
    """Enter for each point the first row in which it occurs."""
    rows = hits if hits.ndim == 2 else hits[:, None]
    points, where = np.unique(rows, return_index=True)
    seen = points >= 0
    first[points[seen]] = where[seen] // rows.shape[1]
