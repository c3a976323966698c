"""Exact quotients: every argument, every mode, against integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS, Fixed, quantize_integer
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT, TABLE
from hgq_rtl.lowering.apply import quantize
from hgq_rtl.lowering.rational import floor_of, magic, quantized
from hgq_rtl.lowering.trace import FixedInput, check_function, trace_function

RATIOS = st.builds(Fraction, st.integers(-40, 40).filter(bool), st.integers(1, 99))


@given(st.integers(-300, 300), st.integers(0, 600), RATIOS.map(abs))
def test_the_magic_numbers_are_right_for_every_argument(lo, size, ratio):
    m, b, s = magic(lo, lo + size, ratio)
    for n in range(lo, lo + size + 1):
        assert (n * m + b) >> s == n * ratio.numerator // ratio.denominator


def source(t):
    build = Builder()
    x = build(INPUT, name="x", lo=t.lo, hi=t.hi, exp=t.exp)
    return build, x, np.arange(t.lo, t.hi + 1)


@given(st.integers(-100, 50), st.integers(0, 200), st.integers(-3, 2), RATIOS)
def test_floor_is_the_floor(lo, size, exp, ratio):
    build, x, n = source(Fixed(lo, lo + size, exp))
    y = floor_of(build, x, ratio)
    got = evaluate_nodes({x: n}, [y])[y]
    want = [int(v) * ratio * Fraction(2) ** exp // 1 for v in n]
    assert [int(v) * Fraction(2) ** y.type.exp for v in got] == want


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_quotients_in_every_mode(rounding, overflow):
    for ratio in (Fraction(1, 3), Fraction(5, 6), Fraction(-1, 12), Fraction(7, 10)):
        for k, i, f in ((1, 3, 2), (0, 4, 0), (1, 6, -1)):
            build, x, n = source(Fixed(-90, 90, -1))
            y = quantized(build, x, ratio, k, i, f, rounding, overflow)
            got = evaluate_nodes({x: n}, [y])[y] * 2.0**y.type.exp
            # Values are multiples of 1/120: as integers far above that, they round alike.
            exact = n * ratio.numerator * (120 // ratio.denominator)
            scaled = np.array([_rounds_like(int(v), 240) for v in exact])
            want = quantize_integer(scaled, -20, k, i, f, rounding, overflow) * 2.0**-f
            assert (got == want).all(), (ratio, k, i, f)


def _rounds_like(n, d):
    """n/d in units of 2^-20, with the last bit set where the quotient is not exact."""
    floor, rest = divmod(n << 19, d)
    return 2 * floor + bool(rest)


def test_long_arguments_are_multiplied_and_short_ones_tabulated():
    def mean(x):
        return quantize(x / 3, 1, 20, 2, "RND")

    for bits, tables in ((6, 1), (20, 0)):
        traced = trace_function(mean, FixedInput((), (1, bits, 0)), "mean")
        nodes = traced.lowered.graph.nodes
        assert sum(node.op is TABLE for node in nodes) == tables
        assert check_function(traced, 500) == 500


def test_chains_of_products_and_whole_quotients():
    def several(x):
        return [
            quantize(x * 5 / 7, 1, 18, 1, "RND_CONV", "SAT"), quantize(x / 3 * 0.5, 1, 18, 3),
            quantize(-(x / 9), 1, 18, 0, "RND_INF"), x // 3, x % 7, x // -5,
            quantize(np.mean([[0.5, 1, 2]]) + 0 * x, 1, 18, 2),
        ]  # fmt: skip

    traced = trace_function(several, FixedInput((), (1, 16, 1)), "several")
    assert check_function(traced, 2000) == 7 * 2000


def test_other_functions_of_long_arguments_are_still_refused():
    with pytest.raises(LoweringError, match="a table of more than 65536 entries"):
        trace_function(lambda x: quantize(x / 3 + 0.1, 1, 18, 2), FixedInput((), (1, 18, 0)), "f")
