"""LUT6s that the compiler will need, estimated from widths and weights, with gradients.

EBOPs count the bits of every product. The compiler does not multiply: it adds, once for each
nonzero digit of a weight in canonical signed-digit form, shares sums between outputs, and leaves
trailing zeros to wiring. Where three numbers are added at one LUT per bit, an adder takes in two
terms. The constants were fitted to what it makes of random and trained networks of the kinds in
benchmarks/resources.py; the estimate is checked on others of these kinds (docs/benchmarks.md).
"""

from __future__ import annotations

from typing import Any

from keras import ops

GROWTH = 1.8
"""Bits by which an adder is wider than the inputs of its tree, on average."""
_FIRST = 0.38
"""Terms per output that cost nothing: n terms take n // 2 adders of three, or n - 1 of two."""
_SCALE = 0.7
"""LUTs per bit of a term: half for one in an adder of three."""
_SHARING = 0.16
"""Digits per input, to the power of minus this, is the share of adders left after sharing."""
_LEAST = 0.2
"""Share of the digits that costs at least, so that few digits still have a gradient."""
ADDER = 1.0
"""LUTs per bit of an adder."""
EXTREMUM = 1.5
"""LUTs per bit of a maximum: half for comparing, one for choosing."""
SATURATION = 1.3
"""LUTs per kept bit of a saturating quantizer of activations: comparisons and choices."""


def constant_product_luts(terms: Any, digits: Any, inputs: float, outputs: float) -> Any:
    """LUTs of sums of inputs times constants.

    ``terms``: sum over all products of (bits of the input)·(digits of the weight). ``digits``:
    the digits alone, over the same products. ``inputs``: how many there are, each counted once,
    also where windows overlap, as sums are shared between them. ``outputs``: how many sums.
    """
    known = ops.stop_gradient(digits)
    width = ops.stop_gradient(terms) / ops.maximum(known, 1.0)
    shared = ops.power(ops.maximum(known / inputs, 1.0), -_SHARING)
    whole = terms + GROWTH * digits
    free = _FIRST * width * ops.minimum(known, outputs)
    return _SCALE * shared * ops.maximum(whole - free, _LEAST * whole)


def table_luts(address: Any, out: Any) -> Any:
    """LUTs of tables of ``address`` bits (sign included) and ``out`` bits, summed.

    A LUT6 holds one bit of 64 entries; fewer address bits cost in proportion, for the gradient.
    """
    large = ops.power(2.0, ops.maximum(address, 6.0) - 6.0)
    each = ops.where(address >= 6.0, large, address / 6.0)
    return ops.sum(each * out)
