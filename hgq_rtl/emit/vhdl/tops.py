"""The two tops in VHDL: wires between layers, and between elements and buses."""

from __future__ import annotations

from collections.abc import Sequence

from hgq_rtl.emit import headers
from hgq_rtl.emit.names import Names
from hgq_rtl.emit.partition import CLOCK, resolve
from hgq_rtl.emit.plan import CORE, VALID, VALID_IN, VALID_OUT, Plan
from hgq_rtl.emit.vhdl.bits import Bits, fill, kind, modular, number
from hgq_rtl.emit.vhdl.layers import entity, file
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Port
from hgq_rtl.ir.node import Node

BIT = "std_logic"


def texts(plan: Plan) -> dict[str, str]:
    """The files of both tops, by name."""
    header = headers.core(plan.info, plan.interface, plan.inputs, plan.outputs, "--")
    return {
        f"{plan.top}.vhd": file(header, _top(plan)),
        f"{plan.packed_top}.vhd": file(header, _packed(plan)),
    }


def _elements(ports: Sequence[Port], names: Sequence[str]) -> list[tuple[str, Fixed]]:
    types = [t for port in ports for t in port.types]
    return [(name, t) for name, t in zip(names, types, strict=True) if name]


def _shell(name: str, ins: Sequence[tuple[str, str]], outs: Sequence[tuple[str, str]]) -> list[str]:
    ports = [f"{CLOCK} : in {BIT}", f"{VALID_IN} : in {BIT}"]
    ports += [f"{port} : in {what}" for port, what in ins]
    ports += [f"{VALID_OUT} : out {BIT}", *(f"{port} : out {what}" for port, what in outs)]
    return entity(name, ports)


def _instance(label: str, name: str, pins: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f"  {label} : entity work.{name}", "    port map ("]
    return [*lines, ",\n".join(f"      {port} => {net}" for port, net in pins), "    );"]


def _valid(latency: int) -> tuple[list[str], list[str]]:
    """Declarations, statements."""
    if latency == 0:
        return [], [f"  {VALID_OUT} <= {VALID_IN};"]
    older = f"{VALID}({latency - 2} downto 0) & " if latency > 1 else '"" & '
    declared = f"  signal {VALID} : std_logic_vector({latency - 1} downto 0) := (others => '0');"
    return ["  -- One bit for each sample in flight.", declared], [
        f"  {VALID} <= {older}{VALID_IN} when rising_edge({CLOCK});",
        f"  {VALID_OUT} <= {VALID}({latency - 1});",
    ]


def _top(plan: Plan) -> list[str]:
    ins, outs = plan.interface.inputs, plan.interface.outputs
    declared, statements = _valid(plan.info.latency)
    for module in plan.parts.modules:
        declared += [f"  signal {plan.wires[n]} : {number(n.type)};" for n in module.exports]
        pins = [(CLOCK, CLOCK)] if module.clocked else []
        pins += [(port, plan.wires[node]) for port, node in module.imports.items()]
        pins += [(port, plan.wires[node]) for node, port in module.exports.items()]
        statements += ["", *_instance(plan.instances[module.name], module.name, pins)]
    types = [t for port in outs for t in port.types]
    ends = zip(plan.outputs, plan.graph.outputs, types, strict=True)
    return [
        *_shell(
            plan.top,
            [(name, number(t)) for name, t in _elements(ins, plan.inputs)],
            [(name, number(t)) for name, t in _elements(outs, plan.outputs)],
        ),
        f"architecture rtl of {plan.top} is",
        *declared,
        "begin",
        *statements,
        "",
        *(f"  {name} <= {_widened(plan, node, t)};" for name, node, t in ends if name),
        "end architecture rtl;",
    ]


def _widened(plan: Plan, node: Node, port: Fixed) -> str:
    """A node as a port that may have a finer LSB and more upper bits."""
    t = node.type
    shift = 0 if t.is_zero else t.exp - port.exp
    if t.is_const:
        return fill(t.lo << shift, port.width, port.signed)
    root = resolve(node)
    return modular(Bits.of(plan.wires[root], root.type), shift, port.width, port.signed)


def _bus(width: int) -> str:
    return BIT if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def _packed(plan: Plan) -> list[str]:
    ins, outs = plan.interface.inputs, plan.interface.outputs
    names = Names(CLOCK, VALID_IN, VALID_OUT, CORE, *plan.packed.values())
    pins = [(CLOCK, CLOCK), (VALID_IN, VALID_IN), (VALID_OUT, VALID_OUT)]
    declared, statements = [], []
    for port, low, element, t in _places(ins, plan.inputs):
        bus = plan.packed[port.name]
        if port.width == 1:
            pins.append((f"{element}(0)", bus))
        else:
            pins.append((element, f"{kind(t.signed)}({bus}({low + t.width - 1} downto {low}))"))
    for port, low, element, t in _places(outs, plan.outputs):
        bus, net = plan.packed[port.name], names(f"{element}_number")
        pins.append((element, net))
        declared.append(f"  signal {net} : {number(t)};")
        if port.width == 1:
            statements.append(f"  {bus} <= {net}(0);")
        else:
            place = f"{bus}({low + t.width - 1} downto {low})"
            statements.append(f"  {place} <= std_logic_vector({net});")
    return [
        *_shell(
            plan.packed_top,
            [(plan.packed[port.name], _bus(port.width)) for port in ins if port.width],
            [(plan.packed[port.name], _bus(port.width)) for port in outs if port.width],
        ),
        f"architecture rtl of {plan.packed_top} is",
        *declared,
        "begin",
        *_instance(CORE, plan.top, pins),
        "",
        *statements,
        "end architecture rtl;",
    ]


def _places(ports: Sequence[Port], names: Sequence[str]) -> list[tuple[Port, int, str, Fixed]]:
    """Of every element that has wires: its port, its lowest bit there, its name and type."""
    found, elements = [], iter(names)
    for port in ports:
        low = 0
        for t in port.types:
            name = next(elements)
            if name:
                found.append((port, low, name, t))
            low += t.width
    return found
