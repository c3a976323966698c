"""einsum, take and extrema of FixedArrays against NumPy, in integers."""

import numpy as np
import pytest

from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import DOT, INPUT, MAX
from hgq_rtl.lowering.array import FixedArray

RNG = np.random.default_rng(3)


def array(build, name, *shape):
    """An array of 5-bit inputs, and random values for them: (samples, *shape)."""
    nodes = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        label = "_".join([name, *map(str, index)])
        nodes[index] = build(INPUT, name=label, lo=-16, hi=15, exp=-1)
    return FixedArray(build, nodes), RNG.integers(-16, 16, (20, *shape))


def values(result, *pairs):
    """The numbers a result has for the values of its inputs."""
    feeds = {
        node: n[(slice(None), *index)]
        for x, n in pairs
        for index, node in np.ndenumerate(x.elements)
    }
    nodes = list(result.elements.flat)
    known = evaluate_nodes(feeds, dict.fromkeys(nodes))
    columns = [np.ldexp(known[node].astype(float), node.type.exp) for node in nodes]
    return np.stack(columns, axis=1).reshape(-1, *result.shape)


@pytest.mark.parametrize(
    ("equation", "a", "b"),
    [
        ("ij,jk->ik", (2, 3), (3, 2)),
        ("ij,jk->ki", (2, 3), (3, 2)),
        ("pkgc,kcgf->pgf", (2, 2, 2, 1), (2, 1, 2, 2)),
        ("i,i->", (3,), (3,)),
        ("i,j->ij", (2,), (3,)),
        ("ij,k->k", (2, 2), (3,)),
        ("ij,ij->ij", (2, 2), (2, 2)),
    ],
)
def test_einsum(equation, a, b):
    build = Builder()
    left, right, out = (f"z{term}" for term in equation.replace("->", ",").split(","))
    x, n = array(build, "x", *a)
    y, m = array(build, "y", *b)
    weights = RNG.integers(-8, 8, b) / 4
    constant = np.einsum(f"{left},{right[1:]}->{out}", n / 2, weights)
    assert np.array_equal(values(x.einsum(equation, weights), (x, n)), constant)
    variable = np.einsum(f"{left},{right}->{out}", n / 2, m / 2)
    assert np.array_equal(values(x.einsum(equation, y), (x, n), (y, m)), variable)


def test_results_over_the_same_elements_share_their_arguments():
    x, _ = array(Builder(), "x", 2, 3)
    y = x.einsum("ij,jk->ki", np.ones((3, 4)))
    assert {node.op for node in y.elements.flat} == {DOT}
    assert len({node.args for node in y.elements.flat}) == 2


@pytest.mark.parametrize(
    ("equation", "shape", "message"),
    [
        ("...j,jk", (3, 2),
         "an einsum equation has the form 'ab,bc->ac'.\n  Received: '...j,jk'."),
        ("ij,jk,kl", (3, 2), "einsum 'ij,jk,kl' takes 3 operands.\n  Received: 2."),
        ("ii,ik->k", (3, 2),
         "a letter occurs twice in one operand of an einsum.\n  Received: 'ii,ik->k'."),
        ("ij,jk->iz", (3, 2),
         "the letter 'z' of the result of an einsum is in no operand.\n  Received: 'ij,jk->iz'."),
        ("ij,jk->ik", (2, 2),
         "the shapes do not fit for einsum 'ij,jk->ik'.\n  Received: (2, 3) and (2, 2)."),
    ],
)  # fmt: skip
def test_einsum_errors(equation, shape, message):
    x, _ = array(Builder(), "x", 2, 3)
    with pytest.raises(LoweringError) as error:
        x.einsum(equation, np.ones(shape))
    assert str(error.value) == message


def test_gather_fills_with_a_constant():
    x, n = array(Builder(), "x", 2, 2)
    y = x.gather(np.array([[1, -1], [0, 0]]), fill=0.75)
    want = np.stack([n[:, 1] / 2, np.full((20, 2), 0.75), n[:, 0] / 2, n[:, 0] / 2], axis=1)
    assert np.array_equal(values(y, (x, n)), want.reshape(20, 2, 2, 2))


def test_extrema_compare_a_repeated_element_once():
    x, n = array(Builder(), "x", 3)
    y = x.gather(np.array([[0, 1, 0, 1, 0], [2, 2, 2, 2, 2]]))
    assert np.array_equal(
        values(y.max(axis=1), (x, n)), np.stack([n[:, :2].max(1), n[:, 2]], axis=1) / 2
    )
    assert np.array_equal(values(y.min(axis=0), (x, n))[:, 0], np.minimum(n[:, 0], n[:, 2]) / 2)
    first, second = y.max(axis=1).elements
    assert first.op is MAX
    assert first.args == tuple(x.elements[:2])
    assert second is x.elements[2]
