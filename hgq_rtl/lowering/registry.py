"""Which NumPy functions work on FixedArrays: one table, filled by ``lowering/functions``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from hgq_rtl.errors import LoweringError

F = TypeVar("F", bound=Callable[..., Any])

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""NumPy function to what it does on FixedArrays, with NumPy's own signature."""
UFUNCS: dict[tuple[np.ufunc | None, str], Callable[..., Any]] = {}
"""(ufunc, method) to what it does, given the ufunc and its arguments; method: __call__, reduce ...
A ufunc of None stands for all that have no entry of their own."""


def implements(*functions: Any) -> Callable[[F], F]:
    """Register an implementation of NumPy functions for FixedArrays."""

    def register(implementation: F) -> F:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return register


def call_function(function: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function that was given a FixedArray. Raises LoweringError if it is not in the table.

    Options that change nothing (``out=None``, ``dtype=None`` and the like) are dropped; an option
    that the implementation does not have is an error that names it.
    """
    name = f"numpy.{getattr(function, '__name__', function)}"
    if function not in FUNCTIONS:
        raise LoweringError(
            f"{name} has no hardware form",
            hint=f"Supported beside all elementwise functions: {', '.join(supported())}",
        )
    implementation = FUNCTIONS[function]
    signature = inspect.signature(implementation)
    if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        for option in [k for k in kwargs if k not in signature.parameters]:
            if not any(kwargs[option] is v for v in (None, np._NoValue)):
                raise LoweringError(
                    f"{name} has no hardware form with {option}=", received=f"{kwargs[option]!r}",
                    hint=f"Options: {', '.join(list(signature.parameters)[1:]) or 'none'}",
                )  # fmt: skip
        kwargs = {k: v for k, v in kwargs.items() if k in signature.parameters}
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise LoweringError(
            f"{name}: {error}", hint=f"The arguments that work here: {signature}"
        ) from None
    return implementation(*args, **kwargs)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """A ufunc, or one of its methods, that was given a FixedArray."""
    out = options.pop("out", None)
    options = {k: v for k, v in options.items() if v is not None and v is not np._NoValue}
    key: Any = (ufunc, method) if (ufunc, method) in UFUNCS else (None, method)
    if key not in UFUNCS:
        raise LoweringError(
            f"numpy.{ufunc.__name__}.{method} has no hardware form",
            hint="Write it with numpy.sum, numpy.cumsum or broadcasting",
        )
    if method == "__call__" and options:
        option, value = next(iter(options.items()))
        raise LoweringError(f"numpy.{ufunc.__name__} has no hardware form with {option}=",
                            received=repr(value), hint="Use numpy.where instead")  # fmt: skip
    result = UFUNCS[key](ufunc, *inputs, **options)
    if out is None:
        return result
    (target,) = out
    target[...] = result
    return target


def supported() -> list[str]:
    """Names of the functions in the table, sorted."""
    return sorted({f.__name__ for f in FUNCTIONS if hasattr(f, "__name__")})
