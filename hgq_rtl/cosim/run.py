"""Runs the regression of a written folder in a process of its own, and reads what it found.

The folder's own ``sim/run.py`` does the work, the same program that a user gets: what is verified
here is what is delivered. It alone talks to cocotb's runner.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgq_rtl.errors import CosimError

MISSING_TOOL, DIFFERENCE = 3, 1
_TELLING = re.compile(r"%Error|\berror\b|Error:|Error\b.*:|undefined reference|fatal|cannot find")
Announce = Callable[[str], None]
"""Called with "build" and "run" when that part begins."""


@dataclass(frozen=True)
class Run:
    """One run: what it wrote, and the seconds it took to build and to simulate."""

    result: dict[str, Any]
    build_s: float
    run_s: float


def run_regression(
    sim: Path,
    work: Path,
    *,
    probe: int | None = None,
    axis: bool = False,
    announce: Announce = lambda phase: None,
) -> Run:
    """Simulate the vectors in ``work/vectors``; with ``probe``, read the signals of that one.

    ``axis``: the AXI4-Stream shell instead of the packed top.

    ``sim``: the folder's ``sim/``. The output of all tools goes to a log in ``work``. Raises
    CosimError if a tool is missing, or the build or the simulator fails; differences between
    values and vectors are in the result.
    """
    name = "axis" if axis else "regression" if probe is None else "probe"
    log = work / f"{name}.log"
    result = work / ("result.json" if name == "regression" else f"{name}.json")
    command = [sys.executable, str(sim / "run.py"), "--work", str(work)]
    command += ["--vectors", str(work / "vectors")]
    command += [] if probe is None else ["--probe", str(probe)]
    command += ["--axis"] if axis else []
    started = time.monotonic()
    status, running = _execute(command, log, announce)
    ended = time.monotonic()
    if status == MISSING_TOOL:
        raise _missing_tools(log)
    if status not in (0, DIFFERENCE):
        part = "simulator" if running is not None else "build of the simulator"
        raise CosimError(
            f"the {part} failed with status {status}",
            received=telling_lines(log),
            hint=f"Log: {log}",
        )
    try:
        found = json.loads(result.read_text())
    except (OSError, ValueError):
        raise CosimError("the simulator left no result", hint=f"Log: {log}") from None
    middle = ended if running is None else running
    return Run(found, middle - started, ended - middle)


def _execute(command: list[str], log: Path, announce: Announce) -> tuple[int, float | None]:
    """The exit status, and when the simulation began. Lines ``@build``, ``@run`` tell the part."""
    running = None
    # A session of its own, so that an interrupt can end the compilers below it too.
    with (
        log.open("w") as file,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                if line.startswith("@"):
                    phase = line[1:].split(maxsplit=1)[0]
                    running = time.monotonic() if phase == "run" else running
                    announce(phase)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    return process.returncode, running


def _missing_tools(log: Path) -> CosimError:
    lines = [line.removeprefix("missing ") for line in log.read_text().splitlines()]
    tools = [line.split(": ", 1) for line in lines if ": " in line]
    return CosimError(
        "the co-simulation needs tools that are not there",
        received="no " + ", no ".join(name for name, _ in tools),
        hint="; ".join(f"{name}: {how}" for name, how in tools) + ". See also: hgq-rtl doctor",
    )


def telling_lines(log: Path, count: int = 6) -> str:
    """The lines of the log that say what went wrong; else its end; nothing without a log."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)] or lines[-count:]
    return "\n    ".join(line[:200] for line in telling[:count])
