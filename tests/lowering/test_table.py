"""FixedArray.table: entries, grids, constants."""

import numpy as np
import pytest

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.lowering import table as module
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.table import common_exponent


def array(*types):
    build = Builder()
    nodes = np.empty(len(types), dtype=object)
    for n, t in enumerate(types):
        nodes[n] = build(INPUT, name=f"x_{n}", lo=t.lo, hi=t.hi, exp=t.exp)
    return FixedArray(build, nodes)


@pytest.mark.parametrize("chunk", [1, 10, 1 << 20])
def test_entries_are_the_function_of_every_value(chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    types = [Fixed(-8, 7, -2), Fixed(3, 5, 1), Fixed(-1, 0, 0), Fixed(7, 90, -3)]
    x = array(*types)

    def function(v):
        lowest = [t.lo * 2.0**t.exp for t in types]
        assert (v >= lowest).all()
        assert (v <= [t.hi * 2.0**t.exp for t in types]).all()
        return v * v - np.arange(4) / 4

    y = x.table(function)
    for n, t in enumerate(types):
        values = np.arange(t.lo, t.hi + 1)
        node = y.elements[n]
        got = evaluate_nodes({x.elements[n]: values}, [node])[node] * 2.0**node.type.exp
        assert np.array_equal(got, (values * 2.0**t.exp) ** 2 - n / 4)


def test_a_constant_function_needs_no_table():
    x = array(Fixed(-8, 7, -2), Fixed(0, 0, 0), Fixed(1, 1, 3))
    y = x.table(lambda v: np.where(v == 0, 0.5, v) * 0 + [0.75, 2, 0])
    assert [str(n.type) for n in y.elements] == [str(Fixed(3, 3, -2)), "u1@1 [1, 1]", "u0@0 [0, 0]"]
    assert all(n.type.is_const for n in y.elements)


def test_the_grid_of_the_entries_is_the_coarsest_that_holds_them():
    y = array(Fixed(0, 3, 0)).table(lambda v: v * 6)
    assert y.elements[0].type == Fixed(0, 9, 1)
    assert common_exponent(np.array([0.0, 0.75, -4.0])) == -2
    assert common_exponent(np.array([-(2.0**60), 3 * 2.0**55])) == 55
    assert common_exponent(np.zeros(2)) == 0


def test_too_large():
    with pytest.raises(LoweringError) as error:
        array(Fixed(0, 1, 0), Fixed(0, 1 << 16, -4)).table(lambda v: v)
    assert str(error.value) == (
        "a table of more than 65536 entries.\n"
        "  Received: 65537 values of element (1,), of type u17@-4 [0, 65536].\n"
        "  Quantize its input to 16 bits or less (with sign), "
        "or train with a larger beta, which makes widths cost more."
    )
    exact = array(Fixed(0, (1 << 16) - 1, -4)).table(lambda v: v)
    assert len(exact.elements[0].attrs[0]) == 1 << 16
