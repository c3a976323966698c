"""Layer modules through Amaranth: the rules of all nodes, one named signal per node.

Signals are assigned in topological order and never from nested expressions, which Amaranth walks
recursively.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Const, Module, Shape, Signal, Value

from hgq_rtl.assets import asset_folder
from hgq_rtl.emit import headers, store, verilog_top, workers
from hgq_rtl.emit import partition as parts
from hgq_rtl.emit.amaranth.rules import RULES
from hgq_rtl.emit.amaranth.wiring import Site
from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.plan import plan
from hgq_rtl.emit.tidy import tidy
from hgq_rtl.emit.yosys import write_verilog
from hgq_rtl.errors import EmitError
from hgq_rtl.garbage import no_collection
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.ops import INPUT

MAX_BITS = (1 << 16) - 8
"""Amaranth numbers the bits of a wire, and of all input ports together, with 16 bits."""


def _elaborate(module: parts.Module) -> tuple[Module, list[Value]]:
    """The Amaranth module of a layer and its ports, in order."""
    m = Module()
    site = Site(m, module.top)
    clock = m.domains.sync = ClockDomain("sync", reset_less=True)
    value: dict[Node, Value] = {}
    for node in module.graph.nodes:
        t = node.type
        shape = Shape(t.width, t.signed)
        name = module.signals.get(node)
        if t.is_const:
            value[node] = Const(t.lo, Shape(max(t.width, 1), t.signed))
            continue
        args = [value[arg] for arg in node.args]
        if name is None:
            value[node] = RULES[node.op](site, node, None, *args)
            continue
        out = value[node] = Signal(shape, name=name, reset_less=True)
        if node.op is not INPUT:
            result = RULES[node.op](site, node, out, *args)
            if result is not None:
                m.d.comb += out.eq(result)
    ends = [*module.graph.inputs, *module.graph.outputs]
    ports = [value[node] for node in ends if node in module.signals]
    return m, [clock.clk, *ports] if module.clocked else ports


@no_collection()
def to_rtlil(module: parts.Module) -> str:
    """The module in the intermediate language of Yosys."""
    m, ports = _elaborate(module)
    return str(rtlil.convert(m, name=module.name, ports=ports, emit_src=False))


BATCH = 20_000
"""Nodes converted between two stores: what is lost when a compilation is interrupted."""


def convert(modules: Sequence[parts.Module]) -> list[str]:
    """Verilog of each module. Raises EmitError where one exceeds Amaranth's limits."""
    _check_widths(modules)
    texts = [workers.describe(module) for module in modules]
    found = {text: verilog for text in texts if (verilog := store.lookup(text)) is not None}
    fresh = [i for i, text in enumerate(texts) if text not in found]
    while fresh:
        batch, size = [], 0
        while fresh and size < BATCH:
            batch.append(fresh.pop(0))
            size += len(modules[batch[-1]].graph.nodes)
        rtlil = workers.convert_all(
            [modules[i] for i in batch], [texts[i] for i in batch], to_rtlil
        )
        bodies = write_verilog(rtlil)
        for i in batch:
            found[texts[i]] = store.keep(texts[i], tidy(bodies[modules[i].name], modules[i]))
    return [found[text] for text in texts]


def _check_widths(modules: Sequence[parts.Module]) -> None:
    for module in modules:
        total = sum(n.type.width for n in module.graph.inputs if not n.type.is_const)
        if total > MAX_BITS:
            raise EmitError(
                f"the input ports of module '{module.name}' have {total} bits in all, "
                f"more than {MAX_BITS}",
                where=module.scope,
                hint="Process the tensor in parts, one after the other (a streamed design)",
            )
        for node, name in module.signals.items():
            if node.type.width > MAX_BITS:
                raise EmitError(
                    f"signal '{name}' of module '{module.name}' has {node.type.width} bits, "
                    f"more than {MAX_BITS}",
                    where=module.graph.origin(node),
                )


class AmaranthBackend:
    """Verilog, with a module and a file per layer."""

    ops = frozenset(RULES)

    def emit(self, graph: Graph, interface: Interface, info: CoreInfo) -> Emitted:
        """See ``hgq_rtl.emit.backend.emit``."""
        emitted = verilog_top.assemble(plan(graph, interface, info), convert)
        used = {node.op for node in graph.nodes}
        files = {}
        for op in (op for op in parts.LIBRARY if op in used):
            module = parts.library_module(emitted.top, op)
            files[f"{module}.v"] = headers.library(info, module, emitted.top) + _library(op, module)
        return replace(emitted, files={**files, **emitted.files})


def _library(op: Op, module: str) -> str:
    """The text of a module of the library, which begins ``module NAME``, under this name."""
    text = (asset_folder("rtl_templates") / f"{parts.LIBRARY[op]}.v").read_text()
    comments, _, rest = text.partition(f"module {parts.LIBRARY[op]} ")
    return f"{comments}module {module} {rest}"


BACKEND = AmaranthBackend()
