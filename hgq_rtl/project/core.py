"""Core: everything that is known about a compiled design when its folder is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hgq_rtl.emit.backend import Emitted
from hgq_rtl.errors import ProjectError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.verify import register_depths

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}\.v")


@dataclass(frozen=True)
class Core:
    """A compiled design: its scheduled graph, its Verilog, and the facts about both.

    ``graph`` holds registers; ``optimized`` is the same before scheduling, if it is to be kept.
    ``latency`` counts clocks from ``valid_in`` to ``valid_out``. ``report`` and ``options`` are
    written as JSON. ``part`` is the vendor's full part name, if the device has one;
    ``target`` its family. Raises
    ProjectError where these cannot become a folder.
    """

    name: str
    graph: Graph
    interface: Interface
    latency: int
    clock_ns: float
    device: str
    emitted: Emitted
    report: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    optimized: Graph | None = None
    part: str = ""
    target: str = "generic"

    def __post_init__(self) -> None:
        check_name(self.name)
        for file in self.emitted.files:
            if not _FILE.fullmatch(file):
                raise ProjectError("a Verilog file has an unusable name", received=repr(file))
        names = [port.name for port in (*self.interface.inputs, *self.interface.outputs)]
        for name in names:
            if names.count(name) > 1:
                raise ProjectError(f"two ports are named '{name}'", where=f"design '{self.name}'")
        if not 0 < self.clock_ns < 1e6:
            raise ProjectError("the clock period must be positive", received=f"{self.clock_ns} ns")
        depths = register_depths(self.graph)
        found = {depths[node] for node in self.graph.outputs if node in depths}
        if found - {self.latency}:
            raise ProjectError(
                f"the scheduled graph takes {found.pop()} clocks",
                received=f"latency={self.latency}",
                where=f"design '{self.name}'",
            )


def check_name(name: str) -> None:
    """Raise ProjectError unless ``name`` is safe in file names, Tcl and Verilog."""
    if not _NAME.fullmatch(name):
        raise ProjectError(
            "the name of a design must be an identifier",
            received=repr(name),
            hint="Up to 64 letters, digits and underscores, no digit first",
        )
