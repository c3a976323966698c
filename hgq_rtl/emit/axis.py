"""The AXI4-Stream side of a design: how samples are cut into beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.names import comment
from hgq_rtl.errors import EmitError
from hgq_rtl.ir.interface import Interface, Port

WIDEST_BEAT = 4096
"""Bits of the widest TDATA that Vivado's stream infrastructure takes (512 bytes)."""
WIDEST_DEFAULT = 1024
"""Bits of the widest stream of AMD's AXI DMA."""
WIDEST_SAMPLE = 1 << 15
"""Bits of a sample that the shell can hold in one signal, with its padding."""
SUFFIX = "_axis"


@dataclass(frozen=True)
class Axis:
    """A sample as beats of TDATA, the least significant first, with zeros above the last bit.

    A sample holds the buses of all ports, the first port at its least significant end.
    """

    module: str
    in_bits: int
    """Of a sample."""
    out_bits: int
    in_beat: int
    """Width of TDATA."""
    out_beat: int

    @property
    def in_beats(self) -> int:
        """Beats per sample, at least one even where a sample has no bits."""
        return max(1, -(-self.in_bits // self.in_beat))

    @property
    def out_beats(self) -> int:
        """Beats per sample, at least one even where a sample has no bits."""
        return max(1, -(-self.out_bits // self.out_beat))

    @property
    def interval(self) -> int:
        """Clocks per sample that the beats allow."""
        return max(self.in_beats, self.out_beats)


def default_beat(bits: int) -> int:
    """The narrowest power of two of at least a byte that holds a sample, up to 1024.

    >>> default_beat(0), default_beat(158), default_beat(2000)
    (8, 256, 1024)
    """
    return min(max(8, 1 << max(bits - 1, 0).bit_length()), WIDEST_DEFAULT)


def axis_latency(axis: Axis, latency: int) -> int:
    """Clocks from the last beat of a sample going in to the first of its result coming out.

    ``latency``: of the core. The result queue takes two more, cutting into beats one.
    """
    return latency + 2 + (axis.out_beats > 1)


def check_beat(way: str, beat: int | None) -> None:
    """Raise EmitError for a width that TDATA cannot have. ``way``: input or output."""
    if beat is not None and (beat % 8 or not 8 <= beat <= WIDEST_BEAT):
        raise EmitError(
            f"the {way} beats of AXI4-Stream cannot have {beat} bits",
            hint=f"Whole bytes, up to {WIDEST_BEAT} bits; a power of two suits a DMA engine",
        )


def plan_axis(
    top: str, interface: Interface, in_beat: int | None = None, out_beat: int | None = None
) -> Axis:
    """The beats of a design's samples. Raises EmitError for a width that TDATA cannot have."""
    widths = []
    for way, ports, beat in (
        ("input", interface.inputs, in_beat),
        ("output", interface.outputs, out_beat),
    ):
        bits = sum(port.width for port in ports)
        if bits > WIDEST_SAMPLE:
            raise EmitError(
                f"a sample has {bits} {way} bits, more than the {WIDEST_SAMPLE} that the "
                "AXI4-Stream shell can hold",
                where=f"design '{top}'",
                hint="Process the tensor in parts, one after the other (a streamed design)",
            )
        check_beat(way, beat)
        widths.append((bits, default_beat(bits) if beat is None else beat))
    (in_bits, in_width), (out_bits, out_width) = widths
    return Axis(f"{top}{SUFFIX}", in_bits, out_bits, in_width, out_width)


def axis_shell(axis: Axis, emitted: Emitted, interface: Interface, info: CoreInfo) -> str:
    """The Verilog file of the shell around ``<top>_packed``."""
    from hgq_rtl.emit.amaranth.shell import shell

    text = shell(
        axis,
        f"{emitted.top}_packed",
        _buses(interface.inputs, emitted),
        _buses(interface.outputs, emitted),
        info.latency,
    )
    return _header(axis, emitted, interface, info) + text


def _header(axis: Axis, emitted: Emitted, interface: Interface, info: CoreInfo) -> str:
    """Where each element is in a sample, and how a sample travels."""
    rows: list[headers.Row] = [("name", "dir", "bits", "format", "range", "sample bits")]
    for way, names, ports in (
        ("in", emitted.inputs, interface.inputs),
        ("out", emitted.outputs, interface.outputs),
    ):
        low, types = 0, [t for port in ports for t in port.types]
        for name, t in zip(names, types, strict=True):
            if name:
                rows.append((name, way, *headers.describe(t), f"{low + t.width - 1}:{low}"))
            low += t.width
    notes = [
        f"s_axis: {_cut(axis.in_bits, axis.in_beat, axis.in_beats)}.",
        f"m_axis: {_cut(axis.out_bits, axis.out_beat, axis.out_beats)}.",
        "The first beat holds the least significant bits; bits above the sample are 0 on m_axis",
        "and ignored on s_axis. TLAST on the last beat of a sample comes out with its result.",
        "A TLAST earlier in a sample fills that sample up with zeros and pulses cut_short, so",
        "that the next packet starts with a new sample. aresetn (synchronous, low) forgets all",
        "samples in flight. Nothing is lost or repeated when m_axis_tready is low.",
        "",
        headers.FORMAT,
    ]
    title = (
        f"{axis.module}: {comment(info.name)} behind AXI4-Stream, a sample every "
        f"{_clocks(axis)}, result {axis_latency(axis, info.latency)} clocks later."
    )
    return headers.block(info, title, notes, rows)


def _cut(bits: int, beat: int, beats: int) -> str:
    number = "one beat" if beats == 1 else f"{beats} beats"
    return f"a sample of {bits} bits in {number} of {beat}"


def _clocks(axis: Axis) -> str:
    return "clock" if axis.interval == 1 else f"{axis.interval} clocks"


def _buses(ports: Sequence[Port], emitted: Emitted) -> list[tuple[str, int]]:
    return [(emitted.packed[port.name], port.width) for port in ports if port.width]
