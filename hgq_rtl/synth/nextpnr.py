"""Place and route on an ECP5 with nextpnr: the clock frequency and the slowest path."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgq_rtl.errors import SynthError
from hgq_rtl.synth.tools import run

FLAGS = ("--85k", "--speed", "6", "--out-of-context", "--freq", "300", "--timing-allow-fail")
"""The largest ECP5, its slowest grade, no pins, and a clock that asks for all there is."""


@dataclass(frozen=True)
class Routed:
    """The clock in MHz for each seed, and the slowest path of the median one.

    ``path``: cells from register to register; ``logic_ps`` and ``routing_ps`` are its parts.
    """

    mhz: tuple[float, ...]
    path: tuple[str, ...]
    logic_ps: int
    routing_ps: int

    @property
    def median_mhz(self) -> float:
        """The median over the seeds."""
        return statistics.median(self.mhz)


def route(folder: Path, seeds: Sequence[int] = (1, 2, 3), timeout: float | None = None) -> Routed:
    """Place and route ``netlist.json`` of ``folder`` once per seed, in ``timeout`` seconds each."""
    found = []
    for seed in seeds:
        report = f"route-{seed}.json"
        run(
            "nextpnr-ecp5",
            [*FLAGS, "--seed", str(seed), "--json", "netlist.json", "--report", report],
            folder,
            timeout,
        )
        facts = json.loads((folder / report).read_text())
        if not facts["fmax"]:
            raise SynthError("nextpnr found no clock: the design has no registers")
        found.append((min(clock["achieved"] for clock in facts["fmax"].values()), facts))
    median = sorted(found, key=lambda pair: pair[0])[len(found) // 2][1]
    clocked: list[list[dict[str, Any]]] = [
        p["path"] for p in median["critical_paths"]
        if "async" not in p["from"] and "async" not in p["to"]
    ]  # fmt: skip
    steps = max(clocked, key=lambda path: sum(s["delay"] for s in path), default=[])
    parts = {True: 0.0, False: 0.0}
    for step in steps:
        parts[step["type"] == "routing"] += step["delay"]
    return Routed(
        tuple(round(mhz, 2) for mhz, _ in found),
        tuple(dict.fromkeys(step["to"]["cell"] for step in steps)),
        round(parts[False] * 1000),
        round(parts[True] * 1000),
    )
