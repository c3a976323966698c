"""Form sums of three numbers, for targets that add three at the area of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import product
from math import inf

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import (
    ADD,
    CAST,
    DOT,
    ROUND,
    SHIFT,
    SUM3,
    constant,
    sum3_bias,
    sum3_form,
)
from hgq_rtl.passes.target import Target
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import Cuts, Timeline, deadlines

BY_THREES = ("xilinx-us+", "xilinx-7")
"""Targets whose LUTs add three numbers at one LUT per bit."""

Order = Callable[[int, int], tuple[int, int]]
"""A key to sort terms by, from when their last bit arrives and the exponent above it."""
Term = tuple[Node, int, bool]
"""A node, the shift it is read at, and whether it is subtracted."""


@dataclass
class Sum:
    """A tree of additions that nobody reads inside, as the list of its terms."""

    terms: list[Term]
    adders: list[Node]
    """The additions of the tree as it is."""
    top: int | None
    """Bits from 2^top on do not matter; None: all do."""
    dissolved: bool = False
    """Whether it took in the terms of another sum, which then is not needed for it."""


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
    if device.target not in BY_THREES or any(node.op in (DOT, ROUND) for node in graph.nodes):
        return graph
    return ternary(graph, device, target.cuts)


def ternary(graph: Graph, device: DelayModel, cuts: Cuts | None = None) -> Graph:
    """Regroup sums whose parts nobody else reads into sums of three.

    Terms are added three at a time, in the order that takes the least area. A sum of two that
    several others read is dissolved into all of them where these have room for one more term.
    ``cuts``: stages that the graph fits into and shall fit into afterwards; None: there is time.
    """
    build = graph.builder
    sums = _sums(graph)
    _dissolve(graph, sums)
    area, arrival = device.cost, Timeline(device, cuts)
    late = deadlines(graph, device, cuts) if cuts is not None else None
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        new[node] = build.make(node.op, tuple([new[arg] for arg in node.args]), node.attrs)
        whole = sums.get(node)
        if whole is None or len(whole.terms) < 3:
            continue
        best = new[node]
        # To keep the tree would keep what was dissolved into it, too.
        least = inf if whole.dissolved else sum(area(new[adder]) for adder in whole.adders)
        for order, regroup in product((early, low), (_regrouped, _unsigned)):
            total, made = regroup(build, whole, new, arrival, order)
            other = build.make(CAST, (total,), node.attrs) if node.op is CAST else total
            takes = sum(map(area, made))
            in_time = late is None or arrival(other).by(late[node])
            if other.type == new[node].type and takes < least and in_time:
                best, least = other, takes
        new[node] = best
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _sums(graph: Graph) -> dict[Node, Sum]:
    """Every sum, by the node that stands for it.

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
    return Sum(terms, adders, top)


def _dissolve(graph: Graph, sums: dict[Node, Sum]) -> None:
    """Put the terms of a sum that several others read into these, where that saves additions.

    n terms take n // 2 additions of three or two: a sum of an even number of them has room for one
    more term at no cost.
    """
    roots = {whole.adders[0]: whole for whole in sums.values()}
    reads: dict[Node, int] = dict.fromkeys(roots, 0)

    def read(node: Node) -> None:
        while node.op is SHIFT or node.op is CAST:
            node = node.args[0]
        if node in reads:
            reads[node] += 1

    for node in graph.nodes:
        if node.op not in (SHIFT, CAST):
            for arg in node.args:
                read(arg)
    for node in graph.outputs:
        read(node)
    uses: dict[Node, list[tuple[Sum, Term]]] = {root: [] for root in roots}
    for whole in sums.values():
        for term in whole.terms:
            source = _source(term, whole.top)[0]
            if source in uses:
                uses[source].append((whole, term))
    # Arguments before users: what is dissolved has taken in its own parts already.
    for root in reversed(roots):
        if not 1 < len(uses[root]) == reads[root]:
            continue
        own = roots[root]
        more = sum(
            ((len(whole.terms) + len(own.terms) - 1) // 2 - len(whole.terms) // 2)
            * whole.adders[0].type.width
            for whole, _ in uses[root]
        )
        if more >= len(own.terms) // 2 * root.type.width:
            continue
        for whole, term in uses[root]:
            _, bits, negative = _source(term, whole.top)
            whole.terms.remove(term)
            whole.terms += [(x, b + bits, n != negative) for x, b, n in own.terms]
            whole.dissolved = True


def _source(term: Term, top: int | None) -> Term:
    """The sum that a term is, through shifts and through casts that cut nothing of interest."""
    node, bits, negative = term
    while node.op is SHIFT or (node.op is CAST and _keeps(node, top, bits)):
        bits += node.attrs[0] if node.op is SHIFT else 0
        node = node.args[0]
    return node, bits, negative


def _keeps(cast: Node, top: int | None, bits: int) -> bool:
    """Whether a cast, read at a shift, changes no bit below 2^top."""
    exp, width, _ = cast.attrs
    return top is not None and exp <= cast.args[0].type.exp and exp + width + bits >= top


def _term(build: Builder, node: Node, bits: int) -> Node:
    return build.make(SHIFT, (node,), (bits,)) if bits else node


def _regrouped(
    build: Builder,
    whole: Sum,
    new: dict[Node, Node],
    arrival: Timeline,
    order: Order,
) -> tuple[Node, list[Node]]:
    """The sum by threes, and the additions that it takes."""
    heap = []
    for serial, (node, bits, negative) in enumerate(whole.terms):
        term = _term(build, new[node], bits)
        top = term.type.exp + term.type.width
        heap.append((order(arrival(term).high, top), serial, term, negative))
    heapify(heap)
    made: list[Node] = []
    take = 3 if len(heap) % 2 else 2
    while len(heap) > 1:
        picked = [heappop(heap) for _ in range(take)]
        take = 3
        negative = all(item[3] for item in picked)
        # Terms of the other sign come last: they are the ones subtracted.
        picked.sort(key=lambda item: (item[3] != negative, item[1]))
        args = tuple([item[2] for item in picked])
        sub = sum(item[3] != negative for item in picked)
        op, attrs = (SUM3, (sub, 0, 0)) if len(args) == 3 else (ADD, (bool(sub),))
        total = build.make(op, args, attrs)
        made.append(total)
        top = total.type.exp + total.type.width
        at = order(arrival(total).high, top)
        heappush(heap, (at, len(whole.terms) + len(made), total, negative))
    _, _, total, negative = heap[0]
    if negative:
        total = build.make(ADD, (constant(build, 0, 0), total), (True,))
        made.append(total)
    return total, made


def _unsigned(
    build: Builder,
    whole: Sum,
    new: dict[Node, Node],
    arrival: Timeline,
    order: Order,
) -> tuple[Node, list[Node]]:
    """The same with inner sums plus whatever constant saves them from extending signs.

    The last addition makes up for these constants, together with the sum's own.
    """
    heap, fixed = [], []
    for serial, (node, bits, negative) in enumerate(whole.terms):
        term = _term(build, new[node], bits)
        if term.type.is_const:
            fixed.append((term.type, negative))
        else:
            top = term.type.exp + term.type.width
            heap.append((order(arrival(term).high, top), serial, term, negative))
    grid = min([t.exp for t, _ in fixed] + [item[2].type.exp for item in heap])
    rest = sum(-t.at(grid).lo if negative else t.at(grid).lo for t, negative in fixed)
    heapify(heap)
    made: list[Node] = []
    zero = constant(build, 0, 0)
    while len(heap) > 1:
        last = len(heap) <= 3
        picked = [heappop(heap) for _ in range(min(3, len(heap)))]
        negative = all(item[3] for item in picked)
        # What is subtracted comes last.
        picked.sort(key=lambda item: (item[3] != negative, item[1]))
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
                made.append(exact)
                return exact, made
        total = build.make(SUM3, tuple(args), (sub, *_canonical(bias, exp)))
        made.append(total)
        rest += (bias if negative else -bias) << (exp - grid)
        at = order(arrival(total).high, total.type.exp + total.type.width)
        heappush(heap, (at, len(whole.terms) + len(made), total, negative))
    if not heap:
        return constant(build, rest, grid), made
    _, _, total, negative = heap[0]
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
