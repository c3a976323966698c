"""Run the Keras model as the reference: in float32 where that is proven exact, else in float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node
from hgq_rtl.layers.compiled import Program
from hgq_rtl.lowering.floats import precision
from hgq_rtl.lowering.model import Lowered, LoweredLayer
from hgq_rtl.lowering.naming import calls

Array = NDArray[np.float64]


class Reference:
    """A model's inference with exact arithmetic settings; outputs as float64 arrays.

    ``float64`` runs a copy of the model in double precision. Inputs are rounded to float32
    first in both cases, since that is what the model is given.
    """

    def __init__(self, model: keras.Model, *, float64: bool = False) -> None:
        self.float64 = float64
        with precision(float64):
            self.model = _in_float64(model) if float64 else model

    def __call__(self, inputs: list[Any], batch_size: int = 4096) -> list[Array]:
        """Outputs for input arrays of shape (samples, ...), one array per model output."""
        return self._predict(self.model, inputs, batch_size)

    def one_batch(self, inputs: list[Any]) -> list[Array]:
        """As a call, for one batch; compiled once per shape, for many calls with few samples."""
        data = [self._cast(x) for x in inputs]
        with precision(self.float64), _keras_errors(self.model, len(data[0])):
            outputs = self._forward(_structured(self.model, data))
            return [np.asarray(y, dtype=np.float64) for y in outputs]

    @cached_property
    def _forward(self) -> Any:
        return Program(lambda x: keras.tree.flatten(self.model(x)), self.model.variables)

    def _cast(self, x: Any) -> NDArray[Any]:
        """An input array as the model is given it."""
        return np.asarray(x, dtype=np.float32).astype(np.float64 if self.float64 else np.float32)

    def layer_outputs(self, inputs: list[Any]) -> list[list[Array]]:
        """Outputs of every layer call of the top-level model, in order of computation."""
        tensors = [node.output_tensors for _, node in calls(self.model)]
        flat = [tensor for group in tensors for tensor in group]
        if not flat:
            return []
        with precision(self.float64):
            inner = keras.Model(self.model.inputs, flat)
        values = iter(self._predict(inner, inputs, 4096))
        return [[next(values) for _ in group] for group in tensors]

    def _predict(self, model: keras.Model, inputs: list[Any], batch_size: int) -> list[Array]:
        # Not model.predict(): on its first call that runs every operation on its own.
        data = [self._cast(x) for x in inputs]
        with precision(self.float64):
            forward = Program(lambda x: keras.tree.flatten(model(x)), model.variables)
            with _keras_errors(model, len(data[0])):
                batches = [
                    [np.asarray(y, dtype=np.float64) for y in forward(_structured(model, part))]
                    for part in _batches(data, batch_size)
                ]
        return [np.concatenate(parts)[: len(data[0])] for parts in zip(*batches, strict=True)]


@contextmanager
def _keras_errors(model: keras.Model, samples: int) -> Iterator[None]:
    """Say that it was Keras that could not compute the model."""
    try:
        yield
    except (ValueError, TypeError) as error:  # what Keras and its backends raise for bad shapes
        many = "several samples" if samples > 1 else "one sample"
        raise LoweringError(
            f"Keras itself cannot compute the model for {many}",
            received=f"{type(error).__name__}: {str(error).strip()}",
            where=f"model '{model.name}'",
            hint="Shapes in it must leave the batch axis open, with -1 or None",
        ) from error


def _structured(model: keras.Model, arrays: list[Any]) -> Any:
    """Arrays in the structure that the model takes: alone, in a list, or by name."""
    if not hasattr(model, "_inputs_struct"):
        return arrays if len(arrays) > 1 else arrays[0]
    return keras.tree.pack_sequence_as(model._inputs_struct, arrays)


def _batches(data: list[Any], size: int) -> Iterator[list[Any]]:
    """Batches of one size: the last is filled up, as another size would be compiled again."""
    count = len(data[0])
    for start in range(0, count, size):
        part = [x[start : start + size] for x in data]
        lacking = min(size, count) - len(part[0])
        yield [np.concatenate([x, np.repeat(x[-1:], lacking, axis=0)]) for x in part]


def _in_float64(model: keras.Model) -> keras.Model:
    config = _doubled(model.get_config())
    copy = model.__class__.from_config(config)
    copy.set_weights([keras.ops.convert_to_numpy(w.value) for w in model.weights])
    for layer in copy._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # of a Normalization, which keeps what it derives from weights
    return copy


def _doubled(config: Any) -> Any:
    """A layer configuration with every float32 data type made float64."""
    if isinstance(config, dict):
        return {
            key: "float64" if key == "dtype" and value == "float32" else _doubled(value)
            for key, value in config.items()
            if not (key == "dtype" and _is_policy(value))
        } | {
            key: "float64" for key, value in config.items() if key == "dtype" and _is_policy(value)
        }
    if isinstance(config, list | tuple):
        return type(config)(_doubled(value) for value in config)
    return config


def _is_policy(value: Any) -> bool:
    return isinstance(value, dict) and value.get("config", {}).get("name") == "float32"


def random_inputs(interface: Interface, samples: int, seed: int) -> list[Array]:
    """Seeded random data for every input port: inside its range, on its bounds, and beyond.

    Data beyond the range, and off the grid, is only made for ports that quantize it.
    """
    rng = np.random.default_rng(seed)
    arrays = []
    for port in interface.inputs:
        lo, hi, exp = (np.array([getattr(t, a) for t in port.types]) for a in ("lo", "hi", "exp"))
        lo, hi = lo.astype(np.float64), hi.astype(np.float64)
        x = np.rint(rng.uniform(lo, hi, (samples, port.size)))
        corner = rng.random((samples, 1)) < 0.25
        x = np.where(corner, np.where(rng.random(x.shape) < 0.5, lo, hi), x)
        if port.quantization is not None:
            beyond = rng.random((samples, 1)) < 0.5
            wide = rng.uniform(-1.5, 1.5, x.shape) * np.maximum(np.abs(lo), np.abs(hi) + 1)
            x = np.where(beyond, wide, x)
        arrays.append(np.ldexp(x, exp.astype(np.int32)).reshape(samples, *port.shape))
    return arrays


def check_layers(reference: Reference, lowered: Lowered, samples: int = 256, seed: int = 0) -> int:
    """Compare every top-level layer with Keras on random data; the number of values compared.

    Raises LoweringError naming the first layer whose shape or values differ, so that a wrong
    lowering is an error at conversion and never a wrong circuit.
    """
    inputs = random_inputs(lowered.interface, samples, seed)
    n = lowered.interface.input_integers(inputs)
    feeds = {node: n[:, j] for j, node in enumerate(lowered.graph.inputs)}
    layers = [layer for layer in lowered.layers if "/" not in layer.path]
    compared = 0
    for layer, expected in zip(layers, reference.layer_outputs(inputs), strict=True):
        for elements, y in zip(layer.outputs, expected, strict=True):
            compared += _check(layer, elements, y, feeds, reference.float64)
    return compared


def _check(
    layer: LoweredLayer,
    elements: NDArray[Any],
    y: Array,
    feeds: dict[Node, Ints],
    float64: bool,
) -> int:
    if y.shape[1:] != elements.shape:
        raise LoweringError(
            "the lowered layer has another shape than in Keras",
            received=f"{elements.shape} lowered, {y.shape[1:]} in Keras",
            where=layer.where,
            hint=_DEFECT,
        )
    nodes = list(elements.flat)
    if not all(isinstance(node, Node) for node in nodes):
        return 0  # a view of an input, or a function, that no quantizer has seen yet
    values = evaluate_nodes(feeds, dict.fromkeys(nodes))
    flat = y.reshape(len(y), -1)
    for j, node in enumerate(nodes):
        exact = np.ldexp(values[node].astype(np.float64), node.type.exp)
        if (wrong := exact != flat[:, j]).any():
            sample = int(np.argmax(wrong))
            index = tuple(int(i) for i in np.unravel_index(j, elements.shape))
            raise LoweringError(
                f"the lowered layer differs from Keras in float{64 if float64 else 32}, "
                f"element {index}, random sample {sample}",
                received=f"{float(exact[sample])} lowered, {float(flat[sample, j])} in Keras",
                where=layer.where,
                hint=_DEFECT,
            )
    return flat.size


_DEFECT = "This is a defect of hgq_rtl or of the layer's lower(); please report it with the model"
