"""ReLU inside of the sums that read it, where that saves the ReLU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, CAST, COMPARE, MASKED_SUM3, MAX, SHIFT, SUM3, constant, restrict
from hgq_rtl.passes.expand import is_expanded
from hgq_rtl.passes.target import Target
from hgq_rtl.timing.model import DelayModel
from hgq_rtl.timing.timeline import Timeline, deadlines

WIRES = (SHIFT, CAST)
READERS = 8
"""Most sums that one sign may reach: it is a net with a load for every bit of theirs."""
Readers = list[tuple[Node, int]]
"""Sums, and which of their arguments is meant."""


def relus(graph: Graph, target: Target) -> Graph:
    """Put ReLU into the sums that read it, wherever that saves the ReLU and is in time.

    The LUT of a bit has room for one more input: the sign of one of the operands.
    """
    device, cuts, build = target.device, target.cuts, graph.builder
    if not device.has_lut6 or not is_expanded(graph):
        return graph
    chosen = _chosen(graph, device)
    arrival = Timeline(device, cuts)
    late = deadlines(graph, device, cuts) if cuts is not None else None

    def replacement(node: Node, new: Mapping[Node, Node]) -> Node:
        same = build.rebuild(node, tuple([new[arg] for arg in node.args]))
        if node in chosen:
            made = _masked(build, same, chosen[node])
            if late is None or arrival(made).by(late[node]):
                same = made
        # What hides is not known to hide all that is negative, so intervals may be wider.
        return restrict(build, same, node.type) if same.type.width > node.type.width else same

    return graph.replaced(replacement)


def _chosen(graph: Graph, device: DelayModel) -> dict[Node, int]:
    """Which of its arguments a sum gets without ReLU.

    A sum has room for one, and a ReLU is saved where all its readers have. Those go first that
    save most for each ReLU that they rule out.
    """
    outputs = set(graph.outputs)
    readers = {node: found for node in graph.nodes if (found := _readers(node, graph, outputs))}
    candidates = Counter(reader for found in readers.values() for reader, _ in found)
    worth: dict[Node, float] = {}
    for node, found in readers.items():
        more = sum(_more(graph, device, sum_, place) for sum_, place in found)
        rivals = sum(candidates[sum_] - 1 for sum_, _ in found)
        worth[node] = (device.cost(node) - more) / (1 + rivals)
    chosen: dict[Node, int] = {}
    for node in sorted(readers, key=lambda node: -worth[node]):
        if worth[node] > 0 and not any(sum_ in chosen for sum_, _ in readers[node]):
            chosen.update(readers[node])
    return chosen


def _more(graph: Graph, device: DelayModel, node: Node, place: int) -> float:
    """LUTs that a sum takes more with an argument hidden."""
    # Made here for the first time, it comes from where the sum does.
    with graph.builder.at(graph.origin(node)):
        return device.cost(_masked(graph.builder, node, place)) - device.cost(node)


def _readers(node: Node, graph: Graph, outputs: Collection[Node]) -> Readers:
    """All that reads a ReLU, if it is one and these are few sums that read it once."""
    if _rectified(node) is None:
        return []
    found: dict[Node, int] = {}
    wires = [node]
    while wires:
        wire = wires.pop()
        if wire in outputs:
            return []
        for user in graph.users[wire]:
            if user.op in WIRES:
                wires.append(user)
            elif user.op in (ADD, SUM3) and user not in found and user.args.count(wire) == 1:
                found[user] = user.args.index(wire)
            else:
                return []
            if len(found) > READERS:
                return []
    return list(found.items())


def _rectified(node: Node) -> Node | None:
    """What a ReLU is of; None for any other node."""
    if node.op is not MAX or node.type.is_zero or not any(arg.type.is_zero for arg in node.args):
        return None
    return next((arg for arg in node.args if arg.type.signed), None)


def _masked(build: Builder, node: Node, place: int) -> Node:
    """The sum with one argument read in front of its ReLU, and hidden by the sign there."""
    args, wires = list(node.args), []
    relu = args[place]
    while (x := _rectified(relu)) is None:
        wires.append(relu)
        (relu,) = relu.args
    value = build.make(CAST, (x,), (relu.type.exp, relu.type.width, False))
    for wire in reversed(wires):
        value = build.make(wire.op, (value,), wire.attrs)
    args[place] = value
    attrs = node.attrs
    if node.op is ADD:
        sub = int(attrs[0])
        # Between what is added and what is subtracted.
        args.insert(2 - sub, constant(build, 0, 0))
        place, attrs = place + (sub and place), (sub, 0, 0)
    hide = build.make(COMPARE, (x, constant(build, 0, 0)), ("lt",))
    return build.make(MASKED_SUM3, (*args, hide), (*attrs, place))
