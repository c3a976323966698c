"""How many bits the sums of a weighted layer have: what addresses the table of its activation."""

from __future__ import annotations

from typing import Any

from keras import ops

from hgq_rtl.layers import inputs
from hgq_rtl.layers.layer import exact_products

MOST = 16.0
"""Address bits of the largest table that is built."""
_POWER = 6
"""Of the norm that finds the finest step among the products of a sum, up to 2^6 equal ones."""
_ROUNDING = 1e-3
"""Far above the error of a logarithm, and less than 64 equal terms leave to the next step."""
_LEAST = 1e-30
"""In place of the logarithm of zero, where all weights of a sum are zero."""


def sum_bits(layer: Any) -> Any:
    """Bits of the sums in front of the activation, of the output's shape with batch size 1.

    The value is that of their range over the finest step; one more bit of all inputs, or of all
    weights, makes it one more. None where the formats are no fixed-point ones.
    """
    bits, kernel = layer.signal_bits(), layer.qkernel
    x, w = layer.iq.ends(bits.shape), layer.kq.ends(kernel.shape)
    if x is None or w is None:
        return None
    dtype, (lo, hi, step), grain = bits.dtype, x, w[-1]
    weight_bits = ops.broadcast_to(layer.kq.bits(kernel.shape), kernel.shape)
    if inputs.is_relu(layer):
        lo = ops.maximum(lo, 0.0)
    lo, hi, step, grain, kernel, bits, weight_bits = (
        ops.cast(v, "float32") for v in (lo, hi, step, grain, kernel, bits, weight_bits)
    )
    live, used = ops.cast(bits > 0, "float32"), ops.cast(kernel != 0, "float32")
    with exact_products():
        span = layer.product((hi - lo) * live, ops.abs(kernel))
        steps = layer.product(live * step**-_POWER, used * grain**-_POWER)
        count = ops.maximum(layer.product(live, used), 1.0)
        mean = layer.product(bits, used) + layer.product(live, used * weight_bits)
    finest = ops.floor(ops.log2(ops.maximum(steps, _LEAST)) / _POWER + _ROUNDING)
    width = ops.clip(ops.ceil(ops.log2(span * ops.power(2.0, finest) + 1.0)), 0.0, MOST)
    mean = mean / count
    return ops.cast(ops.stop_gradient(width - mean) + mean, dtype)
