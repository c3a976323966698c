"""Long adders in two stages: low bits and their carry in one, high bits in the next.

Only where a clock cannot be reached otherwise, or a stage is saved: the operands' high bits wait in
registers. The carry enters the high half without an adder of its own: a + b + c is what lies above
the lowest bit of (2a + 1) + (2b + c), and a - b - c of 2a - (2b + c).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, INPUT, SHIFT, cast, constant, restrict
from hgq_rtl.schedule.greedy import clock_ps, schedule
from hgq_rtl.timing.arrival import AT_ONCE, Arrival, latest
from hgq_rtl.timing.model import DelayModel

TRIES = 32
"""Most schedules to look at when taking back splits that save no stage."""


def reachable(graph: Graph, model: DelayModel, period: int) -> Graph:
    """The graph with every ``add`` that takes longer than a stage in pieces that do not.

    ``period``: the clock in ps. An ``add`` of which not even one bit fits stays as it is.
    """
    budget = period - model.register_overhead
    while True:
        long = [n for n in graph.nodes if n.op is ADD and model.delay(n) > budget]
        cuts = {n: cut for n in long if (cut := _cut(graph.builder, n, model, AT_ONCE, budget))}
        if not cuts:
            return graph
        graph = _split(graph, cuts)  # what is still too long is a high piece, and shorter


def slowest(graph: Graph, model: DelayModel) -> tuple[Node, int]:
    """The operation that limits the clock, and the ps of its longest piece, or of itself."""
    found, longest, known = graph.nodes[0], 0, set()
    for node in sorted(graph.nodes, key=lambda n: (n.op is ADD, -model.delay(n))):
        form = (node.op, node.attrs, *(arg.type for arg in node.args))
        if model.delay(node) <= longest or form in known:
            continue
        known.add(form)
        takes = _longest_piece(node, model, longest) if node.op is ADD else model.delay(node)
        if takes > longest:
            found, longest = node, takes
    return found, longest


def _longest_piece(node: Node, model: DelayModel, least: int) -> int:
    """The shortest ps of logic in a stage, from ``least`` on, that ``reachable`` makes do with."""
    build = Builder()
    args = [
        constant(build, x.type.lo, x.type.exp)
        if x.type.is_const
        else build(INPUT, name=f"x{j}", lo=x.type.lo, hi=x.type.hi, exp=x.type.exp)
        for j, x in enumerate(node.args)
    ]
    alone = Graph(build, (), (build(ADD, *args, sub=node.attrs[0]),), ("y",))
    budget, fails, fits = least, least - 1, model.delay(node)
    while fits - fails > 1:
        pieces = reachable(alone, model, budget + model.register_overhead)
        if max(map(model.delay, pieces.nodes)) <= budget:
            fits = budget
        else:
            fails = budget
        budget = (fits + fails) // 2
    return fits


def fewer_stages(graph: Graph, model: DelayModel, clock_ns: float) -> Graph:
    """The graph with some adders in two pieces, if that saves a stage at this clock.

    Raises ScheduleError if a stage is too short for one operation.
    """
    budget = clock_ps(clock_ns) - model.register_overhead
    stages = schedule(graph, model, clock_ns).latency
    while True:
        cuts = _pushed(graph, model, clock_ns, budget)
        best = _split(graph, cuts)
        found = schedule(best, model, clock_ns).latency
        if found >= stages:
            return graph
        for group in _halves(list(cuts)):
            fewer = {node: cut for node, cut in cuts.items() if node not in group}
            other = _split(graph, fewer)
            if schedule(other, model, clock_ns).latency == found:
                best, cuts = other, fewer
        graph, stages = best, found


def split_add(build: Builder, node: Node, bits: int) -> Node:
    """The value of an ``add`` from its lowest ``bits`` bits and the rest, as two adders."""
    (a, b), (sub,), t = node.args, node.attrs, node.type
    cut = t.exp + bits
    low = _low_sum(build, node, bits)
    carry = build(SHIFT, cast(build, low, cut, 1, signed=False), bits=-1)
    first, second = (
        cast(build, x, cut, max(1, x.type.exp + x.type.width - cut), x.type.signed) for x in (a, b)
    )
    if not sub:
        first = build(ADD, first, constant(build, 1, cut - 1), sub=False)
    high = build(ADD, first, build(ADD, second, carry, sub=False), sub=sub)
    above = cast(build, high, cut, max(1, high.type.exp + high.type.width - cut), high.type.signed)
    digits = cast(build, low, t.exp, bits, signed=False)
    return restrict(build, build(ADD, above, digits, sub=False), t)


def _cut(build: Builder, node: Node, model: DelayModel, start: Arrival, budget: int) -> int:
    """The most low bits of an ``add`` whose sum is there within the budget; 0 if not even two are.

    With one bit the high piece would be as long as the whole, as it takes the carry for a bit.
    """
    fits, fails = 1, node.type.width
    while fails - fits > 1:
        bits = (fits + fails) // 2
        low = _low_sum(build, node, bits)
        if model.transfer(low).after(*start).high <= budget:
            fits = bits
        else:
            fails = bits
    return fits if fits > 1 else 0


def _low_sum(build: Builder, node: Node, bits: int) -> Node:
    lows = [cast(build, x, node.type.exp, bits, signed=False) for x in node.args]
    return build(ADD, *lows, sub=node.attrs[0])


def _pushed(graph: Graph, model: DelayModel, clock_ns: float, budget: int) -> dict[Node, int]:
    """Adders that did not fit into a stage although their low bits do, and how many of these."""
    plan = schedule(graph, model, clock_ns)
    arrival: dict[Node, Arrival] = {}
    found: dict[Node, int] = {}
    for node in graph.nodes:
        if node not in plan.stage:
            continue
        stage = plan.stage[node]
        args = [arg for arg in node.args if arg in plan.stage]
        same = [arrival[arg] for arg in args if plan.stage[arg] == stage]
        arrival[node] = model.transfer(node, graph.origin(node)).after(*latest(same))
        if node.op is ADD and args and not same and stage > plan.first:
            before = latest(arrival[arg] for arg in args if plan.stage[arg] == stage - 1)
            if cut := _cut(graph.builder, node, model, before, budget):
                found[node] = cut
    return found


def _halves(nodes: list[Node]) -> list[Collection[Node]]:
    """Groups to do without: halves, quarters and so on, at most ``TRIES``."""
    groups: list[Collection[Node]] = []
    size = len(nodes) // 2
    while size and len(groups) + len(nodes) // size < TRIES:
        groups += [frozenset(nodes[k : k + size]) for k in range(0, len(nodes), size)]
        size //= 2
    return groups


def _split(graph: Graph, cuts: Mapping[Node, int]) -> Graph:
    """The graph with these adders in two pieces, and all other nodes no wider than before."""
    build = graph.builder

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        args = tuple([new[arg] for arg in node.args])
        same = node
        if any(a is not b for a, b in zip(args, node.args, strict=True)):
            same = build.rebuild(node, args)
            if same.type.width > node.type.width:
                same = restrict(build, same, node.type)
        if node in cuts and same.op is ADD:
            return split_add(build, same, cuts[node])
        return same

    return graph.replaced(replacement)
