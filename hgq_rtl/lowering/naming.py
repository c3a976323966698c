"""Reading a Keras model: its calls in order, and names for what is in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from hgq_rtl.ir.interface import element_name


def identifier(name: str) -> str:
    """``name`` with everything but letters, digits and underscores replaced."""
    clean = re.sub(r"\W", "_", name, flags=re.ASCII)
    return clean if clean and not clean[0].isdigit() else f"_{clean}"


Ports = Sequence[tuple[str, Sequence[int]]]
"""Names that are wished for, and shapes."""


def port_names(ports: Ports) -> list[str]:
    """Identifiers for ports, of which no two have an element of the same name.

    A name is followed by a number where it is taken: ``y_1`` of shape (2,) has the element
    ``y_1_0``, and so has ``y`` of shape (2, 1).
    """
    seen: set[str] = set()
    result = []
    for wish, shape in ports:
        stem = name = identifier(wish)
        count = 0
        while (mine := _names(name, shape)) & seen:
            count += 1
            name = f"{stem}_{count}"
        seen |= mine
        result.append(name)
    return result


def _names(port: str, shape: Sequence[int]) -> set[str]:
    """The port's name and those of its elements."""
    return {port, *(element_name(port, tuple(shape), n) for n in range(math.prod(shape)))}


def _inputs(model: keras.Model) -> list[tuple[str, Any]]:
    return [(tensor.name, tensor.shape[1:]) for tensor in model.inputs]


def input_names(model: keras.Model) -> list[str]:
    """Port names of the inputs: the names of the Keras tensors, made into identifiers."""
    return port_names(_inputs(model))


def output_keys(model: keras.Model) -> list[str] | None:
    """The keys of a model that returns a dictionary of tensors, in the order of its outputs."""
    structure = getattr(model, "_outputs_struct", None)
    if not isinstance(structure, dict):
        return None
    paths = [path for path, _ in keras.tree.flatten_with_path(structure)]
    return [str(path[0]) for path in paths] if all(len(path) == 1 for path in paths) else None


def output_names(model: keras.Model) -> list[str]:
    """Port names of the outputs, never an input's: their keys, or the layers that make them."""
    inputs = _inputs(model)
    wishes = output_keys(model) or [t._keras_history.operation.name for t in model.outputs]
    made = [(wish, t.shape[1:]) for wish, t in zip(wishes, model.outputs, strict=True)]
    return port_names([*inputs, *made])[len(inputs) :]


def calls(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """Every call (operation, Keras node) between the model's inputs and outputs, in order."""
    inputs = {id(tensor) for tensor in model.inputs}
    done: set[int] = set()
    stack = [(tensor, False) for tensor in reversed(model.outputs)]
    while stack:
        tensor, ready = stack.pop()
        if id(tensor) in inputs:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            yield operation, node
        else:
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(node.input_tensors))
