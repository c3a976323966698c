"""How hardware adds three numbers at once: what varies in each bit, and where constants go.

-2^k·s = 2^k·~s - 2^k and -x = ~x + 1: with some of its bits inverted, every argument is an
unsigned number less a constant, so that no sign is extended and nothing is subtracted. Constants
cost nothing where an operand has no bit of its own, and at the two carry inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.node import Attrs, Node
from hgq_rtl.ir.ops.common import full
from hgq_rtl.ir.ops.linear import sum3_grid, sum3_signs

CARRIES = 2
"""Ones that enter a sum at its lowest bit: one as carry, one as saved carry."""


@dataclass(frozen=True)
class Operand:
    """Argument number ``arg`` as hardware adds it: its ``bits`` low bits from bit ``low`` on.

    ``inverted``: a mask of the bits that are inverted; ``extended``: whether its highest bit is
    copied upwards.
    """

    arg: int
    low: int
    bits: int
    inverted: int = 0
    extended: bool = False

    @property
    def varying(self) -> int:
        """A mask of the bits of the sum that depend on the argument; negative where extended."""
        if not self.bits:
            return 0
        return -1 << self.low if self.extended else full(self.bits) << self.low


@dataclass(frozen=True)
class Sum3Form:
    """A sum3 modulo 2^width as three operands, a constant and up to two carries."""

    operands: tuple[Operand, ...]
    offset: int
    carries: int
    width: int

    @property
    def copied(self) -> int:
        """Low bits that one operand has alone, which are copied."""
        return _copied(_starts(self.operands), self.offset, self.carries, self.width)

    @property
    def luts(self) -> int:
        """Bits that take a LUT: where at least two vary, the carry saved one bit below included."""
        one, two, _ = _varying(self.operands, self.width)
        return _luts(one, two, self.offset, self.copied, self.width)


def _starts(operands: Iterable[Operand]) -> list[int]:
    return sorted([x.low for x in operands if x.bits])


def _copied(starts: list[int], offset: int, carries: int, width: int) -> int:
    if carries or not starts:
        return 0
    constant = (offset & -offset).bit_length() - 1 if offset else width
    return min(starts[1] if len(starts) > 1 else width, constant, width)


def _luts(one: int, two: int, offset: int, copied: int, width: int) -> int:
    """``one`` and ``two``: masks of the bits in which that many operands vary."""
    above = full(width) >> copied << copied
    carried = ((two | (one & offset)) & above) << 1
    return ((two | (one & carried)) & above).bit_count()


def _varying(operands: tuple[Operand, ...], width: int) -> tuple[int, int, int]:
    """Masks of the bits in which at least one, two and three operands vary."""
    one = two = three = 0
    every = full(width)
    for x in operands:
        bits = x.varying & every
        three |= two & bits
        two |= one & bits
        one |= bits
    return one, two, three


def sum3_form(node: Node, width: int | None = None) -> Sum3Form | None:
    """The cheapest form of the ``width`` low bits of a sum3, or of all; None if none exists."""
    whole = node.type.width
    types = tuple([arg.type for arg in node.args])
    return _form(types, node.attrs, whole if width is None else min(width, whole))


@lru_cache(maxsize=1 << 16)
def _form(types: tuple[Fixed, ...], attrs: Attrs, width: int) -> Sum3Form | None:
    """``sum3_form``; convolutions ask for the same sums again and again."""
    exp, offset = sum3_grid(types, attrs)
    choices: list[list[Operand]] = []
    for j, sign in enumerate(sum3_signs(attrs)):
        t = types[j]
        if t.is_const:
            offset += sign * t.at(exp).lo
            continue
        low = t.exp - exp
        kept = min(t.width, width - low)
        if kept <= 0:
            continue
        ways = [Operand(j, low, kept, sum3_bias(t, sign < 0) & full(kept))]
        if t.signed:
            ways.append(Operand(j, low, kept, full(kept) if sign < 0 else 0, extended=True))
        choices.append(ways)
    # All ways of an argument begin at the same bit.
    starts = _starts([ways[0] for ways in choices])
    best, fewest = None, 0
    for operands in product(*choices):
        rest = offset
        for x in operands:
            # An extended number has all its inverted bits above, too: ~x is -1 - x.
            rest -= (-1 if x.inverted else 0) << x.low if x.extended else x.inverted << x.low
        one, two, crowded = _varying(operands, width)
        for carries in range(CARRIES + 1):
            constant = (rest - carries) & full(width)
            if constant & crowded:
                continue  # a bit of it needs an operand without a bit there
            luts = _luts(one, two, constant, _copied(starts, constant, carries, width), width)
            if best is None or luts < fewest:
                best, fewest = Sum3Form(operands, constant, carries, width), luts
    return best


def sum3_bias(t: Fixed, negative: bool) -> int:
    """What is free to add to an argument, in its unit: the mask of the bits then inverted."""
    sign = 1 << (t.width - 1) if t.signed else 0
    return full(t.width) ^ sign if negative else sign
