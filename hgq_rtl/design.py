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

from hgq_rtl import optimized
from hgq_rtl.cosim.golden import golden_vectors
from hgq_rtl.emit.backend import CoreInfo, Emitted, emit
from hgq_rtl.emulator import Native, load
from hgq_rtl.errors import EmulatorError
from hgq_rtl.fixed import Ints
from hgq_rtl.garbage import no_collection
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.text import to_text
from hgq_rtl.optimize import Progress, Wanted, optimize
from hgq_rtl.optimized import Optimized
from hgq_rtl.passes.pipeline import DEFAULT, PassRecord, check_names
from hgq_rtl.passes.target import Target
from hgq_rtl.project.core import Core, check_name
from hgq_rtl.project.delivery import Delivery
from hgq_rtl.project.manifest import request_hash
from hgq_rtl.project.project import Project, write_once
from hgq_rtl.report.facts import facts
from hgq_rtl.report.page import page
from hgq_rtl.report.table import Report
from hgq_rtl.schedule.registers import insert_registers
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.load import load_device
from hgq_rtl.timing.model import DelayModel

Data = Any
"""One array (samples, *shape), a list of them, a dictionary by port name, or, for a traced
function, such arrays in the containers of its inputs."""
Array = NDArray[np.float64]
Outputs = Any
"""One float64 array (samples, *shape), or a list of one per output where there are several; a
dictionary of such where the model returns one; for a traced function, its containers of them."""
ENGINES = ("graph", "native")
"""How ``predict`` may compute."""


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

    def predict(self, x: Data, engine: str = "graph") -> Outputs:
        """The outputs of the hardware for float inputs, exactly, without a simulator.

        Inputs that the model quantizes are quantized as Keras does. ``engine``: ``graph`` evaluates
        the graph in NumPy; ``native`` does the same in C++, much faster once it is compiled (a C++
        compiler must be there). Raises NumberError for NaN, a wrong shape, or a value that a
        declared input format cannot hold.
        """
        if engine not in ENGINES:
            raise EmulatorError(
                "unknown engine", received=repr(engine), hint=f"Engines: {', '.join(ENGINES)}"
            )
        if engine == "native":
            found = self.emulator.predict(x)
            if found is not None:
                return self.interface.output_structure(found)
        inputs = self.interface.input_integers(x)
        native = engine == "native"
        n = self.emulator.integers(inputs) if native else evaluate(self.graph, inputs)
        return self.interface.output_structure(self.interface.output_floats(n))

    @cached_property
    def emulator(self) -> Native:
        """The C++ emulator of this design, compiled on first use and kept on disk."""
        return load(self.graph, self.interface)

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
            keep_sums=self.device.keep_sums,
        )
        return emit(self.scheduled, self.interface, info)

    @no_collection()
    def write(
        self,
        out: str | PathLike[str],
        *,
        force: bool = False,
        delivery: Delivery | None = None,
        inputs: Mapping[str, Any] | None = None,
        vectors: Data | None = None,
    ) -> Project:
        """Write the project folder ``out``, whole or not at all.

        A project written before is replaced, or left alone if it is the same. ``force``: replace
        even one that somebody changed. ``delivery``: the beats of the AXI4-Stream shell, where
        layers are placed, and other choices about the folder. ``inputs``: where the design came
        from, for the manifest. ``vectors``: data, as ``predict`` takes them, that the testbenches
        of the folder run beside corner, random and directed vectors. Raises ProjectError if
        ``out`` is no project, or, without ``force``, if somebody changed it; NumberError or
        CosimError for unusable data.
        """
        data = None if vectors is None else self.interface.input_integers(vectors)
        delivery, origin = delivery or Delivery(), dict(inputs or {})
        project = write_once(
            self._content(delivery, origin, data),
            lambda: self._core(delivery, origin, data),
            self.scheduled,
            out,
            force,
        )
        return replace(project, reference=self.reference)

    def _core(self, delivery: Delivery, inputs: Mapping[str, Any], data: Ints | None) -> Core:
        golden = golden_vectors(self.scheduled, self.interface, data)
        verification = {"vectors": golden.counts, "coverage": golden.coverage.counts()}
        report = {**self.report().facts, "verification": verification}
        return Core(
            name=self.name,
            graph=self.scheduled,
            interface=self.interface,
            latency=self.latency,
            clock_ns=self.clock_ns,
            device=self.device.name,
            emitted=self.emitted,
            report=report,
            report_page=page(report),
            options=self._options,
            optimized=self.graph,
            part=self.device.part,
            target=self.device.target,
            model_hash=self.model_hash,
            delivery=delivery,
            inputs=inputs,
            golden=golden,
        )

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "register_inputs": self.schedule.register_inputs,
            "register_outputs": self.schedule.register_outputs,
            "passes": [record.name for record in self.passes[1:]],
        }

    def _content(self, delivery: Delivery, inputs: Mapping[str, Any], data: Ints | None) -> str:
        """The name in the cache of a folder: a hash of all that its files follow from."""
        texts = [to_text(graph) for graph in (self.graph, self.scheduled)]
        stage = self.schedule.stage
        facts = {
            "name": self.name,
            "model": self.model_hash,
            "stages": [stage.get(node) for node in self.graph.nodes],
            "interface": repr(self.interface),
            "clock_ns": self.clock_ns,
            "device": Target(self.device).fingerprint,
            "notes": self.notes,
            "options": self._options,
            "delivery": repr(delivery),
            "inputs": inputs,
            "data": None if data is None else [str(data.dtype), data.tolist()],
        }
        return request_hash("\n".join(texts).encode(), facts)


@no_collection()
def build_design(
    lowered: Graph,
    interface: Interface,
    *,
    name: str,
    clock_ns: float | None = None,
    stages: int | None = None,
    max_latency_ns: float | None = None,
    device: str | Path = "xcvu13p-2",
    skip: Collection[str] = (),
    dump: Path | None = None,
    register_inputs: bool = False,
    register_outputs: bool = True,
    minimize_registers: bool = True,
    notes: Mapping[str, Any] | None = None,
    reference: Callable[[list[Any]], list[Array]] | None = None,
    keep: bool = False,
    progress: Progress = silent,
) -> Design:
    """Optimise and schedule a lowered graph. Needs no Keras.

    ``keep``: read the result back from disk if the same was asked before, else store it.
    Raises PassError, TimingError or ScheduleError; see ``hgq_rtl.compile`` for the arguments.
    """
    check_name(name)
    model = load_device(device)
    check_names(DEFAULT, skip)
    registers = {"register_inputs": register_inputs, "register_outputs": register_outputs}
    wanted = Wanted(model, clock_ns, stages, max_latency_ns, registers, minimize_registers)

    def compute() -> Optimized:
        return optimize(lowered, wanted, skip, dump, progress)

    if keep and dump is None:
        asked = [clock_ns, stages, max_latency_ns, registers, minimize_registers, sorted(skip)]
        found = optimized.kept(optimized.entry(lowered, model, asked), compute)
    else:
        found = compute()
    return Design(
        name=name,
        lowered=lowered,
        graph=found.graph,
        scheduled=insert_registers(found.graph, found.schedule),
        interface=_with_types(interface, found.graph),
        schedule=found.schedule,
        device=model,
        clock_ns=found.clock_ns,
        passes=found.passes,
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
