"""What vendor and open tools found, read back from the files they leave in a project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgq_rtl.errors import ReportError


@dataclass(frozen=True)
class Measured:
    """Numbers of one tool; None where its reports do not say. The slack is at the core's clock."""

    tool: str
    luts: int | None = None
    flip_flops: int | None = None
    dsps: int | None = None
    slack_ps: int | None = None
    mhz: float | None = None


def measured(folder: Path) -> list[Measured]:
    """Everything that tools have left in a project folder, in the order of the flows.

    Raises ReportError for a report that is there but cannot be understood.
    """
    found = []
    for main, other, read in READERS:
        if files := sorted(folder.glob(main)):
            found.append(read(files[0], next(iter(sorted(folder.glob(other))), None)))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReportError(
            f"the report '{path.name}' cannot be read", received=str(error.strerror)
        ) from None


def _cell(text: str, path: Path, *names: str) -> int:
    """The first number of a row of a vendor's table, such as ``| CLB LUTs* | 1234 | ...``."""
    for name in names:
        if match := re.search(rf"^[|;]\s*{name}\*?\s*[|;:]\s*([\d,]+)", text, re.MULTILINE):
            return int(match[1].replace(",", ""))
    raise ReportError(
        f"the report '{path.name}' has no row '{names[0]}'",
        hint="It must be the text that the project's own script writes",
    )


def _vivado(utilization: Path, timing: Path | None) -> Measured:
    text = _text(utilization)
    slack = None
    if timing is not None:
        # The first row of numbers below the WNS heading (UG906, Report Timing Summary).
        match = re.search(r"WNS\(ns\).*\n[\s-]*\n\s*(-?\d+\.\d+)", _text(timing))
        if match is None:
            raise ReportError(f"the report '{timing.name}' has no slack (WNS)")
        slack = round(float(match[1]) * 1000)
    return Measured(
        "Vivado, routed",
        luts=_cell(text, utilization, "CLB LUTs", "Slice LUTs"),
        flip_flops=_cell(text, utilization, "CLB Registers", "Slice Registers"),
        dsps=_cell(text, utilization, "DSPs"),
        slack_ps=slack,
    )


def _quartus(fit: Path, sta: Path | None) -> Measured:
    text = _text(fit)
    mhz = None
    if sta is not None and (match := re.search(r";\s*([\d.]+) MHz\s*;", _text(sta))):
        mhz = float(match[1])
    return Measured(
        "Quartus, fitted",
        luts=_cell(
            text, fit, "Combinational ALUT usage for logic", "Total combinational functions"
        ),
        flip_flops=_cell(text, fit, "Dedicated logic registers", "Total registers"),
        mhz=mhz,
    )


def _yosys(stat: Path, _: Path | None) -> Measured:
    cells = _json(stat).get("design", {}).get("num_cells_by_type")
    if not isinstance(cells, dict):
        raise ReportError(f"the report '{stat.name}' has no cell counts",
                          hint="It is what Yosys writes with 'stat -json'")  # fmt: skip
    luts = [n for cell, n in cells.items() if re.fullmatch(r"LUT[1-6](_2)?", cell)]
    registers = [n for cell, n in cells.items() if re.match(r"FD|TRELLIS_FF", cell)]
    return Measured("Yosys", luts=sum(luts), flip_flops=sum(registers))


def _nextpnr(route: Path, _: Path | None) -> Measured:
    facts = _json(route)
    try:
        cells, clocks = facts["utilization"], facts["fmax"]
        return Measured(
            "nextpnr-ecp5, routed",
            luts=cells["TRELLIS_COMB"]["used"],
            flip_flops=cells["TRELLIS_FF"]["used"],
            mhz=min((clock["achieved"] for clock in clocks.values()), default=None),
        )
    except (KeyError, TypeError, AttributeError):
        raise ReportError(
            f"the report '{route.name}' is not one of nextpnr-ecp5",
            hint="It is what nextpnr writes with --report",
        ) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except ValueError as error:
        raise ReportError(f"the report '{path.name}' is not JSON", received=str(error)) from None
    return found if isinstance(found, dict) else {}


READERS: tuple[tuple[str, str, Callable[[Path, Path | None], Measured]], ...] = (
    ("vivado/reports/utilization.txt", "vivado/reports/timing.txt", _vivado),
    ("quartus/output_files/*.fit.rpt", "quartus/output_files/*.sta.rpt", _quartus),
    ("yosys/stat.json", "yosys/stat.json", _yosys),
    ("yosys/ecp5_route.json", "yosys/ecp5_route.json", _nextpnr),
)
"""For each tool the file of areas, that of times, and how to read them; patterns in a project."""
