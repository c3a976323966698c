"""Surrogate gradients, as stop-gradient algebra.

``ops.custom_gradient`` is not honoured by every Keras backend, so the gradient of a quantizer is
attached by adding terms that are exactly zero: ``carrier(p)`` is p − stop_gradient(p).
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

LN2 = math.log(2.0)


def carrier(p: Any) -> Any:
    """A tensor that is exactly zero (for finite ``p``) and has the gradient of ``p``."""
    return p - ops.stop_gradient(p)


def ste_round(p: Any) -> Any:
    """Round half to even, with gradient one."""
    return ops.stop_gradient(ops.round(p)) + carrier(p)


def attach(y: Any, x: Any, inside: Any, *terms: tuple[Any, Any]) -> Any:
    """Value ``y``, with dy/dx = 1 where ``inside`` and dy/dp = coefficient for each term.

    ``inside``: boolean tensor, or None for everywhere. ``terms``: pairs of a zero-valued carrier
    and its coefficient; gradients of a shared (broadcast) width add up over its elements.
    """
    through = carrier(x)
    if inside is not None:
        # where, not a product: an infinite x outside the range must not turn into NaN.
        through = ops.where(inside, through, 0.0)
    y = ops.stop_gradient(y) + through
    for zero, coefficient in terms:
        y = y + zero * ops.stop_gradient(coefficient)
    return y
