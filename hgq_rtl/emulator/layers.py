"""Functions of the layers: each a few loops over the samples of a block.

A loop holds the nodes of one layer, named local values; what another loop reads is a wire, an array
over the block. Compilers turn the loops into vector code, all but lookups and 128-bit arithmetic,
which therefore have loops of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hgq_rtl.emit.headers import note
from hgq_rtl.emit.names import Names, comment
from hgq_rtl.emit.partition import label, live_nodes
from hgq_rtl.emulator.lanes import LANES, lane, literal, name
from hgq_rtl.emulator.rules import RULES, Operand, in_bits
from hgq_rtl.errors import EmulatorError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import CONST, INPUT, REG, SHIFT

LOOP = 400
"""Nodes of a loop at most: compilers give up on longer ones."""
GLUE = "between_layers"
"""The function of nodes that belong to no layer."""


@dataclass
class Loop:
    """Nodes in order, of one layer."""

    vector: bool
    nodes: list[Node] = field(default_factory=list)


@dataclass
class Function:
    """One layer, or a part of it where another layer comes in between."""

    name: str
    scope: str
    loops: list[Loop] = field(default_factory=list)


@dataclass
class Layers:
    """The text of all functions, and what the rest of the header must know of them."""

    tables: str
    wires: str
    functions: str
    calls: list[str]
    """Names of the functions in the order of the computation."""
    outputs: list[str]
    """The expression of each output's integer on the grid of its port, for sample ``s``."""
    bytes: int
    """Of all wires, for one sample."""


def layers(graph: Graph, outputs: Sequence[Fixed], names: Names) -> Layers:
    """The functions of a graph in ops that have a rule. ``outputs``: types of the ports."""
    return _Writer(graph, outputs, names).layers()


def _root(node: Node) -> Node:
    """The node that computes the integer of ``node``."""
    while node.op in (SHIFT, REG):
        node = node.args[0]
    return node


def _ready(graph: Graph, live: Sequence[Node]) -> Iterator[tuple[str, bool, Node]]:
    """Nodes in an order in which those of one layer come together; layer and kind of each."""
    scope = {node: graph.origin(node).partition("/")[0] for node in live}
    kind = {node: _vectorizes(node, graph.where(node)) for node in live}
    needs = {n: {r for r in map(_root, n.args) if r in scope} for n in live}
    users: dict[Node, list[Node]] = {node: [] for node in live}
    for node, roots in needs.items():
        for arg in roots:
            users[arg].append(node)
    missing = {node: len(roots) for node, roots in needs.items()}
    queues: dict[tuple[str, bool], deque[Node]] = {}
    for node in live:
        if not missing[node]:
            queues.setdefault((scope[node], kind[node]), deque()).append(node)
    current = next(iter(queues), ("", True))
    while queues:
        if current not in queues:
            # Stay in the layer if it has work of the other kind; else the one that waits longest.
            other = (current[0], not current[1])
            current = other if other in queues else next(iter(queues))
        queue = queues[current]
        node = queue.popleft()
        if not queue:
            del queues[current]
        yield (*current, node)
        for user in users[node]:
            missing[user] -= 1
            if not missing[user]:
                queues.setdefault((scope[user], kind[user]), deque()).append(user)


def _vectorizes(node: Node, where: str) -> bool:
    """Whether vector units compute the node. Raises EmulatorError where no integer does."""
    operands = [Operand(arg.type, "a") for arg in node.args]
    try:
        found = RULES[node.op](node, operands, lambda entries: "t")
    except EmulatorError as error:
        raise EmulatorError(error.what, where=where, hint=error.hint) from None
    return found.vector and found.bits < LANES[-1]


class _Writer:
    def __init__(self, graph: Graph, outputs: Sequence[Fixed], names: Names) -> None:
        self.graph, self.output_types, self.names = graph, outputs, names
        self.tables: dict[tuple[int, ...], str] = {}
        self.table_texts: list[str] = []
        self.home: dict[Node, Loop] = {}
        self.name: dict[Node, str] = {}
        self.wired: set[Node] = set()
        self.inputs = {node: j for j, node in enumerate(graph.inputs)}

    def layers(self) -> Layers:
        sources = (INPUT, CONST, SHIFT, REG)
        live = [node for node in live_nodes(self.graph) if node.op not in sources]
        functions = self._functions(live)
        for node in live:
            inside = self.graph.origin(node).partition("/")[2]
            scope = self.graph.origin(node).partition("/")[0]
            self.name[node] = self.names(f"{scope}_{inside}_{label(node)}")
            for root in map(_root, node.args):
                if root in self.home and self.home[root] is not self.home[node]:
                    self.wired.add(root)
        self.wired.update(root for root in map(_root, self.graph.outputs) if root in self.home)
        text = "\n".join(self._function(function) for function in functions)
        wires = [
            f"  {name(lane(node.type))} {self.name[node]}[N];  // {self._about(node)}\n"
            for node in live
            if node in self.wired
        ]
        return Layers(
            tables="".join(self.table_texts),
            wires="".join(wires),
            functions=text,
            calls=[function.name for function in functions],
            outputs=[
                in_bits(lane(t, node.type), self._operand(node).at(t.exp))
                for node, t in zip(self.graph.outputs, self.output_types, strict=True)
            ],
            bytes=sum(lane(node.type) // 8 for node in self.wired),
        )

    def _functions(self, live: Sequence[Node]) -> list[Function]:
        functions: list[Function] = []
        for scope, vector, node in _ready(self.graph, live):
            if not functions or functions[-1].scope != scope:
                functions.append(Function(self.names(scope or GLUE), scope))
            loops = functions[-1].loops
            if not loops or loops[-1].vector != vector or len(loops[-1].nodes) == LOOP:
                loops.append(Loop(vector))
            loops[-1].nodes.append(node)
            self.home[node] = loops[-1]
        return functions

    def _function(self, function: Function) -> str:
        scope = f"Layer '{comment(function.scope)}'" if function.scope else "What is in no layer"
        lines = [
            f"// {scope}.",
            "template <int N>",
            f"inline void {function.name}(Wires<N>& w) {{",
        ]
        for loop in function.loops:
            lines.append("  for (int s = 0; s < N; ++s) {")
            lines += [self._statement(node) for node in loop.nodes]
            lines.append("  }")
        return "\n".join([*lines, "}", ""])

    def _statement(self, node: Node) -> str:
        type_name, own = name(lane(node.type)), self.name[node]
        args = [self._operand(arg) for arg in node.args]
        value = RULES[node.op](node, args, self._table).text
        left = f"w.{own}[s]" if node in self.wired else f"const {type_name} {own}"
        return f"    {left} = {type_name}({value});  // {self._about(node)}"

    def _operand(self, node: Node) -> Operand:
        t = node.type
        if t.is_const:
            return Operand(t, literal(t.lo))
        root = _root(node)
        if root in self.inputs:
            return Operand(t, f"w.x[{self.inputs[root]}][s]")
        own = self.name[root]
        return Operand(t, f"w.{own}[s]" if root in self.wired else own)

    def _table(self, entries: Sequence[int]) -> str:
        key = tuple(entries)
        if key not in self.tables:
            own = self.tables[key] = self.names(f"entries_{len(self.tables)}")
            kind = name(lane(Fixed(min(key), max(key), 0)))
            values = ", ".join(map(literal, key))
            self.table_texts.append(f"inline constexpr {kind} {own}[] = {{{values}}};\n")
        return self.tables[key]

    def _about(self, node: Node) -> str:
        origin = self.graph.origin(node)
        return f"{note(node.type)} {comment(origin)}".rstrip()
