"""Drivers and monitors that take and give NumPy arrays in the user's units."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from hgq_rtl.cosim.bench.handshake import (
    PATIENCE,
    Pace,
    StreamSink,
    StreamSource,
    ValidSink,
    ValidSource,
)
from hgq_rtl.cosim.bench.wires import Model, Signals, lanes, signal
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.words import bits_of, pack, unpack

Source = TypeVar("Source", ValidSource, StreamSource)
Sink = TypeVar("Sink", ValidSink, StreamSink)


class Driver(Generic[Source]):
    """Sends samples to the inputs of a project's core."""

    def __init__(self, project: Model, source: Source) -> None:
        self.project = project
        self.source: Source = source

    def queue(self, x: Any) -> None:
        """Send these after what waits, and return at once.

        ``x``: float inputs as ``Project.predict`` takes them, samples first. Raises NumberError for
        what the ports cannot hold.
        """
        interface = self.project.interface
        self._queue(pack(interface.inputs, interface.input_integers(x)))

    async def send(self, x: Any, patience: int = PATIENCE) -> None:
        """Send these, and wait until all that was queued is taken.

        Fails after ``patience`` clocks in which nothing was.
        """
        self.queue(x)
        await self.source.idle(patience)

    def clear(self) -> None:
        """Forget what waits and take back what is offered, as only a reset may."""
        self.source.clear()

    @abstractmethod
    def _queue(self, words: Sequence[int]) -> None: ...


class Monitor(Generic[Sink]):
    """Collects the samples that come from the outputs of a project's core."""

    def __init__(self, project: Model, sink: Sink) -> None:
        self.project = project
        self.sink: Sink = sink

    async def take(self, count: int, patience: int = PATIENCE) -> Any:
        """The next ``count`` outputs, float arrays as ``Project.predict`` gives them.

        Fails after ``patience`` clocks in which nothing came, on unknown bits, and on a breach of
        the protocol.
        """
        interface = self.project.interface
        n = await self.integers(count, patience)
        return interface.output_structure(interface.output_floats(n))

    async def integers(self, count: int, patience: int = PATIENCE) -> Ints:
        """The same as port integers (samples, all output elements)."""
        words = await self._words(count, patience)
        for sample, word in enumerate(words):
            if set(word) - {"0", "1"}:
                raise CosimError(
                    f"sample {sample} of {count} has unknown bits",
                    received=word,
                    where=f"outputs of '{self.project.name}'",
                )
        return unpack(self.project.interface.outputs, [int(word or "0", 2) for word in words])

    def clear(self) -> None:
        """Forget what came and was wrong, as after a reset."""
        self.sink.clear()

    @abstractmethod
    def waiting(self) -> int:
        """Samples that came and were not taken."""

    @abstractmethod
    async def _words(self, count: int, patience: int) -> list[str]: ...


class SampleDriver(Driver[ValidSource]):
    """Drives a valid-only port: a sample on each clock with the valid bit, rubbish between.

    ``dut``: the design under test, or any level below it. ``clk`` and ``valid``: signals or their
    names. ``data``: signals, or names, of the packed bus of each input port, or of each element
    (``{"x_0": ..., "x_1": ...}``); by default those named like the ports, or like the elements.
    ``pace``: when to send, such as ``bursts(seed=1)``; by default on every clock.
    """

    def __init__(
        self,
        project: Model,
        dut: Any,
        *,
        clk: Any = "clk",
        valid: Any = "valid_in",
        data: Signals | None = None,
        pace: Pace | None = None,
    ) -> None:
        wires = lanes(dut, project.interface.inputs, data)
        super().__init__(project, ValidSource(signal(dut, clk), signal(dut, valid), wires, pace))

    def _queue(self, words: Sequence[int]) -> None:
        self.source.queue(words)


class SampleMonitor(Monitor[ValidSink]):
    """Watches a valid-only port. Arguments as for ``SampleDriver``, of the output ports."""

    def __init__(
        self,
        project: Model,
        dut: Any,
        *,
        clk: Any = "clk",
        valid: Any = "valid_out",
        data: Signals | None = None,
    ) -> None:
        wires = lanes(dut, project.interface.outputs, data)
        super().__init__(project, ValidSink(signal(dut, clk), signal(dut, valid), wires))

    def waiting(self) -> int:
        """Samples that came and were not taken."""
        return len(self.sink.came)

    async def _words(self, count: int, patience: int) -> list[str]:
        return await self.sink.take(count, patience)


class StreamDriver(Driver[StreamSource]):
    """Drives an AXI4-Stream that carries samples: each call is a packet that ends with TLAST.

    ``prefix``: what the names of the signals have in common, before ``_tdata`` and so on; TLAST may
    be missing. ``clk``: the clock or its name. ``pace``: when to offer a beat, such as
    ``bursts(seed=1)``; by default always. A sample takes as many beats as TDATA needs. Send
    nothing while the design is in reset.
    """

    def __init__(
        self,
        project: Model,
        dut: Any,
        prefix: str = "s_axis",
        *,
        clk: Any = "aclk",
        pace: Pace | None = None,
    ) -> None:
        super().__init__(project, StreamSource(signal(dut, clk), *_stream(dut, prefix), pace))
        self._width, self._beats = _beats(self.source.data, bits_of(project.interface.inputs))

    def _queue(self, words: Sequence[int]) -> None:
        mask, final = (1 << self._width) - 1, len(words) * self._beats - 1
        beats = [word >> (self._width * i) & mask for word in words for i in range(self._beats)]
        self.source.queue((beat, at == final) for at, beat in enumerate(beats))


class StreamMonitor(Monitor[StreamSink]):
    """Takes samples from an AXI4-Stream, and checks that what waits does not change.

    Arguments as for ``StreamDriver``; ``pace``: when to be ready.
    """

    def __init__(
        self,
        project: Model,
        dut: Any,
        prefix: str = "m_axis",
        *,
        clk: Any = "aclk",
        pace: Pace | None = None,
    ) -> None:
        super().__init__(project, StreamSink(signal(dut, clk), *_stream(dut, prefix), pace))
        self._bits = bits_of(project.interface.outputs)
        _, self._beats = _beats(self.sink.data, self._bits)
        self.lasts: list[bool] = []
        """For each sample that was taken, whether it ended a packet."""

    def waiting(self) -> int:
        """Samples that came, whole or in part, and were not taken."""
        return -(-len(self.sink.came) // self._beats)

    async def _words(self, count: int, patience: int) -> list[str]:
        beats = await self.sink.take(count * self._beats, patience)
        words = []
        for sample in range(count):
            own = beats[sample * self._beats : (sample + 1) * self._beats]
            lasts = "".join(last for _, last, _ in own)
            if "1" in lasts[:-1]:
                raise CosimError(
                    f"TLAST came inside sample {sample} of {count}",
                    received=f"TLAST {' '.join(lasts)} in its beats",
                    where=f"outputs of '{self.project.name}'",
                )
            self.lasts.append(lasts[-1] == "1")
            word = "".join(bits for bits, _, _ in reversed(own))
            words.append(word[len(word) - self._bits :])
        return words


def _stream(dut: Any, prefix: str) -> tuple[Any, Any, Any, Any]:
    """TVALID, TREADY, TDATA, and TLAST or None."""
    valid, ready, data = (signal(dut, f"{prefix}_{name}") for name in ("tvalid", "tready", "tdata"))
    return valid, ready, data, getattr(dut, f"{prefix}_tlast", None)


def _beats(data: Any, bits: int) -> tuple[int, int]:
    """The width of TDATA, and how many beats carry a sample."""
    return len(data), max(1, -(-bits // len(data)))
