"""What the testbenches share: the vectors, and one packed access per bus and clock."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Values = list[tuple[int, ...]]
"""One tuple per vector, one integer per bus."""


class Bench:
    """The buses of the design and the vectors to drive, from the files named by run.py."""

    def __init__(self, dut: Any) -> None:
        facts = json.loads(Path(os.environ["HGQ_RTL_BENCH"]).read_text())
        folder = Path(os.environ["HGQ_RTL_VECTORS"])
        self.latency: int = facts["latency"]
        self.clk, self.valid_in, self.valid_out = dut.clk, dut.valid_in, dut.valid_out
        self.inputs = [getattr(dut, bus["bus"]) for bus in facts["inputs"]]
        self.outputs = [getattr(dut, bus["bus"]) for bus in facts["outputs"]]
        self.formats = [f"0{bus['width']}b" for bus in facts["outputs"]]
        self.masks = [(1 << bus["width"]) - 1 for bus in facts["inputs"]]
        self.output_masks = [(1 << bus["width"]) - 1 for bus in facts["outputs"]]
        self.stimuli = read_vectors(folder / "inputs.hex", len(self.inputs))
        self.expected = read_vectors(folder / "outputs.hex", len(self.outputs))
        if len(self.stimuli) != len(self.expected):
            raise ValueError(
                f"{len(self.stimuli)} input vectors, {len(self.expected)} output vectors"
            )

    def wanted(self, index: int) -> list[str]:
        """The bits of every output bus for one vector."""
        values = self.expected[index]
        return [format(v, bits) for v, bits in zip(values, self.formats, strict=True)]

    def drive(self, valid: bool, values: tuple[int, ...]) -> None:
        """Put one vector on the inputs."""
        self.valid_in.value = int(valid)
        for bus, value in zip(self.inputs, values, strict=True):
            bus.value = value


def read_vectors(path: Path, buses: int) -> Values:
    """Lines of one hexadecimal number per bus; a design without buses has lines of ``-``."""
    lines = path.read_text().split("\n")[:-1]
    if buses == 0:
        return [()] * len(lines)
    vectors = [tuple([int(word, 16) for word in line.split(" ")]) for line in lines]
    for number, vector in enumerate(vectors, start=1):
        if len(vector) != buses:
            raise ValueError(f"{path.name} line {number}: {len(vector)} numbers for {buses} buses")
    return vectors
