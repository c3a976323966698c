"""What a backend gets, what it returns, and which backends there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol, cast

from hgq_rtl.errors import EmitError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.verify import SCHEDULED, register_depths, verify


@dataclass(frozen=True)
class CoreInfo:
    """Facts that every emitted file names in its header."""

    name: str
    """The design; also the top module, made a legal name."""
    version: str
    """Of this tool."""
    model_hash: str
    """Content hash of the model that was compiled."""
    clock_ns: float
    latency: int
    """Clocks from ``valid_in`` to ``valid_out``."""
    device: str
    keep_sums: bool = False
    """Whether a bit of every sum is marked, so that synthesis joins it with no other sum."""


@dataclass(frozen=True)
class Emitted:
    """A design as text."""

    top: str
    """Module with one port per element; ``<top>_packed`` has one bus per tensor."""
    files: Mapping[str, str]
    """File name to text, layers before the modules that use them."""
    inputs: tuple[str, ...]
    """Port name of every input element, in order; empty for an element of width 0."""
    outputs: tuple[str, ...]
    """Port name of every output element, in order; empty for an element of width 0."""
    packed: Mapping[str, str]
    """Bus name in ``<top>_packed`` by name of the interface's port; width 0 left out."""
    signals: Mapping[Node, str]
    """Path below the top of the signal that holds a node, such as ``u_dense_1.neuron_3_add``."""
    instances: Mapping[str, str] = field(default_factory=dict)
    """Layer to the name of its instance in the top."""


class Backend(Protocol):
    """One hardware language or generator."""

    ops: frozenset[Op]
    """What it can express; anything else must have been expanded before scheduling."""

    def emit(self, graph: Graph, interface: Interface, info: CoreInfo) -> Emitted:
        """The design as text; the graph has been checked already."""


BACKENDS = {"amaranth": "hgq_rtl.emit.amaranth:BACKEND", "vhdl": "hgq_rtl.emit.vhdl:BACKEND"}
"""Name to ``module:object``, imported when asked for."""


def load_backend(name: str) -> Backend:
    """The backend of that name. Raises EmitError if there is none."""
    if name not in BACKENDS:
        raise EmitError(f"unknown backend '{name}'", hint=f"Known: {', '.join(BACKENDS)}")
    module, _, item = BACKENDS[name].partition(":")
    return cast(Backend, getattr(import_module(module), item))


def emit(
    graph: Graph, interface: Interface, info: CoreInfo, *, backend: str = "amaranth"
) -> Emitted:
    """The files of a scheduled graph. The same graph gives the same bytes, in any process.

    Raises EmitError where the graph, the interface and ``info`` do not belong together, or the
    backend cannot express the graph.
    """
    chosen = load_backend(backend)
    for node in graph.nodes:
        if node.op not in chosen.ops:
            raise EmitError(
                f"backend '{backend}' has no rule for op '{node.op.name}'",
                where=graph.where(node),
                hint="Expand the op into smaller ones before scheduling",
            )
    verify(graph, SCHEDULED)
    depths = register_depths(graph)
    found = {depths[node] for node in graph.outputs if node in depths}
    if found - {info.latency}:
        raise EmitError(
            "the graph's registers do not give the announced latency",
            received=f"{found.pop()} clocks, announced {info.latency}",
        )
    _check_interface(graph, interface)
    return chosen.emit(graph, interface, info)


def _check_interface(graph: Graph, interface: Interface) -> None:
    for kind, ports, nodes in (
        ("input", interface.inputs, graph.inputs),
        ("output", interface.outputs, graph.outputs),
    ):
        types = [t for port in ports for t in port.types]
        if len(types) != len(nodes):
            raise EmitError(
                f"the interface and the graph differ in their number of {kind}s",
                received=f"{len(types)} elements, {len(nodes)} nodes",
            )
        names = [port.element_name(i) for port in ports for i in range(port.size)]
        for name, port_type, node in zip(names, types, nodes, strict=True):
            fits = port_type.contains(node.type)
            if not fits or (kind == "input" and port_type != node.type):
                raise EmitError(
                    f"{kind} '{name}' does not fit its port",
                    received=f"{node.type}, the port is {port_type}",
                )
