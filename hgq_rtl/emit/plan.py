"""What all languages share: modules, ports, and the name of everything in the two tops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.names import Names
from hgq_rtl.emit.partition import CLOCK, LIBRARY, Partition, library_module, partition
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Node

VALID_IN, VALID_OUT, VALID = "valid_in", "valid_out", "valid"
CORE = "core"
"""The instance of the top in the packed top."""
SHELLS = ("_axis", "_sv", "_sv_types", "_vhdl", "_vhdl_types", "_tb")
"""Suffixes of the modules and packages around a core, which no layer may take."""


@dataclass(frozen=True)
class Plan:
    """A design cut into modules, every name chosen; the same for all languages."""

    graph: Graph
    interface: Interface
    info: CoreInfo
    top: str
    packed_top: str
    inputs: tuple[str, ...]
    """Port of the top of every input element, in order; empty for an element of width 0."""
    outputs: tuple[str, ...]
    parts: Partition
    instances: Mapping[str, str]
    """Module to its instance in the top."""
    wires: Mapping[Node, str]
    """In the top: its inputs, and what leaves a module."""
    packed: Mapping[str, str]
    """Bus of the packed top by name of the interface's port; width 0 left out."""

    def emitted(self, files: Mapping[str, str]) -> Emitted:
        """The design in a language whose files are these."""
        signals = {
            node: name if module is None else f"{self.instances[module.name]}.{name}"
            for node, (module, name) in self.parts.signals.items()
        }
        placed = {m.scope: self.instances[m.name] for m in self.parts.modules if m.scope}
        return Emitted(self.top, files, self.inputs, self.outputs, self.packed, signals, placed)


def plan(graph: Graph, interface: Interface, info: CoreInfo) -> Plan:
    """Cut a scheduled graph into modules and name everything."""
    modules = Names()
    top = modules(info.name)
    packed_top = modules(f"{top}_packed")
    for suffix in SHELLS:
        modules(f"{top}{suffix}")
    for name in dict.fromkeys(library_module(top, op) for op in LIBRARY):
        modules(name)
    names = Names(CLOCK, VALID_IN, VALID_OUT, VALID)
    inputs = _element_names(interface.inputs, names)
    outputs = _element_names(interface.outputs, names)
    ports = {n: name for n, name in zip(graph.inputs, inputs, strict=True) if name}
    parts = partition(graph, ports, top, modules, info.keep_sums)
    instances = {m.name: names(f"u_{m.short}") for m in parts.modules}
    wires = dict(ports)
    for module in parts.modules:
        wires |= {node: names(f"{module.short}_{port}") for node, port in module.exports.items()}
    packed_names = Names(CLOCK, VALID_IN, VALID_OUT, CORE)
    packed = {
        port.name: packed_names(port.name)
        for port in (*interface.inputs, *interface.outputs)
        if port.width
    }
    return Plan(
        graph, interface, info, top, packed_top, inputs, outputs, parts, instances, wires, packed
    )


def _element_names(ports: Sequence[Port], names: Names) -> tuple[str, ...]:
    return tuple(
        names(port.element_name(i)) if port.types[i].width else ""
        for port in ports
        for i in range(port.size)
    )
