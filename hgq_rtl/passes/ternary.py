"""Form sums of three numbers, for targets that add three at the area of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop, heappush
from itertools import product
from math import inf

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import (
    ADD,
    CAST,
    SHIFT,
    SUM3,
    constant,
    sum3_bias,
    sum3_form,
)
from hgq_rtl.passes.expand import is_expanded
from hgq_rtl.passes.sums import Sum, dissolve, sums_of
from hgq_rtl.passes.target import Target
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import Cuts, Timeline, deadlines, stage_of

Order = Callable[[int, int], tuple[int, int]]
"""A key to sort terms by, from when their last bit arrives and the exponent above it."""

Item = tuple[tuple[int, int], int, Node, bool]
"""A term by its key: a serial number, the value, and whether it is subtracted."""


class _Terms:
    """What is still to be added, the next one first."""

    def __init__(self, arrival: Timeline, order: Order) -> None:
        self._arrival, self._order = arrival, order
        self._heap: list[Item] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, node: Node, negative: bool) -> None:
        top = node.type.exp + node.type.width
        key = self._order(self._arrival(node).high, top)
        heappush(self._heap, (key, self._serial, node, negative))
        self._serial += 1

    def put_back(self, item: Item) -> None:
        heappush(self._heap, item)

    def take(self, count: int) -> list[Item]:
        """The next ``count``, or as many as there are."""
        return [heappop(self._heap) for _ in range(min(count, len(self._heap)))]


def early(arrival: int, top: int) -> tuple[int, int]:
    """Terms in the order in which they arrive, the lowest first among equals."""
    return arrival, top


def low(arrival: int, top: int) -> tuple[int, int]:
    """Terms in the order of their highest bits, the earliest first among equals."""
    return top, arrival


def by_threes(graph: Graph, target: Target) -> Graph:
    """Form sums of three numbers where the target adds three at the area of two."""
    device = target.device
    # Before expansion there is nothing to time yet.
    if not device.has_lut6 or not is_expanded(graph):
        return graph
    return ternary(graph, device, target.cuts)


def ternary(graph: Graph, device: DelayModel, cuts: Cuts | None = None) -> Graph:
    """Regroup sums whose parts nobody else reads into sums of three.

    Terms are added three at a time, in the order that takes the least area. A sum of two that
    several others read is dissolved into all of them where these have room for one more term.
    ``cuts``: stages that the graph fits into and shall fit into afterwards; None: there is time.
    """
    build = graph.builder
    sums = sums_of(graph)
    dissolve(graph, sums)
    area, arrival = device.cost, Timeline(device, cuts)
    late = deadlines(graph, device, cuts) if cuts is not None else None
    ways = [_regrouped, _unsigned]
    if cuts is not None:
        ways += [partial(way, mixed=True) for way in ways]

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        same = build.make(node.op, tuple([new[arg] for arg in node.args]), node.attrs)
        whole = sums.get(node)
        if whole is None or len(whole.terms) < 3:
            return same
        best = same
        # To keep the tree would keep what was dissolved into it, too.
        least = inf
        if not whole.dissolved:
            least = sum(area(same if adder is node else new[adder]) for adder in whole.adders)
        for order, regroup in product((early, low), ways):
            total, made = regroup(build, whole, new, arrival, order)
            other = build.make(CAST, (total,), node.attrs) if node.op is CAST else total
            takes = sum(map(area, made))
            in_time = late is None or arrival(other).by(late[node])
            if other.type == same.type and takes < least and in_time:
                best, least = other, takes
        return best

    return graph.replaced(replacement)


def _term(build: Builder, node: Node, bits: int) -> Node:
    return build.make(SHIFT, (node,), (bits,)) if bits else node


def _regrouped(
    build: Builder,
    whole: Sum,
    new: Mapping[Node, Node],
    arrival: Timeline,
    order: Order,
    mixed: bool = False,
) -> tuple[Node, list[Node]]:
    """The sum by threes, and the additions that it takes.

    ``mixed``: by twos where three would have to wait for the next stage, and two need not.
    """
    left = _Terms(arrival, order)
    for node, bits, negative in whole.terms:
        left.put(_term(build, new[node], bits), negative)
    made: list[Node] = []
    count = 3 if len(left) % 2 else 2
    while len(left) > 1:
        picked = left.take(count)
        count = 3
        total, negative = _added(build, picked)
        pair = _pair_in_time(build, total, picked, arrival) if mixed else None
        if pair is not None:
            left.put_back(picked[2])
            total, negative = pair
        made.append(total)
        left.put(total, negative)
    [(_, _, total, negative)] = left.take(1)
    if negative:
        total = build.make(ADD, (constant(build, 0, 0), total), (True,))
        made.append(total)
    return total, made


def _added(build: Builder, picked: list[Item]) -> tuple[Node, bool]:
    """The sum of two or three terms, and whether it is the negative of it."""
    negative = all(item[3] for item in picked)
    terms = _subtracted_last(picked, negative)
    args = tuple([item[2] for item in terms])
    sub = sum(item[3] != negative for item in terms)
    op, attrs = (SUM3, (sub, 0, 0)) if len(args) == 3 else (ADD, (bool(sub),))
    return build.make(op, args, attrs), negative


def _subtracted_last(picked: list[Item], negative: bool) -> list[Item]:
    """Terms in the order of arguments: those of the other sign are the ones subtracted."""
    return sorted(picked, key=lambda item: (item[3] != negative, item[1]))


def _pair_in_time(
    build: Builder, total: Node, picked: list[Item], arrival: Timeline
) -> tuple[Node, bool] | None:
    """The sum of the first two of three terms, if three wait for the next stage and two do not."""
    if len(picked) < 3 or not _waits(total, arrival):
        return None
    pair, negative = _added(build, picked[:2])
    return None if _waits(pair, arrival) else (pair, negative)


def _waits(node: Node, arrival: Timeline) -> bool:
    """Whether a value comes in a later stage than all of its arguments."""
    last = max(arrival(arg).high for arg in node.args)
    return stage_of(arrival(node).high, arrival.budget) > stage_of(last, arrival.budget)


def _unsigned(
    build: Builder,
    whole: Sum,
    new: Mapping[Node, Node],
    arrival: Timeline,
    order: Order,
    mixed: bool = False,
) -> tuple[Node, list[Node]]:
    """The same with inner sums plus whatever constant saves them from extending signs.

    The last addition makes up for these constants, together with the sum's own.
    """
    left = _Terms(arrival, order)
    terms = [(_term(build, new[node], bits), negative) for node, bits, negative in whole.terms]
    grid = min(term.type.exp for term, _ in terms)
    rest = 0
    for term, negative in terms:
        if term.type.is_const:
            rest += -term.type.at(grid).lo if negative else term.type.at(grid).lo
        else:
            left.put(term, negative)
    made: list[Node] = []
    zero = constant(build, 0, 0)
    while len(left) > 1:
        last = len(left) <= 3
        taken = left.take(3)
        negative = all(item[3] for item in taken)
        picked = _subtracted_last(taken, negative)
        signs = [item[3] != negative for item in picked]
        sub = sum(signs)
        args = [item[2] for item in picked]
        exp = min(x.type.exp for x in args)
        bias = sum(
            sum3_bias(x.type, minus) << (x.type.exp - exp)
            for x, minus in zip(args, signs, strict=True)
        )
        if len(args) == 2:
            args.insert(2 - sub, zero)
        if last and not negative:
            exact = build.make(SUM3, tuple(args), (sub, *_canonical(rest, grid)))
            if sum3_form(exact) is not None:
                return exact, [*made, exact]
        total = build.make(SUM3, tuple(args), (sub, *_canonical(bias, exp)))
        pair = _pair_in_time(build, total, taken, arrival) if mixed else None
        if pair is None:
            rest += (bias if negative else -bias) << (exp - grid)
        else:
            left.put_back(taken[2])
            total, negative = pair
        made.append(total)
        left.put(total, negative)
    if not len(left):
        return constant(build, rest, grid), made
    [(_, _, total, negative)] = left.take(1)
    if negative:
        total = build.make(ADD, (constant(build, rest, grid), total), (True,))
        made.append(total)
    elif rest:
        total = build.make(ADD, (total, constant(build, rest, grid)), (False,))
        made.append(total)
    return total, made


def _canonical(n: int, exp: int) -> tuple[int, int]:
    """A number as an odd integer and its exponent; zero as 0, 0."""
    zeros = (n & -n).bit_length() - 1 if n else -exp
    return n >> max(zeros, 0), exp + zeros
