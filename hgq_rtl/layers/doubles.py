"""Double precision in Keras, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras.src.backend.common import dtypes  # no public door to these rules


@contextmanager
def doubles() -> Iterator[None]:
    """Operations on float64 tensors compute in float64 inside.

    JAX has to be told, and Keras too: on JAX it turns double results of most operations into
    floats, whatever JAX is set to. It has a table of these conversions, out of which this one is
    taken for the time being.
    """
    narrowing = dtypes.BIT64_TO_BIT32_DTYPE
    before = narrowing["float64"]
    narrowing["float64"] = "float64"
    try:
        if keras.backend.backend() != "jax":
            yield
            return
        import jax

        with jax.enable_x64(True):
            yield
    finally:
        narrowing["float64"] = before
