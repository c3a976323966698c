"""The rule for 1/n."""

from fractions import Fraction

import pytest

from hgq_rtl.layers.reciprocal import reciprocal


@pytest.mark.parametrize("bits", [1, 4, 10, 16])
def test_reciprocal_is_the_nearest_number_of_so_many_bits(bits):
    for n in range(1, 300):
        value = Fraction(reciprocal(n, bits))
        numerator = value.numerator
        assert numerator < 2**bits
        assert abs(value * n - 1) <= Fraction(1, 2**bits)
        if n & (n - 1) == 0:
            assert value == Fraction(1, n)
