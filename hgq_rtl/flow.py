"""compile and trace: the whole story from a Keras model or a function to a Design."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from hgq_rtl.design import Design, build_design, silent
from hgq_rtl.optimize import Progress
from hgq_rtl.project.core import check_name
from hgq_rtl.schedule.greedy import check_wanted
from hgq_rtl.timing.load import load_device


def compile(
    model: Any,
    *,
    clock_ns: float | None = None,
    stages: int | None = None,
    max_latency_ns: float | None = None,
    device: str | Path = "xcvu13p-2",
    inputs: Mapping[str, tuple[int, int, int]] | None = None,
    name: str | None = None,
    skip: Collection[str] = (),
    dump: str | PathLike[str] | None = None,
    register_inputs: bool = False,
    register_outputs: bool = True,
    minimize_registers: bool = True,
    check_samples: int = 256,
    progress: Progress = silent,
) -> Design:
    """Compile a trained Keras model into pipelined logic, one result per clock.

    ``model``: a functional or Sequential model, or the path of a ``.keras`` file, which HGQ 2 may
    have saved. What a file lowers to is kept on disk: only the first compilation needs Keras.
    ``clock_ns``: the clock period in nanoseconds. ``stages``: how many times the logic is cut, not
    counting registers at the ports; with a clock, as many stages as asked for, without one, the
    fastest clock that so many stages allow. One of the two is needed. ``max_latency_ns``: an error
    if the latency is longer. ``device``: a name of ``hgq-rtl devices`` or the
    path of a TOML file. ``inputs``: (k, i, f) by input name, where the data is already on a
    fixed-point grid and no quantizer defines the port. ``name``: of the design and its top module
    (default: the model's). ``skip``: passes to leave out. ``dump``: a folder for the graph after
    every pass. ``register_inputs``, ``register_outputs``: registers behind the input ports and
    before the output ports, which count in the latency. ``minimize_registers``: search the
    schedule with the fewest register bits among those with the fewest stages. ``check_samples``:
    random samples on which every layer is compared with Keras; 0 leaves the comparison out.
    ``progress``: called with the name of every step.

    Raises an HgqRtlError that names the layer for whatever cannot become exact hardware.
    """
    # Cheap mistakes first: nothing below is worth waiting for with a clock of 0.
    check_wanted(clock_ns, stages, max_latency_ns)
    load_device(device)
    if name is not None:
        check_name(name)
    from hgq_rtl import frontend

    source = frontend.lower(model, inputs, check_samples, progress)
    return build_design(
        source.graph,
        source.interface,
        name=name or source.name,
        clock_ns=clock_ns,
        stages=stages,
        max_latency_ns=max_latency_ns,
        device=device,
        skip=skip,
        dump=None if dump is None else Path(dump),
        register_inputs=register_inputs,
        register_outputs=register_outputs,
        minimize_registers=minimize_registers,
        notes=source.notes,
        reference=source.reference,
        keep=isinstance(model, str | PathLike),
        progress=progress,
    )


def trace(
    fn: Callable[..., Any],
    inputs: Any,
    *,
    clock_ns: float | None = None,
    stages: int | None = None,
    max_latency_ns: float | None = None,
    device: str | Path = "xcvu13p-2",
    name: str | None = None,
    skip: Collection[str] = (),
    dump: str | PathLike[str] | None = None,
    register_inputs: bool = False,
    register_outputs: bool = True,
    minimize_registers: bool = True,
    check_samples: int = 256,
    progress: Progress = silent,
) -> Design:
    """Compile a NumPy-style function into pipelined logic, one result per clock.

    ``fn``: gets FixedArrays and works on them with operators, NumPy's functions, ``quantize``,
    ``lookup`` and models wrapped by ``as_function``. It returns arrays or (nested) dictionaries,
    lists and tuples of them, which name the outputs. ``inputs``: FixedInputs: a dictionary by
    keyword argument, a list by position, or one alone; each may again be a container of them.
    ``name``: of the design and its top module (default: the function's). ``check_samples``:
    random samples on which the graph is compared with ``fn`` on NumPy arrays, without batch axis.
    Further arguments: those of ``compile``. ``predict`` and ``verify`` of the design take data,
    and predict returns them, in the same containers with samples as the first axis.

    Raises LoweringError for whatever cannot become exact hardware.
    """
    check_wanted(clock_ns, stages, max_latency_ns)
    load_device(device)
    if name is not None:
        check_name(name)
    progress("lower")
    from hgq_rtl.lowering import exactness
    from hgq_rtl.lowering import trace as tracing
    from hgq_rtl.lowering.naming import identifier

    name = name or identifier(getattr(fn, "__name__", "design").replace("<lambda>", "design"))
    traced = tracing.trace_function(fn, inputs, name)
    notes: dict[str, Any] = {
        "exactness": {
            "reference": "NumPy",
            "arithmetic": "float64",
            "proven": traced.bits <= exactness.FLOAT64_BITS,
            "layers": {name: traced.bits},
        },
    }
    if check_samples:
        progress("compare with NumPy")
        notes["exactness"]["values_compared"] = tracing.check_function(traced, check_samples)
    return build_design(
        traced.lowered.graph,
        traced.lowered.interface,
        name=name,
        clock_ns=clock_ns,
        stages=stages,
        max_latency_ns=max_latency_ns,
        device=device,
        skip=skip,
        dump=None if dump is None else Path(dump),
        register_inputs=register_inputs,
        register_outputs=register_outputs,
        minimize_registers=minimize_registers,
        notes=notes,
        reference=traced.reference,
        progress=progress,
    )
