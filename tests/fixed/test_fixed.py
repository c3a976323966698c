from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgq_rtl.errors import NumberError
from hgq_rtl.fixed import (
    OVERFLOWS,
    ROUNDINGS,
    Fixed,
    dyadic,
    exact_integers,
    quantize_float,
    quantize_integer,
    round_integer,
)

# Ties at -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, from the definitions of the modes.
TIES = {
    "TRN": (-3, -2, -1, 0, 1, 2),
    "RND": (-2, -1, 0, 1, 2, 3),
    "RND_CONV": (-2, -2, 0, 0, 2, 2),
    "TRN_ZERO": (-2, -1, 0, 0, 1, 2),
    "RND_ZERO": (-2, -1, 0, 0, 1, 2),
    "RND_MIN_INF": (-3, -2, -1, 0, 1, 2),
    "RND_INF": (-3, -2, -1, 1, 2, 3),
}


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_ties(mode):
    halves = (-5, -3, -1, 1, 3, 5)
    assert tuple(round_integer(n, 1, mode) for n in halves) == TIES[mode]
    assert tuple(round_integer(np.array(halves), 1, mode)) == TIES[mode]
    assert tuple(round_integer(np.array(halves, dtype=object), 1, mode)) == TIES[mode]


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_rounding_moves_less_than_one_step(mode):
    n = np.arange(-300, 301)
    for shift in range(6):
        error = (round_integer(n, shift, mode) << shift) - n
        assert (abs(error) < 1 << shift).all()


@pytest.mark.parametrize(
    ("mode", "want"),
    [("WRAP", (1, 1.5, -2, 1.5, -2, -0.5)), ("SAT", (-2, -2, -2, 1.5, 1.5, 1.5)),
     ("SAT_SYM", (-1.5, -1.5, -1.5, 1.5, 1.5, 1.5))],
)  # fmt: skip
def test_overflow(mode, want):
    x = [-3, -2.5, -2, 1.5, 2, 3.5]
    assert tuple(quantize_float(x, 1, 1, 1, "TRN", mode) / 2) == want


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.integers(-(2**20), 2**20), st.integers(-12, 4), st.integers(0, 1), st.integers(-4, 6),
    st.integers(-4, 6), st.sampled_from(ROUNDINGS), st.sampled_from(OVERFLOWS),
)  # fmt: skip
def test_integers_arrays_and_floats_agree(n, exp, k, i, f, rounding, overflow):
    one = quantize_integer(n, exp, k, i, f, rounding, overflow)
    array = quantize_integer(np.array([n]), exp, k, i, f, rounding, overflow)
    x = quantize_float([n * 2.0**exp], k, i, f, rounding, overflow)
    assert one == array[0] == x[0]
    bounds = Fixed.from_kif(k, i, f, symmetric=overflow == "SAT_SYM")
    assert bounds.lo <= one <= bounds.hi


def test_golden_values(golden_quantize):
    golden = golden_quantize
    x = exact_integers(golden["x"], -80)
    for row in range(len(golden["mode"])):
        mode, overflow = str(golden["mode"][row]), str(golden["overflow"][row])
        k, i, f = (int(golden[name][row]) for name in "kif")
        from_float = quantize_float(golden["x"], k, i, f, mode, overflow)
        assert (np.ldexp(from_float.astype(float), -f) == golden["y"][row]).all()
        some = slice(row % 7, None, 7)
        from_integer = quantize_integer(x[some], -80, k, i, f, mode, overflow)
        assert (from_integer == from_float[some]).all()


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_doubles_next_to_a_tie(mode):
    for tie in (-1.5, -0.5, 0.5, 1.5):
        for x in (np.nextafter(tie, -9), tie, np.nextafter(tie, 9)):
            exact = Fraction(x)
            want = round_integer(int(exact * 2**60), 60, mode)
            assert quantize_float([x], 1, 4, 0, mode, "SAT")[0] == want


@settings(derandomize=True)
@given(st.integers(-1000, 1000), st.integers(0, 1000), st.integers(-9, 9))
def test_width_is_the_narrowest_that_holds(lo, span, exp):
    t = Fixed(lo, lo + span, exp)
    k, i, f = t.kif
    assert Fixed.from_kif(k, i, f).contains(t)
    assert k + i + f == t.width
    if t.width > 1:
        assert not Fixed.from_kif(k, i - 1, f).contains(t)


@settings(derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_dyadic_is_exact(x):
    n, exp = dyadic(x)
    assert n % 2 or (n, exp) == (0, 0)
    assert Fraction(n) * Fraction(2) ** exp == Fraction(x)


def test_zero_takes_any_exponent():
    assert Fixed(0, 0, 5).hull(Fixed(-1, 3, -2)) == Fixed(-1, 3, -2)
    assert Fixed(0, 0, -5).hull(Fixed(-1, 3, 2)) == Fixed(-1, 3, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Fixed(2, 1, 0), "an interval needs lo <= hi.\n  Received: 2, 1."),
        (lambda: Fixed.from_kif(2, 1, 1),
         "the number of sign bits must be 0 or 1.\n  Received: k=2."),
        (lambda: quantize_float([1.0, np.nan], 1, 1, 1, "RND", "SAT"),
         "NaN or infinite values cannot be quantized.\n  Received: nan at index (1,)."),
        (lambda: quantize_float([1.0], 1, 40, 20, "RND", "SAT"),
         "formats of more than 52 bits are not supported for float data.\n"
         "  Received: 61 bits."),
        (lambda: quantize_float([1.0], 1, 1, 1, "UP", "SAT"),
         "unknown rounding mode.\n  Received: 'UP'.\n"
         "  Known: TRN, RND, RND_CONV, TRN_ZERO, RND_ZERO, RND_MIN_INF, RND_INF."),
        (lambda: quantize_float([1.0], 1, 1, 1, "RND", "CLIP"),
         "unknown overflow mode.\n  Received: 'CLIP'.\n  Known: WRAP, SAT, SAT_SYM."),
        (lambda: exact_integers([0.3], -2),
         "a value is not a multiple of 2^-2.\n  Received: 0.3."),
    ],
)  # fmt: skip
def test_bad_numbers(call, message):
    with pytest.raises(NumberError) as error:
        call()
    assert str(error.value) == message
