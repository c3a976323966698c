"""Find the matrices in a graph, have them solved, and rebuild their sums."""

from __future__ import annotations

from collections.abc import Iterator

from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, DOT, ROUND, SHIFT, constant, restrict
from hgq_rtl.passes.cmvm.choose import Key, level_ps
from hgq_rtl.passes.cmvm.memo import solve
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix
from hgq_rtl.passes.target import Target
from hgq_rtl.timing.model import DelayModel

Solved = dict[Key, AdderProgram]
"""Equal matrices on equal inputs are solved once."""

LATEST = 40
"""Most adders that an input is said to be late."""


def cmvm(graph: Graph, target: Target) -> Graph:
    """Turn dot nodes that share their arguments into one network of shared adders and tables."""
    groups: dict[tuple[int, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.op is DOT:
            groups.setdefault(tuple(map(id, node.args)), []).append(node)
    group_of = {node: group for group in groups.values() for node in group}
    solved: Solved = {}
    arrival: dict[Node, int] = {}
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    build = graph.builder
    for node in graph.nodes:
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        if node in group_of:
            # The first dot of a matrix brings all others: their arguments are the same.
            args = [new[arg] for arg in node.args]
            new.update(_rebuild(build, group_of[node], args, arrival, solved, target))
        else:
            new[node] = build.rebuild(node, tuple([new[arg] for arg in node.args]))
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _rebuild(
    build: Builder,
    group: list[Node],
    args: list[Node],
    arrival: dict[Node, int],
    solved: Solved,
    target: Target,
) -> Iterator[tuple[Node, Node]]:
    """Pairs (dot, its replacement) for the dots of one matrix."""
    live = [
        j
        for j, arg in enumerate(args)
        if not arg.type.is_zero and any(dot.attrs[0][j] for dot in group)
    ]
    matrix: Matrix = tuple(tuple(dot.attrs[0][j] for j in live) for dot in group)
    inputs = [args[j] for j in live]
    if inputs:
        _arrive(inputs, arrival, target.device)
        level = level_ps(target.device)
        first = min(arrival[node] for node in inputs)
        late = tuple(min((arrival[node] - first) // level, LATEST) for node in inputs)
        key = (matrix, tuple(node.type for node in inputs), late)
        program = solved.get(key)
        if program is None:
            program = solved[key] = solve(key, target)
        with build.at(_common_scope([build.origins.get(dot, "") for dot in group])):
            sums = program.build(build, inputs)
    else:
        sums = [constant(build, 0, 0) for _ in group]
    for dot, total in zip(group, sums, strict=True):
        _, exp, bias, bias_exp = dot.attrs
        with build.at(build.origins.get(dot, "")):
            if exp and not total.type.is_zero:
                total = build(SHIFT, total, bits=exp)
            if bias:
                total = build(ADD, total, constant(build, bias, bias_exp), sub=False)
            # The same input can come twice with opposite signs inside a tree, and the intervals
            # of its sums do not see that. The neuron's own interval does.
            yield dot, restrict(build, total, dot.type)


def _arrive(roots: list[Node], arrival: dict[Node, int], device: DelayModel) -> None:
    """Add when the roots and what they need are ready, in ps from the graph's inputs."""
    for node in toposort(roots, arrival):
        begin = max((arrival[arg] for arg in node.args), default=0)
        takes = level_ps(device) if node.op in (ROUND, DOT) else device.delay(node)
        arrival[node] = begin + takes


def _common_scope(origins: list[str]) -> str:
    """The longest path that all origins share."""
    parts = [origin.split("/") for origin in origins]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
