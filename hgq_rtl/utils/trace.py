"""Calibration: set the integer bits of WRAP quantizers from data, and count EBOPs exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from hgq_rtl.errors import TrainingError
from hgq_rtl.quantizers.parametrizations import KBI
from hgq_rtl.utils.calibration import Calibration, Seen
from hgq_rtl.utils.collapse import warn_of_collapse
from hgq_rtl.utils.data import Batches
from hgq_rtl.utils.walk import total_ebops


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
    range, so the data are run again until no range changes: at most once per such quantizer,
    and once more for the kif quantizers behind the last of them. The model is compiled for
    tracing once and kept, as ``predict`` does: tracing again is quick.

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
    run = Calibration.of(model)
    passes = 0
    while True:
        seen = _over(run, batches, return_results, verbose)
        if passes == 0:
            start = {id(q): q.frozen()[:2] for q, _, _ in seen.ranges} if not reset else {}
        changed = _settle(run, seen, start, cover_factor)
        passes += 1
        moving = sum(isinstance(q, KBI) and not q.is_weight for q, _, _ in seen.ranges)
        if not (moving and changed):
            break
        if passes > moving + 1:
            raise TrainingError(
                "the ranges do not settle",
                received=f"a change in pass {passes} over the data",
                hint="The data must be the same in every pass: no augmentation, no shuffling",
            )
    warn_of_collapse(run.layers, seen.dead)
    if verbose:
        for layer in run.layers:
            print(f"{layer.name}: {layer.ebops:g} EBOPs")
    if not return_results:
        return total_ebops(model)
    if cover_factor < 1:  # what was seen may wrap now
        return _over(Calibration(model, record=False), batches, True, verbose).outputs
    return seen.outputs


def _over(run: Calibration, batches: Batches, keep: bool, verbose: int | bool) -> Seen:
    with _progress(batches.count, verbose) as advance:
        return run.over(batches, keep, advance)


def _settle(run: Calibration, seen: Seen, start: dict[int, Any], cover_factor: float) -> bool:
    """Set k and i of the recorded quantizers, at least those in ``start``; whether any changed."""
    for q, lo, hi in seen.ranges:
        if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
            raise TrainingError("a traced value is NaN or infinite",
                                where=f"quantizer {q.path!r}")  # fmt: skip
    ranges = [
        (lo, hi) if q.is_weight or cover_factor == 1 else _covered(lo, hi, cover_factor)
        for q, lo, hi in seen.ranges
    ]
    none = np.float32(0), np.float32(-np.inf)
    return run.settle(ranges, [start.get(id(q), none) for q, _, _ in seen.ranges])


def _covered(lo: Any, hi: Any, factor: float) -> tuple[Any, Any]:
    """The range widened about its centre, but not across zero."""
    centre, half = (lo + hi) / 2, (hi - lo) / 2 * factor
    low, high = centre - half, centre + half
    return np.where(lo >= 0, np.maximum(low, 0), low), np.where(hi <= 0, np.minimum(high, 0), high)


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
