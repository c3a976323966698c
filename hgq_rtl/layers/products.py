"""Products of two computed tensors, with gradients that a CPU computes fast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.layer import exact_products


def product(equation: Equation, a: Any, b: Any) -> Any:
    """``einsum(equation, a, b)`` at full float precision.

    On JAX the gradients are products of our own. Some of those that JAX derives contract an axis
    of the first operand other than its last, which XLA computes by a plain loop on CPUs: seven
    times as slow for scores of attention.
    """
    left, right, out = map(set, (equation.left, equation.right, equation.out))
    alone = (left - right - out) | (right - left - out)  # summed before anything is multiplied
    if keras.backend.backend() == "jax" and not alone:
        return _jax_product(equation)(a, b)
    with exact_products():
        return ops.einsum(equation.text, a, b)


@functools.cache
def _jax_product(equation: Equation) -> Callable[[Any, Any], Any]:
    import jax

    left, right, out = equation.left, equation.right, equation.out

    @jax.custom_vjp
    def multiplied(a: Any, b: Any) -> Any:
        return _contracted(left, a, right, b, out)

    def forward(a: Any, b: Any) -> Any:
        return multiplied(a, b), (a, b)

    def backward(kept: Any, g: Any) -> Any:
        a, b = kept
        return _contracted(out, g, right, b, left), _contracted(out, g, left, a, right)

    multiplied.defvjp(forward, backward)
    return multiplied


def _contracted(left: str, a: Any, right: str, b: Any, out: str) -> Any:
    """``einsum(left, right -> out)`` with the summed axes of the first operand at its end.

    XLA merges a transposition into the product wherever it is not needed to bring the common axes
    to the front, so an operand that has them there comes first only as it is.
    """
    import jax.numpy as jnp
    from jax import lax

    common = [c for c in out if c in left and c in right]
    summed = [c for c in left if c in right and c not in out]

    def rank(terms: str) -> tuple[bool, bool, int]:
        free = [c for c in terms if c in out and c not in common]
        in_front = terms.startswith("".join(common))
        ready = in_front and terms.endswith("".join(summed))
        return not ready, in_front, min(map(out.index, free), default=0)

    if rank(right) < rank(left):
        left, a, right, b = right, b, left, a
    free = [[c for c in ts if c in out and c not in common] for ts in (left, right)]
    order = "".join([*common, *free[0], *summed])
    a = jnp.transpose(a, [left.index(c) for c in order])
    contracted, batch = (
        ([order.index(c) for c in cs], [right.index(c) for c in cs]) for cs in (summed, common)
    )
    product = lax.dot_general(a, b, (contracted, batch), precision=lax.Precision.HIGHEST)
    made = [*common, *free[0], *free[1]]
    return jnp.transpose(product, [made.index(c) for c in out])
