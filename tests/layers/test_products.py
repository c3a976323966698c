"""Products of two tensors: value and gradients are those of einsum, exactly, for integers."""

import keras
import numpy as np
import pytest
from keras import ops

from hgq_rtl.layers.equation import Equation
from hgq_rtl.layers.products import product

SIZES = dict(zip("abcdef", (2, 3, 4, 5, 2, 3), strict=True))
EQUATIONS = [
    ("aecd", "abcd", "acbe"),  # scores of attention
    ("acbe", "aecd", "abcd"),  # and their context
    ("aecd", "abcd", "acbe"[::-1]),
    ("ab", "ac", "abc"),
    ("ab", "ab", "ab"),
    ("abc", "cb", "a"),
    ("abc", "adc", "abd"),
    ("bac", "acd", "abd"),
    ("abcd", "adcb", "ac"),
    ("abf", "acd", "abd"),  # f and c are summed within one operand
]


def drawn(terms: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(-7, 8, [SIZES[c] for c in terms]).astype(np.float32)


@pytest.mark.parametrize("terms", EQUATIONS, ids="-".join)
def test_value(terms: tuple[str, str, str]) -> None:
    equation = Equation(*terms)
    a, b = drawn(equation.left, 0), drawn(equation.right, 1)
    found = ops.convert_to_numpy(product(equation, a, b))
    np.testing.assert_array_equal(found, np.einsum(equation.text, a, b))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="the other backends use their own")
@pytest.mark.parametrize("terms", EQUATIONS, ids="-".join)
def test_gradients(terms: tuple[str, str, str]) -> None:
    import jax

    equation = Equation(*terms)
    left, right, out = terms
    a, b, g = drawn(left, 0), drawn(right, 1), drawn(out, 2)
    _, backward = jax.vjp(lambda a, b: product(equation, a, b), a, b)
    d_a, d_b = backward(g)
    ones = {terms: np.ones([SIZES[c] for c in terms]) for terms in (left, right)}
    np.testing.assert_array_equal(d_a, np.einsum(f"{out},{right},{left}->{left}", g, b, ones[left]))
    np.testing.assert_array_equal(
        d_b, np.einsum(f"{out},{left},{right}->{right}", g, a, ones[right])
    )
