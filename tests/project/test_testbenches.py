"""The delivered testbench in Verilog: right designs pass, wrong ones and no vectors do not."""

import os
import shutil

import pytest

from hgq_rtl.project import write_project
from tests.cosim.design import tiny
from tests.project.running import failures, make
from tests.tools import needs

COUNTS = "back to back: 1013 vectors compared\nwith gaps: 1013 vectors compared\nPASS\n"


@needs("iverilog")
def test_right_design_passes(written):
    status, text = make(written, "icarus")
    assert status == 0, text
    assert COUNTS in text
    assert failures(written, "icarus") == []


FAKE = """#!/bin/sh
case $0 in
  *xsim) cat {out} ;;
  *) exit 0 ;;
esac
"""


@pytest.mark.parametrize(
    ("prints", "status", "what"),
    [
        (COUNTS, 0, []),
        ("vector 7: y is wrong\n" + COUNTS.replace("PASS", "FAIL: 1 errors"), 2,
         ["vector 7: y is wrong"]),
        ("back to back: 0 vectors compared\nFAIL: 1 errors\n", 2, ["no vector ran"]),
        ("back to back: 10 vectors compared\nsegmentation fault\n", 2,
         ["the simulator ended without PASS"]),
    ],
)  # fmt: skip
def test_xsim_is_judged_by_what_it_prints(written, tmp_path, prints, status, what):
    (tmp_path / "out").write_text(prints)
    for tool in ("xvlog", "xelab", "xsim"):
        (tmp_path / tool).write_text(FAKE.format(out=tmp_path / "out"))
        (tmp_path / tool).chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert make(written, "xsim", env=env)[0] == status
    assert failures(written, "xsim") == what


@pytest.mark.cosim
@pytest.mark.slow
def test_right_and_wrong_designs_in_verilator(tmp_path):
    path = write_project(tiny(), tmp_path / "tiny").path
    status, text = make(path, "verilator")
    assert status == 0, text
    assert COUNTS in text
    layer = path / "rtl/layer.v"
    layer.write_text(layer.read_text().replace("sum - {2'b0", "sum + {2'b0"))
    status, text = make(path, "verilator")
    assert status != 0
    assert "FAIL: " in text
    assert "y is wrong" in failures(path, "verilator")[0]


@needs("iverilog")
@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("layer.v", "sum - {2'b0", "sum + {2'b0", "y is wrong"),
        ("layer.v", "assign y_0 = y_0_r;", "assign y_0 = sum;", "y is wrong"),
        ("layer.v", "z_r <= b_r;", "z_r <= {1'bx, b_r[1:0]};", "z is wrong"),
        ("layer.v", "assign z = z_r;", "assign z[1:0] = z_r[1:0];", "z is wrong"),
        ("tiny.v", "valid_out = v1", "valid_out = v0", "valid_out is wrong"),
        ("tiny.v", "v1 = 0", "v1 = 1", "vector 0: valid_out is wrong"),
        ("tiny.v", "v0 = 0, v1 = 0", "v0, v1", "vector 0: valid_out is wrong"),
    ],
    ids=["operator", "early", "unknown", "undriven", "valid", "power-up", "no power-up value"],
)
def test_wrong_design_fails(written, mutate, file, old, new, what):
    mutate(f"rtl/{file}", old, new)
    status, text = make(written, "icarus")
    assert status != 0
    assert what in text
    assert "\nFAIL: " in text
    assert "PASS" not in text
    assert what in failures(written, "icarus")[0]


@needs("iverilog")
@pytest.mark.parametrize(
    ("inputs", "outputs", "what"),
    [
        ("", "", "no vector ran"),
        ("00 00\n", "", "outputs.hex has no line for it"),
        ("", "0000 00\n", "outputs.hex has more lines"),
        ("qq 00\n", "0000 00\n", "a line of inputs.hex cannot be read"),
        (None, "", "no inputs.hex or no outputs.hex"),
    ],
)
def test_bad_vectors_fail(written, tmp_path, inputs, outputs, what):
    for name, text in (("inputs", inputs), ("outputs", outputs)):
        if text is not None:
            (tmp_path / f"{name}.hex").write_text(text)
    status, text = make(written, "icarus", f"VECTORS={tmp_path}")
    assert status != 0
    assert what in text
    assert "PASS" not in text
    assert failures(written, "icarus")


def test_missing_tools_are_named(written, tmp_path):
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    env = {"PATH": str(tmp_path)}
    for target, tool in (("icarus", "iverilog"), ("xsim", "xvlog")):
        status, text = make(written, target, env=env)
        assert status != 0
        assert f"missing {tool}: install " in text
