"""The table of rules, and what rules share.

A rule gets the layer, then its arguments with tensors replaced by FixedArrays (no batch axis).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.lowering.array import FixedArray

Rule = Callable[..., Any]
RULES: dict[type, Rule] = {}


def lowers(*classes: type) -> Callable[[Rule], Rule]:
    """Register a function as the lowering of exactly these classes (not of subclasses)."""

    def register(rule: Rule) -> Rule:
        @wraps(rule)
        def checked(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.pop("mask", None) is not None:
                raise LoweringError("a mask has no hardware form here",
                                    hint="Leave the mask out of the call")  # fmt: skip
            if kwargs.pop("training", False):
                raise LoweringError(
                    "a layer that is called with training=True has no hardware form",
                    hint="Leave training out of the call; fit sets it",
                )
            return rule(layer, *args, **kwargs)

        for cls in classes:
            RULES[cls] = checked
        return rule

    return register


def lowering_of(layer: Any) -> Rule | None:
    """How a layer lowers: by its own ``lower``, or by the rule of its class; None if neither."""
    own: Rule | None = getattr(layer, "lower", None)
    return partial(RULES[type(layer)], layer) if own is None and type(layer) in RULES else own


def spatial_axes(layer: Any, rank: int, data_format: str | None = None) -> tuple[int, ...]:
    """The spatial axes of an array without batch axis of a layer that has a data format."""
    first = (data_format or layer.data_format) == "channels_first"
    return tuple(range(int(first), rank + int(first)))


def without_batch(axis: Any, rank: int, doing: str) -> tuple[int, ...]:
    """Axes of an array with batch axis as axes of one without; ``rank`` counts the batch axis.

    None is all axes. Raises LoweringError for the batch axis.
    """
    if axis is None:
        given: Sequence[int] = range(rank)
    else:
        given = [int(a) for a in np.atleast_1d(axis)]
    axes = tuple(sorted({a % rank for a in given}))
    if 0 in axes:
        raise LoweringError(
            f"{doing} over the batch axis has no hardware form: samples are independent",
            received=f"axis={axis}",
            hint="Name the other axes, which are 1 and up",
        )
    return tuple(a - 1 for a in axes)


def positive_axis(axis: Any, rank: int, doing: str) -> int:
    """As ``without_batch``, for one axis."""
    return without_batch(int(axis), rank, doing)[0]


def class_of(result: Any) -> type:
    """The operation class behind a symbolic result: Keras does not export these classes."""
    return type(keras.tree.flatten(result)[0]._keras_history.operation)


def number(value: Any, rank: int, doing: str) -> NDArray[np.float64]:
    """A constant operand as float64 without batch axis; ``rank``: of the arrays it meets."""
    values = np.asarray(keras.ops.convert_to_numpy(value) if hasattr(value, "dtype") else value)
    if values.dtype.kind not in "fiub":
        raise LoweringError(f"{doing} takes numbers", received=f"dtype {values.dtype}")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        bad = float(values[~np.isfinite(values)].ravel()[0])
        raise LoweringError("a constant must be finite", received=repr(bad))
    if values.ndim > rank:
        if values.shape[0] != 1:
            raise LoweringError("a constant cannot differ between samples",
                                received=f"shape {values.shape}")  # fmt: skip
        values = values.reshape(values.shape[1:])
    return values


def operand(value: Any, rank: int, doing: str) -> Any:
    """``value`` if it is a FixedArray, else as the constant ``number``."""
    return value if isinstance(value, FixedArray) else number(value, rank, doing)
