"""FixedArray: a NumPy array whose elements are nodes of a graph under construction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import quantize_float
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import MAX, constant
from hgq_rtl.lowering import registry
from hgq_rtl.lowering.elements import Element, Pending, Real, constant_element, is_whole
from hgq_rtl.lowering.inputs import Unquantized
from hgq_rtl.lowering.quantize import quantize
from hgq_rtl.lowering.rational import is_long, quantized
from hgq_rtl.lowering.table import Function, check_size, entries, fill, resolved, table


class UnsupportedError(LoweringError, AttributeError):
    """An attribute that NumPy's arrays have; an AttributeError too, for hasattr."""


def _method(function: Any) -> Any:
    """A NumPy function as a method."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__, method.__doc__ = function.__name__, f"As ``numpy.{function.__name__}``."
    return method


class FixedArray(NDArrayOperatorsMixin):
    """An n-dimensional array (no batch axis) of fixed-point values.

    NumPy's operators and functions work on it (``lowering/functions`` holds them; any other is
    refused by name), and NumPy arrays and finite numbers mix in freely. Arithmetic is exact:
    results grow as needed, and only ``quantize`` drops bits. A function with irrational results,
    such as ``numpy.tanh`` or a division by 3, waits for ``quantize`` to become a look-up table.
    ``is_bool`` marks truth values, which NumPy treats in its own way. Made by ``lower``, ``trace``.
    """

    __hash__ = None  # type: ignore[assignment]  # == is elementwise

    def __init__(self, build: Builder, elements: NDArray[Any], *, is_bool: bool = False) -> None:
        self.build, self.elements, self.is_bool = build, elements, is_bool

    def like(self, elements: Any, *, is_bool: bool | None = None) -> FixedArray:
        """An array of the same graph and kind from an array of elements, or from one."""
        if not isinstance(elements, np.ndarray):
            scalar = np.empty((), dtype=object)
            scalar[()] = elements
            elements = scalar
        return FixedArray(
            self.build, elements, is_bool=self.is_bool if is_bool is None else is_bool
        )

    # --- NumPy's protocols ---------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return registry.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return registry.call_function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise LoweringError(
            "a FixedArray has no numbers yet, so it cannot become a NumPy array",
            received=f"shape {self.shape}",
            hint="Join arrays with numpy.stack or numpy.concatenate; build one up from "
            "numpy.zeros_like(x); read a constant table with hgq_rtl.lookup(lambda n: table[n], "
            "index); call a Keras model through hgq_rtl.as_function(model)",
        )

    def _no_number(self, *_: Any) -> NoReturn:
        raise LoweringError(
            "the value of a FixedArray is not known before the hardware runs",
            received="it was used as a Python number, as the condition of if, while, and, or, or "
            "put into an array of numbers",
            hint="Use numpy.where for choices, & | ~ for conditions, and fill numpy.zeros_like(x)",
        )

    __bool__ = __int__ = __float__ = __complex__ = __index__ = _no_number

    # --- shape ---------------------------------------------------------------------------------

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

    @property
    def dtype(self) -> np.dtype[Any]:
        """What NumPy would have: bool, int64 where all values are integers, else float64."""
        if self.is_bool:
            return np.dtype(bool)
        whole = all(isinstance(e, Node) and is_whole(e.type) for e in self.elements.flat)
        return np.dtype(np.int64 if whole else np.float64)

    @property
    def T(self) -> FixedArray:  # noqa: N802  NumPy's name
        """The array with its axes in reverse order."""
        return self.transpose()

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[FixedArray]:
        return (self[n] for n in range(len(self)))

    def __getattr__(self, name: str) -> NoReturn:
        if not name.startswith("_") and hasattr(np.ndarray, name):
            raise UnsupportedError(
                f"a FixedArray has no {name}",
                hint="Its values are not known before the hardware runs; see docs/lowering.md",
            )
        raise AttributeError(f"'FixedArray' object has no attribute {name!r}")

    def __contains__(self, value: Any) -> NoReturn:
        self._no_number()

    def __getitem__(self, key: Any) -> FixedArray:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, FixedArray) for k in keys):
            return registry.FUNCTIONS["getitem"](self, keys)
        return self.like(self.elements[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.is_bool and not is_boolean(value):
            raise LoweringError("an array of truth values takes no numbers",
                                hint="Make it one of numbers first, with astype(int)")  # fmt: skip
        # [()]: an array without axes would be stored as it is, as an element.
        self.elements[key] = as_elements(self.build, value, "an assignment")[()]

    def reshape(self, *shape: Any, order: str = "C") -> FixedArray:
        """As ``numpy.ndarray.reshape``."""
        return self.like(self.elements.reshape(*shape, order=order))  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> FixedArray:
        """As ``numpy.ndarray.transpose``."""
        return self.like(self.elements.transpose(*axes))

    def ravel(self) -> FixedArray:
        """As ``numpy.ndarray.ravel``."""
        return self.like(self.elements.ravel())

    flatten = ravel

    def copy(self) -> FixedArray:
        """An array whose elements can be assigned without changing this one."""
        return self.like(self.elements.copy())

    def gather(self, index: NDArray[Any], fill: float = 0.0) -> FixedArray:
        """Entries of axis 0 by constant indices; index -1 is an entry of constants ``fill``."""
        row = np.full((1, *self.shape[1:]), constant_element(self.build, fill), dtype=object)
        return self.like(np.concatenate([self.elements, row])[index])

    # --- elements ------------------------------------------------------------------------------

    def nodes(self, doing: str) -> NDArray[Any]:
        """The elements, all of them nodes.

        Raises LoweringError where one has no width yet: of an input that nothing has quantized,
        or of a function whose values fit no short fixed-point format.
        """
        if all(isinstance(element, Node) for element in self.elements.flat):
            return self.elements
        known: dict[Any, Any] = {}
        out = np.empty(self.shape, dtype=object)
        for index, element in np.ndenumerate(self.elements):
            out[index] = resolved(self.build, element, doing, known)
        return out

    def map(self, name: str, fn: Callable[..., Any], *operands: NDArray[Any]) -> FixedArray:
        """Apply ``fn`` elementwise with broadcasting; element j of the result is ``name_j``."""
        arrays = np.broadcast_arrays(*operands)
        out = np.empty(arrays[0].shape, dtype=object)
        for index in np.ndindex(out.shape):
            with self.build.within("_".join([name, *map(str, index)])):
                out[index] = fn(*(a[index] for a in arrays))
        return FixedArray(self.build, out)

    # --- what layers use beside NumPy's functions ------------------------------------------------

    def relu(self) -> FixedArray:
        """max(x, 0), elementwise."""
        zero = constant(self.build, 0, 0)
        return self.map(
            "relu",
            lambda a: a if a.type.lo >= 0 else self.build(MAX, a, zero),
            self.nodes("relu"),
        )

    def maximum(self, other: Any) -> FixedArray:
        """As ``numpy.maximum``."""
        return np.maximum(self, other)

    def minimum(self, other: Any) -> FixedArray:
        """As ``numpy.minimum``."""
        return np.minimum(self, other)

    def quantize(
        self, k: ArrayLike, i: ArrayLike, f: ArrayLike, rounding: str, overflow: str
    ) -> FixedArray:
        """Round to ``f`` fraction bits, then fit into ``k`` sign and ``i`` integer bits.

        ``k``, ``i``, ``f``: integers that broadcast to the array's shape, negative ones allowed;
        an element of total width 0 or less becomes zero. Modes as in ``hgq_rtl.fixed``. On an
        input that has no width yet this defines the format of the port.
        """
        known: dict[Any, Any] = {}

        def one(x: Element, k: int, i: int, f: int) -> Node:
            form = (int(k), int(i), int(f), rounding, overflow)
            if isinstance(x, Unquantized):
                return x.bind(*form)
            if isinstance(x, Pending) and x.ratio is not None and is_long(x.source):
                return quantized(self.build, x.source, x.ratio, *form)
            if isinstance(x, Pending):
                return fill(self.build, x.source, *entries(x, form, known))
            if isinstance(x, Real):
                return constant(self.build, int(quantize_float(x.value, *form)), -form[2])
            return quantize(self.build, x, *form)

        widths = [np.broadcast_to(np.asarray(v), self.shape) for v in (k, i, f)]
        return self.map("quantized", one, self.elements, *widths)

    def table(self, function: Function) -> FixedArray:
        """Any ``function`` of one value, elementwise, by look-up; see ``lowering.table``."""
        return table(self, function)

    def function(self, name: str, function: Callable[[Any], Any]) -> FixedArray:
        """A ``function`` of tensors, elementwise: a table, at once or in the next quantizer.

        Raises LoweringError where an element has more values than a table.
        """
        # Functions of FixedArrays are built from FixedArrays.
        from hgq_rtl.lowering.floats import of_keras
        from hgq_rtl.lowering.functions.elementwise import unary

        check_size(f"the activation '{name}'", self.nodes(f"'{name}'").flat)
        return unary(name, of_keras(function), self)

    def einsum(self, equation: str, other: Any) -> FixedArray:
        """As ``numpy.einsum(equation, self, other)``."""
        return np.einsum(equation, self, other)

    all = _method(np.all)
    any = _method(np.any)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    astype = _method(np.astype)
    clip = _method(np.clip)
    cumprod = _method(np.cumprod)
    cumsum = _method(np.cumsum)
    diagonal = _method(np.diagonal)
    dot = _method(np.dot)
    max = _method(np.max)
    mean = _method(np.mean)
    min = _method(np.min)
    prod = _method(np.prod)
    repeat = _method(np.repeat)
    round = _method(np.round)
    squeeze = _method(np.squeeze)
    std = _method(np.std)
    sum = _method(np.sum)
    swapaxes = _method(np.swapaxes)
    take = _method(np.take)
    var = _method(np.var)


def is_boolean(value: Any) -> bool:
    """Whether NumPy takes a value as truth values."""
    return value.is_bool if isinstance(value, FixedArray) else np.asarray(value).dtype == bool


def as_elements(build: Builder, value: Any, doing: str) -> NDArray[Any]:
    """The elements of an array of the same graph, or those of numbers, as an object array."""
    if isinstance(value, FixedArray):
        if value.build is not build:
            raise LoweringError(f"{doing} of arrays from two different traces",
                                hint="Do not keep a FixedArray beyond its trace")  # fmt: skip
        return value.elements
    values = np.asarray(value)
    if values.dtype.kind not in "fiub":
        raise LoweringError(
            f"{doing} takes numbers",
            received=f"dtype {values.dtype}",
            hint="Join arrays with numpy.stack" if values.dtype == object else "",
        )
    elements = np.empty(values.shape, dtype=object)
    for index, number in np.ndenumerate(values):
        elements[index] = constant_element(build, number)
    return elements
