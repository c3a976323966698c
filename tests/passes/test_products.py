"""Products of variables as rows and tables: the same numbers, at fewer LUTs."""

import itertools

import pytest

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import BOOTH, INPUT, MUL, TABLE
from hgq_rtl.passes.products import products
from hgq_rtl.passes.target import Target, default_target
from hgq_rtl.timing.load import load_device
from tests.battery.equivalence import assert_equivalent

TARGET = default_target()
SHORT = [
    Fixed(-4, 3, 0),
    Fixed(0, 7, -2),
    Fixed(-1, 0, 1),
    Fixed(1, 6, 0),
    Fixed(-16, 11, 3),
    Fixed(0, 1, 0),
    Fixed(-3, -2, 0),
]


def product(a, b=None):
    build = Builder()
    x = build(INPUT, name="x0", lo=a.lo, hi=a.hi, exp=a.exp)
    y = build(INPUT, name="x1", lo=b.lo, hi=b.hi, exp=b.exp) if b else x
    inputs = (x, y) if b else (x,)
    return Graph(build, inputs, (build(MUL, x, y),), ("y",))


def ops(graph):
    return [node.op for node in graph.nodes if node.op in (BOOTH, MUL, TABLE)]


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations_with_replacement(SHORT, 2)))
def test_short_products_are_the_same(a, b):
    graph = product(a, b)
    assert_equivalent(graph, products(graph, TARGET))


@pytest.mark.parametrize("t", SHORT)
def test_squares_are_tables(t):
    graph = product(t)
    result = products(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(result) == ([MUL] if t == Fixed(0, 1, 0) else [TABLE])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(5, 10))
def test_a_row_takes_two_bits_of_a_factor(bits, signed):
    factor = Fixed.from_kif(int(signed), bits - signed, 0)
    graph = product(Fixed(-(1 << 30), (1 << 30) - 1, -3), factor)
    result = products(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(result) == [BOOTH] * ((bits + (not signed) + 1) // 2)
    assert result.outputs[0].type.width == graph.outputs[0].type.width


def test_other_targets_keep_their_multipliers():
    graph = product(Fixed(-128, 127, 0), Fixed(-128, 127, 0))
    assert products(graph, Target(load_device("ecp5-6"))) is graph
