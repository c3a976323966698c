"""The header: constants, types, layers, and the ways in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from string import Template

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import CoreInfo
from hgq_rtl.emit.names import Names, comment
from hgq_rtl.emulator import skeleton
from hgq_rtl.emulator.floats import float_entry
from hgq_rtl.emulator.lanes import lane, name
from hgq_rtl.emulator.layers import layers
from hgq_rtl.emulator.rules import expand
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port

LARGEST_BLOCK = 64
"""Samples computed together: whole vectors of any processor, in the first-level cache."""
CACHE = 256 << 10
"""Bytes that the wires of a block may take."""

_KEYWORDS = """
alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool
break case catch char char8_t char16_t char32_t class co_await co_return co_yield compl concept
const const_cast consteval constexpr constinit continue decltype default delete do double
dynamic_cast else enum explicit export extern false float for friend goto if inline int long
mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
register reinterpret_cast requires return short signed sizeof static static_assert static_cast
struct switch synchronized template this thread_local throw true try typedef typeid typename
union unsigned using virtual void volatile wchar_t while xor xor_eq
"""
"""Reserved in ISO/IEC 14882 up to C++20."""
_MACROS = "linux unix i386 assert errno eof null nan infinity huge_val stdin stdout stderr"
_OURS = """
std i16 i32 i64 i128 n s w x y element standalone model network wires inputs outputs latency
clock_ns device model_hash tool input_t output_t quantizer quantize from_floats to_floats load
store evaluate block predict main samples
"""
RESERVED = (*_KEYWORDS.split(), *_MACROS.split(), *_OURS.split())


def identifier(design: str) -> str:
    """The name of a design as a namespace of C++, and as the name of its header."""
    return Names(*RESERVED)(design)


def header(graph: Graph, interface: Interface, info: CoreInfo) -> str:
    """The emulator of a graph, scheduled or not, as one C++17 header.

    ``interface``: the ports, whose output types may be wider than the graph's. Raises EmulatorError
    where the graph needs wider integers than C++ has.
    """
    graph = expand(graph)
    inputs = [t for port in interface.inputs for t in port.types]
    outputs = [t for port in interface.outputs for t in port.types]
    names = Names(*RESERVED)
    namespace = names(info.name)
    # First of all, as it alone can say where a number is too wide.
    text = layers(graph, outputs, names)
    in_bits = lane(*inputs) if inputs else lane(Fixed(0, 0, 0))
    out_bits = lane(*outputs) if outputs else lane(Fixed(0, 0, 0))
    per_sample = text.bytes + len(inputs) * in_bits // 8 + len(outputs) * out_bits // 8
    block = LARGEST_BLOCK
    while block > 1 and block * per_sample > CACHE:
        block //= 2
    floats = float_entry(interface)
    wide = 128 in (in_bits, out_bits) or "i128" in text.functions + text.wires
    rows = headers.port_rows(interface, _names(interface.inputs), _names(interface.outputs))
    known = {
        "head": headers.block(info, f"{comment(info.name)}: C++ emulator.", skeleton.NOTES, rows),
        "guard": f"HGQ_RTL_{namespace.upper()}_H",
        "namespace": namespace,
        "wide": skeleton.WIDE if wide else "",
        "latency": info.latency,
        "clock_ns": f"{float(info.clock_ns)!r}",
        "device": _quoted(info.device),
        "model_hash": _quoted(info.model_hash),
        "version": _quoted(info.version),
        "inputs": len(inputs),
        "outputs": len(outputs),
        "input_t": name(in_bits),
        "output_t": name(out_bits),
        "block": block,
        "input_elements": _elements(_names(interface.inputs), inputs),
        "output_elements": _elements(_names(interface.outputs), outputs),
        "tables": text.tables,
        "wires": text.wires,
        "functions": text.functions,
        "calls": "".join(f"  {call}(w);\n" for call in text.calls),
        "results": _results(text.outputs),
        "float_functions": floats or "",
        "float_entries": skeleton.FLOAT_ENTRIES if floats else "",
        "prepare_floats": skeleton.PREPARE_FLOATS if floats else "",
        "check_floats": skeleton.CHECK_FLOATS.replace("${namespace}", namespace) if floats else "",
        "read_floats": skeleton.READ_FLOATS if floats else "",
    }
    text_hash = hashlib.sha256(repr(known).encode()).hexdigest()[:12]
    return Template(skeleton.HEADER).substitute(known, version_namespace=f"v_{text_hash}")


def has_floats(interface: Interface) -> bool:
    """Whether the header takes and gives floats."""
    return float_entry(interface) is not None


def _names(ports: Sequence[Port]) -> list[str]:
    return [port.element_name(j) for port in ports for j in range(port.size)]


def _results(outputs: Sequence[str]) -> str:
    """Outputs into the columns of the block."""
    lines = [f"    w.y[{j}][s] = output_t({text});\n" for j, text in enumerate(outputs)]
    return "".join(lines)


def _elements(names: Sequence[str], types: Sequence[Fixed]) -> str:
    """Rows of a constexpr array."""
    rows = [
        f'    {{"{_quoted(n)}", {"true" if t.signed else "false"}, {t.width}, {t.exp}}},\n'
        for n, t in zip(names, types, strict=True)
    ]
    return "".join(rows) or '    {"", false, 0, 0},\n'


def _quoted(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\?' else "?" for c in text)
