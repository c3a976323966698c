"""The slowest path of a synthesized Xilinx netlist, before placement: cells plus one net a hop.

The same numbers for every netlist, whoever wrote the Verilog, so that designs can be compared
without Vivado; routing beyond one usual hop is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hgq_rtl.errors import SynthError
from hgq_rtl.synth.hierarchy import Bit, Cell, flattened

# Picoseconds of an UltraScale+ -2. Cells: the FloPoCo project, read from Vivado's reports of an
# xcvu3p-2 (src/Targets/VirtexUltrascalePlus.hpp). NET, MUXF and the register are estimates, the
# same as in timing/devices/xcvu13p-2.toml.
NET, CLK_TO_Q, SETUP, MUXF = 250, 80, 30, 60
LUTS = {"INV": 0, "LUT1": 50, "LUT2": 50, "LUT3": 43, "LUT4": 43, "LUT5": 43, "LUT6": 119,
        "LUT6_2": 119}  # fmt: skip
S_TO_CO, S_TO_O, CI_TO_O, CI_TO_CO = 115, 150, 116, 20
"""Of CARRY4 (S to O estimated); a CARRY8 takes 41 from CIN to the CIN of the next."""

_REGISTERS = ("FDRE", "FDSE", "FDCE", "FDPE", "SRL16E", "SRLC32E")
_IGNORED = ("BUFG", "IBUF", "OBUF", "$scopeinfo")

Arc = tuple[Bit, Bit, int]
"""From an input bit to an output bit of a cell, in picoseconds, the net in front included."""


def slowest_path(netlist: Path, top: str) -> tuple[int, list[str]]:
    """Picoseconds from register to register, and the types of the cells on the slowest path.

    ``netlist``: JSON that Yosys wrote for a Xilinx family. Raises SynthError for cells without a
    delay, and for feedback.
    """
    paths = _Paths(flattened(json.loads(netlist.read_text())["modules"], top))
    total, bit = max(
        ((paths.arrival.get(bit, 0) + delay, bit) for bit, delay, _ in paths.ends),
        key=lambda end: end[0],
        default=(0, ""),
    )
    path: list[str] = []
    while bit in paths.before:
        bit, kind = paths.before[bit]
        path.append(kind)
    return total, path[::-1]


def slowest_by_module(netlist: Path, top: str) -> dict[str, int]:
    """Picoseconds of the slowest path from register to register through each module's own cells.

    ``netlist`` as for ``slowest_path``, with the modules kept apart. A path through several
    modules counts for each of them.
    """
    paths = _Paths(flattened(json.loads(netlist.read_text())["modules"], top))
    rest: dict[Bit, int] = {}
    slowest: dict[str, int] = {}
    for bit, delay, module in paths.ends:
        rest[bit] = max(rest.get(bit, 0), delay)
        slowest[module] = max(slowest.get(module, 0), paths.arrival.get(bit, 0) + delay)
    for bit in reversed(paths.order):
        for before, delay, _, module in paths.into[bit] if bit in rest else ():
            rest[before] = max(rest.get(before, 0), delay + rest[bit])
            total = paths.arrival[before] + delay + rest[bit]
            slowest[module] = max(slowest.get(module, 0), total)
    return slowest


class _Paths:
    """When every bit of a netlist arrives, and through which cell it does last.

    ``into``: for a bit the arcs that end there, each with the bit it begins at, its delay, the type
    of its cell and that cell's module. ``order``: those bits, none before what it depends on.
    ``ends``: inputs of registers, with the delay from there to the clock and the register's module.
    """

    def __init__(self, cells: list[tuple[str, Cell]]) -> None:
        self.arrival: dict[Bit, int] = {}
        self.before: dict[Bit, tuple[Bit, str]] = {}
        self.into: dict[Bit, list[tuple[Bit, int, str, str]]] = {}
        self.order: list[Bit] = []
        self.ends: list[tuple[Bit, int, str]] = []
        driver, readers = _nets(cells)
        users: dict[Bit, list[Bit]] = {}
        for module, cell in cells:
            kind, pins = cell["type"], cell["connections"]
            if kind in _REGISTERS:
                self.arrival.update((bit, CLK_TO_Q) for bit in pins["Q"])
                self.ends += [
                    (bit, SETUP + _hop(bit, driver, readers), module) for bit in pins["D"]
                ]
            elif kind not in _IGNORED:
                for a, b, delay in _arcs(cell, driver, readers):
                    if a in driver:
                        self.into.setdefault(b, []).append((a, delay, kind, module))
                        users.setdefault(a, []).append(b)
        missing = {b: len(arcs) for b, arcs in self.into.items()}
        ready = [bit for bit in driver if bit not in self.into]
        while ready:
            at = ready.pop()
            if at in self.into:
                self.order.append(at)
                last, delay, kind, _ = max(
                    self.into[at], key=lambda arc: self.arrival[arc[0]] + arc[1]
                )
                self.arrival[at], self.before[at] = self.arrival[last] + delay, (last, kind)
            self.arrival.setdefault(at, 0)
            for b in users.get(at, ()):
                missing[b] -= 1
                if not missing[b]:
                    ready.append(b)
        if len(self.order) < len(self.into):
            raise SynthError("the netlist has feedback")


def _nets(cells: list[tuple[str, Cell]]) -> tuple[dict[Bit, str], dict[Bit, int]]:
    """The type of the cell that drives each net, and how many pins read it."""
    driver: dict[Bit, str] = {}
    readers: dict[Bit, int] = {}
    for _, cell in cells:
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"][pin] == "output":
                    driver[bit] = cell["type"]
                else:
                    readers[bit] = readers.get(bit, 0) + 1
    return driver, readers


def _hop(bit: Bit, driver: Mapping[Bit, str], readers: Mapping[Bit, int]) -> int:
    """The net into a register: none from the LUT or carry beside it."""
    beside = driver.get(bit, "")[:3] in ("LUT", "CAR", "MUX") and readers[bit] == 1
    return 0 if beside else NET


def _arcs(
    cell: Mapping[str, Any], driver: Mapping[Bit, str], readers: Mapping[Bit, int]
) -> Iterator[Arc]:
    kind, pins = cell["type"], cell["connections"]
    if kind in LUTS:
        net = 0 if kind == "INV" else NET  # inverters vanish into LUTs
        for pin, out in _dependent(cell):
            yield pins[pin][0], pins[out][0], net + LUTS[kind]
    elif kind.startswith("MUXF"):
        for pin in ("I0", "I1", "S"):
            yield pins[pin][0], pins["O"][0], MUXF + (NET if pin == "S" else 0)
    elif kind == "CARRY4":
        for k in range(4):
            for pin in ("S", "DI"):
                bit = pins[pin][k]
                net = _slice_input(bit, pin, driver, readers)
                for j in range(k, 4):
                    yield bit, pins["CO"][j], net + S_TO_CO
                    if j > k or pin == "S":
                        yield bit, pins["O"][j], net + S_TO_O
        for pin in ("CI", "CYINIT"):
            bit = pins[pin][0]
            net = 0 if driver.get(bit) == "CARRY4" and pin == "CI" else NET
            for j in range(4):
                yield bit, pins["CO"][j], net + CI_TO_CO
                yield bit, pins["O"][j], net + CI_TO_O
    else:
        raise SynthError(f"no delay for a cell '{kind}'", hint="Netlists of Xilinx families only")


def _dependent(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Inputs of a LUT and the outputs that they change: O5 of a pair may read only some."""
    if cell["type"] == "INV":
        yield "I", "O"
        return
    init = cell["parameters"]["INIT"][::-1]
    size = int(cell["type"][3])
    halves = {"O6": init, "O5": init[:32]} if "O6" in cell["connections"] else {"O": init}
    for out, table in halves.items():
        for k in range(size):
            step = 1 << k
            if step < len(table) and any(
                table[n] != table[n + step] for n in range(len(table)) if not n & step
            ):
                yield f"I{k}", out


def _slice_input(bit: Bit, pin: str, driver: Mapping[Bit, str], readers: Mapping[Bit, int]) -> int:
    """What it takes to reach S or DI of a carry: nothing from the LUT of the same bit."""
    if driver.get(bit, "").startswith("LUT") and (readers[bit] == 1 or driver[bit] == "LUT6_2"):
        return 0
    return NET + (LUTS["LUT1"] if pin == "S" else 0)
