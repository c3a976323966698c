"""The AXI4-Stream shell: full rate, gaps and back-pressure, packets cut short, a reset midway."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cocotb
from bench import read_vectors
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

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

    beats: list[tuple[str, str, int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    """The clock at which each beat went in."""
    errors: list[str] = field(default_factory=list)
    cut_short: int = 0


class Shell:
    """The ports of the shell, one clock at a time."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.stimuli = samples("inputs.hex", "inputs", AXIS["in_beat"], AXIS["in_beats"])
        self.expected = samples("outputs.hex", "outputs", AXIS["out_beat"], AXIS["out_beats"])
        assert len(self.stimuli) == len(self.expected), "as many outputs as inputs"
        self.clock = 0

    async def start(self) -> None:
        """Start the clock and hold the reset."""
        self.drive(None, False)
        self.dut.aclk.value = 0
        self.dut.aresetn.value = 0
        Clock(self.dut.aclk, PERIOD_NS, "ns").start(start_high=True)
        for _ in range(4):
            await FallingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1

    def drive(self, beat: Beat | None, ready: bool, rubbish: int = 0) -> None:
        """Offer a beat, or rubbish without TVALID."""
        data, last = (rubbish, True) if beat is None else beat
        self.dut.s_axis_tvalid.value = int(beat is not None)
        self.dut.s_axis_tdata.value = data
        self.dut.s_axis_tlast.value = int(last)
        self.dut.m_axis_tready.value = int(ready)

    async def play(
        self,
        beats: Sequence[Beat],
        wanted: int,
        offer: Callable[[], bool] = lambda: True,
        accept: Callable[[], bool] = lambda: True,
    ) -> Found:
        """Send all beats and wait for ``wanted`` beats; a few clocks more, for what is too much.

        Driven and read on falling edges: no output depends on an input of the same clock.
        """
        found, sent, offered, idle = Found(), 0, False, 0
        held: tuple[str, str] | None = None
        patience = 4 * FACTS["latency"] + 400
        edge = FallingEdge(self.dut.aclk)
        mask = (1 << AXIS["in_beat"]) - 1
        while idle < patience:
            taken, valid = str(self.dut.s_axis_tready.value), str(self.dut.m_axis_tvalid.value)
            now = (str(self.dut.m_axis_tdata.value), str(self.dut.m_axis_tlast.value))
            found.cut_short += str(self.dut.cut_short.value) == "1"
            if valid not in ("0", "1") or taken not in ("0", "1"):
                found.errors.append(f"unknown TVALID or TREADY at clock {self.clock}")
            if held is not None and (valid != "1" or now != held):
                found.errors.append(f"m_axis changed while waiting, at clock {self.clock}")
            # A beat once offered stays until it is taken.
            offered = sent < len(beats) and (offered or offer())
            ready = accept()
            beat = beats[sent] if offered else None
            self.drive(beat, ready, 0 if beat else mask)
            if offered and taken == "1":
                sent, offered, idle = sent + 1, False, 0
                found.taken.append(self.clock)
            held = now if valid == "1" and not ready else None
            if valid == "1" and ready:
                found.beats.append((*now, self.clock))
                idle = 0
            idle += 1
            self.clock += 1
            await edge
            if len(found.beats) == wanted and sent == len(beats):
                patience = min(patience, FACTS["latency"] + 20)
        return found


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
            wrong.append({"vector": vector, "sample": index, "rtl": [one[0] for one in got]})
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

    def odds(choices: Sequence[float], seed: int) -> Callable[[], bool]:
        own, state = random.Random(seed), {"left": 0, "chance": 1.0}

        def decide() -> bool:
            if state["left"] == 0:
                state.update(left=own.randint(1, stretch), chance=own.choice(choices))
            state["left"] -= 1
            return own.random() < state["chance"]

        return decide

    found = await shell.play(
        beats,
        AXIS["out_beats"] * len(sent),
        odds((0.2, 0.7, 1.0), 3),
        odds((0.0, 0.2, 0.7, 1.0), 4),
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
        sent = iter(early)
        for clock in range(stop + 20 * (not ready)):
            shell.drive(next(sent, None), ready and clock < stop)
            await FallingEdge(dut.aclk)
        dut.aresetn.value = 0
        shell.drive(None, False)
        await FallingEdge(dut.aclk)
        dut.aresetn.value = 1
    count = min(len(shell.stimuli), GAP_VECTORS)
    late = [(i, i % 5 == 0) for i in reversed(range(count))]
    beats = [beat for i, last in late for beat in packet(shell.stimuli[i], last)]
    found = await shell.play(beats, AXIS["out_beats"] * len(late))
    report("reset_midway", shell, late, found)
