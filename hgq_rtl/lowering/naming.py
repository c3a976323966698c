"""Reading a Keras model: its calls in order, and names for what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import keras


def identifier(name: str) -> str:
    """``name`` with everything but letters, digits and underscores replaced."""
    clean = re.sub(r"\W", "_", name, flags=re.ASCII)
    return clean if clean and not clean[0].isdigit() else f"_{clean}"


def unique(names: list[str]) -> list[str]:
    """Identifiers of the names, with a number where one occurred before."""
    seen: set[str] = set()
    result = []
    for name in map(identifier, names):
        unique, count = name, 1
        while unique in seen:
            unique, count = f"{name}_{count}", count + 1
        seen.add(unique)
        result.append(unique)
    return result


def input_names(model: keras.Model) -> list[str]:
    """Port names of the inputs: the names of the Keras tensors, made into identifiers."""
    return unique([tensor.name for tensor in model.inputs])


def output_names(model: keras.Model) -> list[str]:
    """Port names of the outputs: the names of the layers that make them; never an input's."""
    inputs = input_names(model)
    names = [tensor._keras_history.operation.name for tensor in model.outputs]
    return unique([*inputs, *names])[len(inputs) :]


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
