"""Every vector at one per clock, then with random gaps; every output bit and every valid_out."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cocotb
from bench import Bench
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

PERIOD_NS = 8
KEEP = 16
"""Mismatching vectors whose values are written to the result."""
GAP_VECTORS = 2000
"""The pass with gaps stops here: it looks for faults of control, which show early."""
PASSES: dict[str, dict[str, Any]] = {}

Clocks = Iterable[int | None]
"""What to send at each clock: the index of a vector, or None for a clock without one."""


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """One vector per clock."""
    bench = Bench(dut)
    await check("back_to_back", bench, range(len(bench.stimuli)))


@cocotb.test()
async def with_gaps(dut: Any) -> None:
    """Vectors at random clocks, rubbish on the inputs between them."""
    bench = Bench(dut)
    gaps = random.Random(1)
    clocks: list[int | None] = []
    for index in range(min(len(bench.stimuli), GAP_VECTORS)):
        # Runs of up to three, so that single vectors, pairs and gaps of all lengths occur.
        while gaps.random() < 0.4:
            clocks.append(None)
        clocks.append(index)
    await check("with_gaps", bench, clocks)


async def check(name: str, bench: Bench, clocks: Clocks) -> None:
    """Run one pass, write what was found, and fail the test unless all of it is right."""
    found = await run(bench, clocks)
    PASSES[name] = found
    result = Path(os.environ["HGQ_RTL_RESULT"])
    result.write_text(json.dumps({"passes": PASSES}, indent=1) + "\n")
    assert found["vectors"] > 0, "no vector ran"
    assert found["valid_errors"] == 0, f"valid_out is wrong: {found['first_valid_error']}"
    assert found["mismatches"] == 0, f"wrong vectors: {found['wrong'][0]}"


async def run(bench: Bench, clocks: Clocks) -> dict[str, Any]:
    """Drive on falling edges, and look at the outputs just before driving."""
    start(bench)
    edge = FallingEdge(bench.clk)
    latency, drain = bench.latency, 2 * bench.latency + 4
    # First nothing, from power-up on: valid_out must be low although the pipeline holds anything.
    sent = [*itertools.repeat(None, latency + 2), *clocks]
    # A design without registers answers in the same clock: look at it before the rising edge.
    settle = Timer(PERIOD_NS // 4, "ns") if latency == 0 else None
    watch = Watch(bench)
    await Timer(1, "ns")
    drives = itertools.chain(sent, itertools.repeat(None, latency + drain))
    answers = itertools.chain(itertools.repeat(None, latency), sent, itertools.repeat(None, drain))
    rubbish = tuple(0 for _ in bench.inputs)
    for clock, (now, due) in enumerate(zip(drives, answers, strict=True)):
        if settle is None:
            watch.look(clock, due)
        if now is None:
            bench.drive(False, rubbish)
        else:
            values = bench.stimuli[now]
            bench.drive(True, values)
            rubbish = tuple(v ^ m for v, m in zip(values, bench.masks, strict=True))
            if watch.first_in is None:
                watch.first_in = clock
        if settle is not None:
            await settle
            watch.look(clock, due)
        await edge
    return watch.found()


def start(bench: Bench) -> None:
    """Start the clock, with nothing on the inputs."""
    bench.clk.value = 0
    bench.drive(False, tuple(0 for _ in bench.inputs))
    Clock(bench.clk, PERIOD_NS, "ns").start(start_high=False)


class Watch:
    """Compares the outputs of each clock with what is due, and counts."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.valid, self.outputs = bench, bench.valid_out, bench.outputs
        self.vectors = self.mismatches = self.valid_errors = 0
        self.wrong: list[dict[str, Any]] = []
        # The bits of each output bus that were 1, and that were 0, in vectors that are right.
        self.ones, self.zeros = [0] * len(self.outputs), [0] * len(self.outputs)
        self.first_valid_error = ""
        self.first_in: int | None = None
        self.first_out: int | None = None

    def look(self, clock: int, due: int | None) -> None:
        """One clock: valid_out, and all outputs if vector ``due`` is due."""
        valid = str(self.valid.value)
        if valid != ("0" if due is None else "1"):
            self.valid_errors += 1
            if not self.first_valid_error:
                self.first_valid_error = (
                    f"{valid} at clock {clock}, expected {int(due is not None)}"
                )
        if valid == "1" and self.first_out is None:
            self.first_out = clock
        if due is None:
            return
        self.vectors += 1
        # Compared as text of 0 and 1: an unknown bit differs from both.
        bits = [str(bus.value) for bus in self.outputs]
        wanted = self.bench.wanted(due)
        if bits == wanted:
            for bus, value in enumerate(self.bench.expected[due]):
                self.ones[bus] |= value
                self.zeros[bus] |= ~value
            return
        self.mismatches += 1
        if len(self.wrong) < KEEP:
            self.wrong.append({"vector": due, "rtl": bits, "wanted": wanted})

    def found(self) -> dict[str, Any]:
        """The counts, and the latency that was seen."""
        seen = None
        if self.first_in is not None and self.first_out is not None:
            seen = self.first_out - self.first_in
        masks = self.bench.output_masks
        points = [*self.ones, *(z & m for z, m in zip(self.zeros, masks, strict=True))]
        return {
            "vectors": self.vectors,
            "mismatches": self.mismatches,
            "wrong": self.wrong,
            "output_points": sum(one.bit_count() for one in points),
            "output_bits": 2 * sum(mask.bit_count() for mask in masks),
            "latency_seen": seen,
            "valid_errors": self.valid_errors,
            "first_valid_error": self.first_valid_error,
        }
