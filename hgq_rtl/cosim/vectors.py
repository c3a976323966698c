"""Test vectors as port integers, and the lines of hexadecimal that the testbench reads."""

from __future__ import annotations

import random as python_random
from collections.abc import Sequence

import numpy as np

from hgq_rtl.fixed import INT64_BITS, Fixed, Ints
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.packing import to_bits

ONE_HOT = 64
"""At most this many elements get one-hot corner vectors; evenly spread over the inputs."""
CHUNK = 4096
"""Vectors converted at once: bounds the memory for designs with thousands of wires."""


def input_types(interface: Interface) -> tuple[Fixed, ...]:
    """The interval of every input element, in the order of the graph's inputs."""
    return tuple(t for port in interface.inputs for t in port.types)


def _dtype(types: Sequence[Fixed]) -> type:
    return object if any(t.width > INT64_BITS for t in types) else np.int64


def corner_vectors(types: Sequence[Fixed]) -> Ints:
    """Where faults gather: all low, all high, zero, alternating, one element at an extreme.

    >>> corner_vectors([Fixed(-2, 1, 0), Fixed(0, 3, 0)]).tolist()[:5]
    [[-2, 0], [1, 3], [0, 0], [-2, 3], [1, 0]]
    """
    dtype = _dtype(types)
    low: Ints = np.array([t.lo for t in types], dtype=dtype)
    high: Ints = np.array([t.hi for t in types], dtype=dtype)
    zero: Ints = np.array([min(max(0, t.lo), t.hi) for t in types], dtype=dtype)
    even = np.arange(len(types)) % 2 == 0
    rows = [low, high, zero, np.where(even, low, high), np.where(even, high, low)]
    count = min(len(types), ONE_HOT)
    for index in sorted({i * len(types) // count for i in range(count)}):
        for extreme in (low, high):
            row = zero.copy()
            row[index] = extreme[index]
            rows.append(row)
    return np.array(rows, dtype=dtype).reshape(len(rows), len(types))


def random_vectors(types: Sequence[Fixed], count: int, seed: int) -> Ints:
    """Uniform in each interval; every fourth vector takes only the two ends of each."""
    rng = np.random.default_rng(seed)
    dtype = _dtype(types)
    low: Ints = np.array([t.lo for t in types], dtype=dtype)
    high: Ints = np.array([t.hi for t in types], dtype=dtype)
    if dtype is object:
        big = python_random.Random(seed)
        rows = [[big.randint(t.lo, t.hi) for t in types] for _ in range(count)]
        vectors = np.array(rows, dtype=object).reshape(count, len(types))
    else:
        vectors = rng.integers(low, high, size=(count, len(types)), endpoint=True)
    ends = rng.integers(0, 2, size=vectors[3::4].shape) == 1
    vectors[3::4] = np.where(ends, high, low)
    return vectors


def hex_lines(ports: Sequence[Port], n: Ints) -> str:
    """One line per vector: one hexadecimal number per bus, or ``-`` where there is no bus.

    ``n``: port integers (vectors, all elements).
    """
    live, start = [], 0
    for port in ports:
        if port.width:
            live.append((port, start))
        start += port.size
    if not live:
        return "-\n" * len(n)
    lines: list[str] = []
    for first in range(0, len(n), CHUNK):
        part = n[first : first + CHUNK]
        words = [_bus_words(port, part[:, at : at + port.size]) for port, at in live]
        lines.extend(" ".join(row) for row in zip(*words, strict=True))
    return "".join(f"{line}\n" for line in lines)


def _bus_words(port: Port, n: Ints) -> list[str]:
    """The packed bus of each vector, in hexadecimal: element 0 at the least significant end."""
    bits = to_bits([port], n)
    packed = np.packbits(bits, axis=1, bitorder="little")[:, ::-1]
    text, digits = packed.tobytes().hex(), 2 * packed.shape[1]
    return [text[i : i + digits] for i in range(0, len(text), digits)]


def element_bits(ports: Sequence[Port], buses: Sequence[str]) -> list[str]:
    """The bits of every element, from the bits (MSB first) of the buses that exist."""
    found: list[str] = []
    words = iter(buses)
    for port in ports:
        word = next(words) if port.width else ""
        end = len(word)
        for t in port.types:
            found.append(word[end - t.width : end])
            end -= t.width
    return found


def bits_value(bits: str, signed: bool) -> int | None:
    """The integer that a string of bits stands for; None if a bit is unknown.

    >>> bits_value("110", True), bits_value("110", False), bits_value("1x0", True)
    (-2, 6, None)
    """
    if set(bits) - {"0", "1"}:
        return None
    value = int(bits, 2) if bits else 0
    return value - (1 << len(bits)) if signed and bits[:1] == "1" else value
