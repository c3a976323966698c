"""Simulates a synthesized netlist through the vendor's cell models, a piece at a time.

As gates, a cell takes some fifty times the memory that it takes as a cell: Yosys makes gates of as
many cells as fit, and what these give is what the next ones get.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hgq_rtl.synth import gates
from hgq_rtl.synth.gates import Bit, Module
from hgq_rtl.synth.yosys import as_gates

PIECE = 10_000
"""Cells that are made gates at once: about a GiB."""

NO_LOGIC = ("$scopeinfo",)
"""Cells that are notes on what was flattened."""


def simulate(
    folder: Path, top: str, inputs: Mapping[str, list[int]], architecture: str
) -> dict[str, list[int]]:
    """Each output port's integer in every clock.

    ``folder``: where ``synthesize`` left ``netlist.json``. ``inputs``: an unsigned integer for each
    clock by port; ports not named are all ones (a valid that is always high). Registers start at 0.
    Raises SynthError for feedback.
    """
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    clocks = len(next(iter(inputs.values())))
    ones = (1 << clocks) - 1
    wave: dict[Bit, int] = {"0": 0, "1": ones, "x": 0}
    for name, bits in gates.ports(module, "input"):
        given = gates.waves(inputs[name], len(bits)) if name in inputs else [ones] * len(bits)
        wave.update(zip(bits, given, strict=True))
    for piece in pieces(module, frozenset(wave), PIECE):
        (_, into), (_, out) = (*gates.ports(piece, "input"), *gates.ports(piece, "output"))
        made = as_gates(folder, piece, architecture)
        found = gates.simulate(made, {"into": [wave[bit] for bit in into]}, clocks)
        wave.update(zip(out, found["out"], strict=True))
    return {
        name: gates.words([wave[bit] for bit in bits], clocks)
        for name, bits in gates.ports(module, "output")
    }


def pieces(module: Module, known: frozenset[Bit], size: int) -> Iterator[dict[str, Any]]:
    """The cells in the order of data, ``size`` at a time, as modules.

    Each has one input port, ``into``, of wires from outside, and one output port, ``out``, of all
    that its cells drive. ``known``: wires that no cell drives.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_LOGIC}
    order = gates.in_order({"cells": cells}, known)
    for start in range(0, len(order), size):
        some = order[start : start + size]
        out = sorted({bit for cell in some for bit in gates.pins(cell, "output")}, key=str)
        read = {bit for cell in some for bit in gates.pins(cell, "input")}
        yield {
            "ports": {
                "into": {"direction": "input", "bits": sorted(read.difference(out), key=str)},
                "out": {"direction": "output", "bits": out},
            },
            "cells": {f"c{j}": cell for j, cell in enumerate(some)},
            "netnames": {},
        }
