"""A design whose names are keywords somewhere, no names at all, or what our tools replace."""

from __future__ import annotations

from hgq_rtl.emit.backend import CoreInfo, Emitted, emit
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, REG, cast, constant

BIT, S5, NONE = Fixed(0, 1, 0), Fixed(-16, 15, -3), Fixed(0, 0, 0)
INPUTS = (
    Port("begin", (2,), (S5, BIT)),
    Port("$x [exit];\n\"'`", (), (S5,)),
    Port("BEGIN_0", (), (BIT,)),
    Port("nothing", (2,), (NONE, NONE)),
    Port("jet_0_pt", (), (BIT,)),
)
LAYERS = (
    "module/entity",
    "record",
    "proc set; exit",
    "$display(1)/\\",
    "../up",
    "",
    "été",
    "logic",
)


def design(name: str = "signal") -> tuple[Graph, Interface, CoreInfo, Emitted]:
    """Sums and maxima of all inputs in layers with such names; two clocks."""
    build = Builder()
    types = [t for port in INPUTS for t in port.types]
    nodes = [build(INPUT, name=f"n{i}", lo=t.lo, hi=t.hi, exp=t.exp) for i, t in enumerate(types)]
    live = [build(REG, node) for node in nodes if not node.type.is_const]
    total = live[0]
    for index, layer in enumerate(LAYERS):
        with build.at(layer):
            total = build(ADD, total, live[index % len(live)], sub=index % 3 == 1)
            total = build(MAX, cast(build, total, -3, 7, True), live[-1])
    outs = (build(REG, total), build(REG, cast(build, live[0], 0, 1, False)))
    zero, five = constant(build, 0, 0), constant(build, 5, 0)
    outputs = (outs[0], zero, outs[1], zero, five)
    graph = Graph(build, tuple(nodes), outputs, tuple(f"y{i}" for i in range(5)))
    interface = Interface(
        INPUTS,
        (
            Port("end", (2,), (outs[0].type, NONE)),
            Port("output", (), (outs[1].type,)),
            Port("void", (), (NONE,)),
            Port("const", (), (Fixed(5, 5, 0),)),
        ),
    )
    info = CoreInfo(name, "0.1\n`include", "hash*/", 2.0, 2, "dev--ice\\")
    return graph, interface, info, emit(graph, interface, info)
