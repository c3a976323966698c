"""LUT6s that the compiler will need, estimated from widths and weights, with gradients.

EBOPs count the bits of every product. The compiler does not multiply: it adds, once for each
nonzero digit of a weight in canonical signed-digit form, shares sums between outputs, and leaves
trailing zeros to wiring. Where three numbers are added at one LUT per bit, an adder takes in two
terms. What limits a signal, that is ReLU and saturation, takes LUTs of its own for every bit that
is kept; a table those of the device model. The constants were fitted to what the compiler makes of
109 random and trained networks of the kinds in benchmarks/resources.py; the estimate is checked on
others of these kinds (docs/benchmarks.md).
"""

from __future__ import annotations

from typing import Any

from keras import ops

GROWTH = 1.1
"""Bits by which an adder is wider than the inputs of its tree, on average."""
_FIRST = 0.8
"""Terms per output that cost nothing: n terms take n // 2 adders of three, or n - 1 of two."""
_SCALE = 0.535
"""LUTs per bit of a term: half for one in an adder of three."""
_SHARING = 0.042
"""Digits per input, to the power of minus this, is the share of adders left after sharing."""
_LEAST = 0.2
"""Share of the digits that costs at least, so that few digits still have a gradient."""
ADDER = 1.0
"""LUTs per bit of an adder."""
EXTREMUM = 1.5
"""LUTs per bit of a maximum: half for comparing, one for choosing."""
LIMIT = 1.0
"""LUTs per kept bit of a ReLU, of a saturating quantizer, or of both in one."""


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

    A LUT6 holds one bit of 64 entries, or of fewer; one address bit or none takes none. With fewer
    than six the gradient is that of a cost in proportion, since LUTs would show no way down.
    """
    large = ops.power(2.0, ops.maximum(address, 6.0) - 6.0)
    small = address / 6.0
    whole = ops.cast(address > 1.0, small.dtype)
    each = ops.where(address >= 6.0, large, small + ops.stop_gradient(whole - small))
    return ops.sum(each * out)
