"""verify: drive the Verilog with every vector and compare each bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from rich.console import Console

from hgq_rtl.cosim.compare import (
    Expected,
    first_different_node,
    keras_fault,
    keras_outputs,
    rtl_fault,
    valid_fault,
)
from hgq_rtl.cosim.coverage import Counts, sentence
from hgq_rtl.cosim.golden import Golden, golden_vectors
from hgq_rtl.cosim.run import run_regression
from hgq_rtl.cosim.subject import Subject
from hgq_rtl.cosim.vectors import hex_lines
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Ints

Data = ArrayLike | Mapping[str, ArrayLike] | list[ArrayLike]
"""One array, a list of them, or a dictionary by port name."""
GAP_VECTORS = 2000
"""The testbench's pass with gaps takes this many vectors at most; see sim/testbench.py."""


@dataclass(frozen=True)
class VerifyResult:
    """A co-simulation in which every output bit and every valid_out was right."""

    data: int
    """Vectors from the caller's data."""
    corner: int
    """Vectors at the ends of the intervals."""
    random: int
    """Seeded random vectors."""
    directed: int
    """Vectors that reach what the others miss."""
    with_gaps: int
    """Of all these, how many ran a second time with gaps in valid_in."""
    keras: int
    """Vectors whose outputs were also compared with those of Keras, or of another reference."""
    latency: int
    """Clocks from valid_in to valid_out."""
    axis: int
    """Vectors that also went through the AXI4-Stream shell."""
    build_s: float
    """Seconds to build the simulator."""
    run_s: float
    """Seconds of simulation."""
    coverage: Mapping[str, Counts]
    """Points reached by the vectors, by kind; see ``hgq_rtl.cosim.coverage``."""
    reference: str = "Keras"

    @property
    def vectors(self) -> int:
        """All vectors."""
        return self.data + self.corner + self.random + self.directed

    def __str__(self) -> str:
        keras = f"; {self.keras} equal to {self.reference}" if self.keras else ""
        keras += f"; {self.axis} through AXI4-Stream" if self.axis else ""
        directed = f", {self.directed} directed" if self.directed else ""
        sorts = f"{self.data} data, {self.corner} corner, {self.random} random{directed}"
        return (
            f"{self.vectors} vectors, every bit equal ({sorts}; "
            f"{self.with_gaps} again with gaps in valid_in{keras}); "
            f"latency {self.latency}; coverage: {sentence(self.coverage)}; "
            f"build {self.build_s:.1f} s, run {self.run_s:.1f} s"
        )


def verify(
    subject: Subject,
    x: Data | None = None,
    *,
    y_expected: Data | None = None,
    random: int = 1000,
    seed: int = 0,
    axis: bool = False,
    work: Path | None = None,
    console: Console | None = None,
) -> VerifyResult:
    """Simulate data, corner, random and directed vectors; raise CosimError at the first difference.

    ``y_expected``: Keras's outputs for ``x``. ``axis``: send them through the AXI4-Stream shell
    as well, with gaps, back-pressure and resets. ``work``: where the simulator is built and the
    logs are kept (default: ``sim/sim_build`` of the design). ``console``: where progress is
    shown (default: the terminal's standard error).
    """
    if y_expected is not None and x is None:
        raise CosimError("y_expected needs the inputs that it belongs to", hint="Pass x as well")
    data = None if x is None else subject.interface.input_integers(x)
    golden = golden_vectors(subject.graph, subject.interface, data, random, seed)
    inputs = golden.inputs
    keras = None
    if y_expected is not None:
        keras = keras_outputs(subject.interface.outputs, y_expected, golden.data)
    expected = Expected(golden.outputs, keras)
    work = work or subject.sim / "sim_build"
    _write_vectors(subject, golden, work)

    console = console or Console(stderr=True)
    with console.status(f"{subject.name}: preparing") as status:
        words = {"build": "building the simulator", "run": f"simulating {len(inputs)} vectors"}

        def announce(phase: str) -> None:
            status.update(f"{subject.name}: {words.get(phase, phase)}")

        done = run_regression(subject.sim, work, announce=announce)
        check_result(subject, inputs, expected, done.result, work)
        if axis:
            shell = run_regression(subject.sim, work, axis=True, announce=announce)
            check_shell(subject, len(inputs), shell.result)
    return VerifyResult(
        **golden.counts,
        with_gaps=min(len(inputs), GAP_VECTORS),
        keras=0 if keras is None else len(keras),
        latency=subject.latency,
        axis=len(inputs) if axis else 0,
        build_s=done.build_s,
        run_s=done.run_s,
        coverage=golden.coverage.counts(),
        reference=subject.reference,
    )


def _write_vectors(subject: Subject, golden: Golden, work: Path) -> None:
    folder = work / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inputs.hex").write_text(hex_lines(subject.interface.inputs, golden.inputs))
    (folder / "outputs.hex").write_text(hex_lines(subject.interface.outputs, golden.outputs))


def check_result(
    subject: Subject, inputs: Ints, expected: Expected, result: Mapping[str, Any], work: Path
) -> None:
    """Raise CosimError unless both passes ran all their vectors and found nothing."""
    passes = result.get("passes", {})
    for name, count in (
        ("back_to_back", len(inputs)),
        ("with_gaps", min(len(inputs), GAP_VECTORS)),
    ):
        found = passes.get(name, {"vectors": 0})
        if found["vectors"] != count:
            raise CosimError(
                f"the testbench compared {found['vectors']} of {count} vectors",
                where=f"design '{subject.name}' ({name.replace('_', ' ')})",
                hint="A run that did not see every vector proves nothing; see the log in "
                f"{work.name}",
            )
        if (fault := valid_fault(subject, found, name)) is not None:
            raise fault
        if found["mismatches"]:
            vector = found["wrong"][0]["vector"]
            raise rtl_fault(subject, expected, found, _probe(subject, inputs, vector, work))
    if (fault := keras_fault(subject, expected)) is not None:
        raise fault


def check_shell(subject: Subject, count: int, result: Mapping[str, Any]) -> None:
    """Raise CosimError unless every pass through the AXI4-Stream shell found nothing."""
    passes = result.get("passes", {})
    seen = passes.get("full_rate", {"vectors": 0})["vectors"]
    if seen != count:
        raise CosimError(
            f"the testbench of the AXI4-Stream shell compared {seen} of {count} vectors",
            where=f"design '{subject.name}'",
        )
    for name, found in passes.items():
        if not found["mismatches"] and not found["protocol_errors"]:
            continue
        first = found["first_protocol_error"]
        if found["mismatches"]:
            wrong = found["wrong"][0]
            first = f"sample {wrong['sample']} has beats {' '.join(wrong['rtl'])}"
        raise CosimError(
            f"the AXI4-Stream shell is wrong: {first}",
            where=f"design '{subject.name}' ({name.replace('_', ' ')})",
            hint=f"{found['mismatches']} samples wrong, {found['protocol_errors']} faults of "
            "the protocol, while the core alone is right",
        )


def _probe(subject: Subject, inputs: Ints, vector: int, work: Path) -> str:
    """Run one vector again, and say where it goes wrong."""
    try:
        probe = run_regression(subject.sim, work, probe=vector)
    except CosimError as error:
        # What was found already matters more than why this run failed.
        return f"The run that looks for the first differing node failed: {error.what}"
    return first_different_node(subject, inputs[vector], probe.result["values"])
