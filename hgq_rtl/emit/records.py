"""Wrappers around the packed top in SystemVerilog and VHDL-2008, with a record per tensor.

Each field is one element, as a signed or unsigned number, under the name of its port in the top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.names import Names, comment
from hgq_rtl.emit.plan import VALID_IN, VALID_OUT
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface

CLOCK = "clk"


@dataclass(frozen=True)
class Record:
    """A tensor that has wires: its bus, its type, and its fields from the least significant up."""

    way: str
    bus: str
    type: str
    fields: tuple[tuple[str, Fixed], ...]

    @property
    def width(self) -> int:
        """Of the bus."""
        return sum(t.width for _, t in self.fields)


def records(emitted: Emitted, interface: Interface) -> list[Record]:
    """Inputs, then outputs; elements and tensors of width 0 are left out."""
    buses = emitted.packed.values()
    # A bus called to_x_t would hide the function of a type x_t.
    functions = [bus[3:] for bus in buses if bus.lower().startswith("to_")]
    names = Names(CLOCK, VALID_IN, VALID_OUT, "core", *buses, *functions)
    found = []
    for way, ports, elements in (
        ("in", interface.inputs, iter(emitted.inputs)),
        ("out", interface.outputs, iter(emitted.outputs)),
    ):
        for port in ports:
            fields = tuple((name, t) for t in port.types if (name := next(elements)))
            if fields:
                bus = emitted.packed[port.name]
                found.append(Record(way, bus, names(f"{bus}_t", "_bits"), fields))
    return found


def _header(start: str, info: CoreInfo, emitted: Emitted, interface: Interface, note: str) -> str:
    clocks = f"{info.latency} clock{'' if info.latency == 1 else 's'}"
    name = comment(info.name)
    title = f"{name} with a record per tensor: a sample every clock, result {clocks} later."
    rows = headers.port_rows(interface, emitted.inputs, emitted.outputs)
    return headers.mark(start, info, title, [note, headers.FORMAT], rows)


# --- SystemVerilog ---------------------------------------------------------------------------


def systemverilog(emitted: Emitted, interface: Interface, info: CoreInfo) -> str:
    """Package ``<top>_sv_types`` with packed structs, and module ``<top>_sv``."""
    tensors, top = records(emitted, interface), emitted.top
    package = f"{top}_sv_types"
    lines = [f"package {package};"]
    for one in tensors:
        lines.append("  typedef struct packed {")
        for name, t in reversed(one.fields):
            sign = " signed" if t.signed else ""
            lines.append(f"    logic{sign} [{t.width - 1}:0] {name};  // {headers.describe(t)[1]}")
        lines += [f"  }} {one.type};", ""]
    lines += ["endpackage", "", f"module {top}_sv ("]
    ports = [f"  input  logic {CLOCK}", f"  input  logic {VALID_IN}"]
    ports += [f"  input  {package}::{one.type} {one.bus}" for one in tensors if one.way == "in"]
    ports.append(f"  output logic {VALID_OUT}")
    ports += [f"  output {package}::{one.type} {one.bus}" for one in tensors if one.way == "out"]
    pins = [CLOCK, VALID_IN, VALID_OUT, *(one.bus for one in tensors)]
    lines += [
        ",\n".join(ports),
        ");",
        f"  {top}_packed core (",
        ",\n".join(f"    .{pin}({pin})" for pin in pins),
        "  );",
        "endmodule",
    ]
    note = "A packed struct has the bits of its bus: the first element is the last field."
    return _header("//", info, emitted, interface, note) + "\n".join(lines) + "\n"


# --- VHDL ------------------------------------------------------------------------------------

_LIBRARIES = [
    "library ieee;",
    "use ieee.std_logic_1164.all;",
    "use ieee.numeric_std.all;",
]


def vhdl(emitted: Emitted, interface: Interface, info: CoreInfo) -> str:
    """Package ``<top>_vhdl_types`` with records and conversions, and entity ``<top>_vhdl``."""
    tensors, top = records(emitted, interface), emitted.top
    package = f"{top}_vhdl_types"
    lines = [*_LIBRARIES, "", f"package {package} is"]
    for one in tensors:
        lines.append(f"  type {one.type} is record")
        for name, t in one.fields:
            lines.append(f"    {name} : {_number(t)};  -- {headers.describe(t)[1]}")
        lines += ["  end record;", f"  {_to_bits(one)};", f"  {_from_bits(one)};", ""]
    lines += [f"end package {package};", "", f"package body {package} is"]
    for one in tensors:
        lines += _bodies(one)
    lines += [f"end package body {package};", "", *_LIBRARIES, f"use work.{package}.all;", ""]
    lines += [f"entity {top}_vhdl is", "  port ("]
    lines += [_vhdl_ports(tensors, lambda one: one.type), "  );", f"end entity {top}_vhdl;", ""]
    lines += [f"architecture rtl of {top}_vhdl is", f"  component {top}_packed is", "    port ("]
    lines += [_vhdl_ports(tensors, lambda one: _bus(one.width), "  "), "    );"]
    lines.append("  end component;")
    lines += [f"  signal {one.type}_bits : {_bus(one.width)};" for one in tensors]
    lines += ["begin", f"  core : component {top}_packed", "    port map ("]
    pins = [(CLOCK, CLOCK), (VALID_IN, VALID_IN), (VALID_OUT, VALID_OUT)]
    pins += [(one.bus, f"{one.type}_bits") for one in tensors]
    lines += [",\n".join(f"      {port} => {net}" for port, net in pins), "    );"]
    for one in tensors:
        bits, whole = f"{one.type}_bits", one.width > 1
        if one.way == "in":
            lines.append(f"  {bits} <= to_bits({one.bus}){'' if whole else '(0)'};")
        else:
            value = bits if whole else f'"" & {bits}'
            lines.append(f"  {one.bus} <= to_{one.type}({value});")
    lines.append("end architecture rtl;")
    note = "VHDL-2008. to_bits and to_<type> convert between a record and the bits of its bus."
    return _header("--", info, emitted, interface, note) + "\n".join(lines) + "\n"


def _number(t: Fixed) -> str:
    return f"{'signed' if t.signed else 'unsigned'}({t.width - 1} downto 0)"


def _bus(width: int) -> str:
    return "std_logic" if width == 1 else f"std_logic_vector({width - 1} downto 0)"


def _vhdl_ports(tensors: Sequence[Record], kind: Callable[[Record], str], indent: str = "") -> str:
    rows = [(CLOCK, "in", "std_logic"), (VALID_IN, "in", "std_logic")]
    rows += [(one.bus, "in", kind(one)) for one in tensors if one.way == "in"]
    rows.append((VALID_OUT, "out", "std_logic"))
    rows += [(one.bus, "out", kind(one)) for one in tensors if one.way == "out"]
    return ";\n".join(f"{indent}    {name} : {way} {what}" for name, way, what in rows)


def _to_bits(one: Record) -> str:
    return f"function to_bits(value : {one.type}) return std_logic_vector"


def _from_bits(one: Record) -> str:
    return f"function to_{one.type}(bits : std_logic_vector) return {one.type}"


def _bodies(one: Record) -> list[str]:
    top = one.width - 1
    lines = [
        f"  {_to_bits(one)} is",
        f"    variable bits : std_logic_vector({top} downto 0);",
        "  begin",
    ]
    back = [
        f"  {_from_bits(one)} is",
        f"    alias word : std_logic_vector({top} downto 0) is bits;",
        f"    variable value : {one.type};",
        "  begin",
    ]
    low = 0
    for name, t in one.fields:
        place = f"({low + t.width - 1} downto {low})"
        lines.append(f"    bits{place} := std_logic_vector(value.{name});")
        back.append(f"    value.{name} := {_number(t).partition('(')[0]}(word{place});")
        low += t.width
    return [
        *lines,
        "    return bits;",
        "  end function;",
        "",
        *back,
        "    return value;",
        "  end function;",
        "",
    ]
