"""Any NumPy-style function as a graph: run it on FixedArrays, check it on NumPy arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgq_rtl.errors import HgqRtlError, LoweringError
from hgq_rtl.fixed import check_modes
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.nested import Path, flattened, leaves, replaced
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.lowering.array import FixedArray, as_elements
from hgq_rtl.lowering.exactness import FLOAT64_BITS, significant_bits
from hgq_rtl.lowering.inputs import Format, InputPort
from hgq_rtl.lowering.model import Lowered, Walk
from hgq_rtl.lowering.naming import identifier, port_names
from hgq_rtl.lowering.reference import random_inputs

Array = NDArray[np.float64]
Function = Callable[..., Any]


@dataclass(frozen=True)
class FixedInput:
    """One input of a traced function.

    ``shape``: of the array, without samples; () is a scalar. ``kif``: sign, integer and fraction
    bits, each an integer or an array that broadcasts to the shape; None leaves the format to the
    first quantizer that the function applies (of a Keras model, or ``hgq_rtl.quantize``).
    ``rounding``, ``overflow``: how the host brings data into the format (modes of
    ``hgq_rtl.fixed``); without them data must be representable as they are.

    >>> FixedInput((4,), (1, 3, 4))  # four numbers from -8 to 7.9375 in steps of 1/16
    FixedInput(shape=(4,), kif=(1, 3, 4), rounding=None, overflow=None)
    """

    shape: tuple[int, ...] = ()
    kif: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None
    rounding: str | None = None
    overflow: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or not all(
            isinstance(n, int) and n > 0 for n in self.shape
        ):
            raise LoweringError(
                "the shape of an input is a tuple of positive integers",
                received=repr(self.shape),
                hint="Write FixedInput((4,), (1, 3, 4)); hardware needs fixed shapes",
            )
        if self.kif is not None and (not isinstance(self.kif, tuple) or len(self.kif) != 3):
            raise LoweringError(
                "the format of an input is a triple (k, i, f) of sign, integer and fraction bits",
                received=repr(self.kif),
            )
        if (self.rounding is None) != (self.overflow is None) or (self.rounding and not self.kif):
            raise LoweringError(
                "rounding and overflow of an input go together, with a format",
                received=f"kif={self.kif}, rounding={self.rounding}, overflow={self.overflow}",
            )
        if self.rounding and self.overflow:
            check_modes(self.rounding, self.overflow)

    def elements(self, port: InputPort) -> NDArray[Any]:
        """The port's elements in this format."""
        if self.kif is None:
            return port.elements()
        if not self.rounding or not self.overflow:
            return port.declare(*self.kif)
        x = FixedArray(port.build, port.elements())
        return x.quantize(*self.kif, self.rounding, self.overflow).elements


@dataclass(frozen=True)
class Traced:
    """A lowered function with its reference, and the bits its worst intermediate value needs."""

    lowered: Lowered
    reference: FunctionReference
    bits: int


_WALK: ContextVar[Walk] = ContextVar("walk")
"""The replay of Keras models in the trace that is going on."""


def active_walk(build: Builder) -> Walk:
    """The replay of models into the graph that ``build`` makes."""
    walk = _WALK.get(None)
    if walk is None or walk.build is not build:
        raise LoweringError("a FixedArray was used outside of the trace that it belongs to")
    return walk


def trace_function(fn: Function, inputs: Any, name: str) -> Traced:
    """The graph of ``fn``; see ``hgq_rtl.trace`` for the arguments."""
    specs = [spec for _, spec in leaves(inputs)]
    for path, spec in leaves(inputs):
        if not isinstance(spec, FixedInput):
            raise LoweringError(
                "every input of a traced function is a FixedInput",
                received=f"{type(spec).__name__} at inputs{_keys(path)}",
                hint="Write hgq_rtl.FixedInput(shape, (k, i, f))",
            )
    if not specs:
        raise LoweringError("a traced function needs an input", received=repr(inputs))
    return _traced(fn, inputs, name, {})


def _traced(fn: Function, inputs: Any, name: str, formats: dict[str, dict[int, Format]]) -> Traced:
    """``trace_function`` with known formats of input elements, by input and element."""
    build = Builder()
    specs = [spec for _, spec in leaves(inputs)]
    wishes = [(_port_name(path), spec.shape) for path, spec in leaves(_named(fn, inputs))]
    names = port_names(wishes)
    ports = [
        InputPort(build, n, s.shape, formats.get(n, {}), settled=n in formats)
        for n, s in zip(names, specs, strict=True)
    ]
    pairs = zip(specs, ports, strict=True)
    arrays = iter([FixedArray(build, spec.elements(port)) for spec, port in pairs])
    with _tracing(build) as walk, build.at(name):
        result = _call(fn, replaced(inputs, lambda spec: next(arrays)))
        results = _results(build, result)
    common = {port.name: found for port in ports if (found := port.common())}
    if common and not formats:
        return _traced(fn, inputs, name, common)
    out_paths = [path for path, _ in leaves(result)]
    out_names = [_port_name(path) or "y" for path in out_paths]
    out_names = [f"{n}_out" if identifier(n) in names else n for n in out_names]
    shapes = [array.shape for array in results]
    out_names = port_names([*wishes, *zip(out_names, shapes, strict=True)])[len(names) :]
    nodes, out_ports = [], []
    for out_name, array in zip(out_names, results, strict=True):
        with build.at(name):
            flat: list[Node] = list(array.nodes(f"output '{out_name}'").flat)
        out_ports.append(Port(out_name, array.shape, tuple(node.type for node in flat)))
        nodes.extend(flat)
    _check_used(ports, nodes)
    finished = [port.finish() for port in ports]
    element_names = tuple(p.element_name(j) for p in out_ports for j in range(p.size))
    graph = Graph(build, tuple(n for _, ns in finished for n in ns), tuple(nodes), element_names)
    in_names, left = iter(names), iter(out_names)
    interface = Interface(
        tuple(port for port, _ in finished),
        tuple(out_ports),
        input_tree=replaced(inputs, lambda spec: next(in_names)),
        output_tree=replaced(result, lambda array: next(left)),
    )
    lowered = Lowered(graph, interface, tuple(walk.layers))
    reference = FunctionReference(fn, inputs, interface)
    return Traced(lowered, reference, max(map(significant_bits, graph.nodes), default=0))


@contextmanager
def _tracing(build: Builder) -> Iterator[Walk]:
    walk = Walk(build)
    token = _WALK.set(walk)
    try:
        yield walk
    finally:
        _WALK.reset(token)


def _named(fn: Function, inputs: Any) -> Any:
    """The inputs with names: those of the parameters where they are given by position."""
    if isinstance(inputs, dict):
        return inputs
    parts = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(names) < len(parts):
        names = [f"x{n}" for n in range(len(parts))] if len(parts) > 1 else ["x"]
    return dict(zip(names, parts, strict=False))


def _call(fn: Function, arguments: Any) -> Any:
    try:
        if isinstance(arguments, dict):
            return fn(**arguments)
        return fn(*arguments) if isinstance(arguments, list | tuple) else fn(arguments)
    except ValueError as error:  # NumPy's, where a FixedArray is put into an array of numbers
        if isinstance(error.__cause__, LoweringError):
            raise error.__cause__ from None
        raise


def _port_name(path: Path) -> str:
    """``jet_pt`` for inputs["jet"]["pt"]; positions alone are ``y_0``, ``y_1`` ..."""
    text = "_".join(map(str, path))
    return f"y_{text}" if text and text[0].isdigit() else text


def _keys(path: Path) -> str:
    return "".join(f"[{key!r}]" for key in path)


def _results(build: Builder, result: Any) -> list[FixedArray]:
    found = []
    for path, value in leaves(result):
        if not isinstance(value, FixedArray | np.ndarray | np.number | np.bool_ | int | float):
            raise LoweringError(
                "a traced function returns arrays, or containers of them",
                received=f"{type(value).__name__} at result{_keys(path)}",
            )
        found.append(FixedArray(build, as_elements(build, value, f"result{_keys(path)}")))
    if not found:
        raise LoweringError("a traced function must return something", received=repr(result))
    return found


def _check_used(ports: list[InputPort], outputs: list[Node]) -> None:
    needed = set(toposort(outputs))
    for port in ports:
        if not any(node in needed for node in port.nodes.values()):
            raise LoweringError(
                f"no output depends on input '{port.name}'",
                hint="Leave it out of inputs=, or return what is computed from it",
            )


class FunctionReference:
    """A traced function on plain NumPy arrays, one sample at a time.

    Inputs whose formats hold integers only are int64 arrays, so that bitwise operators work; all
    others are float64.
    """

    name = "NumPy"
    """What messages call it."""

    def __init__(self, fn: Function, inputs: Any, interface: Interface) -> None:
        self.fn, self.inputs, self.interface = fn, inputs, interface
        self.specs = [spec for _, spec in leaves(inputs)]

    def __call__(self, inputs: list[Any]) -> list[Array]:
        """Outputs for input arrays (samples, *shape), one float64 array per output port."""
        pairs = zip(self.specs, self.interface.inputs, inputs, strict=True)
        columns = [self._prepared(spec, port, x) for spec, port, x in pairs]
        outputs: list[list[Any]] = [[] for _ in self.interface.outputs]
        for n in range(len(columns[0])):
            sample = iter([column[n].copy() for column in columns])
            with np.errstate(all="ignore"):
                result = _call(self.fn, replaced(self.inputs, lambda spec: next(sample)))  # noqa: B023
            found = flattened(result, self.interface.output_tree, "the result")
            for values, y in zip(outputs, found, strict=True):
                values.append(np.asarray(y, dtype=np.float64))
        shaped = zip(outputs, self.interface.outputs, strict=True)
        return [np.array(ys).reshape(len(columns[0]), *port.shape) for ys, port in shaped]

    def _prepared(self, spec: FixedInput, port: Port, x: Any) -> NDArray[Any]:
        if spec.kif is None:
            return np.asarray(x, dtype=np.float64)  # the quantizer inside the function rounds it
        x = port.floats(port.integers(x))
        return x.astype(np.int64) if all(t.is_zero or t.exp >= 0 for t in port.types) else x


def check_function(traced: Traced, samples: int, seed: int = 0) -> int:
    """Compare the graph with the function on random data; the number of values compared.

    0 where float64 does not hold every intermediate value. Raises LoweringError at the first
    difference.
    """
    if traced.bits > FLOAT64_BITS:
        return 0
    interface, reference = traced.lowered.interface, traced.reference
    inputs = random_inputs(interface, samples, seed)
    n = evaluate(traced.lowered.graph, interface.input_integers(inputs))
    try:
        expected = reference(inputs)
    except HgqRtlError:
        raise
    except Exception as error:
        raise LoweringError(
            "the function works on FixedArrays but fails on plain NumPy arrays",
            received=f"{type(error).__name__}: {error}",
            hint="Both must work, since NumPy's result is the reference. NumPy has bitwise "
            "operators for integers only: use astype(int) first",
        ) from error
    compared = 0
    for port, got, want in zip(
        interface.outputs, interface.output_floats(n), expected, strict=True
    ):
        if (wrong := got != want).any():
            sample, *index = (int(v) for v in np.argwhere(wrong)[0])
            raise LoweringError(
                f"the graph differs from the function on NumPy arrays, output '{port.name}', "
                f"element {tuple(index)}, random sample {sample}",
                received=f"{got[sample, *index]} in the graph, {want[sample, *index]} in NumPy",
                hint="A function must depend on its arguments alone. If this one does, it is a "
                "defect of hgq_rtl; please report it with the function",
            )
        compared += got.size
    return compared
