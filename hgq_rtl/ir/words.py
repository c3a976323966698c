"""Samples as bus words: Python integers, as a bench reads and writes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hgq_rtl.errors import NumberError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.interface import Port
from hgq_rtl.ir.packing import from_bytes, to_bytes


def bits_of(ports: Sequence[Port]) -> int:
    """Bits of a sample."""
    return sum(port.width for port in ports)


def pack(ports: Sequence[Port], n: Ints) -> list[int]:
    """One word per sample: the buses of all ports, the first at the least significant end.

    ``n``: port integers (samples, all elements).
    """
    data = to_bytes(ports, n, -(-bits_of(ports) // 8))
    return [int.from_bytes(row.tobytes(), "little") for row in data]


def unpack(ports: Sequence[Port], words: Sequence[int]) -> Ints:
    """Port integers (samples, all elements) of such words."""
    width = bits_of(ports)
    size = -(-width // 8)
    for sample, word in enumerate(words):
        if not 0 <= word < 1 << width:
            raise NumberError(
                f"a word has more than the {width} bits of the ports",
                received=f"{word:#x} in sample {sample}",
            )
    data = b"".join(int(word).to_bytes(size, "little") for word in words)
    return from_bytes(ports, np.frombuffer(data, np.uint8).reshape(len(words), size))


def hex_text(words: Sequence[int], width: int) -> str:
    """A word per line, as ``$readmemh`` reads it."""
    return "".join(f"{word:0{max(1, -(-width // 4))}x}\n" for word in words)
