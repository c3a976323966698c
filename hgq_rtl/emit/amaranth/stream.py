"""Stream components: beats to samples, a fixed-latency core that may be stalled, samples to beats.

Every stream carries ``data`` and ``last``, which marks the end of a packet of samples. The core
itself never stops: a sample is let in only if the result queue has a free place for it when it
comes out, so nothing is lost when the consumer is not ready, and no enable fans out to the core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

MARGIN = 4
"""Places of the result queue beyond the latency of the core. A place is taken from ``enter`` until
the clock after ``leave``: the latency, two clocks of the queue, one of the counter. One more stays
free because ``room`` is a clock late. With fewer, a sample per clock is not reached.
"""


def packets(bits: int) -> stream.Signature:
    """A stream of ``bits`` wide data with an end-of-packet flag."""
    return stream.Signature(data.StructLayout({"data": bits, "last": 1}))


class Gather(wiring.Component):
    """Joins ``beats`` words to one sample, the first at the least significant end.

    A packet that ends inside a sample is filled up with zeros, so that the next packet starts
    with a new sample; ``cut_short`` is 1 for a clock whenever that happens.
    """

    def __init__(self, bits: int, beats: int) -> None:
        self.bits, self.beats = bits, beats
        super().__init__(
            {"i": In(packets(bits)), "o": Out(packets(bits * beats)), "cut_short": Out(1)}
        )

    def elaborate(self, platform: Any) -> Module:
        """See Amaranth."""
        m = Module()
        if self.beats == 1:
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
            return m
        index = Signal(range(self.beats))
        filling = Signal()
        store = Signal(self.bits * (self.beats - 1), reset_less=True)
        beat = Signal(self.bits)
        at_end = Signal()
        present = Signal()
        taken = Signal()
        m.d.comb += [
            at_end.eq(index == self.beats - 1),
            present.eq(self.i.valid | filling),
            beat.eq(Mux(filling, 0, self.i.p.data)),
            self.i.ready.eq(self.o.ready & ~filling),
            taken.eq(present & self.o.ready),
            self.o.valid.eq(present & at_end),
            self.o.p.data.eq(Cat(store, beat)),
            self.o.p.last.eq(filling | self.i.p.last),
        ]
        m.d.sync += self.cut_short.eq(taken & ~filling & ~at_end & self.i.p.last)
        with m.If(taken):
            m.d.sync += [
                store.eq(Cat(store, beat)[self.bits :]),
                index.eq(index + 1),
                filling.eq((filling | self.i.p.last) & ~at_end),
            ]
            with m.If(at_end):
                m.d.sync += index.eq(0)
        return m


class Scatter(wiring.Component):
    """Sends a sample as ``beats`` words, the least significant first; the last carries ``last``."""

    def __init__(self, bits: int, beats: int) -> None:
        self.bits, self.beats = bits, beats
        super().__init__({"i": In(packets(bits * beats)), "o": Out(packets(bits))})

    def elaborate(self, platform: Any) -> Module:
        """See Amaranth."""
        m = Module()
        if self.beats == 1:
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
            return m
        index = Signal(range(self.beats))
        store = Signal(self.bits * self.beats, reset_less=True)
        last = Signal(reset_less=True)
        at_end = Signal()
        m.d.comb += [
            at_end.eq(index == self.beats - 1),
            self.i.ready.eq(~self.o.valid | (self.o.ready & at_end)),
            self.o.p.data.eq(store[: self.bits]),
            self.o.p.last.eq(last & at_end),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [store.eq(store[self.bits :]), index.eq(index + 1)]
            with m.If(at_end):
                m.d.sync += [index.eq(0), self.o.valid.eq(0)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [store.eq(self.i.p.data), last.eq(self.i.p.last), self.o.valid.eq(1)]
        return m


class FixedLatency(wiring.Component):
    """Lets samples through a pipeline that cannot be stopped, without losing any.

    ``place`` puts the pipeline into the module: it gets the module, the input bits with their
    valid flag, and returns the output bits, ``latency`` clocks later. A reset forgets the samples
    in flight, although the pipeline itself has none.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        latency: int,
        place: Callable[[Module, Value, Value], Value],
    ) -> None:
        self.latency, self.place = latency, place
        self.outputs = outputs
        super().__init__({"i": In(packets(inputs)), "o": Out(packets(outputs))})

    def elaborate(self, platform: Any) -> Module:
        """See Amaranth."""
        m = Module()
        depth = self.latency + MARGIN
        queue = m.submodules.queue = fifo.SyncFIFOBuffered(width=self.outputs + 1, depth=depth)
        credits = Signal(range(depth + 1), init=depth)
        room = Signal()
        enter = Signal()
        leave = Signal()
        m.d.comb += [
            self.i.ready.eq(room),
            enter.eq(self.i.valid & room),
            leave.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += [
            credits.eq(credits - enter + leave),
            # From a register, and so a clock late: two free places make sure that one is left.
            room.eq(credits >= 2),
        ]
        result = self.place(m, self.i.p.data, enter)
        valid, last = enter, self.i.p.last
        if self.latency:
            valids = Signal(self.latency)
            lasts = Signal(self.latency, reset_less=True)
            m.d.sync += [valids.eq(Cat(enter, valids)), lasts.eq(Cat(last, lasts))]
            valid, last = valids[-1], lasts[-1]
        m.d.comb += [
            queue.w_data.eq(Cat(result, last)),
            queue.w_en.eq(valid),
            Cat(self.o.p.data, self.o.p.last).eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(leave),
        ]
        return m
