"""Weights that are about to be read from a file are not drawn first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

_RANDOM = (
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.TruncatedNormal,
    keras.initializers.VarianceScaling,  # Glorot, He and LeCun too
    keras.initializers.Orthogonal,
)


def _zeros(shape: Any, dtype: Any = None) -> Any:
    return np.zeros(shape, dtype)


@contextmanager
def no_random_starts() -> Iterator[None]:
    """Variables that would start at random start at 0 inside, without a computation.

    For models whose weights follow: on JAX the random numbers alone take a second of compilation.
    The layers' configurations keep their initializers.
    """
    original = keras.layers.Layer.add_weight

    def add_weight(self: Any, shape: Any = None, initializer: Any = None, *a: Any, **k: Any) -> Any:
        if initializer is not None:
            initializer = keras.initializers.get(initializer)
            if isinstance(initializer, _RANDOM):
                initializer = _zeros
        return original(self, shape, initializer, *a, **k)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = original
