"""Core: everything that is known about a compiled design when its folder is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hgq_rtl.cosim.golden import Golden, golden_vectors
from hgq_rtl.emit.axis import Axis, plan_axis
from hgq_rtl.emit.backend import CoreInfo, Emitted, emit
from hgq_rtl.emulator import header
from hgq_rtl.errors import EmulatorError, ProjectError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.verify import register_depths
from hgq_rtl.project.delivery import Delivery
from hgq_rtl.project.manifest import tool_version

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}\.v")


@dataclass(frozen=True)
class Core:
    """A compiled design: its scheduled graph, its Verilog, and the facts about both.

    ``graph`` holds registers; ``optimized`` is the same before scheduling, if it is to be kept.
    ``latency`` counts clocks from ``valid_in`` to ``valid_out``. ``report`` and ``options`` are
    written as JSON. ``part`` is the vendor's full part name, if the device has one; ``target`` its
    family. Raises ProjectError where these cannot become a folder.
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
    model_hash: str = ""
    """Content hash of the model, for the headers."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Where the design came from, for the manifest."""
    delivery: Delivery = field(default_factory=Delivery)
    report_page: str = ""
    """The report as HTML, if there is one."""
    golden: Golden | None = None
    """Test vectors; without them, corner, random and directed ones are made."""

    @cached_property
    def vectors(self) -> Golden:
        """The test vectors of the folder."""
        return self.golden or golden_vectors(self.graph, self.interface)

    @property
    def info(self) -> CoreInfo:
        """What every emitted file names in its header."""
        return CoreInfo(
            self.name,
            tool_version(),
            self.model_hash,
            self.clock_ns,
            self.latency,
            self.device,
        )

    @property
    def axis(self) -> Axis:
        """The beats of the AXI4-Stream shell. Raises EmitError where they are impossible."""
        wanted = self.delivery
        return plan_axis(self.emitted.top, self.interface, wanted.in_beat, wanted.out_beat)

    @cached_property
    def emulator(self) -> Mapping[str, str]:
        """The C++ emulator by file name; none where no integer of C++ compilers is wide enough."""
        graph = self.graph if self.optimized is None else self.optimized
        try:
            return {f"{self.name}.h": header(graph, self.interface, self.info)}
        except EmulatorError:
            return {}

    @cached_property
    def vhdl(self) -> Mapping[str, str]:
        """The same core in VHDL, by file name."""
        return emit(self.graph, self.interface, self.info, backend="vhdl").files

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
        for layer in self.delivery.place:
            if layer not in self.emitted.instances:
                raise ProjectError(
                    "there is no such layer to place",
                    received=repr(layer),
                    where=f"design '{self.name}'",
                    hint=f"Layers with hardware: {', '.join(self.emitted.instances)}",
                )
        assert self.axis.in_beats > 0


def check_name(name: str) -> None:
    """Raise ProjectError unless ``name`` is safe in file names, Tcl and Verilog."""
    if not _NAME.fullmatch(name):
        raise ProjectError(
            "the name of a design must be an identifier",
            received=repr(name),
            hint="Up to 64 letters, digits and underscores, no digit first",
        )
