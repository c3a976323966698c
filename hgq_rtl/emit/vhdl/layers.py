"""The entity of a layer: a signal per node, each assigned once, in the order of the graph."""

from __future__ import annotations

from dataclasses import dataclass, field

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import CoreInfo
from hgq_rtl.emit.names import Names, comment
from hgq_rtl.emit.partition import ADDING, CLOCK, PARTS, Module
from hgq_rtl.emit.vhdl.bits import Bits, Operand, number
from hgq_rtl.emit.vhdl.rules import RULES
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import CAST, INPUT, REG, SHIFT

LIBRARIES = """\
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

"""
ROW = 92
"""Columns for the entries of a table."""


@dataclass
class _Body:
    """What stands in the architecture of a layer, while it is being written."""

    names: Names
    declarations: list[str] = field(default_factory=list)
    types: dict[int, str] = field(default_factory=dict)
    tables: dict[tuple[tuple[int, ...], int], str] = field(default_factory=dict)
    arrays: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    def table(self, entries: tuple[int, ...], width: int) -> str:
        """See ``rules.Tables``; equal tables of a layer are one."""
        if (entries, width) not in self.tables:
            if width not in self.types:
                kind = self.types[width] = self.names(f"entries_{width}")
                self.arrays.append(
                    f"  type {kind} is array (natural range <>) of"
                    f" std_logic_vector({width - 1} downto 0);"
                )
            name = self.tables[entries, width] = self.names(f"table_{len(self.tables) + 1}")
            kind, last = self.types[width], len(entries) - 1
            self.arrays.append(f"  constant {name} : {kind}(0 to {last}) := (")
            self.arrays += _rows(entries, width)
        return self.tables[entries, width]


def _rows(entries: tuple[int, ...], width: int) -> list[str]:
    digits, mask = -(-width // 4), (1 << width) - 1
    texts = [f'{width}x"{n & mask:0{digits}x}"' for n in entries]
    # As many in a row as fit, a power of two.
    each = 1 << max(0, (ROW // (len(texts[0]) + 2)).bit_length() - 1)
    rows = [", ".join(texts[i : i + each]) for i in range(0, len(texts), each)]
    return [f"    {row}," for row in rows[:-1]] + [f"    {rows[-1]});"]


def text(info: CoreInfo, module: Module, top: str) -> str:
    """The file of a layer."""
    graph, signals = module.graph, module.signals
    ports = [f"{CLOCK} : in std_logic"] if module.clocked else []
    ports += [f"{signals[n]} : in {number(n.type)}" for n in graph.inputs if n in signals]
    ports += [f"{signals[n]} : out {number(n.type)}" for n in graph.outputs]
    body = _body(module)
    lines = [
        *entity(module.name, ports),
        f"architecture rtl of {module.name} is",
        *body.arrays,
        *body.declarations,
        "begin",
        *body.statements,
        "end architecture rtl;",
    ]
    return file(headers.layer(info, module, top, "--"), lines)


def entity(name: str, ports: list[str]) -> list[str]:
    """The lines of an entity."""
    return [
        f"entity {name} is",
        "  port (",
        ";\n".join(f"    {port}" for port in ports),
        "  );",
        f"end entity {name};",
        "",
    ]


def file(header: str, lines: list[str]) -> str:
    """A file; the character set of VHDL is not that of model names, so these are reduced."""
    text = header.rstrip("\n") + "\n" + LIBRARIES + "\n".join(lines) + "\n"
    return text.encode("ascii", "replace").decode()


def _body(module: Module) -> _Body:
    graph = module.graph
    body = _Body(Names(CLOCK, *module.signals.values()))
    outputs, users = set(graph.outputs), graph.users
    seen: dict[Node, Operand] = {}
    origin = None
    for node in graph.nodes:
        t, name = node.type, module.signals.get(node)
        if t.is_const:
            seen[node] = t.lo
            continue
        if node.op is SHIFT:
            seen[node] = seen[node.args[0]]
            continue
        if name is None and node.op is CAST:  # a slice, written where it is read
            seen[node] = _slice(node, seen[node.args[0]])
            continue
        if name is None:
            assert node.op in ADDING, "only the sum that a cast reads has no signal of its own"
            name = body.names(module.signals[users[node][0]] + PARTS[node.op][0])
        seen[node] = Bits.of(name, t)
        if node.op is INPUT:
            continue
        here = graph.origin(node)
        if here != origin:
            gap = "\n" if body.statements else ""
            body.statements.append(f"{gap}  -- {comment(here) or 'no layer'}")
            origin = here
        if node not in outputs:
            body.declarations.append(f"  signal {name} : {number(t)};")
        value = RULES[node.op](node, body, *(seen[arg] for arg in node.args))
        edge = f" when rising_edge({CLOCK})" if node.op is REG else ""
        body.statements.append(f"  {name} <= {value}{edge};  -- {headers.note(t)}")
    return body


def _slice(node: Node, a: Operand) -> Bits:
    assert isinstance(a, Bits)
    t = node.type
    low = a.low + t.exp - node.args[0].type.exp
    return Bits(a.name, a.source, low, t.width, t.signed)
