"""The AXI4-Stream shell around a core: Verilog of the stream components, put in reading order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from amaranth.back import rtlil
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import wiring

from hgq_rtl.emit import store
from hgq_rtl.emit.amaranth.stream import FixedLatency, Gather, Scatter
from hgq_rtl.emit.axis import Axis
from hgq_rtl.emit.yosys import write_verilog

CLEAN = """proc
flatten
opt_expr
opt_merge
opt_clean
opt_dff -simple-dffe
opt_clean -purge
write_verilog -norename -noattr
"""
"""Aliases of the stream signatures are folded into the signals that they name."""

Buses = Sequence[tuple[str, int]]
"""Name and width of each bus of the packed top, from the least significant end of a sample."""


def shell(axis: Axis, core: str, inputs: Buses, outputs: Buses, latency: int) -> str:
    """The module of the shell; ``core`` names the packed top inside it."""
    key = repr(("axis", axis, core, tuple(inputs), tuple(outputs), latency))
    known = store.lookup(key)
    if known is not None:
        return known
    m, ports = _assemble(axis, core, inputs, outputs, latency)
    text = str(rtlil.convert(m, name=axis.module, ports=ports, emit_src=False))
    body = write_verilog([text], CLEAN)[axis.module]
    return store.keep(key, _readable(axis.module, body, [port.name for port in ports]))


def _assemble(
    axis: Axis, core: str, inputs: Buses, outputs: Buses, latency: int
) -> tuple[Module, list[Signal]]:
    """The components around an instance of the core, and the ports in order."""

    def place(m: Module, sample: Value, valid: Value) -> Value:
        pins: dict[str, Value] = {"i_clk": ClockSignal(), "i_valid_in": valid}
        low = 0
        for name, width in inputs:
            pins[f"i_{name}"] = sample[low : low + width]
            low += width
        results = []
        # A reset must forget the samples in flight, so the shell counts them itself.
        pins["o_valid_out"] = Signal(name="core_valid_out")
        for name, width in outputs:
            results.append(Signal(width, name=f"core_{name}"))
            pins[f"o_{name}"] = results[-1]
        m.submodules.core = Instance(core, **pins)
        padding = axis.out_beat * axis.out_beats - sum(width for _, width in outputs)
        return Cat(*results, Const(0, padding))

    m = Module()
    domain = m.domains.sync = ClockDomain("sync")
    aclk = Signal()
    aresetn = Signal()
    m.d.comb += [domain.clk.eq(aclk), domain.rst.eq(~aresetn)]
    m.submodules.gather = gather = Gather(axis.in_beat, axis.in_beats)
    wide_in, wide_out = axis.in_beat * axis.in_beats, axis.out_beat * axis.out_beats
    m.submodules.flow = flow = FixedLatency(wide_in, wide_out, latency, place)
    m.submodules.scatter = scatter = Scatter(axis.out_beat, axis.out_beats)
    wiring.connect(m, gather.o, flow.i)
    wiring.connect(m, flow.o, scatter.i)
    cut_short = Signal()
    m.d.comb += cut_short.eq(gather.cut_short)
    s, m_axis = _pins("s_axis", axis.in_beat), _pins("m_axis", axis.out_beat)
    m.d.comb += [
        gather.i.valid.eq(s[1]),
        s[2].eq(gather.i.ready),
        gather.i.p.data.eq(s[0]),
        gather.i.p.last.eq(s[3]),
        m_axis[1].eq(scatter.o.valid),
        scatter.o.ready.eq(m_axis[2]),
        m_axis[0].eq(scatter.o.p.data),
        m_axis[3].eq(scatter.o.p.last),
    ]
    ports = [aclk, aresetn, *s, *m_axis, cut_short]
    return m, ports


def _pins(prefix: str, bits: int) -> list[Signal]:
    """tdata, tvalid, tready, tlast."""
    names = ("tdata", "tvalid", "tready", "tlast")
    widths = (bits, 1, 1, 1)
    return [Signal(w, name=f"{prefix}_{n}") for n, w in zip(names, widths, strict=True)]


_ESCAPED = re.compile(r"\\(\S+) ")
_DECLARED = re.compile(r"  (input|output|wire|reg) (\[\d+:0\] )?(\w+)( = .*)?;")
_MEMORY_INIT = re.compile(r"  initial begin\n(?:    \w+\[\d+\] = .*;\n)+  end\n")
"""The queue is written before it is read."""
_READ = re.compile(r"\b_0_\b")
"""What Yosys calls the register behind the queue; ``jet_0_pt`` is a port."""


def _readable(name: str, body: str, ports: Sequence[str]) -> str:
    """The module with plain names, its ports in the header, and declarations first."""
    plain: dict[str, str] = {}
    for escaped in dict.fromkeys(_ESCAPED.findall(body)):
        number = sum(known[0] == "$" for known in plain) + 1
        temporary = escaped.startswith("$")
        plain[escaped] = f"t{number}" if temporary else re.sub(r"\W+", "_", escaped)
    body = _ESCAPED.sub(lambda match: plain[match[1]], body)
    body = _READ.sub("flow_queue_read", re.sub(r"(?<=\w)__(?=\w)", "_", body))
    body = _MEMORY_INIT.sub("", body.partition(");\n")[2]).strip("\n")
    kinds: dict[str, list[str]] = {}
    bits: dict[str, str] = {}
    lines = []
    for line in body.split("\n"):
        if match := _DECLARED.fullmatch(line):
            kind, width, signal, init = match.groups()
            kinds.setdefault(signal, []).append(kind)
            bits[signal] = f"{width or ''}{signal}{init or ''}"
        else:
            lines.append(line)
    header = [f"  {kinds[p][0]} {kinds[p][-1]} {bits[p]}" for p in ports]
    shared: dict[str, list[str]] = {}
    for n in kinds:
        if n not in ports and re.fullmatch(r"t\d+", n):
            shared.setdefault(bits[n].removesuffix(n), []).append(n)
    inner = [f"  wire {width}{', '.join(names)};" for width, names in shared.items()]
    single = [n for n in kinds if n not in ports and not re.fullmatch(r"t\d+", n)]
    inner += [f"  {kinds[n][0]} {bits[n]};" for n in single]
    return "\n".join([f"module {name} (", ",\n".join(header), ");", *inner, *lines, "endmodule\n"])
