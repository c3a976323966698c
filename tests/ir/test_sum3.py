"""LUTs of a form, as masks, against counting bit by bit."""

import random

from hgq_rtl.ir.ops.sum3 import Operand, Sum3Form


def varies(x, bit):
    return x.bits > 0 and bit >= x.low and (x.extended or bit < x.low + x.bits)


def test_luts_are_where_two_bits_or_a_bit_and_a_saved_carry_meet():
    rng = random.Random(0)
    for _ in range(2000):
        width, hidden = rng.randint(1, 12), rng.randint(0, 6)
        operands = tuple(
            Operand(j, *(rng.randint(0, width) for _ in "lb"), 0, rng.random() < 0.3, j == hidden)
            for j in range(rng.randint(0, 3))
        )
        form = Sum3Form(operands, rng.randrange(1 << width), rng.randint(0, 2), width)
        live = [sum(varies(x, bit) for x in operands) for bit in range(width)]
        ones = [form.offset >> bit & 1 for bit in range(width)]
        pairs = form.carries < 2 and all(
            n < 3 and n + one < 3 for n, one in zip(live, ones, strict=True)
        )
        assert form.pairs == pairs
        total, carried = 0, False
        for bit in range(width):
            looked_up = bit >= form.copied and live[bit] + carried > 1
            total += looked_up or any(x.hidden and varies(x, bit) for x in operands)
            above = bit >= form.copied and not pairs
            carried = above and (live[bit] > 1 or live[bit] + ones[bit] > 1)
        assert form.luts == total
