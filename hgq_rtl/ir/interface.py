"""The tensors at the border of a graph: how flat port elements form named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgq_rtl.errors import LoweringError, NumberError
from hgq_rtl.fixed import Fixed, Ints, exact_integers, quantize_float
from hgq_rtl.ir.nested import flattened, replaced


def element_name(port: str, shape: tuple[int, ...], index: int) -> str:
    """The name of one element of a port, such as ``x_2_0``; the port's name for a scalar."""
    where = np.unravel_index(index, shape) if shape else ()
    return "_".join([port, *(str(int(w)) for w in where)])


@dataclass(frozen=True)
class Quantization:
    """How floats become port integers: per-element widths (flat, C order) and the modes."""

    k: tuple[int, ...]
    i: tuple[int, ...]
    f: tuple[int, ...]
    rounding: str
    overflow: str


@dataclass(frozen=True)
class Port:
    """A named tensor of port elements, in C order, at the border of the hardware.

    ``types`` has one interval per element; an element of width 0 is the constant zero and has
    no wires. ``quantization`` is set on inputs that the model itself quantizes: floats are
    then quantized as Keras does; otherwise they must be representable as they are.
    """

    name: str
    shape: tuple[int, ...]
    types: tuple[Fixed, ...]
    quantization: Quantization | None = None

    def __post_init__(self) -> None:
        if len(self.types) != prod(self.shape):
            raise LoweringError(
                f"port '{self.name}' needs one type per element",
                received=f"{len(self.types)} for shape {self.shape}",
            )

    @property
    def size(self) -> int:
        """Number of elements."""
        return len(self.types)

    @property
    def width(self) -> int:
        """Wires of the packed bus: element 0 at the LSB, zero-width elements left out."""
        return sum(t.width for t in self.types)

    def element_name(self, index: int) -> str:
        """The name of one element, such as ``x_2_0``; the port's name for a scalar."""
        return element_name(self.name, self.shape, index)

    def integers(self, values: ArrayLike) -> Ints:
        """Port integers (samples, size) of float values (samples, *shape).

        Raises NumberError on NaN, a wrong shape, and on values the port cannot hold where the
        model has no input quantizer to say what then happens.
        """
        x = np.asarray(values, dtype=np.float64)
        if x.shape[1:] != self.shape:
            raise NumberError(
                f"the data for port '{self.name}' has the wrong shape",
                received=f"{x.shape}, expected (samples, {', '.join(map(str, self.shape))})",
            )
        x = x.reshape(len(x), self.size)
        if not np.isfinite(x).all():
            sample, element = (int(v) for v in np.argwhere(~np.isfinite(x))[0])
            raise NumberError(
                f"port '{self.name}' cannot take NaN or infinity",
                received=f"{x[sample, element]} in sample {sample}, element "
                f"'{self.element_name(element)}'",
            )
        if self.quantization is not None:
            q = self.quantization
            x = x.astype(np.float32)  # the model sees its input in this precision
            n = quantize_float(x, q.k, q.i, q.f, q.rounding, q.overflow)
            # An element's own exponent may be coarser than its quantizer's, never finer.
            drop = [t.exp + f if t.width else 0 for t, f in zip(self.types, q.f, strict=True)]
            return np.asarray(n >> np.array(drop, dtype=np.int64))
        return self._representable(x)

    def _representable(self, x: NDArray[np.float64]) -> Ints:
        columns = []
        for j, t in enumerate(self.types):
            try:
                n = exact_integers(x[:, j], t.exp)
            except NumberError as error:
                raise NumberError(
                    f"input '{self.element_name(j)}' takes multiples of 2^{t.exp}",
                    received=error.received,
                ) from None
            outside = (n < t.lo) | (n > t.hi)
            if outside.any():
                sample = int(np.argmax(outside))
                raise NumberError(
                    f"input '{self.element_name(j)}' is outside its range "
                    f"[{t.lo * 2.0**t.exp}, {t.hi * 2.0**t.exp}]",
                    received=f"{x[sample, j]} in sample {sample}",
                )
            columns.append(n)
        return np.stack(columns, axis=1) if columns else np.empty((len(x), 0), dtype=np.int64)

    def floats(self, n: Ints) -> NDArray[np.float64]:
        """Values (samples, *shape) of port integers (samples, size); exact up to 53 bits."""
        scale = np.array([t.exp for t in self.types], dtype=np.int32)
        return np.ldexp(n.astype(np.float64), scale).reshape(len(n), *self.shape)


@dataclass(frozen=True)
class Interface:
    """All ports of a design; their elements in order are the graph's inputs and outputs.

    ``input_tree`` and ``output_tree`` are nested containers of port names, in the order of the
    ports, where the design came from a function of such or a model with a dictionary of outputs;
    else None.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    input_tree: Any = None
    output_tree: Any = None

    def input_integers(self, data: Any) -> Ints:
        """Input integers (samples, all elements) of one array, a list, or a dict by port name."""
        n = [port.integers(x) for port, x in zip(self.inputs, self.arrays(data), strict=True)]
        if len({len(x) for x in n}) > 1:
            raise NumberError(
                "the inputs have different numbers of samples",
                received=", ".join(str(len(x)) for x in n),
            )
        return np.concatenate(n, axis=1)

    def arrays(self, data: Any) -> list[ArrayLike]:
        """The data as one array per input port, in their order.

        ``data``: one array, a list, a dictionary by port name, or what ``input_tree`` looks like.
        """
        names = [port.name for port in self.inputs]
        if isinstance(self.input_tree, dict | list | tuple) and not self._is_flat(data, names):
            return flattened(data, self.input_tree)
        if isinstance(data, Mapping):
            if set(data) != set(names):
                raise NumberError(
                    "the data must have one array per input port",
                    received=", ".join(sorted(data)),
                    hint=f"Ports: {', '.join(names)}",
                )
            return [data[name] for name in names]
        several = isinstance(data, list | tuple) and (
            len(names) > 1 or all(isinstance(x, np.ndarray) for x in data)
        )
        arrays: list[Any] = list(data) if several else [data]
        if len(arrays) != len(names):
            raise NumberError(
                "the data must have one array per input port",
                received=f"{len(arrays)} arrays",
                hint=f"Ports: {', '.join(names)}",
            )
        return arrays

    @staticmethod
    def _is_flat(data: Any, names: list[str]) -> bool:
        """Whether the data are one array per port, by name or in order."""
        if isinstance(data, Mapping):
            return set(data) == set(names)
        flat = isinstance(data, list) and len(data) == len(names)
        return flat and all(isinstance(x, np.ndarray) for x in data)

    def output_structure(self, arrays: list[Any]) -> Any:
        """One array per output port, arranged like ``output_tree``; by default a lone one bare."""
        if self.output_tree is None:
            return arrays[0] if len(arrays) == 1 else arrays
        values = iter(arrays)
        return replaced(self.output_tree, lambda name: next(values))

    def output_floats(self, n: Ints) -> list[NDArray[np.float64]]:
        """One float array (samples, *shape) per output port from flat output integers."""
        arrays, start = [], 0
        for port in self.outputs:
            arrays.append(port.floats(n[:, start : start + port.size]))
            start += port.size
        return arrays
