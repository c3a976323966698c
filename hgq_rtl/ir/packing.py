"""Port integers as the bits of buses: element 0 at the least significant end, two's complement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.fixed import INT64_BITS, Ints
from hgq_rtl.ir.interface import Port

Bits = NDArray[np.uint8]
"""Zeros and ones, the least significant first along the last axis."""


def to_bits(ports: Sequence[Port], n: Ints) -> Bits:
    """Bits (samples, sum of port widths) of port integers (samples, all elements)."""
    types = [t for port in ports for t in port.types]
    bits = np.empty((len(n), sum(t.width for t in types)), dtype=np.uint8)
    at = 0
    for j, t in enumerate(types):
        shifts = np.arange(t.width).astype(n.dtype)
        bits[:, at : at + t.width] = (n[:, j, None] >> shifts) & 1
        at += t.width
    return bits


def from_bits(ports: Sequence[Port], bits: Bits) -> Ints:
    """Port integers (samples, all elements) of bits (samples, at least the ports' widths).

    int64, or Python integers where an element has more than 62 bits.
    """
    types = [t for port in ports for t in port.types]
    wide = any(t.width > INT64_BITS for t in types)
    n = np.zeros((len(bits), len(types)), dtype=object if wide else np.int64)
    at = 0
    for j, t in enumerate(types):
        for i in range(t.width):
            weight = -(1 << i) if t.signed and i == t.width - 1 else 1 << i
            n[:, j] += bits[:, at + i].astype(n.dtype) * weight
        at += t.width
    return n


def to_bytes(ports: Sequence[Port], n: Ints, size: int) -> Bits:
    """Samples of ``size`` bytes each, (samples, size): the bits of all ports, then zeros."""
    bits = to_bits(ports, n)
    padded = np.zeros((len(n), 8 * size), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little")


def from_bytes(ports: Sequence[Port], data: Bits) -> Ints:
    """Port integers of the samples that ``to_bytes`` made."""
    return from_bits(ports, np.unpackbits(data, axis=1, bitorder="little"))
