"""synth: what open tools make of a written project, beside what was estimated."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from hgq_rtl.errors import SynthError, writing
from hgq_rtl.project import manifest
from hgq_rtl.project.tools.yosys import FAMILIES
from hgq_rtl.synth.netlist import simulate
from hgq_rtl.synth.nextpnr import route
from hgq_rtl.synth.slowest import slowest_by_module, slowest_path
from hgq_rtl.synth.tools import require
from hgq_rtl.synth.yosys import Cells, synthesize

TIMED = ("xilinx",)
"""Where the delays of cells are known without placing them."""


@dataclass(frozen=True)
class Synthesis:
    """Facts from the tools, as plain data; ``str`` and rich render them."""

    facts: Mapping[str, Any]

    def __str__(self) -> str:
        buffer = io.StringIO()
        Console(file=buffer, width=96, no_color=True).print(self)
        return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().splitlines())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the headline, a row per layer, and what place and route said."""
        facts = self.facts
        yield Text(f"{facts['name']}: Yosys {facts['command']}", style="bold")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
        total, estimate = facts["total"], facts["estimate"]
        table.add_column("layer", footer="whole, flattened", no_wrap=True)
        for title, value in (
            ("LUT", total["luts"]),
            ("estimate", estimate["luts"]),
            ("ratio", _ratio(total["luts"], estimate["luts"])),
            ("FF", total["flip_flops"]),
            ("estimate", estimate["flip_flops"]),
            ("carry", total["carries"]),
            ("MHz", _mhz(total["stage_ps"])),
            ("estimate", _mhz(estimate["stage_ps"])),
        ):
            table.add_column(title, justify="right", footer=str(value))
        for layer in facts["layers"]:
            guess = layer["estimate"]
            cells = [layer["luts"], f"{guess['luts']:.0f}", _ratio(layer["luts"], guess["luts"])]
            cells += [layer["flip_flops"], guess["flip_flops"], layer["carries"]]
            cells += [_mhz(layer["stage_ps"]), _mhz(guess["stage_ps"])]
            table.add_row(layer["name"] or "(border)", *map(str, cells))
        yield table
        if total["stage_ps"]:
            yield Text(
                "MHz: the slowest path through cells of a layer, before placement, with one usual "
                "net a hop"
            )
        if total["shift_registers"]:
            yield Text(f"{total['shift_registers']} shift registers (SRL) hold further bits")
        if facts["vectors"]:
            yield Text(
                f"the netlist, with the vendor's cell models, gives the right outputs for "
                f"{facts['vectors']} vectors"
            )
        if routed := facts.get("routed"):
            rates = ", ".join(f"{mhz:.1f}" for mhz in routed["mhz"])
            yield Text(
                f"nextpnr-ecp5: {routed['median_mhz']:.1f} MHz (seeds: {rates}); slowest path "
                f"{routed['logic_ps']} ps logic + {routed['routing_ps']} ps routing in "
                f"{', '.join(routed['layers']) or 'the border'}; estimated stage "
                f"{estimate['stage_ps']} ps"
            )


def _mhz(stage_ps: int | None) -> str:
    return f"{1e6 / stage_ps:.0f}" if stage_ps else ""


def _ratio(found: float, estimate: float) -> str:
    return f"{found / estimate:.2f}" if estimate else ""


def synth(
    project: str | PathLike[str],
    *,
    place: bool = False,
    seeds: Sequence[int] = (1, 2, 3),
    per_layer: bool = True,
    work: str | PathLike[str] | None = None,
) -> Synthesis:
    """Synthesize a written project with Yosys, and check the netlist on the project's vectors.

    ``place``: also synthesize for ECP5 and place and route with nextpnr, once per seed.
    ``per_layer``: a second run that keeps layers apart (they cannot share or merge logic then, so
    their sum may exceed the whole). ``work``: a folder for the tools' files, kept.
    Raises SynthError if a tool is missing or fails, or the netlist computes anything else than
    the project's graph; ConfigError if ``work`` cannot be written.
    """
    if place and not seeds:
        raise SynthError("place and route need a seed", hint="Ask for at least one run")
    require("yosys", *(["nextpnr-ecp5"] if place else []))
    path = Path(project).absolute()
    facts = manifest.read_manifest(path)
    manifest.check_files(path, facts)
    architecture, family = FAMILIES[str(facts.get("target", "generic"))]
    bench = json.loads((path / "sim" / "bench.json").read_text())
    report = json.loads((path / "report.json").read_text())
    files = {Path(name).name: (path / "sim" / name).read_text() for name in bench["sources"]}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(work).absolute() if work is not None else Path(scratch)
        with writing(home):
            home.mkdir(parents=True, exist_ok=True)
        cells = synthesize(
            files, bench["top"], home / "flat", architecture=architecture, family=family
        )
        vectors = check_netlist(home / "flat", path / "sim", bench, architecture)
        stage_ps = None
        if architecture in TIMED:
            stage_ps, _ = slowest_path(home / "flat" / "netlist.json", bench["top"])
        layers = _layers(path, report, files, home, bench["top"], architecture, family) \
            if per_layer else []  # fmt: skip
        routed = None
        if place:
            if architecture != "ecp5":
                synthesize(files, bench["top"], home / "ecp5", architecture="ecp5")
            found = route(home / ("flat" if architecture == "ecp5" else "ecp5"), seeds)
            routed = {
                "mhz": found.mhz,
                "median_mhz": found.median_mhz,
                "logic_ps": found.logic_ps,
                "routing_ps": found.routing_ps,
                "path": found.path,
                "layers": _on_path(found.path, _scopes(path)),
            }
    return Synthesis(
        {
            "name": facts["name"],
            "command": f"{architecture} {family}".strip(),
            "total": {**_numbers(cells[bench["top"]]), "stage_ps": stage_ps},
            "estimate": {
                "luts": report["luts"],
                "flip_flops": report["flip_flops"],
                "stage_ps": report["worst_stage"]["delay_ps"],
            },
            "layers": layers,
            "vectors": vectors,
            "routed": routed,
        }
    )


def check_netlist(
    folder: Path, sim: Path, bench: Mapping[str, Any], architecture: str = "xilinx"
) -> int:
    """Stream the project's vectors through the netlist; the number of vectors, all right.

    ``folder``: where Yosys worked. ``sim``: the project's ``sim/`` with vectors and expectations.
    Raises SynthError at the first wrong output.
    """
    latency = int(bench["latency"])
    inputs = _words(sim / "vectors" / "inputs.hex", bench["inputs"])
    expected = _words(sim / "vectors" / "outputs.hex", bench["outputs"])
    vectors = len((sim / "vectors" / "inputs.hex").read_text().splitlines())
    stream = {bus: [*words, *[0] * latency] for bus, words in inputs.items()}
    stream["valid_in"] = [1] * vectors + [0] * latency
    outputs = simulate(folder, bench["top"], stream, architecture)
    for bus, words in {**expected, "valid_out": [1] * vectors}.items():
        got = outputs[bus][latency : latency + vectors]
        wrong = next((t for t in range(vectors) if got[t] != words[t]), None)
        if wrong is not None:
            raise SynthError(
                f"the netlist computes {got[wrong]:#x} on '{bus}' for vector {wrong}",
                received=f"expected {words[wrong]:#x}",
                hint="Yosys or its cell models disagree with the project's graph; please report it",
            )
    return vectors


def _words(path: Path, buses: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    lines = [line.split() for line in path.read_text().splitlines()]
    return {bus["bus"]: [int(line[j], 16) for line in lines] for j, bus in enumerate(buses)}


def _numbers(cells: Cells) -> dict[str, Any]:
    return {
        "luts": cells.luts,
        "flip_flops": cells.flip_flops,
        "carries": cells.carries,
        "shift_registers": cells.shift_registers,
        "cells": dict(cells.by_type),
    }


def _scopes(path: Path) -> dict[str, str]:
    """The layer that each instance of a layer stands for, by its name without ``u_``."""
    found: dict[str, str] = {}
    for fact in json.loads((path / "signals.json").read_text()).values():
        parts = fact["path"].split(".")
        if len(parts) == 3:
            found.setdefault(parts[1].removeprefix("u_"), fact["origin"].partition("/")[0])
    return found


def _layers(
    path: Path,
    report: Mapping[str, Any],
    files: Mapping[str, str],
    home: Path,
    top: str,
    architecture: str,
    family: str,
) -> list[dict[str, Any]]:
    core = top.removesuffix("_packed")
    scopes = {f"{core}_{short}": scope for short, scope in _scopes(path).items()}
    cells = synthesize(
        files, top, home / "layers", architecture=architecture, family=family, keep=list(scopes)
    )
    netlist = home / "layers" / "netlist.json"
    slowest = slowest_by_module(netlist, top) if architecture in TIMED else {}
    guesses = {layer["name"]: layer for layer in report["layers"]}
    nothing = {"luts": 0.0, "flip_flops": 0, "stage_ps": 0}
    return [
        {
            "name": scope,
            **_numbers(cells[module]),
            "stage_ps": slowest.get(module),
            "estimate": {k: guesses.get(scope, nothing)[k] for k in nothing},
        }
        for module, scope in scopes.items()
        if module in cells
    ]


def _on_path(cells: Sequence[str], scopes: Mapping[str, str]) -> list[str]:
    """The layers whose cells are on a path, in order."""
    parts = [part for cell in cells for part in cell.split(".")]
    return list(
        dict.fromkeys(
            scopes[name]
            for part in parts
            if (name := part.removeprefix("u_")) in scopes and scopes[name]
        )
    )
