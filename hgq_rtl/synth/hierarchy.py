"""A netlist of several modules as one list of cells, which know what module they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Bit = int | str
"""A net: its number, with the path of its instance in front where there are several; a constant."""
CONSTANTS = ("0", "1", "x", "z")
Cell = Mapping[str, Any]
"""A cell as Yosys writes it to JSON."""


def flattened(modules: Mapping[str, Any], top: str) -> list[tuple[str, Cell]]:
    """The cells of ``top`` and of all modules in it, each with its module's name, on common nets.

    ``modules`` as Yosys writes them to JSON; a type that is none of them is a cell.
    """
    same: dict[Bit, Bit] = {}

    def net(bit: Bit) -> Bit:
        while bit in same:
            bit = same[bit]
        return bit

    found: list[tuple[str, Cell]] = []
    stack = [(top, "")]
    while stack:
        name, path = stack.pop()
        for instance, cell in modules[name]["cells"].items():
            pins = {pin: [_named(bit, path) for bit in bits]
                    for pin, bits in cell["connections"].items()}  # fmt: skip
            inner = modules.get(cell["type"])
            if inner is None or int(inner.get("attributes", {}).get("blackbox", "0"), 2):
                found.append((name, {**cell, "connections": pins}))
                continue
            below = f"{path}{instance}/"
            stack.append((cell["type"], below))
            for port, fact in inner["ports"].items():
                for outside, bit in zip(pins[port], fact["bits"], strict=True):
                    a, b = net(outside), net(_named(bit, below))
                    if a != b:
                        # A constant has nothing behind it.
                        same.update({a: b} if a not in CONSTANTS else {b: a})
    return [
        (name, {**cell, "connections": {p: [net(b) for b in bits]
                                        for p, bits in cell["connections"].items()}})
        for name, cell in found
    ]  # fmt: skip


def _named(bit: Bit, path: str) -> Bit:
    """A net of one instance of a module; constants are the same everywhere."""
    return f"{path}{bit}" if path and bit not in CONSTANTS else bit
