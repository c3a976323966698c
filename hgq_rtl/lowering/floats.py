"""Keras's functions of floats, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np

from hgq_rtl.layers.doubles import doubles
from hgq_rtl.layers.layer import exact_products
from hgq_rtl.lowering.elements import Floats


@contextmanager
def precision(float64: bool) -> Iterator[None]:
    """Full-precision products on every device, and doubles where asked for."""
    with exact_products(), doubles() if float64 else nullcontext():
        yield


def of_keras(function: Callable[[Any], Any]) -> Callable[[Floats], Floats]:
    """An elementwise function written with Keras, as one of float64 arrays."""

    def run(v: Any) -> Any:
        values = np.atleast_1d(np.asarray(v, dtype=np.float64))  # one number, for a constant
        # Values come in lengths of a few powers of two, for each of which JAX compiles once.
        padded = np.zeros(1 << max(4, (len(values) - 1).bit_length()))
        padded[: len(values)] = values
        with precision(True):
            y = function(keras.ops.convert_to_tensor(padded, "float64"))
            found = np.asarray(keras.ops.convert_to_numpy(y), dtype=np.float64)[: len(values)]
        return found.reshape(np.shape(v))

    return run
