"""A small scheduled design with hand-written Verilog: tests of the tools, not of the emitter."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hgq_rtl.emit.backend import Emitted
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, COMPARE, INPUT, MAX, MIN, MUX, REG, SHIFT, cast
from hgq_rtl.project import Core

S4, U3, ZERO = Fixed(-8, 7, -2), Fixed(0, 7, 0), Fixed(0, 0, 0)

ELEMENTS = """\
module tiny(input clk, input valid_in, input [3:0] x_0, input [2:0] x_2, input [2:0] b,
            output valid_out, output [6:0] y_0, output [6:0] y_1, output [2:0] z);
  reg v0 = 0, v1 = 0;
  layer u_layer(clk, x_0, x_2, b, y_0, y_1, z);
  always @(posedge clk) begin v0 <= valid_in; v1 <= v0; end
  assign valid_out = v1;
endmodule
"""
LAYER = """\
module layer(input clk, input [3:0] x_0, input [2:0] x_2, input [2:0] b,
             output [6:0] y_0, output [6:0] y_1, output [2:0] z);
  reg [3:0] x_0_r; reg [2:0] x_2_r, b_r, z_r; reg [6:0] y_0_r, y_1_r;
  wire [6:0] sum = {{3{x_0_r[3]}}, x_0_r} + {2'b0, x_2_r, 2'b0};
  wire [6:0] diff = sum - {2'b0, b_r, 2'b0};
  always @(posedge clk) begin
    x_0_r <= x_0; x_2_r <= x_2; b_r <= b;
    y_0_r <= sum; y_1_r <= diff; z_r <= b_r;
  end
  assign y_0 = y_0_r; assign y_1 = y_1_r; assign z = z_r;
endmodule
"""
PACKED = """\
module tiny_packed(input clk, input valid_in, input [6:0] x, input [2:0] b,
                   output valid_out, output [13:0] y, output [2:0] z);
  tiny core(.clk(clk), .valid_in(valid_in), .x_0(x[3:0]), .x_2(x[6:4]), .b(b),
            .valid_out(valid_out), .y_0(y[6:0]), .y_1(y[13:7]), .z(z));
endmodule
"""


def tiny(**changes: Any) -> Core:
    """Two inputs, one element of them without wires, two stages: y = (x0 + x2, x0 + x2 - b)."""
    build = Builder()
    ports = [("x_0", S4), ("x_1", ZERO), ("x_2", U3), ("b", U3)]
    inputs = tuple(build(INPUT, name=n, lo=t.lo, hi=t.hi, exp=t.exp) for n, t in ports)
    with build.at("dense/sum"):
        x0, x2, b = (build(REG, inputs[i]) for i in (0, 2, 3))
        total = build(ADD, x0, x2, sub=False)
    with build.at("dense/diff"):
        diff = build(ADD, total, b, sub=True)
    outs = (build(REG, total), build(REG, diff), build(REG, build(SHIFT, b, bits=1)))
    graph = Graph(build, inputs, outs, ("y_0", "y_1", "z"))
    types = (outs[0].type, outs[1].type)
    interface = Interface(
        (Port("x", (3,), (S4, ZERO, U3)), Port("b", (), (U3,))),
        (Port("y", (2,), types), Port("z", (), (outs[2].type,))),
    )
    emitted = Emitted(
        top="tiny",
        files={"layer.v": LAYER, "tiny.v": ELEMENTS, "tiny_packed.v": PACKED},
        inputs=("x_0", "", "x_2", "b"),
        outputs=("y_0", "y_1", "z"),
        packed={"x": "x", "b": "b", "y": "y", "z": "z"},
        signals={
            inputs[0]: "x_0",
            total: "u_layer.sum",
            diff: "u_layer.diff",
            outs[0]: "u_layer.y_0_r",
            outs[1]: "u_layer.y_1_r",
        },
    )
    core = Core("tiny", graph, interface, 2, 2.0, "unit", emitted, {"lut": 12}, {"seed": 1})
    return replace(core, **changes)


def random_graph(seed: int, stages: int, width: int = 12) -> tuple[Graph, Interface]:
    """A seeded graph of common ops with a register level after each stage."""
    draw, build = random.Random(seed), Builder()
    inputs = tuple(build(INPUT, name=f"x_{i}", lo=-32, hi=31, exp=-3) for i in range(width))
    level = list(inputs)
    for stage in range(max(stages, 1)):
        fresh = []
        for k in range(width):
            a, b = draw.sample(level, 2)
            with build.at(f"layer_{stage}/n{k}"):
                kind = draw.choice((ADD, ADD, MAX, MIN, MUX))
                if kind is ADD:
                    node = build(ADD, a, b, sub=draw.random() < 0.3)
                elif kind is MUX:
                    node = build(MUX, build(COMPARE, a, b, kind="lt"), b, a)
                else:
                    node = build(kind, a, b)
                node = cast(build, node, -3, 8, True)
                fresh.append(build(REG, node) if stages else node)
        level = fresh
    outputs = tuple(level[:4])
    interface = Interface(
        (Port("x", (width,), tuple(n.type for n in inputs)),),
        (Port("y", (4,), tuple(n.type for n in outputs)),),
    )
    return Graph(build, inputs, outputs, tuple(f"y_{i}" for i in range(4))), interface
