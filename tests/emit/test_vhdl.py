import re
from dataclasses import replace

import pytest

from hgq_rtl.emit.amaranth import BACKEND as VERILOG
from hgq_rtl.emit.backend import CoreInfo, emit
from hgq_rtl.emit.vhdl import BACKEND as VHDL
from hgq_rtl.emit.vhdl import RULES
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    CAST,
    COMPARE,
    INPUT,
    MASKED_SUM3,
    MAX,
    MIN,
    MUL,
    MUX,
    SHIFT,
    SUM3,
    TABLE,
    XOR,
    constant,
)
from hgq_rtl.ir.verify import SCHEDULED
from tests.battery.backend import BackendBattery, battery_design, design
from tests.emit import verilate
from tests.emit.ghdl import ghdl, simulate, write
from tests.emit.test_backend import INFO, graph_of, interface_of, neuron
from tests.tools import needs


class TestVhdl(BackendBattery):
    backend = "vhdl"

    @needs("ghdl")
    def test_hardware_equals_the_graph(self, battery, emitted, tmp_path):
        super().test_hardware_equals_the_graph(battery, emitted, tmp_path)

    def simulate(self, emitted, design, buses, folder):
        ins, outs = design.interface.inputs[0].width, design.interface.outputs[0].width
        return simulate(emitted, ins, outs, design.info.latency, buses, folder)


@pytest.mark.slow
@needs("ghdl")
@pytest.mark.parametrize("seed", range(1, 5))
def test_more_random_designs(seed, tmp_path):
    whole = battery_design(seed=seed)
    emitted = emit(whole.scheduled, whole.interface, whole.info, backend="vhdl")
    TestVhdl().test_hardware_equals_the_graph(whole, emitted, tmp_path)


def test_every_op_has_a_rule_and_the_languages_have_the_same():
    assert set(RULES) == SCHEDULED == VHDL.ops == VERILOG.ops


def test_names_are_those_of_the_verilog():
    graph = neuron()
    info = CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit")
    verilog, vhdl = (
        emit(graph, interface_of(graph), info, backend=b) for b in ("amaranth", "vhdl")
    )
    assert [f"{name.removesuffix('.v')}.vhd" for name in verilog.files] == list(vhdl.files)
    for fact in ("top", "inputs", "outputs", "packed", "signals", "instances"):
        assert getattr(vhdl, fact) == getattr(verilog, fact)


def test_the_vhdl_of_a_neuron():
    graph = neuron()
    info = CoreInfo("tiny", "0.1.0", "c0ffee", 2.0, 2, "unit")
    files = emit(graph, interface_of(graph), info, backend="vhdl").files
    assert (
        files["tiny_dense_1.vhd"]
        == """\
-- tiny_dense_1: layer 'dense_1' of tiny, latency 2 clocks in all.
-- Model c0ffee, compiled by hgq_rtl 0.1.0 for unit at 2 ns.
--
-- A comment such as s6@-3 behind a signal: signed, 6 bits, the LSB is worth 2^-3.
--   name              dir  bits  format       range
--   x_0               in   s4    fixed<4,-2>  [-2, 1.75]
--   x_1               in   s4    fixed<4,-2>  [-2, 1.75]
--   neuron_0_cast_s1  out  u2    ufixed<2,0>  [0, 3]
library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity tiny_dense_1 is
  port (
    clk : in std_logic;
    x_0 : in signed(3 downto 0);
    x_1 : in signed(3 downto 0);
    neuron_0_cast_s1 : out unsigned(1 downto 0)
  );
end entity tiny_dense_1;

architecture rtl of tiny_dense_1 is
  signal neuron_0_sub : signed(5 downto 0);
  signal neuron_0_relu : unsigned(4 downto 0);
begin
  -- dense_1/neuron_0
  neuron_0_sub <= resize(x_0, 6) - resize(x_1 & "0", 6);  -- s6@-2
  neuron_0_relu <= (others => '0') when neuron_0_sub < 0 else unsigned(neuron_0_sub(4 downto 0));  -- u5@-2
  neuron_0_cast_s1 <= neuron_0_relu(3 downto 2) when rising_edge(clk);  -- u2@0
end architecture rtl;
"""  # noqa: E501
    )
    assert (
        files["tiny_sigmoid.vhd"].partition("architecture ")[2]
        == """\
rtl of tiny_sigmoid is
  type entries_2 is array (natural range <>) of std_logic_vector(1 downto 0);
  constant table_1 : entries_2(0 to 3) := (
    2x"1", 2x"3", 2x"3", 2x"3");
begin
  -- sigmoid
  n_table <= unsigned(table_1(to_integer(dense_1_neuron_0_cast_s1)));  -- u2@-2
end architecture rtl;
"""
    )
    assert (
        files["tiny.vhd"].partition("architecture ")[2]
        == """\
rtl of tiny is
  -- One bit for each sample in flight.
  signal valid : std_logic_vector(1 downto 0) := (others => '0');
  signal dense_1_neuron_0_cast_s1 : unsigned(1 downto 0);
  signal sigmoid_n_table : unsigned(1 downto 0);
  signal glue_sigmoid_n_table_s2 : unsigned(1 downto 0);
begin
  valid <= valid(0 downto 0) & valid_in when rising_edge(clk);
  valid_out <= valid(1);

  u_dense_1 : entity work.tiny_dense_1
    port map (
      clk => clk,
      x_0 => x_0,
      x_1 => x_1,
      neuron_0_cast_s1 => dense_1_neuron_0_cast_s1
    );

  u_sigmoid : entity work.tiny_sigmoid
    port map (
      dense_1_neuron_0_cast_s1 => dense_1_neuron_0_cast_s1,
      n_table => sigmoid_n_table
    );

  u_glue : entity work.tiny_glue
    port map (
      clk => clk,
      sigmoid_n_table => sigmoid_n_table,
      sigmoid_n_table_s2 => glue_sigmoid_n_table_s2
    );

  y_0 <= glue_sigmoid_n_table_s2;
end architecture rtl;
"""
    )
    assert (
        files["tiny_packed.vhd"].partition("architecture ")[2]
        == """\
rtl of tiny_packed is
  signal y_0_number : unsigned(1 downto 0);
begin
  core : entity work.tiny
    port map (
      clk => clk,
      valid_in => valid_in,
      valid_out => valid_out,
      x_0 => signed(x(3 downto 0)),
      x_1 => signed(x(7 downto 4)),
      y_0 => y_0_number
    );

  y(1 downto 0) <= std_logic_vector(y_0_number);
end architecture rtl;
"""
    )


def made(build, inputs, number, op, *args, **attrs):
    """A node on fresh inputs, one for each type in ``args``; the others are numbers."""
    nodes = []
    for name, arg in zip("abcd", args, strict=False):
        if isinstance(arg, Fixed):
            node = build(INPUT, name=f"{name}{number}", lo=arg.lo, hi=arg.hi, exp=arg.exp)
            inputs.append(node)
            nodes.append(node)
        else:
            nodes.append(constant(build, *arg))
    with build.at("layer/n"):
        return build(op, *nodes, **attrs)


S4, U3, U8, BIT = Fixed(-8, 7, 0), Fixed(0, 7, 0), Fixed(0, 255, -2), Fixed(0, 1, 0)


UNBIASED = {"bias": 0, "bias_exp": 0}
STATEMENTS = [
    ((ADD, S4, (3, 0), {"sub": False}), "resize(a, 5) + 3"),
    ((ADD, S4, (3, 0), {"sub": True}), "resize(a, 5) - 3"),
    ((ADD, (0, 0), S4, {"sub": True}), "-resize(b, 5)"),
    ((ADD, (0, 0), Fixed(-7, 0, 0), {"sub": True}), "to_unsigned(0, 3) - unsigned(b(2 downto 0))"),
    ((SUM3, (0, 0), S4, U3, {"sub": 2} | UNBIASED), "-resize(b, 5) - signed(resize(c, 5))"),
    ((ADD, (5, 0), U3, {"sub": True}), "to_signed(5, 4) - signed(resize(b, 4))"),
    (
        (ADD, (-5, 0), Fixed(-20, -5, 0), {"sub": True}),
        "to_unsigned(11, 4) - unsigned(b(3 downto 0))",
    ),
    ((ADD, U3, (1, 40), {"sub": False}), 'resize(a, 41) + 41x"10000000000"'),
    ((ADD, U3, Fixed(0, 3, -2), {"sub": False}), "a & b"),
    ((ADD, Fixed(0, 1, -2), U3, {"sub": False}), "b & resize(a, 2)"),
    ((SUM3, S4, U3, (1, 0), {"sub": 1} | UNBIASED), "resize(a, 5) + signed(resize(b, 5)) - 1"),
    (
        (SUM3, S4, U3, U3, {"sub": 0, "bias": 9, "bias_exp": 0}),
        "unsigned(resize(a, 5)) + resize(b, 5) + resize(c, 5) + 9",
    ),
    (
        (MASKED_SUM3, S4, U3, (1, 0), BIT, {"sub": 1, "place": 0} | UNBIASED),
        "signed(resize(b, 5)) - 1 when d(0) = '1' else resize(a, 5) + signed(resize(b, 5)) - 1",
    ),
    ((MUL, S4, U3, {}), "resize(a * signed('0' & b), 7)"),
    ((MUL, U3, U8, {}), "a * b"),
    ((MUL, S4, (-3, 0), {}), "resize(a * to_signed(-3, 3), 6)"),
    ((MAX, S4, (0, 0), {}), "(others => '0') when a < 0 else unsigned(a(2 downto 0))"),
    ((MAX, (5, 0), S4, {}), "to_unsigned(5, 3) when b < 5 else unsigned(b(2 downto 0))"),
    ((MIN, S4, U3, {}), "a when a < signed('0' & b) else signed(resize(b, 4))"),
    ((MUX, BIT, S4, (1, 0), {}), "b when a(0) = '1' else to_signed(1, 4)"),
    ((COMPARE, U8, U3, {"kind": "lt"}), '"1" when a < (b & "00") else "0"'),
    ((COMPARE, S4, (-1, 40), {"kind": "eq"}), '"1" when a = 42x"30000000000" else "0"'),
    ((CAST, U8, {"exp": 0, "width": 3, "signed": True}), "signed(a(4 downto 2))"),
    ((CAST, S4, {"exp": 9, "width": 3, "signed": False}), "(others => a(3))"),
    ((AND, U8, U3, {}), "a(4 downto 0) and (b & \"00\")"),
    ((XOR, S4, (-1, 0), {}), "not a"),
    ((XOR, U3, (5, 0), {}), "a xor to_unsigned(5, 3)"),
    (
        (TABLE, S4, {"entries": tuple(range(16)), "lo": -8, "step": 0, "exp": 0}),
        "unsigned(table_1(to_integer(unsigned(a))))",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("words", "text"), STATEMENTS)
def test_statements_are_what_one_would_write(words, text):
    build, inputs = Builder(), []
    node = made(build, inputs, "", *words[:-1], **words[-1])
    graph = graph_of(build, inputs, [node])
    ports = tuple(Port(n.attrs[0], (), (n.type,)) for n in inputs)
    interface = Interface(ports, (Port("y", (), (node.type,)),))
    file = emit(graph, interface, INFO, backend="vhdl").files["tiny_layer.vhd"]
    assert re.search(r"  n_\w+ <= (.*);  -- ", file)[1] == text


@needs("ghdl")
def test_statements_compute_what_they_should(tmp_path):
    build, inputs = Builder(), []
    nodes = [
        made(build, inputs, k, *words[:-1], **words[-1]) for k, (words, _) in enumerate(STATEMENTS)
    ]
    whole = design(build, inputs, nodes)
    emitted = emit(whole.scheduled, whole.interface, whole.info, backend="vhdl")
    TestVhdl().test_hardware_equals_the_graph(whole, emitted, tmp_path)


def test_equal_tables_of_a_layer_are_one_array_of_the_values_that_occur():
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=1000, hi=1004, exp=0) for j in range(3)]
    with build.at("layer"):
        entries = {"entries": (9, 8, 7, 6, 5), "lo": 1000, "step": 0, "exp": 0}
        y = [build(TABLE, node, **entries) for node in x]
    graph = graph_of(build, x, y)
    text = emit(graph, interface_of(graph), INFO, backend="vhdl").files["tiny_layer.vhd"]
    assert text.count("constant ") == 1
    # 1000 is 0 modulo 8; what does not occur has the entry of something that does.
    assert '(0 to 7) := (\n    4x"9", 4x"8", 4x"7", 4x"6", 4x"5", 4x"9", 4x"9", 4x"9");' in text
    assert "unsigned(table_1(to_integer(x_2(2 downto 0))))" in text


class TestSynthesis(BackendBattery):
    """What GHDL's synthesis makes of the VHDL, in Verilator."""

    backend = "vhdl"

    @pytest.fixture
    def battery(self):
        return battery_design(seed=2, count=2, depth=60)

    @pytest.fixture
    def emitted(self, battery):
        return emit(battery.scheduled, battery.interface, battery.info, backend="vhdl")

    test_emission_is_deterministic = None

    @pytest.mark.cosim
    @pytest.mark.slow
    @needs("ghdl")
    def test_hardware_equals_the_graph(self, battery, emitted, tmp_path):
        super().test_hardware_equals_the_graph(battery, emitted, tmp_path)

    def simulate(self, emitted, design, buses, folder):
        ghdl(folder, "-a", *write(emitted, folder))
        text = ghdl(folder, "--synth", "--out=verilog", f"{emitted.top}_packed")
        # GHDL 2.0 writes constants of more than 32 bits as strings.
        text = re.sub(r'"([01]+)"', lambda bits: f"{len(bits[1])}'b{bits[1]}", text)
        made = replace(emitted, files={"made.v": text})
        ins, outs = design.interface.inputs[0].width, design.interface.outputs[0].width
        return verilate.simulate(made, ins, outs, design.info.latency, buses, folder)


def test_other_characters_stay_out():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=3, exp=0)
    with build.at("été\x85/ñ"):
        y = build(ADD, x, build(SHIFT, x, bits=1), sub=False)
    graph = graph_of(build, [x], [y])
    info = CoreInfo("µ", "0", "ü\n", 1.0, 0, "d\n")
    for text in emit(graph, interface_of(graph), info, backend="vhdl").files.values():
        assert text.isascii()
        assert not [c for c in text if not c.isprintable() and c != "\n"]
