"""What every graph must satisfy, and which ops may exist at each stage of the compiler."""

from __future__ import annotations

from hgq_rtl.errors import IRError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import DOT, INPUT, OPS, REG, ROUND

LOWERED = frozenset(op for op in OPS.values() if op is not REG)
"""After lowering, and between passes: everything but registers."""
NATIVE = LOWERED - {DOT, ROUND}
"""After expansion: what a backend has a rule for."""
SCHEDULED = NATIVE | {REG}
"""After scheduling: registers exist."""


ANY = LOWERED | SCHEDULED
"""Every op: what a file may hold."""


def verify(graph: Graph, spec: frozenset[object] = LOWERED) -> None:
    """Raise IRError unless the graph is well formed and holds only ops of ``spec``.

    Checked: every node is known to the builder's ops, has the type its op infers from its
    arguments, and legal attributes; inputs are distinct, named once and all declared; output
    names are distinct and as many as outputs.
    """
    _verify_ports(graph)
    declared = set(graph.inputs)
    for node in graph.nodes:
        where = graph.where(node)
        if node.op not in spec:
            raise IRError(f"op '{node.op.name}' may not exist at this stage", where=where)
        if node.op.arity is not None and len(node.args) != node.op.arity:
            raise IRError(
                f"op '{node.op.name}' takes {node.op.arity} argument(s)",
                received=f"{len(node.args)}",
                where=where,
            )
        inferred = node.op.infer(tuple(arg.type for arg in node.args), node.attrs)
        if inferred != node.type:
            raise IRError(
                f"op '{node.op.name}' has type {node.type}, its arguments give {inferred}",
                where=where,
            )
        if node.op is INPUT and node not in declared:
            raise IRError(f"input '{node.attrs[0]}' is used but not declared", where=where)


def _verify_ports(graph: Graph) -> None:
    if any(node.op is not INPUT for node in graph.inputs):
        raise IRError("a graph input must be an 'input' node")
    for kind, names in (
        ("input", [n.attrs[0] for n in graph.inputs]),
        ("output", list(graph.output_names)),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise IRError(f"two {kind}s have the same name", received=repr(name))
            seen.add(name)
    if len(graph.output_names) != len(graph.outputs):
        raise IRError(
            "every output needs a name",
            received=f"{len(graph.output_names)} for {len(graph.outputs)}",
        )


def register_depths(graph: Graph) -> dict[Node, int]:
    """Clocks after which each node's value belongs to the sample that entered at clock 0.

    Constants belong to every sample and are left out. Raises IRError where a node mixes
    samples, or the outputs come at different times.
    """
    depth: dict[Node, int] = {}
    for node in graph.nodes:
        if node.op is INPUT:
            depth[node] = 0
            continue
        times = {depth[arg] for arg in node.args if arg in depth}
        if len(times) > 1:
            raise IRError(
                f"op '{node.op.name}' mixes values of clocks {sorted(times)}",
                where=graph.where(node),
            )
        if times:
            depth[node] = times.pop() + (node.op is REG)
    outputs = {depth[node] for node in graph.outputs if node in depth}
    if len(outputs) > 1:
        raise IRError(f"the outputs are ready at different clocks: {sorted(outputs)}")
    return depth
