"""A project whose names are keywords and worse: every tool that is here takes its files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from hgq_rtl.emit.axis import WIDEST_SAMPLE, plan_axis
from hgq_rtl.errors import EmitError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.project import Core, Delivery, open_project, write_project
from tests.emit.hostile import design
from tests.emit.test_records import needs_ghdl
from tests.emit.verilate import ENV, ROOT
from tests.project.tcl import needs_tclsh, run_tcl

LAYERS = ("module", "record", "proc set; exit", "$display(1)", "..", "été", "logic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    graph, interface, _, emitted = design("signal")
    core = Core(
        "signal", graph, interface, 2, 2.0, "a|b`c\n--", emitted, part="xc7z]020[exit]$x",
        model_hash="*/ \\\n`endif", delivery=Delivery(place=dict.fromkeys(LAYERS, "SLR0")),
    )  # fmt: skip
    return write_project(core, tmp_path_factory.mktemp("a b") / "p [exit] $HOME").path


def test_project_opens(folder):
    assert open_project(folder).name == "signal"


def test_verilog_and_systemverilog_have_no_errors(folder):
    for top in ("n_signal", "n_signal_packed", "n_signal_axis", "n_signal_sv"):
        done = subprocess.run(
            [ROOT / "bin" / "verilator_bin", "--lint-only", "-Wall", "-Wno-fatal", "--top", top,
             "-Wno-UNUSEDSIGNAL", "-Wno-WIDTHEXPAND", "-Wno-DECLFILENAME", "-Wno-MULTITOP",
             "-Wno-PROCASSINIT",
             *sorted(path.name for path in folder.glob("rtl/*v"))],
            cwd=folder / "rtl", env=ENV, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.stderr, done.returncode) == ("", 0)


@needs_ghdl
def test_vhdl_computes_what_it_should(folder):
    done = subprocess.run(
        ["make", "-C", folder / "sim", "ghdl"], capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert "\nPASS\n" in done.stdout


@needs_tclsh
@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("vivado/synth.tcl", ["-top", "n_signal_axis"]),
        ("vivado/project.tcl", []),
        ("vivado/package_ip.tcl", []),
        ("zynq/block_design.tcl", ["-part", "xc7z020clg400-1"]),
    ],
)
def test_no_script_is_led_astray(folder, script, options):
    done = run_tcl("vivado_stub", folder / script, *options)
    assert done.status == 0, done.text
    if not options:
        assert any("{xc7z]020[exit]$x}" in line for line in done.commands)
    placed = done.given("set_property")
    if script == "vivado/synth.tcl":
        assert len(placed) == len(LAYERS)


@needs_tclsh
def test_quartus_takes_it(folder):
    done = run_tcl("quartus_stub", folder / "quartus/project.tcl", "-device", "x")
    assert done.status == 0, done.text


def test_description_is_xml(folder):
    tree = etree.parse(folder / "rtl/component.xml")
    assert "for a|b`c?- - at 2 ns" in tree.findtext(".//{*}description")


def test_every_hardware_file_says_what_it_is(folder):
    files = [path for path in folder.glob("rtl/*") if path.suffix in (".v", ".sv", ".vhd")]
    assert len(files) == 10 + 3
    for path in files:
        head = path.read_text().partition("\n\n")[0].splitlines()
        assert all(line.startswith(("//", "--")) for line in head), path
        text = "\n".join(head)
        for fact in ("signal", "Model ", "compiled by hgq_rtl ", " at 2 ns.", "clocks", "  name "):
            assert fact in text, (path, fact)


def test_python_of_the_project_compiles(folder):
    for path in folder.rglob("*.py"):
        compile(path.read_text(), path.name, "exec")


def test_readme_is_one_table_row_per_port(folder):
    rows = re.findall(r"^\| `.*` \| (?:in|out) \|.*$", (folder / "README.md").read_text(), re.M)
    assert len(rows) == 3 + 5 + 4  # clock and valids, inputs, outputs
    assert "| `nothing` | in | none: always zero | [2] |" in rows


@pytest.mark.parametrize("bits", [WIDEST_SAMPLE, WIDEST_SAMPLE + 1])
def test_samples_wider_than_any_bus_go_in_beats(bits):
    port = Port("x", (), (Fixed(0, (1 << bits) - 1, 0),))
    interface = Interface((port,), (Port("y", (), (Fixed(0, 1, 0),)),))
    if bits > WIDEST_SAMPLE:
        with pytest.raises(EmitError) as error:
            plan_axis("top", interface)
        assert "a sample has 32769 input bits, more than the 32768" in str(error.value)
    else:
        axis = plan_axis("top", interface)
        assert (axis.in_beat, axis.in_beats, axis.interval) == (1024, 32, 32)


BYTES = """
import hashlib, sys
from pathlib import Path
from tests.emit.hostile import design
from hgq_rtl.project import Core, write_project
graph, interface, info, emitted = design("signal")
core = Core("signal", graph, interface, 2, 2.0, "unit", emitted, optimized=graph)
path = write_project(core, sys.argv[1]).path
for file in sorted(path.rglob("*")):
    if file.is_file():
        print(file.relative_to(path), hashlib.sha256(file.read_bytes()).hexdigest())
"""


def test_two_processes_write_the_same_bytes(tmp_path):
    texts = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "HGQ_RTL_CACHE": "off"}
        done = subprocess.run(
            [sys.executable, "-c", BYTES, tmp_path / seed],
            cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert texts[0].count("\n") > 40
