"""Find the matrices in a graph, have them solved, and rebuild their sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, DOT, ROUND, SHIFT, constant, restrict
from hgq_rtl.passes.cmvm.choose import Key, Measured, level_ps, measure
from hgq_rtl.passes.cmvm.memo import solve
from hgq_rtl.passes.cmvm.program import AdderProgram
from hgq_rtl.passes.target import Target

LATEST = 40
"""Most adders that an input is said to be late."""

LARGEST_JOINT = 1 << 19
"""Most entries of a matrix that is put together from several with common inputs."""

Group = list[Node]
"""Dots that share their arguments."""


def cmvm(graph: Graph, target: Target) -> Graph:
    """Turn dots into networks of shared adders and tables, those with common arguments at once."""
    depth = _depths(graph)
    systems = {dot: system for system in _systems(graph, depth) for dot in system}
    solver = _Solver(graph.builder, target)
    new: dict[Node, Node] = {node: node for node in graph.inputs}
    build = graph.builder
    # All dots behind equally many others at once, with everything in front of them done before.
    for node in sorted(graph.nodes, key=lambda node: 2 * depth[node] + (node.op is not DOT)):
        if node in new:
            continue
        build.set_origin(build.origins.get(node, ""))
        if node.op is DOT:
            new.update(solver.rebuild(systems[node], new))
        else:
            new[node] = build.rebuild(node, tuple([new[arg] for arg in node.args]))
    build.set_origin("")
    return graph.with_outputs(new[node] for node in graph.outputs)


def _depths(graph: Graph) -> dict[Node, int]:
    """How many dots there are at most on a path to each node, itself included."""
    depth: dict[Node, int] = {}
    for node in graph.nodes:
        depth[node] = max((depth[arg] for arg in node.args), default=0) + (node.op is DOT)
    return depth


def _systems(graph: Graph, depth: dict[Node, int]) -> list[Group]:
    """Dots of one depth that are connected by arguments, such as all windows of a convolution."""
    leader: dict[tuple[int, Node], Node] = {}
    parent: dict[Node, Node] = {}

    def root(dot: Node) -> Node:
        while parent[dot] is not dot:
            parent[dot] = dot = parent[parent[dot]]
        return dot

    dots = [node for node in graph.nodes if node.op is DOT]
    for dot in dots:
        parent[dot] = dot
        for arg, weight in zip(dot.args, dot.attrs[0], strict=True):
            if weight:
                other = leader.setdefault((depth[dot], arg), dot)
                parent[root(dot)] = root(other)
    systems: dict[Node, Group] = {}
    for dot in dots:
        systems.setdefault(root(dot), []).append(dot)
    return list(systems.values())


@dataclass(frozen=True)
class _System:
    """Dots with the nodes that they read and the key under which they are solved."""

    dots: Group
    inputs: list[Node]
    key: Key
    first: int
    """When the first input is there, in adders."""


class _Solver:
    def __init__(self, build: Builder, target: Target) -> None:
        self.build, self.target = build, target
        self.arrival: dict[Node, int] = {}
        self.solved: dict[Key, AdderProgram] = {}
        self.measured: dict[Key, Measured] = {}
        """Equal matrices on equal inputs are solved and measured once."""

    def rebuild(self, dots: Group, new: dict[Node, Node]) -> Iterator[tuple[Node, Node]]:
        """Pairs (dot, its replacement), for dots whose arguments are in ``new``."""
        groups: dict[tuple[Node, ...], Group] = {}
        for dot in dots:
            groups.setdefault(dot.args, []).append(dot)
        for system in self._together([self._system(g, new) for g in groups.values()], dots, new):
            if system.inputs:
                origins = [self.build.origins.get(dot, "") for dot in system.dots]
                with self.build.at(_common_scope(origins)):
                    sums = self._solve(system.key).build(self.build, system.inputs)
            else:
                sums = [constant(self.build, 0, 0) for _ in system.dots]
            for dot, total in zip(system.dots, sums, strict=True):
                yield dot, self._finish(dot, total)

    def _together(self, apart: list[_System], dots: Group, new: dict[Node, Node]) -> list[_System]:
        """One system for all dots where that is cheaper and not slower than many."""
        entries = len(dots) * len({arg for dot in dots for arg in dot.args})
        if len(apart) < 2 or entries > LARGEST_JOINT:
            return apart
        whole = self._system(dots, new)
        if not whole.inputs:
            return apart
        separate = [(self._measure(s.key), s.first) for s in apart if s.inputs]
        level = level_ps(self.target.device)
        latest = max(m.delay + level * (first - whole.first) for m, first in separate)
        joint = self._measure(whole.key)
        cheaper = joint.luts < sum(m.luts for m, _ in separate)
        return [whole] if cheaper and joint.delay <= latest + level else apart

    def _system(self, dots: Group, new: dict[Node, Node]) -> _System:
        weights: list[dict[Node, int]] = []
        for dot in dots:
            row: dict[Node, int] = {}
            for arg, w in zip(dot.args, dot.attrs[0], strict=True):
                if not new[arg].type.is_zero:
                    row[new[arg]] = row.get(new[arg], 0) + w
            weights.append(row)
        inputs = list(dict.fromkeys(x for row in weights for x, w in row.items() if w))
        self._arrive(inputs)
        level = level_ps(self.target.device)
        times = [self.arrival[node] // level for node in inputs]
        first = min(times, default=0)
        key = (
            tuple(tuple(row.get(x, 0) for x in inputs) for row in weights),
            tuple(node.type for node in inputs),
            tuple(min(time - first, LATEST) for time in times),
        )
        return _System(dots, inputs, key, first)

    def _solve(self, key: Key) -> AdderProgram:
        if key not in self.solved:
            self.solved[key] = solve(key, self.target)
        return self.solved[key]

    def _measure(self, key: Key) -> Measured:
        if key not in self.measured:
            self.measured[key] = measure(self._solve(key), key, self.target)
        return self.measured[key]

    def _finish(self, dot: Node, total: Node) -> Node:
        _, exp, bias, bias_exp = dot.attrs
        build = self.build
        with build.at(build.origins.get(dot, "")):
            if exp and not total.type.is_zero:
                total = build(SHIFT, total, bits=exp)
            if bias:
                total = build(ADD, total, constant(build, bias, bias_exp), sub=False)
            # The same input can come twice with opposite signs inside a tree, and the intervals
            # of its sums do not see that. The neuron's own interval does.
            return restrict(build, total, dot.type)

    def _arrive(self, roots: list[Node]) -> None:
        """Find when the roots and what they need are ready, in ps from the graph's inputs."""
        device = self.target.device
        for node in toposort(roots, self.arrival):
            begin = max((self.arrival[arg] for arg in node.args), default=0)
            takes = level_ps(device) if node.op in (ROUND, DOT) else device.delay(node)
            self.arrival[node] = begin + takes


def _common_scope(origins: list[str]) -> str:
    """The longest path that all origins share."""
    parts = [origin.split("/") for origin in origins]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return "/".join(shared)
