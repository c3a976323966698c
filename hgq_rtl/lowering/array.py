"""FixedArray: a NumPy-like array whose elements are nodes of a graph under construction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import dyadic
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import ADD, DOT, MAX, MIN, MUL, SHIFT, constant, sum_tree
from hgq_rtl.lowering.einsum import einsum
from hgq_rtl.lowering.inputs import Unquantized
from hgq_rtl.lowering.quantize import quantize
from hgq_rtl.lowering.table import Function, table

Element = Node | Unquantized


class FixedArray:
    """An n-dimensional array (no batch axis) of fixed-point values.

    Arithmetic is exact: results grow as needed, and only ``quantize`` drops bits. NumPy arrays
    and numbers mix in freely; their values must be finite. Made by ``lower`` and ``trace``.
    """

    __array_ufunc__ = None  # NumPy leaves `array + fixed` to the methods below

    def __init__(self, build: Builder, elements: NDArray[Any]) -> None:
        self.build, self.elements = build, elements

    # --- shape -------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; the batch axis does not exist here."""
        return self.elements.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.elements.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.elements.size

    def __len__(self) -> int:
        return len(self.elements)

    def like(self, elements: Any) -> FixedArray:
        """An array of the same graph from an array of elements, or from one."""
        if not isinstance(elements, np.ndarray):
            scalar = np.empty((), dtype=object)
            scalar[()] = elements
            elements = scalar
        return FixedArray(self.build, elements)

    def __getitem__(self, key: Any) -> FixedArray:
        return self.like(self.elements[key])

    def reshape(self, *shape: Any) -> FixedArray:
        """As ``numpy.ndarray.reshape``."""
        return self.like(self.elements.reshape(*shape))

    def transpose(self, *axes: Any) -> FixedArray:
        """As ``numpy.ndarray.transpose``."""
        return self.like(self.elements.transpose(*axes))

    def ravel(self) -> FixedArray:
        """As ``numpy.ndarray.ravel``."""
        return self.like(self.elements.ravel())

    def take(self, index: NDArray[Any], fill: float = 0.0) -> FixedArray:
        """Entries of axis 0, as ``numpy.take``; index -1 is an entry of constants ``fill``."""
        row = np.full((1, *self.shape[1:]), self._constant(fill), dtype=object)
        return self.like(np.concatenate([self.elements, row])[index])

    # --- elementwise -------------------------------------------------------------------------

    def _nodes(self, doing: str) -> NDArray[Any]:
        """The elements, all of them nodes; an error where one has no width yet."""
        for element in self.elements.flat:
            if isinstance(element, Unquantized):
                raise LoweringError(
                    f"{doing} needs a quantized input",
                    received=f"element '{element.name}' of input '{element.port.name}', "
                    "which has no width yet",
                    hint="Put a Quantizer before it (a layer with enable_iq=True has one), "
                    "or declare the input's format with inputs=",
                )
        return self.elements

    def _constant(self, value: Any) -> Node:
        value = float(value)
        if not np.isfinite(value):
            raise LoweringError("a constant must be finite", received=repr(value))
        return constant(self.build, *dyadic(value))

    def _coerce(self, other: Any, doing: str) -> NDArray[Any]:
        if isinstance(other, FixedArray):
            return other._nodes(doing)
        values = np.asarray(other)
        if values.dtype.kind not in "fiub":
            raise LoweringError(f"{doing} takes numbers", received=f"dtype {values.dtype}")
        nodes = np.empty(values.shape, dtype=object)
        for index, value in np.ndenumerate(values):
            nodes[index] = self._constant(value)
        return nodes

    def _map(self, name: str, fn: Callable[..., Node], *operands: NDArray[Any]) -> FixedArray:
        """Apply ``fn`` elementwise with broadcasting; element j of the result is ``name_j``."""
        arrays = np.broadcast_arrays(*operands)
        out = np.empty(arrays[0].shape, dtype=object)
        for index in np.ndindex(out.shape):
            with self.build.within("_".join([name, *map(str, index)])):
                out[index] = fn(*(a[index] for a in arrays))
        return FixedArray(self.build, out)

    def __add__(self, other: Any) -> FixedArray:
        return self._map("add", self._add, self._nodes("+"), self._coerce(other, "+"))

    __radd__ = __add__

    def _add(self, a: Node, b: Node) -> Node:
        if b.type.is_zero:
            return a
        if a.op is DOT and b.type.is_const and a.attrs[2] == 0:
            # A bias joins the linear form of its neuron, and keeps the neuron's name.
            weights, exp, _, _ = a.attrs
            with self.build.at(self.build.origins.get(a, "")):
                return self.build.make(DOT, a.args, (weights, exp, b.type.lo, b.type.exp))
        return self.build(ADD, a, b, sub=False)

    def __sub__(self, other: Any) -> FixedArray:
        return self._map("sub", self._sub, self._nodes("-"), self._coerce(other, "-"))

    def __rsub__(self, other: Any) -> FixedArray:
        return self._map("sub", self._sub, self._coerce(other, "-"), self._nodes("-"))

    def _sub(self, a: Node, b: Node) -> Node:
        return a if b.type.is_zero else self.build(ADD, a, b, sub=True)

    def __neg__(self) -> FixedArray:
        return 0 - self

    def __mul__(self, other: Any) -> FixedArray:
        return self._map("mul", self._mul, self._nodes("*"), self._coerce(other, "*"))

    __rmul__ = __mul__

    def _mul(self, a: Node, b: Node) -> Node:
        if a.type.is_const:
            a, b = b, a
        if not b.type.is_const:
            return self.build(MUL, a, b)
        n, exp = b.type.lo, b.type.exp
        if n == 1:
            return self.build(SHIFT, a, bits=exp) if exp else a
        return self.build(DOT, a, weights=(n,), exp=exp, bias=0, bias_exp=0)

    def maximum(self, other: Any) -> FixedArray:
        """The larger of two arrays, elementwise."""
        return self._map(
            "max",
            lambda a, b: self.build(MAX, a, b),
            self._nodes("maximum"),
            self._coerce(other, "maximum"),
        )

    def minimum(self, other: Any) -> FixedArray:
        """The smaller of two arrays, elementwise."""
        return self._map(
            "min",
            lambda a, b: self.build(MIN, a, b),
            self._nodes("minimum"),
            self._coerce(other, "minimum"),
        )

    def relu(self) -> FixedArray:
        """max(x, 0), elementwise."""
        zero = constant(self.build, 0, 0)
        return self._map(
            "relu",
            lambda a: a if a.type.lo >= 0 else self.build(MAX, a, zero),
            self._nodes("relu"),
        )

    def quantize(
        self, k: ArrayLike, i: ArrayLike, f: ArrayLike, rounding: str, overflow: str
    ) -> FixedArray:
        """Round to ``f`` fraction bits, then fit into ``k`` sign and ``i`` integer bits.

        ``k``, ``i``, ``f``: integers that broadcast to the array's shape, negative ones allowed;
        an element of total width 0 or less becomes zero. Modes as in ``hgq_rtl.fixed``. On an
        input that has no width yet this defines the format of the port.
        """

        def one(x: Element, k: int, i: int, f: int) -> Node:
            if isinstance(x, Unquantized):
                return x.bind(int(k), int(i), int(f), rounding, overflow)
            return quantize(self.build, x, int(k), int(i), int(f), rounding, overflow)

        widths = [np.broadcast_to(np.asarray(v), self.shape) for v in (k, i, f)]
        return self._map("quantized", one, self.elements, *widths)

    def table(self, function: Function) -> FixedArray:
        """Any ``function`` of one value, elementwise, by look-up; see ``lowering.table``."""
        return table(self, function)

    # --- linear algebra ----------------------------------------------------------------------

    def __matmul__(self, other: Any) -> FixedArray:
        if isinstance(other, FixedArray):
            return self._matmul_variable(other)
        weights = np.asarray(other, dtype=np.float64)
        _check_inner(self.shape, weights.shape)
        if weights.ndim == 1:
            return (self @ weights[:, None])[..., 0]
        if weights.ndim != 2:
            raise LoweringError("@ takes a vector or a matrix", received=f"shape {weights.shape}")
        return self._matmul_constant(weights)

    def __rmatmul__(self, other: Any) -> FixedArray:
        weights = np.asarray(other, dtype=np.float64)
        if self.ndim == 1:
            return self @ weights.T
        return (self.transpose() @ weights.T).transpose()

    def _matmul_constant(self, weights: NDArray[np.float64]) -> FixedArray:
        nodes = self._nodes("@")
        columns, exp = integer_columns(weights)
        out = np.empty((*self.shape[:-1], weights.shape[1]), dtype=object)
        for row in np.ndindex(self.shape[:-1]):
            # One tuple for the whole row: dots with the same arguments form a matrix.
            args = tuple(nodes[row])
            for column, values in enumerate(columns):
                index = (*row, column)
                with self.build.within("_".join(["neuron", *map(str, index)])):
                    out[index] = self.build.make(DOT, args, (values, exp, 0, 0))
        return FixedArray(self.build, out)

    def _matmul_variable(self, other: FixedArray) -> FixedArray:
        a, b = self._nodes("@"), other._nodes("@")
        _check_inner(a.shape, b.shape)
        if b.ndim > 2 or a.ndim > 2:
            raise LoweringError(
                "@ of two variables takes vectors and matrices",
                received=f"shapes {a.shape} and {b.shape}",
            )
        rows, columns = np.atleast_2d(a), b if b.ndim == 2 else b[:, None]
        out = np.empty((rows.shape[0], columns.shape[1]), dtype=object)
        for r, c in np.ndindex(out.shape):
            with self.build.within(f"product_{r}_{c}"):
                products = [
                    (self._mul(x, y), False) for x, y in zip(rows[r], columns[:, c], strict=True)
                ]
                out[r, c] = sum_tree(self.build, products)
        if b.ndim == 1:
            out = out[:, 0]
        return self.like(out[0] if a.ndim == 1 else out)

    def einsum(self, equation: str, other: Any) -> FixedArray:
        """As ``numpy.einsum(equation, self, other)``; see ``lowering.einsum``."""
        return einsum(equation, self, other)

    def max(self, axis: int) -> FixedArray:
        """The largest element along one axis."""
        return self._extremum(MAX, axis)

    def min(self, axis: int) -> FixedArray:
        """The smallest element along one axis."""
        return self._extremum(MIN, axis)

    def _extremum(self, op: Op, axis: int) -> FixedArray:
        moved = np.moveaxis(self._nodes(op.name), axis, -1)
        out = np.empty(moved.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            nodes = list(dict.fromkeys(moved[index]))  # a repeated element decides nothing
            with self.build.within("_".join([op.name, *map(str, index)])):
                while len(nodes) > 1:
                    pairs = zip(nodes[::2], nodes[1::2], strict=False)
                    merged = [self.build(op, a, b) for a, b in pairs]
                    nodes = merged + nodes[len(merged) * 2 :]
            (out[index],) = nodes
        return self.like(out)

    def sum(self, axis: int | None = None) -> FixedArray:
        """The sum over one axis, or over all elements."""
        nodes = self._nodes("sum")
        moved = nodes.ravel() if axis is None else np.moveaxis(nodes, axis, -1)
        out = np.empty(moved.shape[:-1], dtype=object)
        ones = (1,) * moved.shape[-1]
        for index in np.ndindex(out.shape):
            with self.build.within("_".join(["sum", *map(str, index)])):
                out[index] = self.build.make(DOT, tuple(moved[index]), (ones, 0, 0, 0))
        return self.like(out)


def _check_inner(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    if not a or not b or a[-1] != b[0]:
        raise LoweringError("the shapes do not fit for @", received=f"{a} and {b}")


def integer_columns(weights: NDArray[np.float64]) -> tuple[list[tuple[int, ...]], int]:
    """A float matrix (inputs, outputs) as columns of exact integers and their common exponent."""
    if not np.isfinite(weights).all():
        where = tuple(int(w) for w in np.argwhere(~np.isfinite(weights))[0])
        raise LoweringError(
            "the weights must be finite", received=f"{weights[where]} at index {where}"
        )
    pairs = [[dyadic(w) for w in column] for column in weights.T]
    exp = min((e for column in pairs for n, e in column if n), default=0)
    return [tuple(n << (e - exp) if n else 0 for n, e in column) for column in pairs], exp


def concatenate(arrays: Sequence[FixedArray], axis: int = 0) -> FixedArray:
    """Join arrays along an existing axis, as ``numpy.concatenate``."""
    return FixedArray(arrays[0].build, np.concatenate([a.elements for a in arrays], axis=axis))


def stack(arrays: Iterable[FixedArray], axis: int = 0) -> FixedArray:
    """Join arrays along a new axis, as ``numpy.stack``."""
    arrays = list(arrays)
    return FixedArray(arrays[0].build, np.stack([a.elements for a in arrays], axis=axis))
