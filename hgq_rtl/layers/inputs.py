"""What stands in front of a layer in a functional or sequential model: input, ReLU or table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

MOVING = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.RepeatVector,
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
"""Layers that move values, or choose among them."""


def is_from_host(layer: Any, n: int = 0) -> bool:
    """Whether the ``n``-th input of ``layer`` is one of the model."""
    return any(isinstance(op, keras.layers.InputLayer) for op in _sources(layer, n))


def is_relu(layer: Any, n: int = 0) -> bool:
    """Whether the ``n``-th input of ``layer`` is what a ReLU leaves, in every call."""
    sources = list(_sources(layer, n))
    return bool(sources) and all(map(_applies_relu, sources))


def tabulated(layer: Any, n: int = 0) -> Any:
    """The layer whose activation is a table that the ``n``-th input of ``layer`` reads, or None.

    The quantizer that reads such a table says what is in it. A layer with an output quantizer has
    its tables to itself.
    """
    for op in _sources(layer, n):
        if getattr(op, "has_table", False) and op.oq.is_dummy:
            return op
    return None


def readers(layer: Any, n: int = 0) -> int:
    """How many layers read what ``layer`` reads as its ``n``-th input, itself included."""
    return max((len(op._outbound_nodes) for op in _sources(layer, n)), default=1)


def _applies_relu(op: Any) -> bool:
    if isinstance(op, keras.layers.ReLU):
        return not op.negative_slope
    return getattr(op, "activation", None) is keras.activations.relu


def _sources(layer: Any, n: int) -> Iterator[Any]:
    """What made the input, one operation for each call of the layer.

    None for layers that are called from within others, which are no nodes of a model.
    """
    for node in layer._inbound_nodes:
        history = node.input_tensors[n]._keras_history
        while isinstance(history.operation, MOVING):
            made = history.operation._inbound_nodes[history.node_index]
            history = made.input_tensors[0]._keras_history
        yield history.operation
