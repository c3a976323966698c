"""What an element of a FixedArray can be: a node, or something that has no width yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import Fixed, dyadic
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import constant
from hgq_rtl.lowering.inputs import Unquantized

Floats = NDArray[np.float64]
SHORT = 32
"""Most significant bits of a constant, or bits of an entry of a table that nobody quantized: what
needs more (1/3 has 53) is an irrational number in disguise."""


@dataclass(frozen=True)
class Pending:
    """``function`` of the value of ``source``, in float64, until a quantizer says how exactly.

    ``ratio`` is set where the function is a multiplication by it, as in x/3.
    """

    source: Node
    function: Callable[[Floats], Floats] = field(compare=False)
    name: str
    ratio: Fraction | None = None


@dataclass(frozen=True)
class Real:
    """A constant with more significant bits than hardware should multiply by, such as 1/3."""

    value: float


Element = Node | Unquantized | Pending | Real


def constant_element(build: Builder, value: Any) -> Node | Real:
    """A finite number as an element. Raises LoweringError for NaN and infinity."""
    if isinstance(value, int | np.integer | np.bool_):
        return constant(build, int(value), 0)
    value = float(value)
    if not np.isfinite(value):
        raise LoweringError("a constant must be finite", received=repr(value))
    n, exp = dyadic(value)
    return constant(build, n, exp) if n.bit_length() <= SHORT else Real(value)


def is_whole(t: Fixed) -> bool:
    """Whether all values of a type are integers."""
    return t.is_zero or t.exp >= 0


def number(node: Node) -> float:
    """The value of a constant node."""
    return float(np.ldexp(float(node.type.lo), node.type.exp))
