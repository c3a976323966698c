"""Form sums of three numbers, for targets that add three at the area of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, CAST, SHIFT, SUM3, constant

Measure = Callable[[Node], float]


@dataclass(frozen=True)
class Sum:
    """A tree of additions that nobody reads inside, as the list of its terms."""

    terms: list[tuple[Node, int, bool]]
    """Each a node, the shift it is read at, and whether it is subtracted."""
    adders: list[Node]
    """The additions of the tree as it is."""


def ternary(graph: Graph, delay: Measure, area: Measure, slack: float | None = None) -> Graph:
    """Regroup sums whose parts nobody else reads into sums of three.

    The earliest terms are added first, three at a time. A sum stays as it was where that takes no
    more area. ``delay`` and ``area``: of one operation on the target. ``slack``: how much later
    than before the latest output may be, in units of ``delay``; None: any amount.
    """
    build = graph.builder
    sums = _sums(graph)
    before, after = _Arrival(delay), _Arrival(delay)
    limit = max((before(node) for node in graph.outputs), default=0.0)
    tail = _tails(graph, delay)
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        new[node] = build.make(node.op, tuple([new[arg] for arg in node.args]), node.attrs)
        if node not in sums:
            continue
        total, made = _regrouped(build, sums[node], new, after)
        other = build.make(CAST, (total,), node.attrs) if node.op is CAST else total
        latest = max(before(node), limit + slack - tail[node]) if slack is not None else None
        if (
            other.type == new[node].type
            and sum(map(area, made)) < sum(area(new[adder]) for adder in sums[node].adders)
            and (latest is None or after(other) <= latest)
        ):
            new[node] = other
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _sums(graph: Graph) -> dict[Node, Sum]:
    """Every sum of three terms or more, by the node that stands for it.

    That is its last addition, or the cast that alone reads it and says which bits matter.
    """
    alone = {
        node for node, users in graph.users.items()
        if len(users) == 1 and users[0].args.count(node) == 1
    } - set(graph.outputs)  # fmt: skip
    found: dict[Node, Sum] = {}
    taken: set[Node] = set()
    for node in reversed(graph.nodes):
        if node.op is not ADD or node in taken:
            continue
        user = graph.users[node][0] if node in alone else node
        cut = user.op is CAST and user.attrs[0] <= node.type.exp
        whole = _collect(node, alone, sum(user.attrs[:2]) if cut else None)
        taken.update(whole.adders)
        if len(whole.terms) > 2:
            found[user if cut else node] = whole
    return found


def _collect(root: Node, alone: set[Node], top: int | None) -> Sum:
    """What ``root`` adds up. ``top``: bits from 2^top on do not matter; None: all do."""
    terms: list[tuple[Node, int, bool]] = []
    adders = []
    stack = [(root, 0, False)]
    while stack:
        node, bits, negative = stack.pop()
        if node.op is ADD and (node is root or node in alone):
            adders.append(node)
            a, b = node.args
            stack += [(b, bits, negative != node.attrs[0]), (a, bits, negative)]
        elif node.op is SHIFT and node in alone:
            stack.append((node.args[0], bits + node.attrs[0], negative))
        elif node.op is CAST and node in alone and _keeps(node, top, bits):
            stack.append((node.args[0], bits, negative))
        elif not node.type.is_zero:
            terms.append((node, bits, negative))
    return Sum(terms, adders)


def _keeps(cast: Node, top: int | None, bits: int) -> bool:
    """Whether a cast, read at a shift, changes no bit below 2^top."""
    exp, width, _ = cast.attrs
    return top is not None and exp <= cast.args[0].type.exp and exp + width + bits >= top


def _regrouped(
    build: Builder, whole: Sum, new: dict[Node, Node], arrival: _Arrival
) -> tuple[Node, list[Node]]:
    """The sum by threes, and the additions that it takes."""
    heap = []
    for serial, (node, bits, negative) in enumerate(whole.terms):
        term = build.make(SHIFT, (new[node],), (bits,)) if bits else new[node]
        heap.append((arrival(term), term.type.exp + term.type.width, serial, term, negative))
    heapify(heap)
    made: list[Node] = []
    take = 3 if len(heap) % 2 else 2
    while len(heap) > 1:
        picked = [heappop(heap) for _ in range(take)]
        take = 3
        negative = all(item[4] for item in picked)
        # Terms of the other sign come last: they are the ones subtracted.
        picked.sort(key=lambda item: (item[4] != negative, item[2]))
        args = tuple([item[3] for item in picked])
        sub = sum(item[4] != negative for item in picked)
        op, attrs = (SUM3, (sub,)) if len(args) == 3 else (ADD, (bool(sub),))
        total = build.make(op, args, attrs)
        made.append(total)
        top = total.type.exp + total.type.width
        heappush(heap, (arrival(total), top, len(whole.terms) + len(made), total, negative))
    total, negative = heap[0][3:]
    if negative:
        total = build.make(ADD, (constant(build, 0, 0), total), (True,))
        made.append(total)
    return total, made


class _Arrival:
    """When a node's value is there, counted from the inputs."""

    def __init__(self, delay: Measure) -> None:
        self.delay = delay
        self.known: dict[Node, float] = {}

    def __call__(self, node: Node) -> float:
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [arg for arg in top.args if arg not in self.known]
            if missing:
                stack += missing
                continue
            stack.pop()
            start = max((self.known[arg] for arg in top.args), default=0.0)
            self.known[top] = start + self.delay(top)
        return self.known[node]


def _tails(graph: Graph, delay: Measure) -> dict[Node, float]:
    """The longest delay from each node's value to an output."""
    tail = dict.fromkeys(graph.nodes, 0.0)
    for node in reversed(graph.nodes):
        for arg in node.args:
            tail[arg] = max(tail[arg], tail[node] + delay(node))
    return tail
