"""Run functions of Keras variables as one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def compiled(function: Callable[..., Any], variables: list[Any]) -> Callable[..., Any]:
    """``function`` of tensors, compiled where the backend can do so from outside.

    ``variables``: what the function reads; their values are passed in at every call, and
    assignments inside are discarded. Backends other than JAX run it eagerly.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    def run(values: list[Any], *args: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*args)

    jitted = jax.jit(run)
    return lambda *args: jitted([v.value for v in variables], *args)
