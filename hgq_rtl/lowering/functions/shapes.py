"""Functions that only move, repeat, join or drop elements: NumPy's own, on the elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray, as_elements, is_boolean
from hgq_rtl.lowering.functions.operands import builder_of, holds
from hgq_rtl.lowering.registry import FUNCTIONS, implements

ONE = (
    np.reshape, np.ravel, np.transpose, np.moveaxis, np.rollaxis, np.swapaxes, np.squeeze,
    np.expand_dims, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.roll, np.flip, np.fliplr,
    np.flipud, np.rot90, np.repeat, np.tile, np.broadcast_to, np.diagonal, np.copy, np.delete,
    np.resize, np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, np.unstack,
    np.matrix_transpose, np.compress,
)  # fmt: skip
"""Of one array, the first argument; the others are constants."""
JOINS = (
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block,
)  # fmt: skip
"""Of a sequence of arrays, some of which may be constants."""


def _moved(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(a: FixedArray, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(v, FixedArray) for v in (*args, *kwargs.values())):
            raise LoweringError(
                f"numpy.{function.__name__} takes constants after its first argument",
                hint="Use numpy.take or numpy.where for choices that the data make",
            )
        result = function(a.elements, *args, **kwargs)
        if isinstance(result, list | tuple):
            return type(result)(a.like(part) for part in result)
        return a.like(result)

    return run


def _joined(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(arrays: Any, *args: Any, **kwargs: Any) -> FixedArray:
        build = builder_of(arrays)
        leaves: list[Any] = []

        def elements(value: Any) -> Any:
            if isinstance(value, list | tuple) and (value is arrays or holds(value)):
                return [elements(v) for v in value]
            leaves.append(value)
            return as_elements(build, value, f"numpy.{function.__name__}")

        if isinstance(arrays, FixedArray):
            arrays = list(arrays)
        result = function(elements(arrays), *args, **kwargs)
        return FixedArray(build, result, is_bool=all(is_boolean(v) for v in leaves))

    return run


_function: Any
for _function in ONE:
    FUNCTIONS[_function] = _moved(_function)
for _function in JOINS:
    FUNCTIONS[_function] = _joined(_function)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Joined at the end."""
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


@implements(np.pad)
def pad(array: FixedArray, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> FixedArray:
    """Constants, or copies of elements: modes constant, edge, reflect, symmetric and wrap."""
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise LoweringError("numpy.pad copies elements or adds constants here",
                            received=f"mode={mode!r}",
                            hint="Modes: constant, edge, reflect, symmetric, wrap")  # fmt: skip
    # Positions are padded like the values, so that NumPy says what comes from where.
    positions = np.arange(array.size).reshape(array.shape)
    values = kwargs.pop("constant_values", 0)
    if mode != "constant":
        return array.like(array.elements.ravel()[np.pad(positions, pad_width, mode, **kwargs)])
    places = np.pad(positions, pad_width, constant_values=-1)
    fill = np.pad(np.zeros(array.shape), pad_width, constant_values=values)
    fill = as_elements(array.build, fill, "numpy.pad")
    return array.like(np.where(places < 0, fill, array.elements.ravel()[places]))


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> FixedArray:
    """An array of one value that elements can be assigned to."""
    build = builder_of(a, fill_value)
    shape = np.shape(a) if shape is None else shape
    kind = None if dtype is None else np.dtype(dtype).kind
    is_bool = kind == "b" or (kind is None and is_boolean(a))
    value = as_elements(build, fill_value, "numpy.full_like")
    return FixedArray(build, np.broadcast_to(value, shape).copy(), is_bool=is_bool)


@implements(np.zeros_like, np.empty_like)
def zeros_like(a: FixedArray, dtype: Any = None, *, shape: Any = None) -> FixedArray:
    """An array of zeros."""
    return full_like(a, 0, dtype, shape=shape)


@implements(np.ones_like)
def ones_like(a: FixedArray, dtype: Any = None, *, shape: Any = None) -> FixedArray:
    """An array of ones."""
    return full_like(a, 1, dtype, shape=shape)


@implements(np.tril)
def tril(m: FixedArray, k: int = 0) -> Any:
    """Zeros above a diagonal."""
    return np.where(np.tri(m.shape[-2], m.shape[-1], k, dtype=bool), m, False if m.is_bool else 0)


@implements(np.triu)
def triu(m: FixedArray, k: int = 0) -> Any:
    """Zeros below a diagonal."""
    zero = False if m.is_bool else 0
    return np.where(np.tri(m.shape[-2], m.shape[-1], k - 1, dtype=bool), zero, m)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """All in their common shape."""
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@implements(np.shape)
def shape_(a: Any) -> tuple[int, ...]:
    """The lengths of the axes."""
    if isinstance(a, FixedArray):
        return a.shape
    return tuple(np.shape(np.stack(a)))


@implements(np.ndim)
def ndim(a: Any) -> int:
    """The number of axes."""
    return len(shape_(a))


@implements(np.size)
def size(a: Any, axis: int | None = None) -> int:
    """The number of elements, of all or along an axis."""
    return int(np.prod(shape_(a))) if axis is None else shape_(a)[axis]


@implements(np.result_type)
def result_type(*arrays: Any) -> Any:
    """The type that NumPy would have."""
    return np.result_type(*(a.dtype if isinstance(a, FixedArray) else a for a in arrays))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Never."""
    return False
