"""Split a scheduled graph into one module per layer, and name every signal.

A node belongs to the module named by the first component of its origin; nodes without an origin
go to the design's glue module. Constants and shifts are only wiring, so every module that reads
one has its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hgq_rtl.emit.names import Names
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    BOOTH,
    CAST,
    COMPARE,
    CONST,
    INPUT,
    LOOKUP,
    MASKED_SUM3,
    MAX,
    MIN,
    REG,
    SHIFT,
    SUM3,
    TABLE,
)
from hgq_rtl.ir.verify import register_depths

CLOCK = "clk"
GLUE = "glue"
"""The module of what belongs to no layer."""
LIBRARY = {
    SUM3: "ternary_adder",
    MASKED_SUM3: "ternary_adder",
    BOOTH: "booth_row",
    LOOKUP: "lookup",
}
"""Modules of rtl_templates/ by the op that they do."""
ADDING = (SUM3, MASKED_SUM3, BOOTH)
"""Ops that add no more bits than are read."""
ADDER = ("_sum", "_adder")
MARK = "_top"
"""Behind the name of a sum: its top bit, marked where synthesis shall leave the sum by itself."""
PARTS: dict[Op, tuple[str, ...]] = {
    MAX: ("_lt",),
    MIN: ("_lt",),
    **dict.fromkeys(ADDING, ADDER),
    LOOKUP: ("_luts",),
}
"""Suffixes of the names inside an op: the comparison of a max or min, the upper part of a sum
before its low bits are joined to it, and the instance that adds, or that looks up.
"""


@dataclass
class Module:
    """One layer. ``graph`` has input nodes for its input ports; all names are final."""

    name: str
    """Begins with ``top``, so that several cores fit into one design."""
    scope: str
    graph: Graph
    imports: dict[str, Node] = field(default_factory=dict)
    """Input port name to the node of the whole graph that it carries."""
    exports: dict[Node, str] = field(default_factory=dict)
    """Node of the whole graph to the output port that carries it, in order."""
    signals: dict[Node, str] = field(default_factory=dict)
    """Node of ``graph`` to its signal; nodes without one are written into their users."""
    addresses: set[str] = field(default_factory=set)
    """Signals of registers that address a table, here or in another module."""
    top: str = ""
    """The name of the core."""
    keep_sums: bool = False
    """See ``CoreInfo``."""

    @property
    def short(self) -> str:
        """The name without that of the top: for instances and signals."""
        return self.name.removeprefix(f"{self.top}_")

    @property
    def clocked(self) -> bool:
        """Whether the module has registers."""
        return any(node.op is REG for node in self.graph.nodes)


@dataclass
class Partition:
    """All modules of a design in the order of their first nodes."""

    modules: list[Module]
    signals: dict[Node, tuple[Module | None, str]]
    """Node of the whole graph to where a signal holds it; None for the top's own inputs."""


class _Draft:
    """A module while it is being filled."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = Names(CLOCK, "wake")
        self.build = module.graph.builder
        self.local: dict[Node, Node] = {}
        self.name_of: dict[Node, str] = {}
        self.pending: list[tuple[str, str]] = []


def library_module(top: str, op: Op) -> str:
    """The name of a module of the library in the core of that name.

    Two cores in one design, perhaps of two versions of this package, share no module.
    """
    return f"{top}_{LIBRARY[op]}"


def resolve(node: Node) -> Node:
    """The node whose wires ``node`` reads: shifts have none of their own."""
    while node.op is SHIFT:
        node = node.args[0]
    return node


def live_nodes(graph: Graph) -> list[Node]:
    """Nodes that the outputs need as hardware: a node with one possible value needs nothing."""
    needed = {node for node in graph.outputs if not node.type.is_const}
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(arg for arg in node.args if not arg.type.is_const)
    return [node for node in graph.nodes if node in needed]


def partition(
    graph: Graph, inputs: dict[Node, str], top: str, modules: Names, keep_sums: bool = False
) -> Partition:
    """Modules of ``graph``. ``inputs``: input nodes to the top's port names.

    ``modules`` gives out module names, that of a layer behind ``top``.
    """
    live = [n for n in live_nodes(graph) if n.op not in (INPUT, SHIFT, CONST)]
    drafts: dict[str, _Draft] = {}
    home: dict[Node, _Draft] = {}
    for node in live:
        scope = graph.origin(node).partition("/")[0]
        if scope not in drafts:
            empty = Graph(Builder(), (), (), ())
            name = modules(f"{top}_{scope or GLUE}")
            drafts[scope] = _Draft(Module(name, scope, empty, top=top, keep_sums=keep_sums))
        home[node] = drafts[scope]
    _name_nodes(graph, live, home, inputs)
    exported = _exported(graph, live, home)
    for node in live:
        draft = home[node]
        draft.build.set_origin(graph.origin(node))
        args = tuple([_fetch(arg, draft, home, inputs) for arg in node.args])
        draft.local[node] = draft.build.make(node.op, args, node.attrs)
    for node in exported:
        home[node].module.exports[node] = home[node].name_of[node]
    for draft in drafts.values():
        _finish(draft)
    for node in live:
        if node.op is TABLE:
            address = node.args[0]
            while address.op in (CAST, SHIFT):
                address = address.args[0]
            if address.op is REG:
                home[address].module.addresses.add(home[address].name_of[address])
    where: dict[Node, tuple[Module | None, str]] = {n: (None, inputs[n]) for n in inputs}
    for node in graph.nodes:
        root = resolve(node)
        if root in home:
            module = home[root].module
            local = home[root].local[root]
            if local in module.signals:
                where[node] = (module, module.signals[local])
        elif root in inputs:
            where[node] = (None, inputs[root])
    return Partition([draft.module for draft in drafts.values()], where)


def _exported(graph: Graph, live: Iterable[Node], home: dict[Node, _Draft]) -> list[Node]:
    read = {resolve(node) for node in graph.outputs}
    for node in live:
        for root in map(resolve, node.args):
            if root in home and home[root] is not home[node]:
                read.add(root)
    return [node for node in live if node in read]


def _name_nodes(
    graph: Graph, live: list[Node], home: dict[Node, _Draft], inputs: dict[Node, str]
) -> None:
    """``neuron_3_add`` from origin ``dense_1/neuron_3``; a register adds its stage."""
    depths = register_depths(graph)
    for node in live:
        draft = home[node]
        if node.op is REG:
            root = node
            while root.op in (REG, SHIFT):
                root = root.args[0]
            base = inputs[root] if root in inputs else home[root].name_of[root]
            if root in home and home[root] is not draft:
                base = f"{home[root].module.short}_{base}"
            draft.name_of[node] = draft.names(f"{base}_s{depths[node]}")
            continue
        inside = graph.origin(node).partition("/")[2]
        # A cast may carry the sum that it cuts.
        parts = ADDER if node.op is CAST else PARTS.get(node.op, ())
        if node.op in (ADD, CAST):
            parts = (*parts, MARK)
        draft.name_of[node] = draft.names(f"{inside}_{label(node)}", *parts)


def label(node: Node) -> str:
    """What the node does, in one word.

    A max against zero is a ``relu``, and an add that subtracts a ``sub``.
    """
    if node.op is ADD and node.attrs[0]:
        return "sub"
    if node.op is MAX and any(arg.type.is_zero for arg in node.args):
        return "relu"
    if node.op is COMPARE:
        return str(node.attrs[0])
    return node.op.name


def _fetch(node: Node, draft: _Draft, home: dict[Node, _Draft], inputs: dict[Node, str]) -> Node:
    """``node`` as seen inside a module: its own, an input port, or wiring built on the spot."""
    shifts = []
    while node not in draft.local and node.op is SHIFT:
        shifts.append(node)
        node = node.args[0]
    if node not in draft.local:
        if node.op is CONST:
            draft.local[node] = draft.build.make(CONST, (), node.attrs)
        else:
            t = node.type
            if t.is_const:
                name = draft.names("constant")
            elif node in inputs:
                name = draft.names(inputs[node])
            else:
                source = home[node]
                name = draft.names(f"{source.module.short}_{source.name_of[node]}")
            draft.local[node] = draft.build.make(INPUT, (), (name, t.lo, t.hi, t.exp))
            if not t.is_const:
                draft.module.imports[name] = node
    local = draft.local[node]
    for shift in reversed(shifts):
        local = draft.local[shift] = draft.build.make(SHIFT, (local,), shift.attrs)
    return local


def _finish(draft: _Draft) -> None:
    """Close the module's graph and decide which nodes get a signal of their own."""
    module = draft.module
    local_inputs = [node for node in draft.local.values() if node.op is INPUT]
    outputs = [draft.local[node] for node in module.exports]
    module.graph = Graph(
        draft.build, tuple(local_inputs), tuple(outputs), tuple(module.exports.values())
    )
    names = {draft.local[node]: name for node, name in draft.name_of.items()}
    kept = set(outputs)
    users = module.graph.users
    for node in module.graph.nodes:
        if node.type.is_const or node.op is SHIFT:
            continue
        if node.op is INPUT:
            module.signals[node] = node.attrs[0]
        elif node in kept or not _inline(node, module.signals, users[node]):
            module.signals[node] = names[node]


def _inline(node: Node, signals: dict[Node, str], users: list[Node]) -> bool:
    """Whether a cast is a plain slice of a signal, best written where it is read; or a sum is
    cut by a cast, which then adds no more bits than are read.
    """
    if node.op in ADDING:
        return len(users) == 1 and users[0].op is CAST
    if node.op is not CAST:
        return False
    arg = node.args[0]
    fits = node.type.exp - arg.type.exp + node.type.width <= arg.type.width
    return fits and resolve(arg) in signals
