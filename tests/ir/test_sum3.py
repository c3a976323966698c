"""LUTs of a form, as masks, against counting bit by bit."""

import random

from hgq_rtl.ir.ops.sum3 import Operand, Sum3Form


def varies(x, bit):
    return x.bits > 0 and bit >= x.low and (x.extended or bit < x.low + x.bits)


def test_luts_are_where_two_bits_or_a_bit_and_a_saved_carry_meet():
    rng = random.Random(0)
    for _ in range(2000):
        width = rng.randint(1, 12)
        operands = tuple(
            Operand(j, rng.randint(0, width), rng.randint(0, width), extended=rng.random() < 0.3)
            for j in range(rng.randint(0, 3))
        )
        form = Sum3Form(operands, rng.randrange(1 << width), rng.randint(0, 2), width)
        total, carried = 0, False
        for bit in range(form.copied, width):
            live = sum(varies(x, bit) for x in operands)
            total += live + carried > 1
            carried = live > 1 or (live == 1 and bool(form.offset >> bit & 1))
        assert form.luts == total
