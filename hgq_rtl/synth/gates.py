"""Simulates a pipeline of gates on a stream of samples, all clocks at once.

The value of a wire over time is one Python integer whose bit t is its value in clock t: a gate is
one operation on integers, and a flip-flop a shift by one. That works because a pipeline without
feedback has an order in which every wire can be computed before it is read.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import SynthError

Bit = int | str
Module = Mapping[str, Any]
"""A module as Yosys writes it to JSON: ports and cells, their wires as numbers."""

CONSTANTS = ("0", "1", "x")


def simulate(
    module: Module, inputs: Mapping[str, Sequence[int]], clocks: int
) -> dict[str, list[int]]:
    """The waves of each output port, bit by bit from the LSB.

    ``module``: of ``$_AND_``, ``$_NOT_`` and ``$_DFF_P_``. ``inputs``: waves of each input port.
    Registers start at 0, and what is undefined is 0. Raises SynthError for feedback and for other
    cells.
    """
    ones = (1 << clocks) - 1
    wave: dict[Bit, int] = {"0": 0, "1": ones, "x": 0}
    for name, waves in inputs.items():
        wave.update(zip(module["ports"][name]["bits"], waves, strict=True))
    for cell in in_order(module, wave):
        kind, pins = cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items()}
        if kind == "$_AND_":
            wave[pins["Y"]] = wave[pins["A"]] & wave[pins["B"]]
        elif kind == "$_NOT_":
            wave[pins["Y"]] = wave[pins["A"]] ^ ones
        elif kind == "$_DFF_P_":
            wave[pins["Q"]] = (wave[pins["D"]] << 1) & ones
        else:
            raise SynthError(f"the netlist has a cell '{kind}' that is no gate")
    return {name: [wave[bit] for bit in bits] for name, bits in ports(module, "output")}


def ports(module: Module, direction: str) -> Iterator[tuple[str, list[Bit]]]:
    """Name and bits, LSB first, of each port of a direction."""
    for name, port in module["ports"].items():
        if port["direction"] == direction:
            yield name, port["bits"]


def pins(cell: Mapping[str, Any], direction: str) -> set[Bit]:
    """Wires at a cell's inputs or outputs."""
    return {
        bit
        for pin, bits in cell["connections"].items()
        if cell["port_directions"][pin] == direction
        for bit in bits
        if bit not in CONSTANTS
    }


def in_order(module: Module, known: Container[Bit]) -> list[dict[str, Any]]:
    """All cells, drivers before readers; ``known``: wires that no cell drives."""
    waiting: dict[Bit, list[int]] = {}
    missing: list[int] = []
    cells = list(module["cells"].values())
    for j, cell in enumerate(cells):
        bits = [bit for bit in pins(cell, "input") if bit not in known]
        missing.append(len(bits))
        for bit in bits:
            waiting.setdefault(bit, []).append(j)
    ready = [j for j, n in enumerate(missing) if n == 0]
    order = []
    while ready:
        cell = cells[ready.pop()]
        order.append(cell)
        for out in pins(cell, "output"):
            for j in waiting.get(out, ()):
                missing[j] -= 1
                if missing[j] == 0:
                    ready.append(j)
    if len(order) < len(cells):
        raise SynthError("the netlist has feedback, or a wire that nothing drives")
    return order


def waves(values: list[int], width: int) -> list[int]:
    """For each bit, LSB first, its wave, from an unsigned integer for each clock."""
    size = (width + 7) // 8
    raw = b"".join(v.to_bytes(size, "little") for v in values)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(len(values), size), axis=1,
                         bitorder="little")[:, :width]  # fmt: skip
    packed = np.packbits(bits, axis=0, bitorder="little")
    return [int.from_bytes(packed[:, j].tobytes(), "little") for j in range(width)]


def words(waves: Sequence[int], clocks: int) -> list[int]:
    """The inverse: an integer for each clock, from the waves of its bits."""
    size = (clocks + 7) // 8
    raw: NDArray[np.uint8] = np.frombuffer(
        b"".join(c.to_bytes(size, "little") for c in waves), np.uint8
    ).reshape(len(waves), size)
    bits = np.unpackbits(raw, axis=1, bitorder="little")[:, :clocks]
    packed = np.packbits(bits, axis=0, bitorder="little")
    return [int.from_bytes(packed[:, t].tobytes(), "little") for t in range(clocks)]
