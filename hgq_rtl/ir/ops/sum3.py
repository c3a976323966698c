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
    copied upwards; ``hidden``: whether one more bit makes all of them 0, before any is inverted.
    """

    arg: int
    low: int
    bits: int
    inverted: int = 0
    extended: bool = False
    hidden: bool = False

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
        """Bits that take a LUT.

        Where at least two vary, a carry saved one bit below included, and where one may be hidden.
        """
        return _luts(self.operands, self.offset, self.copied, self.pairs, self.width)

    @property
    def pairs(self) -> bool:
        """Whether no bit has more than two ones to add: then no carry has to be saved."""
        return _pairs(self.operands, self.offset, self.carries, self.width)


def _starts(operands: Iterable[Operand]) -> list[int]:
    """The lowest bits of the operands, in order; none if the first one's bits may be hidden."""
    starts = sorted([(x.low, x.hidden) for x in operands if x.bits])
    return [] if starts and starts[0][1] else [low for low, _ in starts]


def _copied(starts: list[int], offset: int, carries: int, width: int) -> int:
    if carries or not starts:
        return 0
    constant = (offset & -offset).bit_length() - 1 if offset else width
    return min(starts[1] if len(starts) > 1 else width, constant, width)


def _pairs(operands: tuple[Operand, ...], offset: int, carries: int, width: int) -> bool:
    _, two, three = _varying(operands, width)
    return carries < CARRIES and not three and not two & offset


def _luts(operands: tuple[Operand, ...], offset: int, copied: int, pairs: bool, width: int) -> int:
    one, two, _ = _varying(operands, width)
    above = full(width) >> copied << copied
    carried = 0 if pairs else ((two | (one & offset)) & above) << 1
    hidden = sum(x.varying for x in operands if x.hidden) & full(width)
    return (((two | (one & carried)) & above) | hidden).bit_count()


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
    """The cheapest form of the ``width`` low bits of a sum3, or of all; None if none exists.

    Of as few LUTs, one that adds in pairs: that is faster.
    A masked one, too: of its operands the one in its place is hidden by its last argument.
    """
    whole = node.type.width
    types = tuple([arg.type for arg in node.args[:3]])
    return _form(types, node.attrs, whole if width is None else min(width, whole))


@lru_cache(maxsize=1 << 16)
def _form(types: tuple[Fixed, ...], attrs: Attrs, width: int) -> Sum3Form | None:
    """``sum3_form``; convolutions ask for the same sums again and again."""
    exp, offset = sum3_grid(types, attrs)
    hidden = attrs[3] if len(attrs) > 3 else None
    choices: list[list[Operand]] = []
    for j, sign in enumerate(sum3_signs(attrs)):
        t = types[j]
        if t.is_const:
            if j == hidden and not t.is_zero:
                return None
            offset += sign * t.at(exp).lo
            continue
        low = t.exp - exp
        kept = min(t.width, width - low)
        if kept <= 0:
            continue
        hides = j == hidden
        ways = [Operand(j, low, kept, sum3_bias(t, sign < 0) & full(kept), hidden=hides)]
        if t.signed:
            ways.append(
                Operand(j, low, kept, full(kept) if sign < 0 else 0, extended=True, hidden=hides)
            )
        choices.append(ways)
    # All ways of an argument begin at the same bit.
    starts = _starts([ways[0] for ways in choices])
    best, least = None, (0, False)
    for operands in product(*choices):
        rest = offset
        for x in operands:
            # An extended number has all its inverted bits above, too: ~x is -1 - x.
            rest -= (-1 if x.inverted else 0) << x.low if x.extended else x.inverted << x.low
        crowded = _varying(operands, width)[2]
        for carries in range(CARRIES + 1):
            constant = (rest - carries) & full(width)
            if constant & crowded:
                continue  # a bit of it needs an operand without a bit there
            copied = _copied(starts, constant, carries, width)
            pairs = _pairs(operands, constant, carries, width)
            takes = _luts(operands, constant, copied, pairs, width), not pairs
            if best is None or takes < least:
                best, least = Sum3Form(operands, constant, carries, width), takes
    return best


def sum3_bias(t: Fixed, negative: bool) -> int:
    """What is free to add to an argument, in its unit: the mask of the bits then inverted."""
    sign = 1 << (t.width - 1) if t.signed else 0
    return full(t.width) ^ sign if negative else sign
