"""Design: a compiled graph with its schedule, ready to predict, report and be written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.emit.backend import CoreInfo, Emitted, emit
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.text import to_text
from hgq_rtl.passes.pipeline import PassRecord, run
from hgq_rtl.passes.target import Target
from hgq_rtl.project.core import Core, check_name
from hgq_rtl.project.delivery import Delivery
from hgq_rtl.project.project import Project, write_project
from hgq_rtl.report.facts import facts
from hgq_rtl.report.table import Report
from hgq_rtl.schedule.greedy import clock_ps, schedule
from hgq_rtl.schedule.minimal import fewest_registers
from hgq_rtl.schedule.registers import insert_registers
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.model import DelayModel, load_device

Data = Any
"""One array (samples, *shape), a list of them, a dictionary by port name, or, for a traced
function, such arrays in the containers of its inputs."""
Array = NDArray[np.float64]
Outputs = Any
"""One float64 array (samples, *shape), or one per output where there are several; for a traced
function, such arrays in the containers of its outputs."""
Progress = Callable[[str], None]


def silent(step: str) -> None:
    """The progress callback that shows nothing."""


@dataclass(frozen=True)
class Design:
    """A network as pipelined logic for one clock and device, with initiation interval 1.

    ``lowered`` is the graph as it came from the model, ``graph`` after all passes; ``schedule``
    cuts ``graph`` into stages and ``scheduled`` holds the registers. ``notes`` are facts about
    the model that the report shows.
    """

    name: str
    lowered: Graph
    graph: Graph
    scheduled: Graph
    interface: Interface
    schedule: Schedule
    device: DelayModel
    clock_ns: float
    passes: tuple[PassRecord, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    reference: Callable[[list[Any]], list[Array]] | None = None
    """The outputs of the Keras model, or of the traced function on NumPy arrays, for inputs."""

    @property
    def latency(self) -> int:
        """Clocks from an input to its output."""
        return self.schedule.latency

    def predict(self, x: Data) -> Outputs:
        """The outputs of the hardware for float inputs, exactly, without a simulator.

        Inputs that the model quantizes are quantized as Keras does. Raises NumberError for NaN,
        a wrong shape, or a value that a declared input format cannot hold.
        """
        n = evaluate(self.graph, self.interface.input_integers(x))
        return self.interface.output_structure(self.interface.output_floats(n))

    def report(self) -> Report:
        """LUT and register estimates per layer, stages against the clock, and exactness."""
        return Report(
            facts(
                self.name,
                self.graph,
                self.scheduled,
                self.schedule,
                self.device,
                self.interface,
                self.clock_ns,
                self.notes,
            )
        )

    @property
    def model_hash(self) -> str:
        """SHA-256 of the lowered graph: equal for equal networks, whatever their file."""
        return hashlib.sha256(to_text(self.lowered).encode()).hexdigest()

    @cached_property
    def emitted(self) -> Emitted:
        """The Verilog, as text by file name."""
        info = CoreInfo(
            name=self.name,
            version=version("hgq-rtl"),
            model_hash=self.model_hash,
            clock_ns=self.clock_ns,
            latency=self.latency,
            device=self.device.name,
        )
        return emit(self.scheduled, self.interface, info)

    def write(
        self,
        out: str | PathLike[str],
        *,
        force: bool = False,
        delivery: Delivery | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> Project:
        """Write the project folder ``out``, whole or not at all.

        A project written before is replaced, or left alone if it is the same. ``delivery``: the
        beats of the AXI4-Stream shell, where layers are placed, and other choices about the
        folder. ``inputs``: where the design came from, for the manifest. Raises ProjectError if
        ``out`` is no project, or, without ``force``, if somebody changed it.
        """
        core = Core(
            name=self.name,
            graph=self.scheduled,
            interface=self.interface,
            latency=self.latency,
            clock_ns=self.clock_ns,
            device=self.device.name,
            emitted=self.emitted,
            report=self.report().facts,
            options={
                "register_inputs": self.schedule.register_inputs,
                "register_outputs": self.schedule.register_outputs,
                "passes": [record.name for record in self.passes[1:]],
            },
            optimized=self.graph,
            part=self.device.part,
            target=self.device.target,
            model_hash=self.model_hash,
            delivery=delivery or Delivery(),
            inputs=dict(inputs or {}),
        )
        return replace(write_project(core, out, force=force), reference=self.reference)


def build_design(
    lowered: Graph,
    interface: Interface,
    *,
    name: str,
    clock_ns: float,
    device: str | Path = "xcvu13p-2",
    skip: Collection[str] = (),
    dump: Path | None = None,
    register_inputs: bool = False,
    register_outputs: bool = True,
    minimize_registers: bool = True,
    notes: Mapping[str, Any] | None = None,
    reference: Callable[[list[Any]], list[Array]] | None = None,
    progress: Progress = silent,
) -> Design:
    """Optimise and schedule a lowered graph. Needs no Keras.

    Raises PassError, TimingError or ScheduleError; see ``hgq_rtl.compile`` for the arguments.
    """
    check_name(name)
    model = load_device(device)
    graph, records = run(lowered, target=Target(model), skip=skip, dump=dump, progress=progress)
    progress("schedule")
    stages = schedule(
        graph,
        model,
        clock_ns,
        register_inputs=register_inputs,
        register_outputs=register_outputs,
    )
    stages.check(graph, model, clock_ps(clock_ns))
    if minimize_registers:
        progress("registers")
        stages = fewest_registers(graph, model, clock_ps(clock_ns), stages)
    return Design(
        name=name,
        lowered=lowered,
        graph=graph,
        scheduled=insert_registers(graph, stages),
        interface=_with_types(interface, graph),
        schedule=stages,
        device=model,
        clock_ns=float(clock_ns),
        passes=tuple(records),
        notes=dict(notes or {}),
        reference=reference,
    )


def _with_types(interface: Interface, graph: Graph) -> Interface:
    """The interface with the output types that the passes arrived at."""
    types = iter([node.type for node in graph.outputs])
    outputs = tuple(
        replace(port, types=tuple(next(types) for _ in port.types)) for port in interface.outputs
    )
    return replace(interface, outputs=outputs)
