"""The AXI4-Stream shell: full rate, gaps and back-pressure, packets cut short, a reset midway."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cocotb
from bench import read_vectors
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from handshake import Pace, StreamSink, StreamSource, bursts, every_clock

PERIOD_NS = 8
GAP_VECTORS = 2000
"""All passes but the first stop here: they look for faults of control, which show early."""
KEEP = 16
FACTS: dict[str, Any] = json.loads(Path(os.environ["HGQ_RTL_BENCH"]).read_text())
AXIS: dict[str, Any] = FACTS["axis"]
PASSES: dict[str, dict[str, Any]] = {}

Beat = tuple[int, bool]
"""Data and TLAST."""
Sample = tuple[int, ...]


def samples(name: str, ports: str, beat: int, beats: int) -> list[Sample]:
    """The vectors of a file as the beats of each sample."""
    widths = [bus["width"] for bus in FACTS[ports]]
    found = []
    for values in read_vectors(Path(os.environ["HGQ_RTL_VECTORS"]) / name, len(widths)):
        word = low = 0
        for value, width in zip(values, widths, strict=True):
            word |= value << low
            low += width
        found.append(tuple(word >> (beat * i) & ((1 << beat) - 1) for i in range(beats)))
    return found


@dataclass
class Found:
    """What came out of the shell: beats with the clock of each, and breaches of the protocol."""

    beats: list[tuple[str, str, int]]
    taken: list[int]
    """The clock at which each beat went in."""
    errors: list[str] = field(default_factory=list)
    cut_short: int = 0


class Shell:
    """The two streams of the shell."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.stimuli = samples("inputs.hex", "inputs", AXIS["in_beat"], AXIS["in_beats"])
        self.expected = samples("outputs.hex", "outputs", AXIS["out_beat"], AXIS["out_beats"])
        assert len(self.stimuli) == len(self.expected), "as many outputs as inputs"

    async def start(self) -> None:
        """Start the clock and hold the reset."""
        self.dut.aclk.value = 0
        self.dut.aresetn.value = 0
        Clock(self.dut.aclk, PERIOD_NS, "ns").start(start_high=True)
        s_axis, m_axis = (
            [
                getattr(self.dut, f"{side}_axis_{name}")
                for name in ("tvalid", "tready", "tdata", "tlast")
            ]
            for side in "sm"
        )
        self.source = StreamSource(self.dut.aclk, *s_axis)
        self.sink = StreamSink(self.dut.aclk, *m_axis, pace=itertools.repeat(False))
        for _ in range(4):
            await FallingEdge(self.dut.aclk)
        self.release()

    def release(self) -> None:
        """End the reset; what was before is gone."""
        self.source.clear()
        self.sink.clear()
        self.dut.aresetn.value = 1

    async def play(
        self,
        beats: Sequence[Beat],
        wanted: int,
        offer: Pace | None = None,
        accept: Pace | None = None,
    ) -> Found:
        """Send all beats and wait for ``wanted`` beats; a few clocks more, for what is too much."""
        source, sink = self.source, self.sink
        source.pace, sink.pace = offer or every_clock(), accept or every_clock()
        source.taken.clear()
        source.queue(beats)
        patience, idle, before, cut_short = 4 * FACTS["latency"] + 400, 0, (0, 0), 0
        edge = FallingEdge(self.dut.aclk)
        while idle < patience:
            await edge
            now = (len(source.taken), len(sink.came))
            idle = idle + 1 if now == before else 0
            before = now
            cut_short += str(self.dut.cut_short.value) == "1"
            if now == (len(beats), wanted):
                patience = min(patience, FACTS["latency"] + 20)
        sink.pace = itertools.repeat(False)
        return Found(list(sink.came), list(source.taken), list(sink.errors), cut_short)


def report(name: str, shell: Shell, sent: Sequence[tuple[int | None, bool]], found: Found) -> None:
    """Compare the samples that came with those that were sent, and write what was found.

    ``sent``: for each sample the vector whose outputs it must have (None: any), and TLAST.
    """
    count, mismatches, wrong = AXIS["out_beats"], 0, []
    form = f"0{AXIS['out_beat']}b"
    if len(found.beats) != count * len(sent):
        found.errors.append(f"{len(found.beats)} beats came of {count * len(sent)}")
    for index, (vector, last) in enumerate(sent):
        got = found.beats[index * count : (index + 1) * count]
        lasts = "".join(one[1] for one in got)
        if lasts != "0" * (count - 1) + str(int(last)):
            found.errors.append(f"TLAST of sample {index} is {lasts}")
        if vector is None:
            continue
        want = [format(beat, form) for beat in shell.expected[vector]]
        if [one[0] for one in got] != want:
            mismatches += 1
            rtl = [one[0] for one in got]
            wrong.append({"vector": vector, "sample": index, "rtl": rtl, "wanted": want})
    PASSES[name] = {
        "vectors": len(sent),
        "mismatches": mismatches,
        "wrong": wrong[:KEEP],
        "protocol_errors": len(found.errors),
        "first_protocol_error": found.errors[0] if found.errors else "",
    }
    Path(os.environ["HGQ_RTL_RESULT"]).write_text(json.dumps({"passes": PASSES}, indent=1) + "\n")
    assert sent, "no vector ran"
    assert not found.errors, found.errors[0]
    assert not mismatches, f"wrong samples: {wrong[0]}"


def packet(sample: Sample, last: bool) -> list[Beat]:
    """The beats of one sample; TLAST on its last beat if it ends a packet."""
    return [(beat, last and i == len(sample) - 1) for i, beat in enumerate(sample)]


@cocotb.test()
async def full_rate(dut: Any) -> None:
    """Never a gap on either side: a sample comes at every interval, from the first to the last."""
    shell = Shell(dut)
    await shell.start()
    sent = [(i, i % 7 == 6) for i in range(len(shell.stimuli))]
    beats = [beat for i, last in sent for beat in packet(shell.stimuli[i], last)]
    found = await shell.play(beats, AXIS["out_beats"] * len(sent))
    interval = max(AXIS["in_beats"], AXIS["out_beats"])
    first = [clock for _, _, clock in found.beats[:: AXIS["out_beats"]]]
    for index, (a, b) in enumerate(itertools.pairwise(first)):
        if b - a != interval:
            found.errors.append(f"sample {index + 1} came {b - a} clocks after the one before")
    waited = first[0] - found.taken[AXIS["in_beats"] - 1] if first else None
    if waited != AXIS["latency"]:
        found.errors.append(f"the first result came after {waited} clocks, not {AXIS['latency']}")
    report("full_rate", shell, sent, found)


@cocotb.test()
async def back_pressure(dut: Any) -> None:
    """Random gaps and stalls whose odds change from stretch to stretch, with full stops."""
    shell, draw = Shell(dut), random.Random(2)
    await shell.start()
    sent = [(i, draw.random() < 0.2) for i in range(min(len(shell.stimuli), GAP_VECTORS))]
    beats = [beat for i, last in sent for beat in packet(shell.stimuli[i], last)]
    stretch = 3 * FACTS["latency"] + 40
    found = await shell.play(
        beats,
        AXIS["out_beats"] * len(sent),
        bursts(3, (0.2, 0.7, 1.0), stretch),
        bursts(4, (0.0, 0.2, 0.7, 1.0), stretch),
    )
    report("back_pressure", shell, sent, found)


@cocotb.test(skip=AXIS["in_beats"] == 1)
async def cut_short(dut: Any) -> None:
    """Packets that end inside a sample: zeros take the place of what is missing."""
    shell = Shell(dut)
    await shell.start()
    # Samples whose upper beats are zero: cut there, they are still themselves.
    same = [(i, n) for i, s in enumerate(shell.stimuli) for n in range(1, len(s)) if not any(s[n:])]
    cuts: list[tuple[int | None, int]] = [*same[:20]]
    cuts += [(None, n) for n in range(1, min(AXIS["in_beats"], 20))]
    beats: list[Beat] = []
    sent: list[tuple[int | None, bool]] = []
    for index, (vector, length) in enumerate(cuts):
        whole = index % len(shell.stimuli)
        sample = shell.stimuli[whole if vector is None else vector][:length]
        beats += packet(shell.stimuli[whole], False) + packet(sample, True)
        sent += [(whole, False), (vector, True)]
    found = await shell.play(beats, AXIS["out_beats"] * len(sent))
    if found.cut_short != len(cuts):
        found.errors.append(f"cut_short pulsed {found.cut_short} times for {len(cuts)} packets")
    report("cut_short", shell, sent, found)


@cocotb.test()
async def reset_midway(dut: Any) -> None:
    """A reset of one clock with samples in flight and waiting: none of them comes out after."""
    shell = Shell(dut)
    await shell.start()
    early = [beat for s in shell.stimuli[:64] for beat in packet(s, True)][: 64 + FACTS["latency"]]
    stop = FACTS["latency"] // 2 + 3
    for ready in (False, True):
        shell.sink.pace = itertools.repeat(ready)
        shell.source.queue(early)
        for _ in range(stop + 20 * (not ready)):
            await FallingEdge(dut.aclk)
        dut.aresetn.value = 0
        shell.source.clear()
        await FallingEdge(dut.aclk)
        shell.release()
    count = min(len(shell.stimuli), GAP_VECTORS)
    late = [(i, i % 5 == 0) for i in reversed(range(count))]
    beats = [beat for i, last in late for beat in packet(shell.stimuli[i], last)]
    found = await shell.play(beats, AXIS["out_beats"] * len(late))
    report("reset_midway", shell, late, found)
