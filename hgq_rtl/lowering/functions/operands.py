"""Finding the FixedArrays among a function's arguments."""

from __future__ import annotations

from typing import Any

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.node import Builder
from hgq_rtl.lowering.array import FixedArray


def builder_of(*values: Any) -> Builder:
    """The builder of the first FixedArray among ``values``, which may be lists of them."""
    for value in values:
        if isinstance(value, FixedArray):
            return value.build
        if isinstance(value, list | tuple) and (found := [v for v in value if holds(v)]):
            return builder_of(*found)
    raise LoweringError("no FixedArray among the arguments")


def holds(value: Any) -> bool:
    """Whether a value is a FixedArray or a list with one inside."""
    if isinstance(value, list | tuple):
        return any(holds(v) for v in value)
    return isinstance(value, FixedArray)
