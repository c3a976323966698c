"""Calibration: set the integer bits of WRAP quantizers from data, and count EBOPs exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import TrainingError
from hgq_rtl.layers.compiled import compiled
from hgq_rtl.quantizers.fixed_point import KBI
from hgq_rtl.quantizers.recording import recording
from hgq_rtl.utils.collapse import warn_of_collapse
from hgq_rtl.utils.data import Batches
from hgq_rtl.utils.walk import quantized_layers, total_ebops

Extrema = list[tuple[Any, Any, Any]]


def trace_minmax(
    model: Any,
    data: Any,
    reset: bool = True,
    batch_size: int = 1024,
    verbose: int | bool = 0,
    return_results: bool = False,
    *,
    cover_factor: float = 1.0,
) -> Any:
    """Run ``model`` over ``data`` and give every WRAP quantizer the range it saw.

    Sign and integer bits become the fewest that hold all values in two's complement. ``reset``:
    start afresh (True), or extend the present ranges (False), as for a second data set.
    ``cover_factor``: widen the range [lo, hi] that each activation quantizer saw about its
    centre, to (lo + hi)/2 ± cover_factor·(hi - lo)/2, as a margin for data not seen (or below 1
    to cut off outliers). A range on one side of zero stays there: behind a relu, a margin must
    not cost a sign bit. Weights are known completely and get no margin.
    ``data``: array, tuple, list or dict of arrays, or PyDataset. ``verbose``: truthy shows a
    progress bar and the EBOPs of each layer. Layers run in inference mode (no dropout, moving
    statistics).

    A kif quantizer rounds the same before and after; for kbi in WRAP mode the grid follows the
    range, so the data are run again until no range changes: at most once per such quantizer.

    Returns the total EBOPs of the model (float), or with ``return_results`` the model's outputs
    on ``data`` (arrays, as ``predict`` gives them afterwards). Warns (CollapseWarning) of layers
    all of whose weights or activations are zero. Raises TrainingError for empty data, NaN or
    infinite values, and data that change from pass to pass.
    """
    if not 0 < cover_factor < np.inf:
        raise TrainingError("cover_factor must be positive", received=repr(cover_factor))
    batches = Batches(data, batch_size)
    if not model.built:
        model(next(iter(batches))[0])
    layers = quantized_layers(model)
    run = _Run(model)
    start: dict[int, Any] = {}  # the ranges to extend, by quantizer
    passes = 0
    while True:
        results, seen, dead = run.over(batches, return_results, verbose)
        if passes == 0 and not reset:
            start = {id(q): q.frozen()[:2] for q, _, _ in seen}
        changed = _settle(seen, start, model.variables, cover_factor)
        passes += 1
        moving = sum(isinstance(q, KBI) and not q.is_weight for q, _, _ in seen)
        if not (moving and changed):
            break
        if passes > moving:
            raise TrainingError(
                "the ranges do not settle",
                received=f"a change in pass {passes} over the data",
                hint="The data must be the same in every pass: no augmentation, no shuffling",
            )
    if return_results and cover_factor < 1:  # what was seen may wrap now
        results = _Run(model, record=False).over(batches, True, verbose)[0]
    _count_ebops(layers, model.variables)
    warn_of_collapse(layers, dead)
    if verbose:
        for layer in layers:
            print(f"{layer.name}: {layer.ebops:g} EBOPs")
    return results if return_results else total_ebops(model)


class _Run:
    """A model as a compiled function that also says what its quantizers see."""

    def __init__(self, model: Any, record: bool = True) -> None:
        self._formats: list[Any] = []  # in call order, known once the function has run
        self._quantizers: list[Any] = []

        def forward(x: Any) -> tuple[Any, Any, Any]:
            if not record:
                return model(x, training=False), [], []
            with recording() as records:
                y = model(x, training=False)
            self._formats = [q for q, _, _ in records]
            self._quantizers = [q for q, _ in records.live]
            live = [keras.ops.stack([v for _, v in records.live])] if records.live else []
            return y, [(lo, hi) for _, lo, hi in records], live

        self._function = compiled(forward, model.variables)

    def over(
        self, batches: Batches, keep: bool, verbose: int | bool
    ) -> tuple[Any, Extrema, list[Any]]:
        """Run all batches; outputs (if ``keep``), extrema by quantizer, quantizers of zeros."""
        merged: dict[int, tuple[Any, Any, Any]] = {}
        alive: dict[int, bool] = {}
        outputs: list[Any] = []
        with _progress(batches.count, verbose) as advance:
            for x, rows in batches:
                y, extrema, live = self._function(x)
                for q, (lo, hi) in zip(self._formats, extrema, strict=True):
                    lo, hi = (np.asarray(keras.ops.convert_to_numpy(v)) for v in (lo, hi))
                    if id(q) in merged:
                        _, lo_before, hi_before = merged[id(q)]
                        lo, hi = np.minimum(lo, lo_before), np.maximum(hi, hi_before)
                    merged[id(q)] = q, lo, hi
                flags = keras.ops.convert_to_numpy(live[0]) if live else ()
                for q, flag in zip(self._quantizers, flags, strict=True):
                    alive[id(q)] = alive.get(id(q), False) or bool(flag)
                if keep:
                    outputs.append(
                        keras.tree.map_structure(
                            lambda t, rows=rows: np.asarray(keras.ops.convert_to_numpy(t))[:rows],
                            y,
                        )
                    )
                advance()
        dead = [q for q in self._quantizers if not alive[id(q)]]
        joined = keras.tree.map_structure(lambda *t: np.concatenate(t), *outputs) if keep else None
        return joined, list(merged.values()), dead


def _covered(lo: Any, hi: Any, factor: float) -> tuple[Any, Any]:
    """The range widened about its centre, but not across zero."""
    centre, half = (lo + hi) / 2, (hi - lo) / 2 * factor
    low, high = centre - half, centre + half
    return np.where(lo >= 0, np.maximum(low, 0), low), np.where(hi <= 0, np.minimum(high, 0), high)


def _settle(
    seen: Extrema, start: dict[int, Any], variables: list[Any], cover_factor: float
) -> bool:
    """Set k and i of the recorded quantizers, at least those in ``start``; whether any changed."""
    for q, lo, hi in seen:
        if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
            raise TrainingError("a traced value is NaN or infinite",
                                where=f"quantizer {q.path!r}")  # fmt: skip
    ranges = [
        (lo, hi) if q.is_weight or cover_factor == 1 else _covered(lo, hi, cover_factor)
        for q, lo, hi in seen
    ]

    def needed(extrema: Any) -> Any:
        return [q.settle(lo, hi) for (q, _, _), (lo, hi) in zip(seen, extrema, strict=True)]

    widths = compiled(needed, variables)(ranges)
    changed = False
    for (q, _, _), (k, i) in zip(seen, widths, strict=True):
        k, i = (np.asarray(keras.ops.convert_to_numpy(v)) for v in (k, i))
        if id(q) in start:
            k, i = (np.maximum(a, b) for a, b in zip((k, i), start[id(q)], strict=True))
        changed |= q.assign_range(k, i)
    return changed


def _count_ebops(layers: list[Any], variables: list[Any]) -> None:
    counted = [layer for layer in layers if layer.enable_ebops]
    if counted:
        values = compiled(lambda: [layer.update_ebops() for layer in counted], variables)()
        for layer, value in zip(counted, values, strict=True):
            layer._ebops.assign(value)


class _Progress:
    """A rich progress bar over batches, as a context that yields the function to advance it."""

    def __init__(self, count: int) -> None:
        from rich.progress import Progress

        self._bar, self._count = Progress(), count

    def __enter__(self) -> Callable[[], None]:
        self._bar.__enter__()
        task = self._bar.add_task("trace", total=self._count)
        return lambda: self._bar.advance(task)

    def __exit__(self, *error: Any) -> None:
        self._bar.__exit__(*error)


def _progress(count: int, verbose: int | bool) -> Any:
    return _Progress(count) if verbose else nullcontext(lambda: None)
