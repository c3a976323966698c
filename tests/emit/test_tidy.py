"""The rearrangement alone, on text as Yosys prints it."""

from hgq_rtl.emit.partition import Module
from hgq_rtl.emit.tidy import tidy
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT

HEAD = """a, x);
  wire [8:0] \\$1 ;
  input [7:0] a;
  wire [7:0] a;
  output [3:0] x;
  wire [3:0] x;
  wire [{high}:0] y;
"""


def module(names=("a", "y", "x")):
    build = Builder()
    a = build(INPUT, name="a", lo=-128, hi=127, exp=0)
    y = build(ADD, a, a, sub=False)
    x = build(ADD, y, a, sub=False)
    signals = dict(zip((a, y, x), names, strict=True))
    return Module("m", "", Graph(build, (a,), (x,), ("x",)), signals=signals)


def lines(body, high=7):
    text = tidy(HEAD.format(high=high) + body, module())
    return [line.strip() for line in text.splitlines() if "=" in line]


def test_a_cut_result_is_computed_at_its_own_width():
    body = "  assign x = \\$1 [3:0];\n  assign y = \\$1 [7:0];\n  assign \\$1  = a + a;"
    assert lines(body) == ["wire [7:0] y = a + a;  // s9@0", "assign x = y[3:0];  // s10@0"]


def test_single_bits_and_whole_signals_keep_their_form():
    body = "  assign x = { \\$1 [7], \\$1 [7:0], \\$1 [2] };\n  assign y = \\$1 [7:0];\n"
    body += "  assign \\$1  = - a;"
    assert lines(body) == [
        "wire [7:0] y = - a;  // s9@0",
        "assign x = { y[7], y, y[2] };  // s10@0",
    ]


def test_a_bit_that_the_cut_lacks_keeps_the_temporary():
    for read in ("\\$1 [8]", "\\$1 [8:5]", "\\$1 "):
        body = f"  assign x = {read};\n  assign y = \\$1 [7:0];\n  assign \\$1  = a + a;"
        assert lines(body) == [
            "wire [8:0] \\$1  = a + a;",
            "wire [7:0] y = \\$1 [7:0];  // s9@0",
            f"assign x = {read};  // s10@0",
        ]


def test_only_operators_that_ignore_upper_bits_are_cut():
    for source in ("a < a", "a >> a", "a ? a : a"):
        body = f"  assign x = y[3:0];\n  assign y = \\$1 [7:0];\n  assign \\$1  = {source};"
        assert lines(body)[0] == f"wire [8:0] \\$1  = {source};"


def test_repeated_sign_bits_are_counted():
    body = "  assign y = { a[7], a[7], a[7], a };\n  assign x = { y, y[1], y[1], y[1], y[1] };\n"
    assert lines(body) == [
        "wire [7:0] y = { {3{a[7]}}, a };  // s9@0",
        "assign x = { y, {4{y[1]}} };  // s10@0",
    ]


def test_helpers_that_nothing_reads_are_left_out():
    """And those that are read, also by one another, are not."""
    body = "  assign x = helper[3:0];\n  assign y = a + a;\n  assign helper = other;\n"
    body += "  assign other = ~ a;\n  assign \\$1  = ~ y;"
    body = "  wire [7:0] helper;\n  wire [7:0] other;\n" + body
    assert lines(body) == [
        "wire [7:0] y = a + a;  // s9@0",
        "assign x = helper[3:0];  // s10@0",
        "wire [7:0] helper = other;",
        "wire [7:0] other = ~ a;",
    ]


def test_text_with_an_unknown_line_is_left_alone():
    body = HEAD.format(high=7) + "  specify endspecify\n  assign x = a[3:0];"
    assert tidy(body, module()) == f"module m ({body}\nendmodule\n"
