"""Walk a Keras functional or Sequential model and replay it on FixedArrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import HgqRtlError, LoweringError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.layers.loading import no_random_starts
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.checks import (
    check_dtype,
    check_inputs_used,
    check_layer,
    check_model,
    check_name,
    located,
)
from hgq_rtl.lowering.inputs import Format, InputPort, Unquantized
from hgq_rtl.lowering.naming import calls, identifier, input_names, output_keys, output_names
from hgq_rtl.lowering.stock import lowering_of, no_lowering

Declared = Mapping[str, tuple[int, int, int]]
"""Input name to (k, i, f) for inputs whose data is already on a fixed-point grid."""


@dataclass(frozen=True)
class LoweredLayer:
    """One call of one layer: where it is in the model, and its outputs as arrays of nodes."""

    path: str
    kind: str
    outputs: tuple[NDArray[Any], ...]
    ebops: float
    """Of this call, as of the last training step or trace; 0 where none are counted."""

    @property
    def where(self) -> str:
        """The layer as error messages name it."""
        return f"layer '{self.path}' ({self.kind})"


@dataclass(frozen=True)
class Lowered:
    """A graph, its border, and the layers it came from in order of computation."""

    graph: Graph
    interface: Interface
    layers: tuple[LoweredLayer, ...]


def lower(model: keras.Model, inputs: Declared | None = None) -> Lowered:
    """The graph of a trained model, one output integer per output element.

    ``inputs`` declares formats of inputs by name. Raises LoweringError where a layer is not
    supported, an input is not quantized, a shape is unknown or a weight is not finite.
    """
    check_model(model)
    check_inputs_used(model)
    return _lower(model, inputs, {})


def _lower(
    model: keras.Model, inputs: Declared | None, formats: dict[str, dict[int, Format]]
) -> Lowered:
    """``lower`` with known formats of input elements, by input and element."""
    build = Builder()
    ports = [
        InputPort(
            build, name, tuple(tensor.shape[1:]), formats.get(name, {}), settled=name in formats
        )
        for name, tensor in zip(input_names(model), model.inputs, strict=True)
    ]
    declared = dict(inputs or {})
    arrays = [
        port.declare(*declared.pop(port.name)) if port.name in declared else port.elements()
        for port in ports
    ]
    if declared:
        raise LoweringError(
            "inputs= names an input that the model does not have",
            received=repr(next(iter(declared))),
            hint=f"Inputs of the model: {', '.join(port.name for port in ports)}",
        )
    walk = Walk(build)
    results = walk.run(model, [FixedArray(build, a) for a in arrays], "")
    common = {port.name: found for port in ports if (found := port.common())}
    if common and not formats:
        return _lower(model, inputs, common)
    names = output_names(model)
    out_ports, nodes = [], []
    for port_name, result, tensor in zip(names, results, model.outputs, strict=True):
        operation = tensor._keras_history.operation
        where = f"layer '{identifier(operation.name)}' ({type(operation).__name__})"
        elements = _output_nodes(port_name, result, where)
        out_ports.append(Port(port_name, result.shape, tuple(n.type for n in elements)))
        nodes.extend(elements)
    in_ports, in_nodes = [], []
    for port, tensor in zip(ports, model.inputs, strict=True):
        finished, port_nodes = port.finish()
        check_dtype(finished, tensor.dtype)
        in_ports.append(finished)
        in_nodes.extend(port_nodes)
    flat = tuple(port.element_name(j) for port in out_ports for j in range(port.size))
    graph = Graph(build, tuple(in_nodes), tuple(nodes), flat)
    keys = output_keys(model)
    tree = None if keys is None else dict(zip(keys, names, strict=True))
    interface = Interface(tuple(in_ports), tuple(out_ports), output_tree=tree)
    return Lowered(graph, interface, tuple(walk.layers))


def _output_nodes(name: str, result: FixedArray, where: str) -> list[Node]:
    if any(isinstance(element, Unquantized) for element in result.elements.flat):
        raise LoweringError(
            f"output '{name}' is an input of the model that nothing quantizes",
            hint="Put a Quantizer between the Input and the output",
        )
    with located(where):
        return list(result.nodes(f"output '{name}'").flat)


class Walk:
    """The replay of one model. Nested models are walked in place, under their own path."""

    def __init__(self, build: Builder) -> None:
        self.build = build
        self.layers: list[LoweredLayer] = []
        self._calls: dict[str, int] = {}
        self._known: dict[str, Any] = {}

    def run(self, model: keras.Model, arrays: list[FixedArray], path: str) -> list[FixedArray]:
        """The model's outputs for these inputs."""
        values = {id(t): a for t, a in zip(model.inputs, arrays, strict=True)}
        for operation, node in calls(model):
            args, kwargs = _arguments(node, values)
            results = keras.tree.flatten(self._call(operation, args, kwargs, path))
            for tensor, result in zip(node.output_tensors, results, strict=True):
                values[id(tensor)] = result
        return [values[id(tensor)] for tensor in model.outputs]

    def _call(self, operation: Any, args: Any, kwargs: Any, path: str) -> Any:
        here = self._path(path, operation)
        if isinstance(operation, keras.Model):
            check_model(operation)
            check_inputs_used(operation)
            inner = self.run(operation, keras.tree.flatten(args), here)
            return self._record(here, type(operation).__name__, inner)
        kind = type(operation).__name__
        where = f"layer '{here}' ({kind})"
        check_layer(operation, where)
        method = lowering_of(operation)
        if method is None:
            raise no_lowering(operation, where)
        with located(where), self.build.at(here):
            result = method(*args, **kwargs)
        return self._record(here, kind, result, float(getattr(operation, "ebops", 0.0)))

    def _record(self, path: str, kind: str, result: Any, ebops: float = 0.0) -> Any:
        arrays = tuple(array.elements for array in keras.tree.flatten(result))
        self.layers.append(LoweredLayer(path, kind, arrays, ebops))
        return result

    def _path(self, parent: str, operation: Any) -> str:
        name = identifier(operation.name)
        path = f"{parent}/{name}" if parent else name
        check_name(operation, path, self._known)
        count = self._calls.get(path, 0)
        self._calls[path] = count + 1
        return f"{path}_call_{count}" if count else path


def _arguments(node: Any, values: dict[int, FixedArray]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def replace(value: Any) -> Any:
        return values[id(value)] if isinstance(value, keras.KerasTensor) else value

    args = keras.tree.map_structure(replace, tuple(node.arguments.args))
    kwargs = keras.tree.map_structure(replace, dict(node.arguments.kwargs))
    # Keras records the defaults of these two; they mean nothing in hardware.
    dropped = {"training": (None, False), "mask": (None,)}
    kept = {
        name: value
        for name, value in kwargs.items()
        if not (name in dropped and any(value is v for v in dropped[name]))
    }
    return args, kept


def load(path: Path) -> keras.Model:
    """The model in a ``.keras`` file, read in Keras's safe mode.

    Raises LoweringError if the file is missing, corrupt or holds unknown layers.
    """
    import hgq_rtl.layers  # noqa: F401  registers the layers of this project with Keras

    if not path.is_file():
        raise LoweringError("there is no such model file", received=str(path))
    try:
        zipfile.ZipFile(path).close()  # says more than Keras does about what is no archive
        with no_random_starts():
            return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras and zipfile raise whatever they meet in a broken file
        cause: BaseException | None = error
        while cause is not None:  # Keras wraps the errors of layers
            if isinstance(cause, HgqRtlError):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        raise LoweringError(
            f"the model file '{path.name}' cannot be read",
            received=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            hint="It must be a .keras file saved by model.save(), with layers of hgq_rtl or Keras",
        ) from None


def ebops(lowered: Lowered) -> dict[str, float]:
    """EBOPs of every call of a layer that counts them, by path."""
    return {layer.path: layer.ebops for layer in lowered.layers if layer.ebops}


def history(model: keras.Model) -> dict[str, dict[str, list[float]]]:
    """The finite numbers per epoch that ``fit`` left in the model, if it was trained here."""
    recorded = getattr(getattr(model, "history", None), "history", None) or {}
    curves = {name: [float(value) for value in values] for name, values in recorded.items()}
    known = {name: values for name, values in curves.items() if np.isfinite(values).all()}
    return {"history": known} if known else {}
