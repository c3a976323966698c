"""The top module and its packed wrapper: wires between modules, no arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hgq_rtl.emit import headers
from hgq_rtl.emit.backend import Emitted
from hgq_rtl.emit.partition import CLOCK, Module, resolve
from hgq_rtl.emit.plan import CORE, VALID, VALID_IN, VALID_OUT, Plan
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Node


def assemble(plan: Plan, convert: Callable[[Sequence[Module]], list[str]]) -> Emitted:
    """All files of a design; ``convert`` gives the text of the layer modules."""
    modules = plan.parts.modules
    header = headers.core(plan.info, plan.interface, plan.inputs, plan.outputs)
    files = {
        f"{module.name}.v": headers.layer(plan.info, module, plan.top) + text
        for module, text in zip(modules, convert(modules), strict=True)
    }
    files[f"{plan.top}.v"] = header + _top(plan)
    files[f"{plan.packed_top}.v"] = header + _packed(plan)
    return plan.emitted(files)


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


def _top(plan: Plan) -> str:
    wire, interface = plan.wires, plan.interface
    declared = []
    for module in plan.parts.modules:
        declared.append("")
        for node in module.exports:
            declared.append(f"  wire {_bits(node.type.width)}{wire[node]};")
    placed = []
    for module in plan.parts.modules:
        pins = [(CLOCK, CLOCK)] if module.clocked else []
        pins += [(port, wire[node]) for port, node in module.imports.items()]
        pins += [(port, wire[node]) for node, port in module.exports.items()]
        placed += ["", f"  {module.name} {plan.instances[module.name]} ("]
        placed += [",\n".join(f"    .{port}({net})" for port, net in pins), "  );"]
    outputs = zip(plan.outputs, plan.graph.outputs, _types(interface.outputs), strict=True)
    ends = [f"  assign {name} = {_widened(node, t, wire)};" for name, node, t in outputs if name]
    lines = [
        f"module {plan.top} (",
        _ports(_element_ports(interface, plan.inputs, plan.outputs)),
        ");",
        *_valid(plan.info.latency),
        *declared,
        *placed,
        "",
        *ends,
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _widened(node: Node, port: Fixed, wire: Mapping[Node, str]) -> str:
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


def _packed(plan: Plan) -> str:
    packed = plan.packed
    pins = [(CLOCK, CLOCK), (VALID_IN, VALID_IN), (VALID_OUT, VALID_OUT)]
    buses: dict[str, list[tuple[str, str, int]]] = {"input": [], "output": []}
    for way, ports, names in (
        ("input", plan.interface.inputs, iter(plan.inputs)),
        ("output", plan.interface.outputs, iter(plan.outputs)),
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
        f"module {plan.packed_top} (",
        ports_text,
        ");",
        f"  {plan.top} {CORE} (",
        ",\n".join(f"    .{port}({net})" for port, net in pins),
        "  );",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"
