"""Choices that the data make: an element, or an entry of a constant array, by a computed index."""

from __future__ import annotations

from typing import Any

import numpy as np

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import MUX, SHIFT, cast
from hgq_rtl.lowering.array import FixedArray, as_elements, is_boolean
from hgq_rtl.lowering.elements import is_whole
from hgq_rtl.lowering.functions.elementwise import unary
from hgq_rtl.lowering.functions.operands import builder_of
from hgq_rtl.lowering.registry import FUNCTIONS, implements


def getitem(x: FixedArray, keys: tuple[Any, ...]) -> Any:
    """``x[index]`` with one computed index, the first; slices may follow."""
    index, *rest = keys
    if isinstance(index, FixedArray) and index.is_bool:
        raise LoweringError(
            "an index of truth values has a result of unknown length",
            hint="Use numpy.where(condition, x, 0), which keeps the length",
        )
    if any(isinstance(k, FixedArray) for k in rest):
        raise LoweringError(
            "only the first index can be computed",
            received=f"an index of {len(keys)} parts",
            hint="Use numpy.take(x, index, axis=...) once per axis",
        )
    return take(x[(slice(None), *rest)], index, axis=0)


FUNCTIONS["getitem"] = getitem


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, mode: Any = "raise") -> Any:
    """Elements along an axis; a computed index must be in range for every input."""
    if axis is None:
        a, axis = np.ravel(a), 0
    if not isinstance(indices, FixedArray):
        return a.like(np.take(a.elements, np.asarray(indices), axis=axis, mode=mode))
    if mode != "raise":
        raise LoweringError("numpy.take by a computed index has one mode",
                            received=f"mode={mode!r}",
                            hint="Limit the index with numpy.clip or numpy.mod")  # fmt: skip
    if not isinstance(a, FixedArray) and np.ndim(a) == 1:
        values = np.asarray(a, dtype=np.float64)
        _check_range(indices, len(values))
        found = unary("take", lambda v: values[v.astype(np.int64)], indices)
        return found.like(found.nodes("numpy.take"), is_bool=is_boolean(a))
    build = builder_of(a, indices)
    elements = np.moveaxis(as_elements(build, a, "numpy.take"), axis, 0)
    _check_range(indices, len(elements))
    elements = FixedArray(build, elements).nodes("numpy.take")
    chosen = np.empty((*indices.shape, *elements.shape[1:]), dtype=object)
    for where, node in np.ndenumerate(indices.nodes("numpy.take")):
        for inner in np.ndindex(elements.shape[1:]):
            with build.within("_".join(["take", *map(str, (*where, *inner))])):
                chosen[(*where, *inner)] = multiplex(build, node, list(elements[:, *inner]))
    rank = indices.ndim
    moved = np.moveaxis(chosen, range(rank), range(axis, axis + rank))
    return FixedArray(build, moved, is_bool=is_boolean(a))


def _check_range(indices: FixedArray, length: int) -> None:
    for node in indices.nodes("an index").flat:
        if not is_whole(node.type) or node.type.at(0).lo < 0 or node.type.at(0).hi >= length:
            raise LoweringError(
                "a computed index must be an integer inside the array for every input",
                received=f"type {node.type} for {length} elements",
                hint="Limit it with numpy.clip(index, 0, len(x) - 1), or pad the array",
            )


def multiplex(build: Builder, index: Node, nodes: list[Node]) -> Node:
    """``nodes[index]``: a tree of muxes, one level per bit of the index."""
    nodes = nodes[: index.type.at(0).hi + 1]
    bit = 0
    while len(nodes) > 1:
        select = cast(build, build(SHIFT, index, bits=-bit) if bit else index, 0, 1, False)
        if select.type.is_zero:
            nodes = nodes[::2]
        else:
            pairs = zip(nodes[::2], nodes[1::2], strict=False)
            merged = [a if a is b else build(MUX, select, b, a) for a, b in pairs]
            nodes = merged + nodes[len(merged) * 2 :]
        bit += 1
    return nodes[0]


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> FixedArray:
    """Elements by constant or computed indices, one row at a time."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    if not isinstance(indices, FixedArray):
        return arr.like(np.take_along_axis(arr.elements, np.asarray(indices), axis))
    rows = np.moveaxis(as_elements(indices.build, arr, "numpy.take_along_axis"), axis, -1)
    places = np.moveaxis(indices.elements, axis, -1)
    out = np.empty(places.shape, dtype=object)
    for n in np.ndindex(places.shape[:-1]):
        row = FixedArray(indices.build, rows[n], is_bool=is_boolean(arr))
        out[n] = take(row, indices.like(places[n]), axis=0).elements
    return FixedArray(indices.build, np.moveaxis(out, -1, axis), is_bool=is_boolean(arr))
