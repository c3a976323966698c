"""The core in VHDL and its testbench: right designs pass; wrong ones, and no vectors, do not."""

import shutil
import subprocess

import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.emit.backend import CoreInfo, emit
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, REG, TABLE, cast
from hgq_rtl.project import Core, write_project
from tests.project.running import failures, make
from tests.tools import needs

COUNTS = "back to back: 1013 vectors compared\nwith gaps: 1013 vectors compared\n"


@needs("ghdl")
def test_right_design_passes(written):
    status, text = make(written, "ghdl")
    assert status == 0, text
    assert f"{COUNTS}PASS\n" in text
    assert failures(written, "ghdl") == []


@needs("ghdl")
@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("tiny_dense.vhd", "sum_add - signed", "sum_add + signed", "y is wrong"),
        ("tiny_dense.vhd", "resize(x_2_s1 &", "resize(x_2 &", "y is wrong"),
        (
            "tiny_glue.vhd",
            "<= dense_b_s1 when",
            '<= "X" & dense_b_s1(1 downto 0) when',
            "z is wrong",
        ),
        ("tiny_packed.vhd", "z(2 downto 0) <=", "--", "z is wrong"),
        ("tiny_packed.vhd", "y(6 downto 0) <= std_logic_vector(y_0_number);", "", "y is wrong"),
        ("tiny.vhd", "valid_out <= valid(1)", "valid_out <= valid(0)", "valid_out is wrong"),
        ("tiny.vhd", "(others => '0')", '"10"', "vector 0: valid_out is wrong"),
        ("tiny.vhd", " := (others => '0')", "", "vector 0: valid_out is wrong"),
    ],
    ids=[
        *("operator", "early", "unknown", "undriven", "undriven in part"),
        *("valid", "power-up", "no power-up value"),
    ],
)
def test_wrong_design_fails(written, mutate, file, old, new, what):
    mutate(f"vhdl/{file}", old, new)
    status, text = make(written, "ghdl")
    assert status != 0
    assert what in text
    assert "1013 vectors compared\nFAIL: " in text
    assert any(what.removeprefix("vector 0: ") in message for message in failures(written, "ghdl"))
    assert "PASS" not in text


@needs("ghdl")
@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        ("", "", "no vector ran"),
        ("00 00\n", "", "outputs.hex has no line for it"),
        ("", "0000 00\n", "outputs.hex has more lines"),
        ("qq 00\n", "0000 00\n", "a line of inputs.hex cannot be read"),
        ("00 00\n", "0000 0\n", "a line of outputs.hex cannot be read"),
        (None, "", "no inputs.hex or no outputs.hex"),
        ("00 00\n", None, "no inputs.hex or no outputs.hex"),
    ],
)
def test_bad_vectors_fail(written, tmp_path, inputs, outputs, what):
    for name, text in (("inputs", inputs), ("outputs", outputs)):
        if text is not None:
            (tmp_path / f"{name}.hex").write_text(text)
    status, text = make(written, "ghdl", f"VECTORS={tmp_path}")
    assert status != 0
    assert what in text
    assert "PASS" not in text


def test_missing_ghdl_is_named(written, tmp_path):
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    status, text = make(written, "ghdl", env={"PATH": str(tmp_path)})
    assert status != 0
    assert "missing ghdl: install GHDL" in text


@needs("ghdl")
def test_names_that_hide_others_or_differ_only_by_case(tmp_path):
    """Ports, layers and a top called as what the VHDL itself uses; two names in capitals again."""
    build, four = Builder(), Fixed(-8, 7, 0)
    ports = (
        "ieee",
        "work",
        "std",
        "rtl",
        "signed",
        "resize",
        "Core",
        "core",
        "TOP_X",
        "top_x",
        "to_std_t",
    )
    layers = ("std_logic", "numeric_std", "rtl", "text", "line", "WORK", "work", "Top_x", "valid")
    inputs = [build(INPUT, name=n, lo=-8, hi=7, exp=0) for n in ports]
    total = build(REG, inputs[0])
    delayed = [build(REG, node) for node in inputs]
    for layer, x in zip((*layers, ""), delayed[1:] + delayed, strict=False):
        for inside in ("table_1", "entries_4", "TABLE_1"):
            with build.at(f"{layer}/{inside}"):
                total = cast(build, build(ADD, total, x, sub=False), 0, 4, True)
        with build.at(f"{layer}/to_integer"):
            entries = tuple(n * 5 % 16 - 8 for n in range(16))
            total = build(TABLE, total, entries=entries, lo=-8, step=0, exp=0)
    graph = Graph(build, tuple(inputs), (total, delayed[0]), ("y", "z"))
    interface = Interface(
        tuple(Port(n, (), (four,)) for n in ports),
        (Port("to_bits", (), (total.type,)), Port("TO_BITS", (), (four,))),
    )
    info = CoreInfo("top", "0", "0", 2.0, 1, "unit")
    core = Core("top", graph, interface, 1, 2.0, "unit", emit(graph, interface, info))
    status, text = make(write_project(core, tmp_path / "out").path, "ghdl")
    assert status == 0, text
    assert "\nPASS\n" in text


def trigger(x, gain):
    """Sums of three, products, tables and sorted values; one output is always zero."""
    total = x[0] + x[1] - x[2] + np.sum(x)
    clipped = np.maximum(total, 0) * gain
    best = np.sort(x)[-2:]
    curve = hr.quantize(np.tanh(x[3]), 1, 0, 5, "RND", "SAT")
    return {"clipped": clipped, "best": best, "curve": curve * x[0], "zero": x[0] * 0}


@needs("ghdl")
@needs("iverilog")
def test_both_languages_give_the_same_outputs_for_the_same_inputs(tmp_path):
    inputs = {"x": hr.FixedInput((6,), (1, 3, 2)), "gain": hr.FixedInput((), (0, 2, 3))}
    design = hr.trace(trigger, inputs, clock_ns=2.0, device="xcvu13p-2", name="trigger")
    path = design.write(tmp_path / "trigger").path
    ops = {node.op.name for node in design.scheduled.nodes}
    assert {"sum3", "booth", "max", "table"} <= ops
    for target in ("ghdl", "icarus"):
        status, text = make(path, target)
        assert status == 0, text
        assert "\nPASS\n" in text


@needs("ghdl")
@needs("iverilog")
def test_two_cores_fit_into_one_design(tmp_path):
    """They share no module, no file and no entity, though both have sums of three and products."""
    inputs = {"x": hr.FixedInput((6,), (1, 3, 2)), "gain": hr.FixedInput((), (0, 2, 3))}
    paths = []
    for name in ("left", "right"):
        design = hr.trace(trigger, inputs, clock_ns=2.0, device="xcvu13p-2", name=name)
        paths.append(design.write(tmp_path / name).path)
    verilog = [file for path in paths for file in sorted(path.glob("rtl/*.v"))]
    names = [file.name for file in verilog]
    assert {"left_ternary_adder.v", "right_booth_row.v"} <= set(names)
    assert len(set(names)) == len(names)
    both = tmp_path / "both.v"
    both.write_text("module both; left_axis a(); right_axis b(); endmodule\n")
    run = {"check": True, "capture_output": True, "cwd": tmp_path}
    subprocess.run(["iverilog", "-g2001", "-t", "null", "-s", "both", both, *verilog], **run)
    tops = [f"{path.name}{end}" for path in paths for end in ("", "_packed")]
    vhdl = [file for path in paths for file in sorted(path.glob("vhdl/*.vhd"))]
    subprocess.run(["ghdl", "-i", "--std=08", *vhdl], **run)
    for top in tops:
        subprocess.run(["ghdl", "-m", "--std=08", top], **run)
