"""Delay and area of one node on one device, read from a TOML of rows with sources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hgq_rtl.errors import TimingError
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import ADD, MASKED_SUM3, SUM3
from hgq_rtl.ir.ops.lookup import is_lut
from hgq_rtl.timing.arrival import WIRES, Transfer
from hgq_rtl.timing.sizes import FREE, SIZES, WIRING, adder_luts, sum3_luts

TARGETS = ("generic", "xilinx-us+", "xilinx-7", "ecp5")
"""Families of devices: ``generic`` gets portable Verilog only."""

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
    def has_lut6(self) -> bool:
        """Whether LUTs of six inputs and two outputs on a carry chain can be made by name.

        They add three numbers, or a Booth row, at one LUT per bit.
        """
        return self.target in ("xilinx-us+", "xilinx-7")

    @property
    def keep_sums(self) -> bool:
        """Whether synthesis has to be told to leave every sum on a carry chain of its own.

        Yosys joins sums that nothing else reads. Of LUTs of four inputs that takes more, in longer
        paths.
        """
        return self.target == "ecp5"

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
        if node.op in (SUM3, MASKED_SUM3):
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
