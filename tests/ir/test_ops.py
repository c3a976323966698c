import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgq_rtl.errors import IRError
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import CAST, CONST, DOT, INPUT, MUX, OPS, TABLE, constant, csd
from tests.battery.op import nodes, samples, scrambled

WITH_ARGS = [name for name, op in OPS.items() if op.arity != 0]


@pytest.mark.parametrize("name", WITH_ARGS)
def test_values_stay_inside_the_inferred_interval(name):
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(nodes(name), st.integers(0, 2**32))
    def law(node, seed):
        n = np.asarray(node.op.evaluate(node, *samples(node, seed)))
        assert node.type.lo <= n.min()
        assert n.max() <= node.type.hi

    law()


@pytest.mark.parametrize("name", ["shift", "add", "dot", "mul", "max", "min", "round", "reg"])
def test_bounds_are_reached(name):
    """Intervals are exact where the extremes of the op lie in the corners."""

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(nodes(name))
    def law(node):
        corners = np.array(
            np.meshgrid(*[[a.type.lo, a.type.hi] for a in node.args], indexing="ij")
        ).reshape(len(node.args), -1)
        n = np.asarray(node.op.evaluate(node, *corners))
        assert (n.min(), n.max()) == (node.type.lo, node.type.hi)

    law()


@pytest.mark.parametrize("name", [n for n in WITH_ARGS if OPS[n].expand])
def test_expansion_computes_the_same(name):
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(nodes(name), st.integers(0, 2**32))
    def law(node, seed):
        build = Builder()
        again = build.make(
            node.op, tuple(build.make(a.op, (), a.attrs) for a in node.args), node.attrs
        )
        expanded = node.op.expand(build, again)
        values = samples(node, seed)
        feeds = dict(zip(again.args, values, strict=True))
        got = evaluate_nodes(feeds, [expanded])[expanded]
        want = np.broadcast_to(node.op.evaluate(node, *values), got.shape)
        exp = min(node.type.exp, expanded.type.exp)
        up = [0 if t.is_zero else t.exp - exp for t in (node.type, expanded.type)]
        assert ((want << up[0]) == (got << up[1])).all()

    law()


@pytest.mark.parametrize("name", WITH_ARGS)
def test_undemanded_bits_do_not_matter(name):
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(nodes(name), st.integers(0, 2**32), st.integers(0, 2**14))
    def law(node, seed, mask):
        mask &= (1 << node.type.width) - 1
        values = samples(node, seed)
        noisy = scrambled(node, node.op.demand(node, mask), values, seed + 1)
        a = np.asarray(node.op.evaluate(node, *values))
        b = np.asarray(node.op.evaluate(node, *noisy))
        assert ((a & mask) == (b & mask)).all()

    law()


@given(st.integers(-(2**40), 2**40))
@settings(derandomize=True)
def test_csd_is_the_number_and_has_no_neighbours(n):
    digits = csd(n)
    assert sum(sign << bit for bit, sign in digits) == n
    bits = [bit for bit, _ in digits]
    assert all(b - a > 1 for a, b in itertools.pairwise(bits))


def test_equal_nodes_are_one_object_and_names_are_side_tables():
    build = Builder()
    with build.at("layer/a"):
        x = build(INPUT, name="x", lo=0, hi=3, exp=0)
    with build.at("layer/b"):
        again = build(INPUT, name="x", lo=0, hi=3, exp=0)
    assert x is again
    assert build.origins[x] == "layer/a"
    assert constant(build, 12, -2) is constant(build, 3, 0)


def _x(build):
    return build(INPUT, name="x", lo=-4, hi=3, exp=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda b: b(CONST, n=2, exp=0),
         "a constant is written with an odd integer, zero as 0 at 0.\n  Received: 2@0."),
        (lambda b: b(DOT, _x(b), weights=(1, 2), exp=0, bias=0, bias_exp=0),
         "a dot has one weight per argument.\n  Received: 2 for 1."),
        (lambda b: b(MUX, _x(b), _x(b), _x(b)),
         "the condition of a mux is one bit.\n  Received: s3@0 [-4, 3]."),
        (lambda b: b(CAST, _x(b), exp=1, width=0, signed=True),
         "a cast keeps at least one bit.\n  Received: 0."),
        (lambda b: b(TABLE, _x(b), entries=(1, 2), lo=-4, step=0, exp=0),
         "a table has an entry for every input.\n  Received: 2 from -4·2^0 for s3@0 [-4, 3]."),
        (lambda b: b(CAST, _x(b), exp=0), "op 'cast' needs attribute 'width'."),
        (lambda b: b(CAST, exp=0, width=1, signed=False),
         "op 'cast' takes 1 argument(s).\n  Received: 0."),
    ],
)  # fmt: skip
def test_wrong_nodes_are_refused(make, message):
    with pytest.raises(IRError) as error:
        make(Builder())
    assert str(error.value) == message


def test_a_rebuilt_table_covers_a_wider_interval_of_its_argument():
    build = Builder()
    x, wider = _x(build), build(INPUT, name="w", lo=-6, hi=4, exp=0)
    table = build(TABLE, x, entries=tuple(range(8)), lo=-4, step=0, exp=0)
    again = build.rebuild(table, (wider,))
    assert again.attrs == ((0, 0, *range(8), 7), -6, 0, 0)
    assert build.rebuild(table, (x,)) is table
