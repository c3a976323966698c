"""Layers without a lowering: what to take instead."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import hgq_rtl.layers as layers
from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.stock.rules import RULES

INSTEAD = {
    "LayerNormalization": "Normalization by a sample's own mean needs a division. Train with "
    "QBatchNormalization or QBatchNormDense, which are free or nearly so",
    "GroupNormalization": "Train with QBatchNormalization, which is nearly free",
    "UnitNormalization": "Multiply by a quantized function of the sum of squares",
    "LogSoftmax": "The largest log-probability is that of the largest score: compare scores",
    "Logsumexp": "Take QUnaryFunctionLUT('exp'), QSum and QUnaryFunctionLUT('log') one by one",
    "Norm": "Take a quantized square root of keras.ops.sum(x * x, axis)",
}
"""Other ways to what some layers do, by class."""


def no_lowering(operation: Any, where: str) -> LoweringError:
    """The error for a layer or operation that has no lowering."""
    kind = type(operation).__name__
    return LoweringError(
        "this layer has no lowering",
        received=f"{type(operation).__module__}.{kind}",
        where=where,
        hint=_instead(operation, kind),
    )


def _instead(operation: Any, kind: str) -> str:
    if not type(operation).__module__.startswith("keras."):
        return (
            "A layer of your own needs a method lower(x) beside call(x): the same computation "
            "on FixedArrays, in NumPy functions"
        )
    if f"Q{kind}" in layers.__all__:
        return (
            f"Q{kind} takes its place; hgq_rtl.quantize_model(model) makes quantized layers of "
            "a whole Keras model, to be fine-tuned"
        )
    if kind in INSTEAD:
        return INSTEAD[kind]
    near = get_close_matches(kind, supported(), 3)
    return (
        f"Nearest: {', '.join(near)}. " if near else ""
    ) + f"docs/lowering.md names all {len(supported())} layers and operations that have one"


def supported() -> list[str]:
    """Names of all layers and operations of Keras that can be lowered, sorted."""
    own = [(name, getattr(layers, name)) for name in layers.__all__]
    names = [
        name
        for name, cls in own
        if hasattr(cls, "lower") and cls is not layers.QLayer and cls.__name__ == name
    ]
    return sorted({*names, *(cls.__name__ for cls in RULES), "InputLayer", "Quantizer"})
