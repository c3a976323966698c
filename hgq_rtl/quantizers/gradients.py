"""Surrogate gradients: a value from one place, its derivatives from another."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

LN2 = math.log(2.0)


def attach(y: Any, x: Any, inside: Any, *terms: tuple[Any, Any, Any]) -> Any:
    """Value ``y``, with dy/dx = 1 where ``inside`` and dy/dp = ln2·coefficient·scale for each term.

    ``inside``: boolean tensor, or None for everywhere. ``terms``: a tensor p, of which only the
    gradient matters, with its coefficient and a scale that broadcasts to p; where several have
    one p, they add up. Gradients of a shared (broadcast) p add up over its elements; the scale
    and ln2, which all derivatives by widths have, are multiplied afterwards. ``x`` and each p
    broadcast to ``y``.
    """
    if keras.backend.backend() == "jax":
        tensors, coefficients, scales = zip(*terms, strict=True) if terms else ((), (), ())
        return _jax_attach()(y, x, inside, tensors, coefficients, scales)
    return _attach_zeros(y, x, inside, *terms)


def straight_through(y: Any, p: Any) -> Any:
    """Value ``y`` with the gradient of ``p``."""
    return attach(y, p, None)


def _attach_zeros(y: Any, x: Any, inside: Any, *terms: tuple[Any, Any, Any]) -> Any:
    """``attach`` without a custom gradient, which not every backend honours.

    The gradient comes with added terms that are exactly zero: p - stop_gradient(p).
    """
    through = x - ops.stop_gradient(x)
    if inside is not None:
        # where, not a product: an infinite x outside the range must not turn into NaN.
        through = ops.where(inside, through, 0.0)
    y = ops.stop_gradient(y) + through
    for p, coefficient, scale in terms:
        y = y + (p - ops.stop_gradient(p)) * ops.stop_gradient(LN2 * scale * coefficient)
    return y


@functools.cache
def _jax_attach() -> Callable[..., Any]:
    """``attach`` as a custom gradient: the forward pass computes ``y`` and nothing else."""
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def attached(y: Any, x: Any, inside: Any, tensors: Any, factors: Any, scales: Any) -> Any:
        return y

    def forward(y: Any, x: Any, inside: Any, tensors: Any, factors: Any, scales: Any) -> Any:
        return y, (inside, factors, scales, (x, *tensors))  # of the last ones, only the shapes

    def backward(kept: Any, upstream: Any) -> Any:
        inside, factors, scales, tensors = kept
        through = upstream if inside is None else jnp.where(inside, upstream, 0.0)
        parts = (through, *(upstream * c for c in factors))
        d_x, *sums = (reduced(g, p.shape) for g, p in zip(parts, tensors, strict=True))
        d_tensors = tuple(LN2 * s * d for s, d in zip(scales, sums, strict=True))
        return None, d_x, None, d_tensors, None, None

    def reduced(g: Any, shape: tuple[int, ...]) -> Any:
        """``g`` summed over the axes along which ``shape`` was broadcast."""
        if g.ndim > 2 and g.shape[-1] == 1 and (1, *g.shape[1:]) == shape:
            # XLA's sums on CPUs go along the last axis: ten times as slow for a single channel.
            rows = jnp.ones((1, g.shape[0]), g.dtype)
            return jnp.matmul(rows, g.reshape(g.shape[0], -1), precision="highest").reshape(shape)
        g = g.sum(range(g.ndim - len(shape))) if g.ndim > len(shape) else g
        axes = tuple(a for a, n in enumerate(shape) if n == 1 and g.shape[a] != 1)
        return g.sum(axes, keepdims=True) if axes else g

    attached.defvjp(forward, backward)
    return attached
