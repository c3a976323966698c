"""Find the matrices in a graph, have them solved, and rebuild their sums."""

from __future__ import annotations

from collections.abc import Iterator

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, DOT, SHIFT, constant, restrict
from hgq_rtl.passes.cmvm.da4ml_engine import LARGEST_WEIGHT, solve_with_da4ml
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix

Solved = dict[tuple[Matrix, tuple[Fixed, ...]], AdderProgram]
"""Programs by matrix and input intervals: equal matrices are solved once."""


def cmvm(graph: Graph) -> Graph:
    """Turn dot nodes that share their arguments into one network of shared adders.

    A dot with a weight that the solver cannot represent is left for ``expand``.
    """
    groups: dict[tuple[int, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.op is DOT and max(map(abs, node.attrs[0])) < LARGEST_WEIGHT:
            groups.setdefault(tuple(map(id, node.args)), []).append(node)
    group_of = {node: group for group in groups.values() for node in group}
    solved: Solved = {}
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    build = graph.builder
    for node in graph.nodes:
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        if node in group_of:
            # The first dot of a matrix brings all others: their arguments are the same.
            args = [new[arg] for arg in node.args]
            new.update(_rebuild(build, group_of[node], args, solved))
        else:
            new[node] = build.make(node.op, tuple([new[arg] for arg in node.args]), node.attrs)
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _rebuild(
    build: Builder, group: list[Node], args: list[Node], solved: Solved
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
        key = (matrix, tuple(node.type for node in inputs))
        program = solved.get(key)
        if program is None:
            program = solved[key] = solve_with_da4ml(*key)
            program.check(matrix)
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


def _common_scope(origins: list[str]) -> str:
    """The longest path that all origins share."""
    parts = [origin.split("/") for origin in origins]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
