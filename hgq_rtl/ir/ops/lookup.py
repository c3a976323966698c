"""A table as two levels of LUTs: a few bits that all result bits share, then one LUT for each.

The bits that a LUT may read are numbered: those of the address from 0 on, of weight 2^step first,
and the shared ones from ``SHARED_AT`` on. A LUT is the tuple of the bits that it reads, at most
``LUT_INPUTS``, and its truth table, whose bit n is the result for the address n of these bits.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hgq_rtl.fixed import Fixed, Ints
from hgq_rtl.ir.node import Attrs, Builder, Node, Op
from hgq_rtl.ir.ops.common import Types
from hgq_rtl.ir.ops.logic import TABLE

LUT_INPUTS = 6
SHARED_AT = 9
"""The number of the first shared bit: as many bits an address has at most."""
UNUSED = 15
"""The number of no bit, so that at most six are shared."""

Lut = tuple[tuple[int, ...], int]


def lookup_bits(address: Ints, shared: Iterable[Lut], bits: Iterable[Lut]) -> Ints:
    """What the LUTs make of addresses: the bits of the result, unsigned."""
    wires = np.asarray(address, dtype=np.int64) & ((1 << SHARED_AT) - 1)
    for number, lut in enumerate(shared, start=SHARED_AT):
        wires = wires | _read(lut, wires) << number
    result = np.zeros_like(wires)
    for k, lut in enumerate(bits):
        result |= _read(lut, wires) << k
    return result


def _read(lut: Lut, wires: Ints) -> Ints:
    pins, truth = lut
    index = np.zeros_like(wires)
    for k, pin in enumerate(pins):
        index |= (wires >> pin & 1) << k
    return (np.uint64(truth) >> index.astype(np.uint64)).astype(np.int64) & 1


def is_lut(lut: Lut) -> bool:
    """Whether it is more than a constant, a wire or an inverter."""
    return len(lut[0]) > 1


def _lookup_infer(types: Types, attrs: Attrs) -> Fixed:
    return TABLE.infer(types, attrs[:4])


def _lookup_fit(types: Types, attrs: Attrs) -> Attrs:
    """What is added to the entries never occurs, so the LUTs need not give it."""
    assert TABLE.fit is not None
    return *TABLE.fit(types, attrs[:4]), *attrs[4:]


def _lookup_expand(build: Builder, node: Node) -> Node:
    return build.make(TABLE, node.args, node.attrs[:4])


LOOKUP = Op(
    "lookup",
    1,
    (*TABLE.fields, "shared", "bits"),
    _lookup_infer,
    TABLE.evaluate,
    expand=_lookup_expand,
    fit=_lookup_fit,
)
"""A ``table`` whose result bits are LUTs: ``shared`` from the address, ``bits`` from all."""
