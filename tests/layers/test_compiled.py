"""Programs: what is compiled ahead, in another thread, is what runs."""

import keras
import numpy as np
import pytest

from hgq_rtl.layers.compiled import Program


@pytest.mark.parametrize("effort", ["best", "good", "quick"])
def test_prepared_program(effort):
    v = keras.Variable(np.float32(3))
    traced = []

    def function(x):
        traced.append(x.shape)
        return x * v, x.sum()

    program = Program(function, [v], effort)
    shapes = program.prepare(np.ones((2, 3), np.float32))
    if keras.backend.backend() == "jax":
        assert [s.shape for s in shapes] == [(2, 3), ()]
    for value in (3, 5):
        v.assign(value)
        product, total = program(np.full((2, 3), 2, np.float32))
        assert np.array_equal(product, np.full((2, 3), 2 * value))
        assert total == 12
    if keras.backend.backend() == "jax":
        assert traced == [(2, 3)]


def test_assignments_are_discarded():
    v = keras.Variable(np.float32(3))
    program = Program(lambda x: v.assign(x) * 2, [v])
    assert program(np.float32(4)) == 8
    assert float(v.value) == 3


def test_errors_come_from_the_call_that_made_them():
    program = Program(lambda x: x.no_such_method(), [])
    with pytest.raises(AttributeError):
        program(np.float32(1))
