"""Tables in docs/benchmarks.md, each between two markers, replaced by the program that measures."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

FILE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine() -> str:
    """The processor and what Python runs on it, without the machine's name."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def replace(marker: str, text: str) -> None:
    """Write ``text`` between the begin and end marker of that name."""
    begin, end = f"<!-- {marker}: begin -->", f"<!-- {marker}: end -->"
    old = FILE.read_text()
    head, _, rest = old.partition(begin)
    _, _, tail = rest.partition(end)
    if not rest or not tail:
        raise SystemExit(f"docs/benchmarks.md has no markers for '{marker}'")
    FILE.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}")
