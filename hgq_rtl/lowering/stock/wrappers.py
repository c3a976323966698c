"""Layers of Keras around other layers: one for every step, or one for each direction of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.stock.missing import no_lowering
from hgq_rtl.lowering.stock.rules import lowering_of, lowers


def _inner(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """What a wrapped layer computes."""
    where = f"layer '{layer.name}' ({type(layer).__name__})"
    if isinstance(layer, keras.Model):
        raise LoweringError("a model inside of a wrapper has no hardware form", where=where,
                            hint="Wrap its layers one by one")  # fmt: skip
    lower = lowering_of(layer)
    if lower is None:
        raise no_lowering(layer, where)
    return lower(*args, **kwargs)


@lowers(keras.layers.TimeDistributed)
def _time_distributed(layer: Any, x: FixedArray) -> Any:
    return np.stack([_inner(layer.layer, x[t]) for t in range(x.shape[0])])


@lowers(keras.layers.Bidirectional)
def _bidirectional(layer: Any, x: FixedArray, initial_state: Any = None) -> Any:
    if layer.return_state:
        raise LoweringError(
            "a Bidirectional that returns states has no hardware form",
            hint="Make two recurrent layers, one with go_backwards=True",
        )
    states: list[Any] = [[], []]
    if initial_state is not None:
        half = len(initial_state) // 2
        states = [initial_state[:half], initial_state[half:]]
    y, back = (
        _inner(one, x, **({"initial_state": state} if state else {}))
        for one, state in zip((layer.forward_layer, layer.backward_layer), states, strict=True)
    )
    if layer.return_sequences:
        back = np.flip(back, axis=0)
    merges: dict[str | None, Callable[[], Any]] = {
        "concat": lambda: np.concatenate([y, back], axis=-1),
        "sum": lambda: y + back,
        "ave": lambda: (y + back) / 2,
        "mul": lambda: y * back,
        None: lambda: (y, back),
    }
    return merges[layer.merge_mode]()
