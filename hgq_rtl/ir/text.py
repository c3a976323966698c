"""Print a graph as text and read it back: the same nodes, ports and origins."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import lru_cache

from hgq_rtl.errors import IRError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import INPUT, OPS
from hgq_rtl.ir.verify import ANY, verify

HEADER = "hgq_rtl graph 2"
"""First line of every file; the number is the version of the format."""

_LINE = re.compile(
    r"%(?P<id>\d+) = (?P<op>[a-z]\w*)\((?P<args>[%\d, ]*)\)"
    r"(?: \{(?P<attrs>.*)\})? : (?P<type>[su]\d+@-?\d+ \[-?\d+, -?\d+\])(?: ; (?P<origin>.*))?"
)
_RETURN = re.compile(r"return (?P<name>\S+) = %(?P<id>\d+)")


def node_ids(graph: Graph) -> dict[Node, str]:
    """The name of every node in the graph's text, such as ``%12``."""
    return {node: f"%{number}" for number, node in enumerate(graph.nodes)}


def to_text(graph: Graph) -> str:
    """One line per node in evaluation order, then one per output."""
    ids = node_ids(graph)
    lines = [HEADER]
    for node, name in ids.items():
        attrs = ", ".join(
            f"{field}={_attribute(value)}"
            for field, value in zip(node.op.fields, node.attrs, strict=True)
        )
        line = f"{name} = {node.op.name}({', '.join(ids[arg] for arg in node.args)})"
        line += f" {{{attrs}}}" if attrs else ""
        line += f" : {node.type}"
        origin = graph.origin(node)
        lines.append(f"{line} ; {origin}" if origin else line)
    for output, node in zip(graph.output_names, graph.outputs, strict=True):
        lines.append(f"return {output} = {ids[node]}")
    return "\n".join(lines) + "\n"


def _attribute(value: object) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)


def from_text(text: str) -> Graph:
    """The graph that ``to_text`` printed. Raises IRError, naming the line, on anything else."""
    lines = text.splitlines()
    if not lines or lines[0] != HEADER:
        raise IRError(
            "this is not a graph of this version",
            received=repr(lines[0] if lines else ""),
            hint=f"The first line must be '{HEADER}'",
        )
    build = Builder()
    nodes: dict[str, Node] = {}
    names, outputs = [], []
    for number, line in enumerate(lines[1:], start=2):
        try:
            if match := _RETURN.fullmatch(line):
                names.append(match["name"])
                outputs.append(nodes[match["id"]])
            elif match := _LINE.fullmatch(line):
                nodes[match["id"]] = _node(build, nodes, match)
            else:
                raise IRError("not a node and not an output")
        except (IRError, KeyError, ValueError, SyntaxError, TypeError) as error:
            what = error.what if isinstance(error, IRError) else "a broken reference or attribute"
            raise IRError(f"line {number} of the graph: {what}", received=line[:120]) from None
    if not outputs:
        raise IRError(
            "the graph has no output",
            received=f"{len(lines)} lines",
            hint="The file may have been cut short",
        )
    inputs = tuple(node for node in nodes.values() if node.op is INPUT)
    graph = Graph(build, inputs, tuple(outputs), tuple(names))
    verify(graph, ANY)
    return graph


def _node(build: Builder, nodes: dict[str, Node], match: re.Match[str]) -> Node:
    if match["op"] not in OPS:
        raise IRError(f"unknown op '{match['op']}'")
    op = OPS[match["op"]]
    args = tuple(nodes[arg.removeprefix("%")] for arg in match["args"].split(", ") if arg)
    found = _attributes(match["attrs"] or "")
    with build.at(match["origin"] or ""):
        node = build(op, *args, **found)
    if str(node.type) != match["type"]:
        raise IRError(f"the type is {match['type']}, the arguments give {node.type}")
    return node


@lru_cache(maxsize=4096)
def _attributes(text: str) -> Mapping[str, object]:
    """Attributes as Python literals, lists read back as the tuples they were."""
    call = ast.parse(f"op({text})", mode="eval").body
    if not isinstance(call, ast.Call) or call.args:
        raise IRError("attributes are written name=value")
    found: dict[str, object] = {}
    for keyword in call.keywords:
        value = ast.literal_eval(keyword.value)
        found[str(keyword.arg)] = tuple(value) if isinstance(value, list) else value
    return found
