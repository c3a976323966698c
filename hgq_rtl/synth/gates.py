"""Simulates a pipeline of gates on a stream of samples, all clocks at once.

The value of a wire over time is one Python integer whose bit t is its value in clock t: a gate is
one operation on integers, and a flip-flop a shift by one. That works because a pipeline without
feedback has an order in which every wire can be computed before it is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import SynthError

Bit = int | str
_GATES = {"$_AND_": ("A", "B"), "$_NOT_": ("A",), "$_DFF_P_": ("D",)}


def simulate(path: Path, top: str, inputs: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Each output port's integer in every clock.

    ``path``: JSON that Yosys wrote, of one module of ``$_AND_``, ``$_NOT_`` and ``$_DFF_P_``.
    ``inputs``: an unsigned integer for each clock by port; ports not named are all ones (a valid
    that is always high). Registers start at 0. Raises SynthError for feedback and other cells.
    """
    module = json.loads(path.read_text())["modules"][top]
    clocks = len(next(iter(inputs.values())))
    ones = (1 << clocks) - 1
    wave: dict[Bit, int] = {"0": 0, "1": ones, "x": 0}
    for name, port in module["ports"].items():
        if port["direction"] == "input":
            width = len(port["bits"])
            streams = _columns(inputs[name], width) if name in inputs else [ones] * width
            wave.update(zip(port["bits"], streams, strict=True))
    for cell in _in_order(module, wave):
        pins = cell["connections"]
        a = wave[pins[_GATES[cell["type"]][0]][0]]
        if cell["type"] == "$_AND_":
            wave[pins["Y"][0]] = a & wave[pins["B"][0]]
        elif cell["type"] == "$_NOT_":
            wave[pins["Y"][0]] = a ^ ones
        else:
            wave[pins["Q"][0]] = (a << 1) & ones
    return {
        name: _rows([wave[bit] for bit in port["bits"]], clocks)
        for name, port in module["ports"].items()
        if port["direction"] == "output"
    }


def _in_order(module: dict[str, Any], known: Mapping[Bit, int]) -> list[dict[str, Any]]:
    """All cells, drivers before readers."""
    waiting: dict[Bit, list[int]] = {}
    missing: list[int] = []
    cells = list(module["cells"].values())
    for j, cell in enumerate(cells):
        if cell["type"] not in _GATES:
            raise SynthError(f"the netlist has a cell '{cell['type']}' that is no gate")
        bits = {cell["connections"][pin][0] for pin in _GATES[cell["type"]]} - set(known)
        missing.append(len(bits))
        for bit in bits:
            waiting.setdefault(bit, []).append(j)
    ready = [j for j, n in enumerate(missing) if n == 0]
    order = []
    while ready:
        cell = cells[ready.pop()]
        order.append(cell)
        out = cell["connections"]["Q" if cell["type"] == "$_DFF_P_" else "Y"][0]
        for j in waiting.get(out, ()):
            missing[j] -= 1
            if missing[j] == 0:
                ready.append(j)
    if len(order) < len(cells):
        raise SynthError("the netlist has feedback, or a wire that nothing drives")
    return order


def _columns(values: list[int], width: int) -> list[int]:
    """For each bit, LSB first, the integer of its values over time."""
    size = (width + 7) // 8
    raw = b"".join(v.to_bytes(size, "little") for v in values)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(len(values), size), axis=1,
                         bitorder="little")[:, :width]  # fmt: skip
    packed = np.packbits(bits, axis=0, bitorder="little")
    return [int.from_bytes(packed[:, j].tobytes(), "little") for j in range(width)]


def _rows(columns: list[int], clocks: int) -> list[int]:
    """The inverse: an integer for each clock."""
    size = (clocks + 7) // 8
    raw: NDArray[np.uint8] = np.frombuffer(
        b"".join(c.to_bytes(size, "little") for c in columns), np.uint8
    ).reshape(len(columns), size)
    bits = np.unpackbits(raw, axis=1, bitorder="little")[:, :clocks]
    packed = np.packbits(bits, axis=0, bitorder="little")
    return [int.from_bytes(packed[:, t].tobytes(), "little") for t in range(clocks)]
