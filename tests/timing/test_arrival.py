"""Two times per value, against the times of all bits of ripple-carry adders."""

import itertools
import random

import pytest

from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, AND, CAST, COMPARE, INPUT, MAX, MUL, MUX, SHIFT, TABLE, constant
from hgq_rtl.timing.arrival import AT_ONCE, WIRES, Arrival, Transfer, latest
from hgq_rtl.timing.load import device_names, load_device


def ripple(bits, cell, per_bit):
    """When each sum bit is there: its own operand bit, or the carry from any bit below."""
    return [cell + max(bits[i] + per_bit * (j - i) for i in range(j + 1)) for j in range(len(bits))]


@pytest.mark.parametrize("seed", range(20))
def test_a_path_of_adders_of_one_width_is_exact(seed):
    """At the slope of carry chains the two ends of a value tell all its bits."""
    rng = random.Random(seed)
    width, per_bit = rng.randint(2, 20), rng.randint(1, 40)
    bits, ends = [0] * width, AT_ONCE
    for _ in range(rng.randint(1, 6)):
        cell = rng.randint(0, 900)
        bits = ripple(bits, cell, per_bit)
        ends = Transfer(cell, per_bit * (width - 1), whole=False).after(*ends)
        assert ends == (bits[0], bits[-1])


def test_what_arrives_is_the_maximum_over_paths():
    """Schedules look at one path at a time, so ``after`` must not care when maxima are taken."""
    times = [Arrival(low, high) for low, high in itertools.product(range(0, 9, 2), repeat=2)
             if low <= high]  # fmt: skip
    for cell, carry, whole in itertools.product((0, 3), (0, 1, 5), (False, True)):
        after = Transfer(cell, carry, whole).after
        for a, b in itertools.product(times, repeat=2):
            together = after(*latest((a, b)))
            assert together == latest((after(*a), after(*b)))
            assert together.low <= together.high


def test_what_comes_bit_by_bit():
    build = Builder()
    x, y = (build(INPUT, name=n, lo=-128, hi=127, exp=0) for n in "xy")
    bit = build(INPUT, name="c", lo=0, hi=1, exp=0)
    table = build(TABLE, bit, entries=(3, 9), lo=0, step=0, exp=0)
    five = constant(build, 5, 0)
    rippling = [
        build(ADD, x, y, sub=False),
        build(ADD, x, y, sub=True),
        build(ADD, x, five, sub=False),
    ]
    bitwise = [build(MUX, bit, x, y), build(AND, x, y)]
    together = [build(MAX, x, y), build(COMPARE, x, y, kind="lt"), build(MUL, x, y), table]
    together += [build(MAX, x, constant(build, 0, 0)), build(AND, bit, y)]
    for name in device_names():
        model = load_device(name)
        for node in (*rippling, *bitwise, *together):
            transfer = model.transfer(node)
            assert transfer.cell + transfer.carry == model.delay(node)
            assert transfer.whole == (node in together)
        assert all(not model.transfer(node).carry for node in bitwise)
        if name != "unit":
            assert all(model.transfer(node).carry for node in rippling)
        wires = [build(SHIFT, x, bits=1), build(CAST, x, exp=0, width=4, signed=True)]
        assert [model.transfer(node) for node in wires] == [WIRES, WIRES]
        # A single bit is there when it is, whichever of its argument's bits it may be.
        single = model.transfer(build(CAST, x, exp=7, width=1, signed=False))
        assert single.after(10, 80) == (80, 80)
