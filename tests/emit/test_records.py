"""The record wrappers against the top with a port per element, in a simulator."""

import re
import shutil
import subprocess

import pytest

from hgq_rtl.emit.records import records, systemverilog, vhdl
from tests.emit.hostile import design
from tests.emit.verilate import ENV, MAIN, ROOT
from tests.tools import needs

needs_ghdl = needs("ghdl")


@pytest.fixture(scope="module")
def hostile():
    return design()


def test_records_leave_out_what_has_no_wires(hostile):
    _, interface, _, emitted = hostile
    found = [(one.way, one.bus, one.type, one.width) for one in records(emitted, interface)]
    assert found == [
        ("in", "n_begin", "n_begin_t", 6),
        ("in", "x_exit", "x_exit_t", 5),
        ("in", "BEGIN_0", "BEGIN_0_t", 1),
        ("in", "jet_0_pt", "jet_0_pt_t", 1),
        ("out", "n_end", "n_end_t", 6),
        ("out", "n_output", "n_output_t", 1),
        ("out", "n_const", "n_const_t", 3),
    ]


def bench(tensors, top, vhdl_too):
    """Both wrappers and the top on the same random inputs; ``wrong`` counts differences."""
    lines, pins, sv, vh, checks = [], [], [], [], []
    for one in tensors:
        sv.append(f".{one.bus}(sv_{one.bus})")
        lines.append(f"  {top}_sv_types::{one.type} sv_{one.bus};")
        for name, t in one.fields:
            sign = "signed" if t.signed else ""
            lines.append(f"  logic {sign} [{t.width - 1}:0] e_{name}, vh_{name};")
            pins.append(f".{name}(e_{name})")
            vh.append(f".{one.bus}_{name}({'e' if one.way == 'in' else 'vh'}_{name})")
            if one.way == "in":
                lines.append(f"  assign sv_{one.bus}.{name} = e_{name};")
                lines.append(f"  always @(posedge clk) e_{name} <= {t.width}'($urandom);")
            else:
                checks.append(f"sv_{one.bus}.{name} !== e_{name}")
                checks.append(f"(sv_{one.bus}.{name} < 0) !== (e_{name} < 0)")
                checks += [f"vh_{name} !== e_{name}"] * vhdl_too
    common = ".clk(clk), .valid_in(v)"
    lines += [
        f"  {top} element ({common}, .valid_out(), {', '.join(pins)});",
        f"  {top}_sv sv ({common}, .valid_out(sv_valid), {', '.join(sv)});",
    ]
    if vhdl_too:
        lines.append(f"  {top}_vhdl vh ({common}, .valid_out(), {', '.join(vh)});")
    lines += [
        "  always @(posedge clk) begin",
        "    count <= count + 1; v <= 1'($urandom);",
        f"    if (count > 4 && ({' || '.join(checks)})) wrong <= wrong + 1;",
        '    if (count == 500) begin $display("wrong=%0d", wrong); $finish; end',
        "  end",
    ]
    head = "module bench (input clk);\n  int count = 0, wrong = 0; logic v = 0, sv_valid;\n"
    return head + "\n".join(lines) + "\nendmodule\n"


def simulate(folder, files):
    (folder / "main.cpp").write_text(MAIN)
    command = [ROOT / "bin" / "verilator_bin", "--cc", "--exe", "--build", "--top", "bench"]
    command += ["-Wno-lint", "-Wno-style", "--Mdir", "obj", "-O0", "-MAKEFLAGS"]
    command += ["CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"]
    done = subprocess.run(
        [*command, *files, "main.cpp"], cwd=folder, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = subprocess.run(["obj/Vbench"], cwd=folder, capture_output=True, text=True, check=True)
    return int(re.search(r"wrong=(\d+)", run.stdout)[1])


def from_vhdl(folder, top, text):
    """The VHDL wrapper as Verilog, by GHDL's synthesis; a record's fields become ports."""
    (folder / "wrapper.vhd").write_text(text)
    for step in (["-a", "wrapper.vhd"], ["--synth", "--out=verilog", f"{top}_vhdl"]):
        flags = [step[0], "--std=08", *step[1:]]
        done = subprocess.run(["ghdl", *flags], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    # What it knows of the packed top is an empty module.
    return f"module {top}_vhdl" + done.stdout.partition(f"module {top}_vhdl")[2]


@pytest.mark.cosim
@pytest.mark.parametrize("language", ["sv", pytest.param("both", marks=[needs_ghdl])])
def test_fields_are_elements(tmp_path, hostile, language):
    if language == "sv" and shutil.which("ghdl"):
        pytest.skip("the test with both languages covers it")
    _, interface, info, emitted = hostile
    tensors, top, both = records(emitted, interface), emitted.top, language == "both"
    files = {**emitted.files, "wrapper.sv": systemverilog(emitted, interface, info)}
    if both:
        files["from_vhdl.v"] = from_vhdl(tmp_path, top, vhdl(emitted, interface, info))
    files["bench.sv"] = bench(tensors, top, both)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert simulate(tmp_path, files) == 0
