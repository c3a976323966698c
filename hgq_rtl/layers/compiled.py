"""Run functions of Keras variables as one compiled program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

_OPTIONS: dict[str, dict[str, Any]] = {
    "best": {},
    "good": {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False},
    "quick": {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False},
}
"""Options of XLA by effort: LLVM's level, and the older of two ways to write loops, which compiles
faster to code that is little slower. They are no part of JAX's interface."""


def compiled(
    function: Callable[..., Any], variables: list[Any], effort: str = "best"
) -> Callable[..., Any]:
    """``function`` of tensors, compiled where the backend can do so from outside.

    ``variables``: what the function reads; their values are passed in at every call, and
    assignments inside are discarded. ``effort``: "best"; "good", which compiles in two thirds of
    the time to code that is little slower; "quick", which takes a third and makes slow code.
    Backends other than JAX run it eagerly.
    """

    def run(values: list[Any], *args: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*args)

    if keras.backend.backend() != "jax":
        return lambda *args: run([v.value for v in variables], *args)
    import jax

    jitted = jax.jit(run, compiler_options=_known(effort))
    return lambda *args: jitted([v.value for v in variables], *args)


@functools.cache
def _known(effort: str) -> dict[str, Any]:
    """The options of an effort that this version of XLA knows."""
    import jax

    known = {}
    for name, value in _OPTIONS[effort].items():
        try:
            jax.jit(lambda: 0, compiler_options={name: value})()
        except jax.errors.JaxRuntimeError:
            continue
        known[name] = value
    return known
