"""The core in VHDL-2008, for simulators that know no Verilog: ieee.numeric_std and nothing else."""

from __future__ import annotations

from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.plan import plan
from hgq_rtl.emit.vhdl import layers, tops
from hgq_rtl.emit.vhdl.rules import RULES
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface

__all__ = ["BACKEND", "RULES"]


class VhdlBackend:
    """VHDL-2008 with an entity and a file per layer, named as the modules of the Verilog."""

    ops = frozenset(RULES)

    def emit(self, graph: Graph, interface: Interface, info: CoreInfo) -> Emitted:
        """See ``hgq_rtl.emit.backend.emit``."""
        made = plan(graph, interface, info)
        files = {f"{m.name}.vhd": layers.text(info, m, made.top) for m in made.parts.modules}
        return made.emitted(files | tops.texts(made))


BACKEND = VhdlBackend()
