"""Find the quantized layers of a model."""

from __future__ import annotations

from typing import Any

import keras

from hgq_rtl.layers.layer import QLayer


def quantized_layers(model: Any) -> list[Any]:
    """Every QLayer in ``model``, itself included, each once, at any depth of nesting."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, QLayer)]
    return list({id(layer): layer for layer in found}.values())


def call_counts(model: Any) -> dict[int, int]:
    """How often one inference of ``model`` calls each layer, by id of the layer.

    Known for functional and sequential models, nested ones included, and for the steps that a
    TimeDistributed goes over; what a subclassed model calls, it is taken to call once.
    """
    counts: dict[int, int] = {}
    stack = [(model, 1)]
    while stack:
        parent, times = stack.pop()
        counts[id(parent)] = counts.get(id(parent), 0) + times
        graph = getattr(parent, "_functional", parent)  # of a Sequential
        depths = getattr(graph, "_nodes_by_depth", None)
        if depths is None:
            parts = parent._flatten_layers(include_self=False, recursive=False)
        else:
            parts = [node.operation for nodes in depths.values() for node in nodes]
        if isinstance(parent, keras.layers.TimeDistributed):
            times *= parent._build_shapes_dict["input_shape"][1] or 1
        stack.extend((part, times) for part in parts if isinstance(part, keras.layers.Layer))
    return counts


def total_ebops(model: Any) -> float:
    """Sum of the EBOPs of all calls of layers, as of the last training step or trace."""
    calls = call_counts(model)
    return float(sum(layer.ebops * calls[id(layer)] for layer in quantized_layers(model)))
