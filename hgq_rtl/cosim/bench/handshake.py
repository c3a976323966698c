"""Words on wires: valid-only pipelines and AXI4-Streams, driven and watched, for cocotb.

Everything moves on falling edges and is looked at before the next rising one, when the logic has
settled; so TREADY may depend on TVALID of the same clock. Needs cocotb and nothing else: written
projects carry this file in ``sim/``, whose testbench of the AXI4-Stream shell is made of it, and
users of hgq_rtl get it through ``hgq_rtl.cosim``.
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, ReadOnly

Pace = Iterator[bool]
"""Whether to offer, or to take, at each clock."""
PATIENCE = 1000
"""Clocks without anything after which a bench gives up."""


def every_clock() -> Pace:
    """Never pause."""
    return itertools.repeat(True)


def bursts(seed: int, odds: Sequence[float] = (0.2, 0.7, 1.0), stretch: int = 40) -> Pace:
    """Pauses whose odds change after up to ``stretch`` clocks; odds of 0 are a full stop."""
    draw = random.Random(seed)
    while True:
        chance = draw.choice(odds)
        for _ in range(draw.randint(1, stretch)):
            yield draw.random() < chance


class Lanes:
    """One word on several signals, the first at the least significant end."""

    def __init__(self, signals: Sequence[Any]) -> None:
        self._signals = [(signal, len(signal)) for signal in signals]
        self.width = sum(width for _, width in self._signals)

    def write(self, word: int) -> None:
        """Drive a word."""
        for signal, width in self._signals:
            signal.value = word & ((1 << width) - 1)
            word >>= width

    def read(self) -> str:
        """The bits, the most significant first; an unknown one is no digit."""
        return "".join(str(signal.value) for signal, _ in reversed(self._signals))


class _Source:
    """What waits to be sent."""

    def __init__(self, clk: Any, pace: Pace | None) -> None:
        self.clk, self.pace = clk, pace or every_clock()
        self.clock = 0
        """Clocks since the start."""
        self.waiting: deque[Any] = deque()
        """What is not taken yet."""
        self._offered = self._taken = False

    async def idle(self, patience: int = PATIENCE) -> None:
        """Wait until all is taken. Fails after ``patience`` clocks in which nothing was."""
        left, since = len(self.waiting), self.clock
        while self.waiting:
            await FallingEdge(self.clk)
            if len(self.waiting) != left:
                left, since = len(self.waiting), self.clock
            assert self.clock - since < patience, (
                f"nothing was taken for {patience} clocks, and {left} still wait"
            )

    def clear(self) -> None:
        """Forget what waits and take back what is offered, as only a reset may."""
        self.waiting.clear()
        self._offered = self._taken = False


class ValidSource(_Source):
    """Drives words with a valid bit: what is offered is taken."""

    def __init__(self, clk: Any, valid: Any, lanes: Lanes, pace: Pace | None = None) -> None:
        super().__init__(clk, pace)
        self.valid, self.lanes = valid, lanes
        self.valid.value = 0
        self.lanes.write(0)
        cocotb.start_soon(self._run())

    def queue(self, words: Iterable[int]) -> None:
        """Send these, one per clock, after what waits."""
        self.waiting.extend(words)

    async def _run(self) -> None:
        everything = (1 << self.lanes.width) - 1
        last, edge = 0, FallingEdge(self.clk)
        while True:
            await edge
            if self._taken:
                self.waiting.popleft()
            self.clock += 1
            self._taken = bool(self.waiting) and next(self.pace)
            self.valid.value = int(self._taken)
            if self._taken:
                last = self.waiting[0]
            # Rubbish while there is nothing: data without its valid bit must not matter.
            self.lanes.write(last if self._taken else last ^ everything)


class _Sink:
    """What came, and what was wrong about how it came."""

    def __init__(self, clk: Any) -> None:
        self.clk = clk
        self.clock = 0
        """Clocks since the start."""
        self.errors: list[str] = []
        """Breaches of the protocol."""
        self.came: deque[Any] = deque()
        """What nobody has asked for yet."""
        self._now: Any = None
        """What is there at the coming rising edge."""

    async def _take(self, count: int, patience: int) -> list[Any]:
        left, since = len(self.came), self.clock
        while len(self.came) < count:
            assert not self.errors, self.errors[0]
            await FallingEdge(self.clk)
            if len(self.came) != left:
                left, since = len(self.came), self.clock
            assert self.clock - since < patience, (
                f"nothing came for {patience} clocks: {left} of {count} words are there"
            )
        assert not self.errors, self.errors[0]
        return [self.came.popleft() for _ in range(count)]

    def clear(self) -> None:
        """Forget what came, as after a reset."""
        self.came.clear()
        self.errors.clear()
        self._now = None


class ValidSink(_Sink):
    """Collects words that come with a valid bit."""

    def __init__(self, clk: Any, valid: Any, lanes: Lanes) -> None:
        super().__init__(clk)
        self.valid, self.lanes = valid, lanes
        cocotb.start_soon(self._run())

    async def take(self, count: int, patience: int = PATIENCE) -> list[str]:
        """The bits of the next ``count`` words."""
        return await self._take(count, patience)

    async def _run(self) -> None:
        edge, settled = FallingEdge(self.clk), ReadOnly()
        while True:
            await edge
            if self._now is not None:
                self.came.append(self._now)
            self.clock += 1
            await settled
            valid = str(self.valid.value)
            self._now = self.lanes.read() if valid == "1" else None
            if valid not in ("0", "1"):
                self.errors.append(f"valid is unknown at clock {self.clock}")


class StreamSource(_Source):
    """The transmitting side of an AXI4-Stream; a beat once offered stays until it is taken."""

    def __init__(
        self, clk: Any, valid: Any, ready: Any, data: Any, last: Any, pace: Pace | None = None
    ) -> None:
        super().__init__(clk, pace)
        self.valid, self.ready, self.data, self.last = valid, ready, data, last
        self.taken: list[int] = []
        """The clock at which each beat was taken."""
        self._drive(None)
        cocotb.start_soon(self._run())

    def queue(self, beats: Iterable[tuple[int, bool]]) -> None:
        """Send these beats, data and TLAST, after what waits."""
        self.waiting.extend(beats)

    def clear(self) -> None:
        """Forget what waits and take back what is offered, as only a reset may."""
        super().clear()
        self._drive(None)

    def _drive(self, beat: tuple[int, bool] | None) -> None:
        rubbish = (1 << len(self.data)) - 1
        data, last = (rubbish, True) if beat is None else beat
        self.valid.value = int(beat is not None)
        self.data.value = data
        if self.last is not None:
            self.last.value = int(last)

    async def _run(self) -> None:
        edge, settled = FallingEdge(self.clk), ReadOnly()
        while True:
            await edge
            if self._taken:
                self.waiting.popleft()
                self.taken.append(self.clock)
                self._offered = False
            self.clock += 1
            self._offered = bool(self.waiting) and (self._offered or next(self.pace))
            self._drive(self.waiting[0] if self._offered else None)
            await settled
            self._taken = self._offered and str(self.ready.value) == "1"


class StreamSink(_Sink):
    """The receiving side of an AXI4-Stream, which also checks that what waits does not change."""

    def __init__(
        self, clk: Any, valid: Any, ready: Any, data: Any, last: Any, pace: Pace | None = None
    ) -> None:
        super().__init__(clk)
        self.valid, self.ready, self.data, self.last = valid, ready, data, last
        self.pace = pace or every_clock()
        self.ready.value = 0
        self._held: tuple[str, str] | None = None
        cocotb.start_soon(self._run())

    async def take(self, count: int, patience: int = PATIENCE) -> list[tuple[str, str, int]]:
        """The next ``count`` beats: the bits of TDATA, TLAST, and the clock."""
        return await self._take(count, patience)

    def clear(self) -> None:
        """Forget what came and what waits, as after a reset."""
        super().clear()
        self._held = None

    async def _run(self) -> None:
        edge, settled = FallingEdge(self.clk), ReadOnly()
        while True:
            await edge
            if self._now is not None:
                self.came.append(self._now)
            self.clock += 1
            go = next(self.pace)
            self.ready.value = int(go)
            await settled
            valid = str(self.valid.value)
            beat = (str(self.data.value), "0" if self.last is None else str(self.last.value))
            if valid not in ("0", "1"):
                self.errors.append(f"TVALID is unknown at clock {self.clock}")
            if self._held is not None and (valid != "1" or beat != self._held):
                self.errors.append(f"the stream changed while waiting, at clock {self.clock}")
            self._now = (*beat, self.clock) if valid == "1" and go else None
            self._held = beat if valid == "1" and not go else None
