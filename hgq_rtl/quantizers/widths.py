"""The variables that hold trainable widths."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.quantizers.exact import to_numpy


def add_width(
    layer: Any, name: str, start: Any, constraint: Any, regularizer: Any, trainable: bool
) -> Any:
    """Add a width variable of ``layer.width_shape``, inside its constraint from the start."""
    return layer.add_weight(
        layer.width_shape,
        initializer(start, constraint),
        trainable=trainable,
        constraint=constraint,
        regularizer=regularizer,
        name=name,
    )


def initializer(start: Any, constraint: Any = None) -> Any:
    """An initializer for a number or Keras initializer, followed by a constraint.

    Numbers become NumPy arrays, since each backend fill of a new shape would be compiled.
    """
    if not isinstance(start, int | float):
        keras_start = keras.initializers.get(start)
        if constraint is None:
            return keras_start
        return lambda shape, dtype=None: constraint(keras_start(shape, dtype=dtype))
    if constraint is not None:
        with _outside_of_traces():
            start = float(to_numpy(constraint(ops.convert_to_tensor(float(start)))))
    return lambda shape, dtype=None: np.full(shape, start, dtype)


def _outside_of_traces() -> AbstractContextManager[Any]:
    """Compute now: a model that its first batch builds is built inside of a trace."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    import jax

    return jax.ensure_compile_time_eval()
