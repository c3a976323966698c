"""What every emitted file says first: the design, where it comes from, its clock, its ports."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hgq_rtl.emit.backend import CoreInfo
from hgq_rtl.emit.names import comment
from hgq_rtl.emit.partition import Module
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface

Row = tuple[str, ...]
COLUMNS: Row = ("name", "dir", "bits", "format", "range")
FORMAT = "fixed<w,e>: w bits, two's complement, the LSB is worth 2^e; ufixed has no sign bit."


def block(info: CoreInfo, title: str, notes: Sequence[str], rows: Sequence[Row]) -> str:
    """A block of Verilog comments: title, provenance, notes, a table, and an empty line."""
    return mark("//", info, title, notes, rows)


def mark(start: str, info: CoreInfo, title: str, notes: Sequence[str], rows: Sequence[Row]) -> str:
    """As ``block``, for a language whose comments begin with ``start``."""
    lines = [
        title,
        f"Model {comment(info.model_hash)}, compiled by hgq_rtl {comment(info.version)} "
        f"for {comment(info.device)} at {info.clock_ns:g} ns.",
        "",
        *notes,
        *_table(rows),
    ]
    return "".join(f"{start} {line}".rstrip() + "\n" for line in lines) + "\n"


def core(
    info: CoreInfo,
    interface: Interface,
    inputs: Sequence[str],
    outputs: Sequence[str],
    start: str = "//",
) -> str:
    """For the two top modules."""
    return mark(start, info, _title(info), [FORMAT], port_rows(interface, inputs, outputs))


def _title(info: CoreInfo) -> str:
    clocks = f"{info.latency} clock{'' if info.latency == 1 else 's'}"
    return f"{comment(info.name)}: a new sample every clock, result {clocks} later."


def layer(info: CoreInfo, module: Module, top: str, start: str = "//") -> str:
    """For the module of a layer."""
    what = f"layer '{comment(module.scope)}'" if module.scope else "what belongs to no layer"
    rows = [COLUMNS]
    for way, nodes in (("in", module.graph.inputs), ("out", module.graph.outputs)):
        rows += [(module.signals[n], way, *describe(n.type)) for n in nodes if n in module.signals]
    title = f"{module.name}: {what} of {top}, latency {info.latency} clocks in all."
    legend = "A comment such as s6@-3 behind a signal: signed, 6 bits, the LSB is worth 2^-3."
    notes = [legend]
    if module.keep_sums and start == "//":
        notes.append("(* keep *): a bit of a sum, for synthesis to join that sum with no other.")
    return mark(start, info, title, notes, rows)


def library(info: CoreInfo, module: str, top: str) -> str:
    """For a module that layers of the core use."""
    title = f"{module}: used by layers of {top}, latency {info.latency} clocks in all."
    return block(info, title, ["The same in every core but for its name."], [])


def note(t: Fixed) -> str:
    """The format of a value for a comment, such as ``s6@-3``."""
    return f"{'s' if t.signed else 'u'}{t.width}@{t.exp}"


def port_rows(interface: Interface, inputs: Sequence[str], outputs: Sequence[str]) -> list[Row]:
    """A row per element that has wires, under its port name."""
    rows = [COLUMNS]
    for way, names, ports in (
        ("in", inputs, interface.inputs),
        ("out", outputs, interface.outputs),
    ):
        types = [t for port in ports for t in port.types]
        rows += [(n, way, *describe(t)) for n, t in zip(names, types, strict=True) if n]
    return rows


def describe(t: Fixed) -> tuple[str, str, str]:
    """Sign and width, ``fixed<width, exponent of the LSB>``, and the range as numbers."""
    sign = "s" if t.signed else "u"
    kind = "fixed" if t.signed else "ufixed"
    return (
        f"{sign}{t.width}",
        f"{kind}<{t.width},{t.exp}>",
        f"[{decimal(t.lo, t.exp)}, {decimal(t.hi, t.exp)}]",
    )


def decimal(n: int, exp: int) -> str:
    """n·2^exp in decimal where that is short, else as a product.

    >>> decimal(31, -3), decimal(-5, 2), decimal(3, -40)
    ('3.875', '-20', '3*2^-40')
    """
    if n.bit_length() > 256:
        return f"{n:#x}*2^{exp}"  # Python refuses to write very long decimals
    if 0 <= exp <= 32:
        return str(n << exp)
    if not -16 <= exp < 0:
        return f"{n}*2^{exp}"
    sign, whole, rest = "-" * (n < 0), *divmod(Fraction(abs(n), 1 << -exp), 1)
    digits = str(rest * 10**-exp).zfill(-exp).rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def _table(rows: Sequence[Row]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
