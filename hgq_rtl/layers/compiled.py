"""Functions of Keras variables as compiled programs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras

_OPTIONS: dict[str, dict[str, Any]] = {
    "best": {},
    "good": {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False},
    "quick": {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False},
}
"""Options of XLA by effort: LLVM's level, and the older of two ways to write loops, which compiles
faster to code that is little slower. They are no part of JAX's interface."""


class Program:
    """A function of tensors, compiled where the backend can do so from outside.

    ``variables``: what the function reads; their values are passed in at every call, and
    assignments inside are discarded. ``effort``: "best"; "good", which compiles in two thirds of
    the time to code that is little slower; "quick", which takes a third and makes slow code.
    Backends other than JAX run it eagerly.
    """

    def __init__(
        self, function: Callable[..., Any], variables: list[Any], effort: str = "best"
    ) -> None:
        def run(values: list[Any], *args: Any) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function(*args)

        self._variables = variables
        self._run: Any = run
        self._compiling: Future[Any] | None = None
        if keras.backend.backend() == "jax":
            import jax

            self._run = jax.jit(run, compiler_options=_known(effort))

    def __call__(self, *args: Any) -> Any:
        """Run it, compiled for the shapes of ``args``."""
        if self._compiling is not None:
            self._compiling.result()
            self._compiling = None
        return self._run([v.value for v in self._variables], *args)

    def prepare(self, *args: Any) -> Any:
        """Begin to compile for arguments of these shapes, in another thread.

        Returns what has the shapes of the result, None on backends other than JAX. The function
        itself runs here and now, on tensors without values.
        """
        if keras.backend.backend() != "jax":
            return None
        lowered = self._run.lower([v.value for v in self._variables], *args)
        pool = ThreadPoolExecutor(1)
        self._compiling = pool.submit(lowered.compile)
        pool.shutdown(wait=False)
        return lowered.out_info


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
