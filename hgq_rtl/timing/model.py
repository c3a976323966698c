"""Delay and area of one node on one device, read from a TOML of rows with sources."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgq_rtl.errors import TimingError
from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    BOOTH,
    CAST,
    COMPARE,
    CONST,
    INPUT,
    LOOKUP,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    REG,
    SHIFT,
    SUM3,
    TABLE,
    XOR,
    sum3_form,
)
from hgq_rtl.ir.ops.lookup import LUT_INPUTS, is_lut
from hgq_rtl.timing.arrival import WIRES, Transfer

DEVICES = Path(__file__).parent / "devices"
WIRING = frozenset({INPUT, CONST, SHIFT, CAST, REG})
"""Ops without logic of their own: bits are renamed, dropped or stored. They take no time and no
LUTs on any device."""

TARGETS = ("generic", "xilinx-us+", "xilinx-7", "ecp5")
"""Families of devices: ``generic`` gets portable Verilog only."""

FREE = ("", 0)
"""The size of a node whose types leave only wiring."""


def _span(node: Node) -> int:
    """Bits from the lowest to the highest of all arguments, aligned by value."""
    live = [arg.type for arg in node.args if not arg.type.is_zero]
    if not live:
        return 0
    return max(t.exp + t.width for t in live) - min(t.exp for t in live)


def adder_bits(node: Node) -> int:
    """Bits of an ``add`` that need an adder; 0 where it only concatenates or copies.

    Below the coarser operand the finer one is copied, unless it is the one subtracted.
    """
    (a, b), (sub,) = (arg.type for arg in node.args), node.attrs
    if b.is_zero or (a.is_zero and not sub):
        return 0
    if a.is_zero:
        return node.type.width
    gap = abs(a.exp - b.exp)
    finer = a if a.exp < b.exp else b
    if sub:
        return node.type.width - gap if finer is a else node.type.width
    if not finer.signed and finer.width <= gap:
        return 0
    return node.type.width - gap


def adder_luts(node: Node) -> int:
    """Bits of an ``add`` at which both operands have a bit of their own, copies of signs included.

    Elsewhere the carry passes a bit that one operand alone decides, which takes no LUT before it.
    """
    (a, b), (sub,) = (arg.type for arg in node.args), node.attrs
    if a.is_const or b.is_const:
        return 0
    low = max(a.exp, b.exp)
    tops = sorted((t.exp + t.width, t.signed) for t in (a, b))
    shorter_is_signed = tops[0][1] if tops[0][0] < tops[1][0] else a.signed or b.signed
    return max(0, tops[shorter_is_signed][0] - low) + int(sub)


def _add(node: Node) -> tuple[str, int]:
    bits = adder_bits(node)
    if not bits:
        return FREE
    if node.attrs[0] and not node.args[1].type.is_const:
        return "sub", bits
    return ("add.const" if any(arg.type.is_const for arg in node.args) else "add"), bits


def _sum3(node: Node) -> tuple[str, int]:
    form = sum3_form(node)
    bits = node.type.width - (form.copied if form else 0)
    return ("sum3", bits) if bits else FREE


def sum3_luts(node: Node) -> int:
    """LUTs of a ``sum3``; where no form of three operands exists, those of two additions."""
    form = sum3_form(node)
    return form.luts if form else 2 * node.type.width


def _booth(node: Node) -> tuple[str, int]:
    """Every bit from the lowest of the factor on takes a LUT; those below are copied."""
    factor, code = (arg.type for arg in node.args[1:])
    if factor.is_zero or code.is_zero:
        return FREE
    return "booth", max(0, node.type.width - factor.exp + node.type.exp)


def _extremum(node: Node) -> tuple[str, int]:
    types = [arg.type for arg in node.args]
    if any(t.is_zero for t in types):
        # The sign bit masks the others; without a sign there is nothing to decide.
        return ("max.zero", node.type.width) if any(t.signed for t in types) else FREE
    return ("max.const" if any(t.is_const for t in types) else "max"), _span(node)


def _mux(node: Node) -> tuple[str, int]:
    constants = sum(arg.type.is_const for arg in node.args[1:])
    if constants == 2 or node.args[0].type.is_const:
        return FREE  # every bit is 0, 1, the condition or its inverse
    return ("mux.const" if constants else "mux"), node.type.width


def _compare(node: Node) -> tuple[str, int]:
    (a, b), (kind,) = node.args, node.attrs
    if kind == "lt" and b.type.is_zero:
        return FREE  # the sign bit
    constant = a.type.is_const or b.type.is_const
    return f"compare.{kind}{'.const' if constant else ''}", _span(node)


def _mul(node: Node) -> tuple[str, int]:
    a, b = (arg.type for arg in node.args)
    if any(t.width == 1 and not t.signed for t in (a, b)):
        return "mul.bit", node.type.width
    return "mul", a.width + b.width


def _logic(node: Node) -> tuple[str, int]:
    return node.op.name, node.type.width


SIZES: Mapping[Op, Callable[[Node], tuple[str, int]]] = {
    ADD: _add,
    SUM3: _sum3,
    BOOTH: _booth,
    MAX: _extremum,
    MIN: _extremum,
    MUX: _mux,
    COMPARE: _compare,
    MUL: _mul,
    TABLE: lambda node: ("table", node.args[0].type.width),
    LOOKUP: lambda node: ("lookup", LUT_INPUTS),
    AND: _logic,
    OR: _logic,
    XOR: _logic,
}
"""For each op with logic: the row that describes a node, and the bits that row counts."""

ROWS = (
    *("add", "add.const", "sub", "sum3", "max", "max.const", "max.zero", "mux", "mux.const"),
    *("compare.lt", "compare.lt.const", "compare.eq", "compare.eq.const"),
    *("mul", "mul.bit", "booth", "and", "or", "xor"),
)
"""Every row of base and per-bit numbers that a device must have; ``table`` has lists instead."""

ONE_WIRE = WIRES._replace(whole=True)
WHOLE = ("max", "compare", "mul", "table")
"""Beginnings of the rows whose results have no bit before the last bits of the arguments."""


@dataclass(frozen=True)
class Row:
    """Delay in ps and area in LUTs, each as (base, per bit)."""

    delay: tuple[float, float]
    luts: tuple[float, float]


@dataclass(frozen=True, eq=False)
class DelayModel:
    """The delay and area of every native op on one device.

    A node's delay includes the net in front of it at the device's usual fan-out. A path takes no
    more than the sum of its delays, and less where adders follow each other: ``transfer`` tells.
    Interconnect is uncertain: treat results as estimates, to be confirmed by place and route.
    """

    name: str
    part: str
    """What synthesis tools call the device."""
    target: str
    """The family whose primitives may be used, one of ``TARGETS``."""
    clk_to_q: int
    setup: int
    net: int
    """Picoseconds: register output, register input, and one hop of routing."""
    rows: Mapping[str, Row]
    table_delay: tuple[float, ...]
    """Picoseconds by address bits, starting with 0 bits; without the net."""
    table_luts: tuple[float, ...]
    """LUTs per output bit by address bits."""

    @property
    def register_overhead(self) -> int:
        """Picoseconds of every stage that its registers take: clock-to-output plus setup."""
        return self.clk_to_q + self.setup

    def delay(self, node: Node, where: str = "") -> int:
        """Picoseconds from the node's arguments to its value, net included; 0 for wiring.

        ``where`` is the layer named by the TimingError that an op without a row raises.
        """
        transfer = self.transfer(node, where)
        return transfer.cell + transfer.carry

    def transfer(self, node: Node, where: str = "") -> Transfer:
        """From the arrival of the arguments' bits to that of the result's; see ``delay``.

        A single bit has one arrival, whatever it is cut from.
        """
        row, bits = self._size(node, where)
        if not row:
            return ONE_WIRE if node.type.width == 1 else WIRES
        if row == "table":
            return Transfer(math.ceil(self.net + self.table_delay[bits]), 0, True)
        if row == "lookup":
            return Transfer(math.ceil(2 * (self.net + self.table_delay[bits])), 0, True)
        base, per_bit = self.rows[row].delay
        cell, total = math.ceil(self.net + base), math.ceil(self.net + base + per_bit * bits)
        if row == "mul":
            return Transfer(total, 0, True)
        return Transfer(cell, total - cell, row.startswith(WHOLE) or node.type.width == 1)

    def cost(self, node: Node, where: str = "") -> float:
        """LUTs of the node; registers are counted apart, by the schedule."""
        row, bits = self._size(node, where)
        if not row:
            return 0.0
        if row == "table":
            return self.table_luts[bits] * node.type.width
        if row == "lookup":
            return sum(map(is_lut, (*node.attrs[-2], *node.attrs[-1])))
        base, per_bit = self.rows[row].luts
        if node.op is ADD and self.target != "ecp5":
            # There a carry cell takes its LUT for every bit of the chain.
            bits = adder_luts(node)
        if node.op is SUM3:
            bits = sum3_luts(node)
        if row == "mul":
            bits = node.args[0].type.width * node.args[1].type.width
        return base + per_bit * bits

    def _size(self, node: Node, where: str) -> tuple[str, int]:
        if node.op in WIRING or node.type.is_const:
            return FREE
        size = SIZES.get(node.op)
        if size is None:
            raise TimingError(
                f"device '{self.name}' has no delay for op '{node.op.name}'",
                where=_layer(where),
                hint="Only native ops are timed: expand the others first, or add a row to "
                f"timing/devices/{self.name}.toml",
            )
        row, bits = size(node)
        if row in ("table", "lookup") and bits >= len(self.table_delay):
            raise TimingError(
                f"device '{self.name}' has no delay for op 'table' with {bits} input bits",
                where=_layer(where),
                hint=f"Known: table up to {len(self.table_delay) - 1} bits. Add numbers to "
                f"timing/devices/{self.name}.toml, or use narrower inputs",
            )
        return row, bits


def _layer(where: str) -> str:
    return f"layer '{where}'" if where else ""


def device_names() -> list[str]:
    """Names of the devices that come with the package."""
    return sorted(path.stem for path in DEVICES.glob("*.toml"))


def load_device(name: str | Path) -> DelayModel:
    """The model of a device by name, or from a TOML file of the user's own.

    Raises TimingError if there is no such device, or the file is broken or incomplete.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = DEVICES / f"{name}.toml"
        if str(name) not in device_names():
            raise TimingError(
                f"unknown device '{name}'", hint=f"Known: {', '.join(device_names())}"
            )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise TimingError(
            f"device file '{path.name}' cannot be read", received=str(reason)
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise TimingError(
            f"device file '{path.name}' is not TOML", received=str(error).strip()
        ) from None
    return _model(data, path.name)


def _model(data: dict[str, Any], file: str) -> DelayModel:
    known = {"name", "part", "target", "clk_to_q", "setup", "net", "table", "rows"}
    rows, table = data.get("rows", {}), data.get("table", {})
    for what, names, expected in (
        ("key", set(data) | {"target"}, known),
        ("row", set(rows), set(ROWS)),
        ("table list", set(table), {"delay", "luts"}),
    ):
        if names != expected:
            which = "lacks" if expected - names else "has an unknown"
            odd = min(expected - names or names - expected)
            raise TimingError(f"device file '{file}' {which} {what} '{odd}'")
    model = DelayModel(
        name=str(data["name"]),
        part=str(data["part"]),
        target=_target(data.get("target", "generic"), file),
        **{key: int(_number(data[key], file, key)) for key in ("clk_to_q", "setup", "net")},
        rows={name: _row(row, file, name) for name, row in rows.items()},
        table_delay=_numbers(table["delay"], file, "table.delay"),
        table_luts=_numbers(table["luts"], file, "table.luts"),
    )
    if len(model.table_delay) != len(model.table_luts):
        raise TimingError(f"device file '{file}': table.delay and table.luts differ in length")
    return model


def _target(name: Any, file: str) -> str:
    if name not in TARGETS:
        raise TimingError(
            f"device file '{file}': unknown target",
            received=repr(name),
            hint=f"Known: {', '.join(TARGETS)}",
        )
    return str(name)


def _row(row: Any, file: str, name: str) -> Row:
    if not isinstance(row, dict) or set(row) != {"delay", "luts"}:
        raise TimingError(f"device file '{file}': row '{name}' needs delay and luts")
    pairs = []
    for key in ("delay", "luts"):
        pair = _numbers(row[key], file, f"{name}.{key}")
        if len(pair) != 2:
            raise TimingError(
                f"device file '{file}': '{name}.{key}' is [base, per bit]", received=str(row[key])
            )
        pairs.append((pair[0], pair[1]))
    return Row(*pairs)


def _numbers(values: Any, file: str, key: str) -> tuple[float, ...]:
    return tuple(
        _number(value, file, key) for value in (values if isinstance(values, list) else [values])
    )


def _number(value: Any, file: str, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise TimingError(
            f"device file '{file}': '{key}' must be a number that is not negative",
            received=repr(value),
        )
    return value
