"""Runs the Tcl of a project under tclsh, against the stand-in of a tool."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.tools import needs

HERE = Path(__file__).parent
needs_tclsh = needs("tclsh")


@dataclass(frozen=True)
class Done:
    """The end of a script: its exit status, what it printed, the commands it gave."""

    status: int
    text: str
    commands: list[str]

    def given(self, name: str) -> list[str]:
        """The lines of one command."""
        return [line for line in self.commands if line.split()[0] == name]


def run_tcl(stub: str, script: Path, *arguments: str, **environment: str) -> Done:
    """Run ``script`` against ``tests/project/<stub>.tcl``."""
    log = script.parent / "stub.log"
    done = subprocess.run(
        ["tclsh", HERE / f"{stub}.tcl", log, script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return Done(done.returncode, done.stdout + done.stderr, lines)
