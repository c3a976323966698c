"""The top module and its packed wrapper: wires between modules, no arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.names import Names
from hgq_rtl.emit.partition import CLOCK, Module, Partition, partition, resolve
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Node

VALID_IN, VALID_OUT, VALID = "valid_in", "valid_out", "valid"
SHELLS = ("_axis", "_sv", "_sv_types", "_vhdl", "_vhdl_types", "_tb")
"""Suffixes of the modules and packages around a core, which no layer may take."""
LIBRARY = ("ternary_adder",)
"""Modules of rtl_templates/ that layers may use: no layer may take their names."""


def assemble(
    graph: Graph,
    interface: Interface,
    info: CoreInfo,
    convert: Callable[[Sequence[Module]], list[str]],
) -> Emitted:
    """All files of a design; ``convert`` gives the text of the layer modules."""
    modules = Names(*LIBRARY)
    top = modules(info.name)
    packed_top = modules(f"{top}_packed")
    for suffix in SHELLS:
        modules(f"{top}{suffix}")
    names = Names(CLOCK, VALID_IN, VALID_OUT, VALID)
    inputs = _element_names(interface.inputs, names)
    outputs = _element_names(interface.outputs, names)
    ports = {n: name for n, name in zip(graph.inputs, inputs, strict=True) if name}
    parts = partition(graph, ports, f"{top}_glue", modules)
    instances = {m.name: names(f"u_{m.name}") for m in parts.modules}
    signals = {
        node: name if module is None else f"{instances[module.name]}.{name}"
        for node, (module, name) in parts.signals.items()
    }
    packed_names = Names(CLOCK, VALID_IN, VALID_OUT, "core")
    packed = {
        port.name: packed_names(port.name)
        for port in (*interface.inputs, *interface.outputs)
        if port.width
    }
    header = headers.core(info, interface, inputs, outputs)
    files = {
        f"{module.name}.v": headers.layer(info, module, top) + text
        for module, text in zip(parts.modules, convert(parts.modules), strict=True)
    }
    files[f"{top}.v"] = header + _top(
        graph, interface, info, top, parts, instances, names, inputs, outputs
    )
    files[f"{packed_top}.v"] = header + _packed(interface, top, packed_top, packed, inputs, outputs)
    placed = {m.scope: instances[m.name] for m in parts.modules if m.scope}
    return Emitted(top, files, inputs, outputs, packed, signals, placed)


def _element_names(ports: Sequence[Port], names: Names) -> tuple[str, ...]:
    return tuple(
        names(port.element_name(i)) if port.types[i].width else ""
        for port in ports
        for i in range(port.size)
    )


def _types(ports: Sequence[Port]) -> list[Fixed]:
    return [t for port in ports for t in port.types]


def _bits(width: int) -> str:
    return f"[{width - 1}:0] "


# --- the two top modules ---------------------------------------------------------------------


def _ports(pairs: list[tuple[str, str, int]]) -> str:
    return ",\n".join(f"  {way} wire {_bits(w) if w > 1 else ''}{name}" for way, name, w in pairs)


def _element_ports(
    interface: Interface, inputs: Sequence[str], outputs: Sequence[str]
) -> list[tuple[str, str, int]]:
    sides = []
    for way, names, ports in (
        ("input", inputs, interface.inputs),
        ("output", outputs, interface.outputs),
    ):
        sides.append([(way, n, t.width) for n, t in zip(names, _types(ports), strict=True) if n])
    ins, outs = sides
    return [
        ("input", CLOCK, 1),
        ("input", VALID_IN, 1),
        *ins,
        ("output", VALID_OUT, 1),
        *outs,
    ]


def _valid(latency: int) -> list[str]:
    if latency == 0:
        return [f"  assign {VALID_OUT} = {VALID_IN};"]
    older = {1: "", 2: f"{VALID}[0], "}.get(latency, f"{VALID}[{latency - 2}:0], ")
    return [
        "  // One bit for each sample in flight.",
        f"  reg {_bits(latency)}{VALID};",
        f"  initial {VALID} = 0;",
        f"  always @(posedge {CLOCK}) {VALID} <= {{{older}{VALID_IN}}};",
        f"  assign {VALID_OUT} = {VALID}[{latency - 1}];",
    ]


def _top(
    graph: Graph,
    interface: Interface,
    info: CoreInfo,
    top: str,
    parts: Partition,
    instances: dict[str, str],
    names: Names,
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> str:
    wire: dict[Node, str] = {n: p for n, p in zip(graph.inputs, inputs, strict=True) if p}
    declared = []
    for module in parts.modules:
        declared.append("")
        for node, port in module.exports.items():
            wire[node] = names(f"{module.name}_{port}")
            declared.append(f"  wire {_bits(node.type.width)}{wire[node]};")
    placed = []
    for module in parts.modules:
        pins = [(CLOCK, CLOCK)] if module.clocked else []
        pins += [(port, wire[node]) for port, node in module.imports.items()]
        pins += [(port, wire[node]) for node, port in module.exports.items()]
        placed += ["", f"  {module.name} {instances[module.name]} ("]
        placed += [",\n".join(f"    .{port}({net})" for port, net in pins), "  );"]
    ends = [
        f"  assign {name} = {_widened(node, t, wire)};"
        for name, node, t in zip(outputs, graph.outputs, _types(interface.outputs), strict=True)
        if name
    ]
    lines = [
        f"module {top} (",
        _ports(_element_ports(interface, inputs, outputs)),
        ");",
        *_valid(info.latency),
        *declared,
        *placed,
        "",
        *ends,
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _widened(node: Node, port: Fixed, wire: dict[Node, str]) -> str:
    """A node's wires as bits of a port that may have a finer LSB and more upper bits."""
    t = node.type
    if t.is_const:
        n = 0 if t.is_zero else t.lo << (t.exp - port.exp)
        return f"{port.width}'h{n & ((1 << port.width) - 1):x}"
    net = wire[resolve(node)]
    low = t.exp - port.exp
    high = port.width - low - t.width
    parts = []
    if high > 0:
        top = f"{net}[{t.width - 1}]" if t.width > 1 else net
        parts.append(f"{{{high}{{{top}}}}}" if t.signed else f"{high}'h0")
    parts.append(f"{net}[{t.width + high - 1}:0]" if high < 0 else net)
    if low:
        parts.append(f"{low}'h0")
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _packed(
    interface: Interface,
    top: str,
    name: str,
    packed: dict[str, str],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> str:
    pins = [(CLOCK, CLOCK), (VALID_IN, VALID_IN), (VALID_OUT, VALID_OUT)]
    buses: dict[str, list[tuple[str, str, int]]] = {"input": [], "output": []}
    for way, ports, names in (
        ("input", interface.inputs, iter(inputs)),
        ("output", interface.outputs, iter(outputs)),
    ):
        for port in ports:
            low = 0
            if port.width:
                buses[way].append((way, packed[port.name], port.width))
            for t in port.types:
                element = next(names)
                if element:
                    where = f"[{low + t.width - 1}:{low}]" if port.width > 1 else ""
                    pins.append((element, f"{packed[port.name]}{where}"))
                low += t.width
    ports_text = _ports(
        [
            ("input", CLOCK, 1),
            ("input", VALID_IN, 1),
            *buses["input"],
            ("output", VALID_OUT, 1),
            *buses["output"],
        ]
    )
    lines = [
        f"module {name} (",
        ports_text,
        ");",
        f"  {top} core (",
        ",\n".join(f"    .{port}({net})" for port, net in pins),
        "  );",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"
