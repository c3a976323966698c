"""simulate: build a design of the user's own with Verilator and run a cocotb regression on it."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hgq_rtl.assets import asset_folder
from hgq_rtl.cosim.run import telling_lines
from hgq_rtl.errors import CosimError

ARGUMENTS = (
    *("-Wno-fatal", "-Wno-lint", "-Wno-style"),
    # Registers start in a random state, as in hardware without a reset.
    *("--x-initial", "unique", "--x-assign", "unique"),
)


def simulate(
    tests: str | os.PathLike[str],
    *,
    top: str,
    sources: Sequence[str | os.PathLike[str]],
    work: str | os.PathLike[str] = "sim_build",
    seed: int = 1,
    waves: bool = False,
) -> int:
    """Run the cocotb tests in the Python file ``tests`` on the Verilog module ``top``.

    ``sources``: Verilog files, such as ``[*project.verilog, "my_top.v"]``. ``work``: a folder for
    the simulator and the logs. ``seed``: of ``random`` in the tests and of what registers hold at
    first. ``waves``: write ``work/dump.vcd``. Returns how many tests passed. Raises CosimError if
    one failed, if there was none, or if a tool is missing.

    Other runners work as well: the drivers and monitors need nothing but cocotb.
    """
    tools = runpy.run_path(str(asset_folder("sim") / "simulator.py"))
    if lacking := tools["missing"]():
        raise CosimError(
            "the co-simulation needs tools that are not there",
            received="no " + ", no ".join(line.split(":")[0] for line in lacking),
            hint="; ".join(lacking) + ". See also: hgq-rtl doctor",
        )
    file, build = Path(tests).resolve(), Path(work).resolve()
    if not file.is_file():
        raise CosimError("there is no such file of tests", received=str(file))
    build.mkdir(parents=True, exist_ok=True)
    results, path, environment = build / "results.xml", list(sys.path), dict(os.environ)
    results.unlink(missing_ok=True)
    try:
        # cocotb's runner hands both on to the simulator.
        tools["prepare"](os.cpu_count() or 1)
        sys.path.insert(0, str(file.parent))
        files = [Path(source).resolve() for source in sources]
        _run(tools["make_runner"](), file.stem, top, files, build, seed, waves)
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
    return _judged(results, build)


def _run(
    tool: Any, module: str, top: str, sources: Sequence[Path], build: Path, seed: int, waves: bool
) -> None:
    phase, log = "build of the simulator", build / "build.log"
    try:
        tool.build(
            sources=sources,
            hdl_toplevel=top,
            build_dir=build,
            build_args=ARGUMENTS,
            timescale=("1ns", "1ps"),
            waves=waves,
            log_file=log,
        )
        phase, log = "simulator", build / "run.log"
        tool.test(
            test_module=module,
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            seed=seed,
            test_args=["+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
            build_dir=build,
            test_dir=build,
            results_xml=str(build / "results.xml"),
            waves=waves,
            log_file=log,
        )
    except (Exception, SystemExit) as error:  # cocotb's runner leaves by SystemExit too
        raise CosimError(
            f"the {phase} failed", received=telling_lines(log) or str(error), hint=f"Log: {log}"
        ) from None


def _judged(results: Path, build: Path) -> int:
    """The number of tests that passed, if all did and there was one."""
    hint = f"Log: {build / 'run.log'}"
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        raise CosimError("the simulator left no result", hint=hint) from None
    failed = [
        f"{case.get('name')}: {(fault.get('message') or fault.tag).splitlines()[0]}"
        for case in cases
        for fault in [*case.iter("failure"), *case.iter("error")]
    ]
    passed = [case for case in cases if case.find("skipped") is None]
    if failed:
        raise CosimError(
            f"{len(failed)} of {len(cases)} tests failed",
            received="\n    ".join(failed),
            hint=hint,
        )
    if not passed:
        raise CosimError("no test ran", received=f"{len(cases)} in the file", hint=hint)
    return len(passed)
