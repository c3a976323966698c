"""What every NumPy function on FixedArrays must satisfy: NumPy == graph == graph after passes.

A new function adds a case: a name and a function of the inputs below. Values are compared as
integers by ``check_function``, shapes and containers by the reference itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hgq_rtl.lowering.trace import FixedInput, Traced, check_function, trace_function
from hgq_rtl.passes.pipeline import run
from tests.battery.equivalence import assert_equivalent

INPUTS = {
    "x": FixedInput((3, 4), (1, 2, 2)),
    "y": FixedInput((4,), (1, [1, 2, 0, 3], [2, 0, 1, -1])),
    "n": FixedInput((5,), (0, 3, 0)),
    "m": FixedInput((5,), (1, [3, 2, 4, 1, 3], 0)),
    "i": FixedInput((2,), (0, [1, 2], 0)),
}
"""Fractions and integers, of equal and of different formats; ``i`` is an index below 4."""


def traced(function: Callable[..., Any]) -> Traced:
    """The function of those inputs that it has parameters for."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    return trace_function(function, {name: INPUTS[name] for name in names}, "case")


def matches(function: Callable[..., Any], samples: int = 48) -> Traced:
    """Compare all three; the traced function."""
    result = traced(function)
    assert check_function(result, samples) > 0
    graph = result.lowered.graph
    assert_equivalent(graph, run(graph)[0], 50)
    return result
