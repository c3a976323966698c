"""A model as compiled functions that record what its quantizers see and set their ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from hgq_rtl.layers.compiled import Program
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.quantizers.recording import recording
from hgq_rtl.utils.data import Batches
from hgq_rtl.utils.walk import call_counts, quantized_layers

_ATTRIBUTE = "_hgq_rtl_calibration"
_BATCHES = {"quick": 16, "good": 1000, "best": float("inf")}
"""The effort of compilation that pays for fewer batches than this."""


@dataclass
class Seen:
    """What one pass over the data showed."""

    outputs: Any
    """Of the model, for all samples, if they were to be kept."""
    ranges: list[tuple[Any, Any, Any]]
    """(number format, minimum, maximum) of every WRAP quantizer, each once, in call order."""
    dead: list[Any]
    """Quantizers that put out nothing but zeros."""


class Calibration:
    """Runs ``model`` in inference mode; ``record``: whether WRAP quantizers record, not wrap."""

    def __init__(self, model: Any, record: bool = True) -> None:
        self.layers = quantized_layers(model)
        self.variables = model.variables
        self._model, self._record = model, record
        self._called: list[Any] = []  # formats in call order, known once the model has run
        self._formats: list[Any] = []  # the same, each once
        self._quantizers: list[Any] = []
        self._forward: dict[str, Program] = {}
        self._settle = Program(self._widths_and_ebops, self.variables, "quick")
        self._luts = Program(
            lambda: [layer.compute_luts() for layer in self._counted()], self.variables, "quick"
        )

    @classmethod
    def of(cls, model: Any) -> Calibration:
        """The calibration of ``model``, kept as long as its variables are the same ones."""
        kept = getattr(model, _ATTRIBUTE, None)
        if kept is None or list(map(id, kept.variables)) != list(map(id, model.variables)):
            kept = cls(model)
            setattr(model, _ATTRIBUTE, kept)
        return kept

    def over(self, batches: Batches, keep: bool, advance: Callable[[], None]) -> Seen:
        """Run all batches; ``keep``: keep the outputs; ``advance`` is called after each batch."""
        merged: list[tuple[Any, Any]] = []
        alive: dict[int, bool] = {}
        outputs: list[Any] = []
        # Floats that are not quantized may differ in their last bits: what is kept is as predicted.
        effort = "best" if keep else next(e for e, n in _BATCHES.items() if batches.count < n)
        for x, rows in batches:
            if effort not in self._forward:
                self._forward[effort] = self._prepared(effort, x)
            y, extrema, live = self._forward[effort](x)
            found = [(to_numpy(lo), to_numpy(hi)) for lo, hi in extrema]
            merged = [
                (np.minimum(lo, a), np.maximum(hi, b))
                for (lo, hi), (a, b) in zip(found, merged or found, strict=True)
            ]
            for q, flag in zip(self._quantizers, to_numpy(live), strict=True):
                alive[id(q)] = alive.get(id(q), False) or bool(flag)
            if keep:
                outputs.append(keras.tree.map_structure(lambda t, n=rows: to_numpy(t)[:n], y))
            advance()
        joined = keras.tree.map_structure(lambda *t: np.concatenate(t), *outputs) if keep else None
        ranges = self._each_once(merged)
        self._formats = [q for q, _, _ in ranges]
        return Seen(joined, ranges, [q for q in self._quantizers if not alive[id(q)]])

    def _prepared(self, effort: str, x: Any) -> Program:
        """The forward program for batches like ``x``; it compiles while the next one is traced."""
        forward = Program(self._run, self.variables, effort)
        shapes = forward.prepare(x)
        if shapes is not None and self._record and not self._formats:
            blank = [(_zeros(lo), _zeros(hi)) for lo, hi in shapes[1]]
            ranges = self._each_once(blank)
            self._formats = [q for q, _, _ in ranges]
            start = [(np.float32(0), np.float32(0))] * len(ranges)
            self._settle.prepare([(lo, hi) for _, lo, hi in ranges], start)
        return forward

    def settle(self, ranges: list[Any], start: list[Any]) -> bool:
        """Set k and i for ``ranges``, at least those of ``start``; whether any are new.

        Also counts the EBOPs of all layers with the new widths.
        """
        widths, ebops = self._settle(ranges, start)
        new = [
            q.assign_range(*map(to_numpy, w)) for q, w in zip(self._formats, widths, strict=True)
        ]
        for layer, value in zip(self._counted(), ebops, strict=True):
            layer._ebops.assign(value)
        return any(new)

    def luts(self) -> dict[int, float]:
        """The estimated LUTs of every layer that counts a cost, by id."""
        counted = self._counted()
        values = self._luts() if counted else []
        return {
            id(layer): layer.ebops_factor * float(to_numpy(v))
            for layer, v in zip(counted, values, strict=True)
        }

    def _run(self, x: Any) -> tuple[Any, Any, Any]:
        if not self._record:
            return self._model(x, training=False), [], np.zeros(0)
        with recording() as records:
            y = self._model(x, training=False)
        self._called = [q for q, _, _ in records]
        self._quantizers = [q for q, _ in records.live]
        live = keras.ops.stack([v for _, v in records.live]) if records.live else np.zeros(0)
        return y, [(lo, hi) for _, lo, hi in records], live

    def _widths_and_ebops(self, ranges: Any, start: Any) -> tuple[Any, Any]:
        widths = []
        for q, (lo, hi), (k0, i0) in zip(self._formats, ranges, start, strict=True):
            k, i = q.settle(lo, hi)
            k, i = keras.ops.maximum(k, k0), keras.ops.maximum(i, i0)
            q.assign_widths(k, i)
            widths.append((k, i))
        return widths, [layer.update_ebops() for layer in self._counted()]

    def _counted(self) -> list[Any]:
        return [layer for layer in self.layers if layer.enable_ebops]

    def _each_once(self, merged: list[tuple[Any, Any]]) -> list[tuple[Any, Any, Any]]:
        """Join the ranges of quantizers that were called several times."""
        ranges: dict[int, tuple[Any, Any, Any]] = {}
        for q, (lo, hi) in zip(self._called, merged, strict=True):
            _, a, b = ranges.get(id(q), (q, lo, hi))
            ranges[id(q)] = q, np.minimum(lo, a), np.maximum(hi, b)
        return list(ranges.values())


def _zeros(like: Any) -> Any:
    return np.zeros(like.shape, like.dtype)


def total_luts(model: Any) -> float:
    """Sum of the estimated LUTs of all calls of layers, at the present widths and weights."""
    calls = call_counts(model)
    return sum(luts * calls[key] for key, luts in Calibration.of(model).luts().items())
