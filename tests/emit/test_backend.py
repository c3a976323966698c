import subprocess
import sys
from dataclasses import replace

import pytest

from hgq_rtl.emit import store, workers
from hgq_rtl.emit.amaranth import MAX_BITS, layers
from hgq_rtl.emit.backend import CoreInfo, emit
from hgq_rtl.errors import EmitError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, CAST, DOT, INPUT, MAX, MUX, REG, SHIFT, TABLE, constant
from tests.battery.backend import battery_design, design

INFO = CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 0, "xcvu13p-2")


def interface_of(graph):
    return Interface(
        (Port("x", (len(graph.inputs),), tuple(n.type for n in graph.inputs)),),
        (Port("y", (len(graph.outputs),), tuple(n.type for n in graph.outputs)),),
    )


def graph_of(build, inputs, outputs):
    return Graph(build, tuple(inputs), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))


def neuron():
    """Two inputs, one neuron with ReLU and a register, then a table in another layer."""
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=-8, hi=7, exp=-2) for j in range(2)]
    with build.at("dense_1/neuron_0"):
        total = build(ADD, x[0], build(SHIFT, x[1], bits=1), sub=True)
        relu = build(MAX, total, constant(build, 0, 0))
        short = build(CAST, relu, exp=0, width=2, signed=False)
        stored = build(REG, short)
    with build.at("sigmoid"):
        table = build(TABLE, stored, entries=(1, 3, 3, 3), lo=0, step=0, exp=-2)
    return graph_of(build, x, [build(REG, table)])


def test_the_verilog_of_a_neuron():
    graph = neuron()
    emitted = emit(graph, interface_of(graph), CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit"))
    assert list(emitted.files) == [
        "tiny_dense_1.v",
        "tiny_sigmoid.v",
        "tiny_glue.v",
        "tiny.v",
        "tiny_packed.v",
    ]
    assert (
        emitted.files["tiny_dense_1.v"]
        == """\
// tiny_dense_1: layer 'dense_1' of tiny, latency 2 clocks in all.
// Model c0ffee, compiled by hgq_rtl 0.1.0 for unit at 2 ns.
//
// A comment such as s6@-3 behind a signal: signed, 6 bits, the LSB is worth 2^-3.
//   name              dir  bits  format       range
//   x_0               in   s4    fixed<4,-2>  [-2, 1.75]
//   x_1               in   s4    fixed<4,-2>  [-2, 1.75]
//   neuron_0_cast_s1  out  u2    ufixed<2,0>  [0, 3]

module tiny_dense_1 (
  input wire clk,
  input wire [3:0] x_0,
  input wire [3:0] x_1,
  output reg [1:0] neuron_0_cast_s1 = 0
);

  // dense_1/neuron_0
  wire [5:0] neuron_0_sub = $signed(x_0) - $signed({ x_1, 1'h0 });  // s6@-2
  wire [4:0] neuron_0_relu = neuron_0_sub[5] ? 5'h00 : neuron_0_sub[4:0];  // u5@-2
  always @(posedge clk) neuron_0_cast_s1 <= neuron_0_relu[3:2];  // u2@0
endmodule
"""
    )
    body = emitted.files["tiny_sigmoid.v"].partition("\nmodule ")[2]
    assert (
        body
        == """\
tiny_sigmoid (
  input wire [1:0] dense_1_neuron_0_cast_s1,
  output reg [1:0] n_table
);
  // Never changes. Makes event-driven simulators look at every table at time 0.
  reg wake = 0;

  // sigmoid
  always @* begin  // u2@-2
    if (wake) begin end
    case (dense_1_neuron_0_cast_s1)
      2'h0: n_table = 2'h1;
      default: n_table = 2'h3;
    endcase
  end
endmodule
"""
    )
    assert (
        emitted.files["tiny.v"].partition("\nmodule ")[2]
        == """\
tiny (
  input wire clk,
  input wire valid_in,
  input wire [3:0] x_0,
  input wire [3:0] x_1,
  output wire valid_out,
  output wire [1:0] y_0
);
  // One bit for each sample in flight.
  reg [1:0] valid;
  initial valid = 0;
  always @(posedge clk) valid <= {valid[0], valid_in};
  assign valid_out = valid[1];

  wire [1:0] dense_1_neuron_0_cast_s1;

  wire [1:0] sigmoid_n_table;

  wire [1:0] glue_sigmoid_n_table_s2;

  tiny_dense_1 u_dense_1 (
    .clk(clk),
    .x_0(x_0),
    .x_1(x_1),
    .neuron_0_cast_s1(dense_1_neuron_0_cast_s1)
  );

  tiny_sigmoid u_sigmoid (
    .dense_1_neuron_0_cast_s1(dense_1_neuron_0_cast_s1),
    .n_table(sigmoid_n_table)
  );

  tiny_glue u_glue (
    .clk(clk),
    .sigmoid_n_table(sigmoid_n_table),
    .sigmoid_n_table_s2(glue_sigmoid_n_table_s2)
  );

  assign y_0 = glue_sigmoid_n_table_s2;
endmodule
"""
    )


def test_sums_are_marked_where_synthesis_would_join_them():
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=-8, hi=7, exp=0) for j in range(3)]
    with build.at("dense"):
        first = build(ADD, x[0], x[1], sub=False)
        second = build(ADD, first, x[2], sub=True)
        relu = build(MAX, second, constant(build, 0, 0))
    graph = graph_of(build, x, [build(CAST, second, exp=0, width=5, signed=True), relu])
    plain = emit(graph, interface_of(graph), INFO).files["tiny_dense.v"]
    kept = emit(graph, interface_of(graph), replace(INFO, keep_sums=True)).files["tiny_dense.v"]
    fresh = [line.strip() for line in kept.splitlines() if line not in plain.splitlines()]
    assert fresh == [
        "// (* keep *): a bit of a sum, for synthesis to join that sum with no other.",
        "(* keep *) wire add_top = add[4];",
        "(* keep *) wire sub_top = sub[5];",
    ]
    assert len(kept.splitlines()) == len(plain.splitlines()) + len(fresh)


def test_signals_lead_back_to_nodes():
    graph = neuron()
    emitted = emit(graph, interface_of(graph), CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit"))
    assert [emitted.signals.get(node) for node in graph.nodes] == [
        "x_0",
        "x_1",
        "x_1",  # a shift is the same wires
        "u_dense_1.neuron_0_sub",
        None,  # the constant
        "u_dense_1.neuron_0_relu",
        None,  # the cast, a slice written where it is read
        "u_dense_1.neuron_0_cast_s1",
        "u_sigmoid.n_table",
        "u_glue.sigmoid_n_table_s2",
    ]


def test_ports_of_width_zero_and_outputs_without_logic():
    build = Builder()
    none = build(INPUT, name="none", lo=0, hi=0, exp=0)
    x = build(INPUT, name="x", lo=-2, hi=1, exp=0)
    outputs = [x, none, constant(build, -3, 1), build(SHIFT, x, bits=4), x]
    graph = graph_of(build, [none, x], outputs)
    wide = list(interface_of(graph).outputs[0].types)
    wide[4] = Fixed(-32, 31, -2)  # a port may be wider and finer than its value
    interface = Interface(interface_of(graph).inputs, (Port("y", (5,), tuple(wide)),))
    emitted = emit(graph, interface, INFO)
    assert emitted.inputs == ("", "x_1")
    assert emitted.outputs == ("y_0", "", "y_2", "y_3", "y_4")
    assert list(emitted.files) == ["tiny.v", "tiny_packed.v"]
    text = emitted.files["tiny.v"]
    assert "  assign valid_out = valid_in;\n" in text
    assert text.endswith("""
  assign y_0 = x_1;
  assign y_2 = 3'h5;
  assign y_3 = x_1;
  assign y_4 = {{2{x_1[1]}}, x_1, 2'h0};
endmodule
""")


def test_hostile_names_reach_no_token():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=3, exp=0)
    with build.at("a\nendmodule/b;\\\n`include"):
        y = build(ADD, x, constant(build, 1, 0), sub=False)
    graph = graph_of(build, [x], [y])
    interface = Interface((Port("module", (), (x.type,)),), (Port("valid_in", (), (y.type,)),))
    emitted = emit(graph, interface, CoreInfo("9 to\n5", "v\n1", "\nx", 1.0, 0, "d\n"))
    assert (emitted.top, emitted.inputs, emitted.outputs) == (
        "n_9_to_5",
        ("n_module",),
        ("valid_in_2",),
    )
    assert emitted.packed == {"module": "n_module", "valid_in": "valid_in_2"}
    for text in emitted.files.values():
        code = [line for line in text.splitlines() if not line.lstrip().startswith("//")]
        assert not [line for line in code if "`" in line or "\\" in line]
        assert sum(line.startswith("endmodule") for line in code) == 1


def forget(monkeypatch):
    """Nothing in memory, and nothing on disk."""
    monkeypatch.setenv("HGQ_RTL_CACHE", "off")
    store.forget()


def test_workers_write_the_same_bytes(monkeypatch):
    plain = battery_design(seed=5, count=1, depth=40)
    serial = emit(plain.scheduled, plain.interface, plain.info).files
    monkeypatch.setattr(workers, "MIN_NODES", 0)
    monkeypatch.setattr(workers, "_cpus", lambda: 2)
    forget(monkeypatch)
    calls = []
    run = workers._run
    monkeypatch.setattr(workers, "_run", lambda texts: calls.append(run(texts)) or calls[-1])
    assert emit(plain.scheduled, plain.interface, plain.info).files == serial
    assert len(calls) == 2
    assert all(calls)


def test_a_worker_that_cannot_run_is_replaced(monkeypatch):
    plain = battery_design(seed=6, count=0, depth=10)
    serial = emit(plain.scheduled, plain.interface, plain.info).files
    monkeypatch.setattr(workers, "MIN_NODES", 0)
    monkeypatch.setattr(workers, "_cpus", lambda: 2)
    forget(monkeypatch)
    monkeypatch.setattr(workers, "_run", lambda texts: None)
    assert emit(plain.scheduled, plain.interface, plain.info).files == serial


def test_a_layer_seen_before_is_not_converted_again(monkeypatch):
    graph = neuron()
    info = CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit")
    first = emit(graph, interface_of(graph), info).files
    monkeypatch.setattr(
        "hgq_rtl.emit.amaranth.layers.write_verilog", lambda texts: pytest.fail("again")
    )
    other = neuron()
    assert emit(other, interface_of(other), info).files == first


def test_a_layer_seen_by_another_process_is_read_from_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("HGQ_RTL_CACHE", str(tmp_path))
    store.forget()
    graph = neuron()
    info = CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit")
    first = emit(graph, interface_of(graph), info).files
    entries = list(tmp_path.glob("verilog/*/*"))
    assert len(entries) == len(first) - 2  # the tops are only wires
    called = []
    convert = layers.write_verilog
    monkeypatch.setattr(layers, "write_verilog", lambda r: called.append(1) or convert(r))
    store.forget()
    assert emit(neuron(), interface_of(graph), info).files == first
    assert not called
    # An entry that was damaged is made again.
    for entry in entries:
        entry.write_bytes(entry.read_bytes().replace(b"wire", b"w1re"))
    store.forget()
    assert emit(neuron(), interface_of(graph), info).files == first
    assert called == [1]


def test_an_interrupted_conversion_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("HGQ_RTL_CACHE", str(tmp_path))
    monkeypatch.setattr(layers, "BATCH", 1)
    store.forget()
    plain = battery_design(seed=8, count=1, depth=20)
    convert, left = layers.write_verilog, [2]

    def interrupted(rtlil):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return convert(rtlil)

    monkeypatch.setattr(layers, "write_verilog", interrupted)
    with pytest.raises(KeyboardInterrupt):
        emit(plain.scheduled, plain.interface, plain.info)
    assert len(list(tmp_path.glob("verilog/*/*"))) == 1
    store.forget()
    made = []
    monkeypatch.setattr(layers, "write_verilog", lambda r: made.append(len(r)) or convert(r))
    files = emit(plain.scheduled, plain.interface, plain.info).files
    assert len(made) == len(list(tmp_path.glob("verilog/*/*"))) - 1 > 0
    monkeypatch.setenv("HGQ_RTL_CACHE", "off")
    store.forget()
    assert emit(plain.scheduled, plain.interface, plain.info).files == files


def test_the_bytes_do_not_depend_on_the_process():
    code = (
        "from tests.battery.backend import battery_design, emit\n"
        "d = battery_design(seed=7, count=1, depth=30)\n"
        "print(*emit(d.scheduled, d.interface, d.info).files.values())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(texts) == 1


def errors():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    with build.at("dense/neuron_0"):
        dot = build(DOT, x, weights=(3,), exp=0, bias=0, bias_exp=0)
        y = build(ADD, x, constant(build, 1, 0), sub=False)
    big = build(INPUT, name="big", lo=0, hi=(1 << 70000) - 1, exp=0)
    bit = build(INPUT, name="bit", lo=0, hi=1, exp=0)
    with build.at("wide"):
        moved = build(ADD, build(SHIFT, x, bits=70000), y, sub=False)
        chosen = build(MUX, bit, big, constant(build, 0, 0))
    good = graph_of(build, [x], [y])
    yield (
        "op",
        graph_of(build, [x], [dot]),
        None,
        INFO,
        (
            "layer 'dense/neuron_0': backend 'amaranth' has no rule for op 'dot'.\n"
            "  Expand the op into smaller ones before scheduling."
        ),
    )
    yield (
        "latency",
        good,
        None,
        CoreInfo("t", "0", "0", 1, 3, "unit"),
        (
            "the graph's registers do not give the announced latency.\n"
            "  Received: 0 clocks, announced 3."
        ),
    )
    yield (
        "count",
        good,
        Interface((), interface_of(good).outputs),
        INFO,
        (
            "the interface and the graph differ in their number of inputs.\n"
            "  Received: 0 elements, 1 nodes."
        ),
    )
    narrow = Interface(interface_of(good).inputs, (Port("y", (1,), (Fixed(0, 1, 0),)),))
    yield (
        "output type",
        good,
        narrow,
        INFO,
        ("output 'y_0' does not fit its port.\n  Received: s5@0 [-7, 8], the port is u1@0 [0, 1]."),
    )
    other = Interface((Port("x", (1,), (Fixed(-8, 8, 0),)),), interface_of(good).outputs)
    yield (
        "input type",
        good,
        other,
        INFO,
        ("input 'x_0' does not fit its port.\n  Received: s4@0 [-8, 7], the port is s5@0 [-8, 8]."),
    )
    yield (
        "wire",
        graph_of(build, [x], [moved]),
        None,
        INFO,
        (f"wide: signal 'add' of module 'tiny_wide' has 70005 bits, more than {MAX_BITS}."),
    )
    yield (
        "ports",
        graph_of(build, [bit, big], [chosen]),
        None,
        INFO,
        (
            "wide: the input ports of module 'tiny_wide' have 70001 bits in all, "
            f"more than {MAX_BITS}.\n"
            "  Process the tensor in parts, one after the other (a streamed design)."
        ),
    )


@pytest.mark.parametrize(
    ("graph", "interface", "info", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in errors()],
)
def test_errors_name_the_layer_and_what_to_do(graph, interface, info, message):
    with pytest.raises(EmitError) as error:
        emit(graph, interface or interface_of(graph), info)
    assert str(error.value) == message


def test_an_unknown_backend_is_an_error():
    plain = design(Builder(), [], [])
    with pytest.raises(EmitError) as error:
        emit(plain.graph, plain.interface, plain.info, backend="pyrtl")
    assert str(error.value) == "unknown backend 'pyrtl'.\n  Known: amaranth, vhdl."


def test_a_failing_yosys_is_reported():
    from hgq_rtl.emit.yosys import write_verilog

    with pytest.raises(EmitError) as error:
        write_verilog(["module broken"])
    assert str(error.value).startswith("Yosys failed.\n  Received: ")
