"""Run functions of Keras variables as one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def compiled(
    function: Callable[..., Any], variables: list[Any], *, quick: bool = False
) -> Callable[..., Any]:
    """``function`` of tensors, compiled where the backend can do so from outside.

    ``variables``: what the function reads; their values are passed in at every call, and
    assignments inside are discarded. ``quick``: compile in half the time, to slower code.
    Backends other than JAX run it eagerly.
    """

    def run(values: list[Any], *args: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*args)

    if keras.backend.backend() != "jax":
        return lambda *args: run([v.value for v in variables], *args)
    import jax

    jitted = jax.jit(run, compiler_options={"xla_backend_optimization_level": 0} if quick else None)
    return lambda *args: jitted([v.value for v in variables], *args)
