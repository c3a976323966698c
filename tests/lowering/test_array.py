"""FixedArray against NumPy on the same numbers: equal as integers."""

import numpy as np
import pytest

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS, quantize_float
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.graph import toposort
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import DOT
from hgq_rtl.lowering.array import FixedArray
from hgq_rtl.lowering.inputs import InputPort

SHAPE = (3, 4)
KIF = (1, 3, 2)


@pytest.fixture
def pair():
    """A FixedArray of declared inputs, and a function that gives the values of another one."""
    build = Builder()
    port = InputPort(build, "x", SHAPE)
    x = FixedArray(build, port.declare(*KIF))
    rng = np.random.default_rng(3)
    n = rng.integers(-32, 32, (50, *SHAPE))
    feeds = {node: n[:, *index] for index, node in np.ndenumerate(x.elements)}

    def values(y):
        found = evaluate_nodes(feeds, dict.fromkeys(y.elements.flat))
        out = np.empty((50, *y.shape))
        for index, node in np.ndenumerate(y.elements):
            out[:, *index] = np.ldexp(found[node].astype(float), node.type.exp)
        return out

    return x, n / 4, values


W = np.array([[0.5, -1.25, 3], [0, 2, -0.125], [3, 1, 0], [1, 1, 7.75]])
CASES = {
    "add": lambda x: x + x[::-1],
    "add scalar": lambda x: x + 0.375,
    "add array": lambda x: np.arange(4) / 8 + x,
    "subtract": lambda x: x - 2 * x[0],
    "subtract from": lambda x: 5 - x,
    "negate": lambda x: -x,
    "multiply": lambda x: x * x,
    "multiply constant": lambda x: x * np.array([1, -0.5, 3, 0]),
    "matmul constant": lambda x: x @ W,
    "matmul vector": lambda x: x @ W[:, 1],
    "matmul and bias": lambda x: x @ W + np.array([0.5, 0, -3]),
    "matmul from the left": lambda x: W.T[:, :3] @ x,
    "index": lambda x: x[1:, 2],
    "reshape": lambda x: x.reshape(2, 6),
    "reshape tuple": lambda x: x.reshape((4, 3)),
    "transpose": lambda x: x.transpose(1, 0),
    "ravel": lambda x: x.ravel(),
    "matmul variable": lambda x: x @ x.transpose(1, 0),
    "dot variable": lambda x: x[0] @ x[1],
}


@pytest.mark.parametrize("name", CASES)
def test_same_as_numpy(name, pair):
    x, data, values = pair
    want = np.stack([CASES[name](sample) for sample in data])
    got = values(CASES[name](x))
    assert got.shape == want.shape
    assert (got == want).all()


def test_extremes_sums_and_joins(pair):
    x, data, values = pair
    assert (values(x.relu()) == np.maximum(data, 0)).all()
    assert (values(x.maximum(x[0])) == np.maximum(data, data[:, :1])).all()
    assert (values(x.minimum(0.3125)) == np.minimum(data, 0.3125)).all()
    assert (values(x.sum()) == data.sum((1, 2))).all()
    assert (values(x.sum(axis=1)) == data.sum(2)).all()
    assert (
        values(np.concatenate([x, x[:1]], axis=0)) == np.concatenate([data, data[:, :1]], 1)
    ).all()
    assert (values(np.stack([x[0], x[2]], axis=1)) == np.stack([data[:, 0], data[:, 2]], 2)).all()


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_quantize_is_the_definition(rounding, overflow, pair):
    x, data, values = pair
    k = np.array([0, 1, 1, 0])
    i = np.array([[2, -1, 0, 1], [1, 2, 3, 4], [0, 0, -2, 5]])
    f = np.array([[0, 1, 2, -1], [3, 0, -2, -4], [0, 1, 1, -5]])
    n = quantize_float(data, k, i, f, rounding, overflow)
    want = np.ldexp(n.astype(float), -f)
    assert (values(x.quantize(k, i, f, rounding, overflow)) == want).all()


@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_a_constant_that_rounds_to_zero(overflow, pair):
    x, _, values = pair
    y = np.full_like(x, 31 / 64)  # its exponent is finer than the one it gets
    assert (values(y.quantize(0, 0, 1, "TRN", overflow)) == 0).all()
    assert (values(y.quantize(0, 1, 0, "RND_CONV", overflow)) == 0).all()
    assert (values(y.quantize(1, 0, 1, "TRN", overflow)) == 0).all()


def test_rows_of_a_product_share_their_arguments(pair):
    x, _, _ = pair
    y = x @ W + np.ones(3)
    dots = [node for node in toposort(y.elements.flat) if node.op is DOT]
    assert len(dots) == 9
    assert len({tuple(map(id, node.args)) for node in dots}) == 3
    assert {y.build.origins[node] for node in dots} == {
        f"neuron_{r}_{c}" for r in range(3) for c in range(3)
    }


def unquantized():
    build = Builder()
    return FixedArray(build, InputPort(build, "x", (2,)).elements())


MISSING = (
    "{} needs a quantized input.\n"
    "  Received: element 'x_0' of input 'x', which has no width yet.\n"
    "  Put a Quantizer before it (a layer with enable_iq=True has one), or declare the input's "
    "format with inputs=."
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x + 1, MISSING.format("'add'")),
        (lambda x: x.relu(), MISSING.format("relu")),
        (lambda x: x @ np.eye(2), MISSING.format("@")),
        (lambda x: x.quantize(1, 1, 1, "RND", "WRAP") @ np.array([[np.nan], [1]]),
         "the weights must be finite.\n  Received: nan at index (0, 0)."),
        (lambda x: x.quantize(1, 1, 1, "RND", "WRAP") + np.inf,
         "a constant must be finite.\n  Received: inf."),
        (lambda x: x.quantize(1, 1, 1, "RND", "WRAP") @ np.ones((3, 1)),
         "the shapes do not fit for @.\n  Received: (2,) and (3, 1)."),
        (lambda x: x.quantize(1, 1, 1, "RND", "WRAP") + "a",
         "'add' takes numbers.\n  Received: dtype <U1."),
        (lambda x: [x.quantize(1, 1, 1, "RND", "WRAP"), x.quantize(1, 1, 1, "RND", "SAT")],
         "element 0 of input 'x' is quantized in two ways.\n"
         "  Received: (k=1, i=1, f=1, RND, WRAP) and (k=1, i=1, f=1, RND, SAT).\n"
         "  Put one Quantizer right after the Input, or declare the format of the data with "
         "inputs={'x': (k, i, f)}."),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(LoweringError) as error:
        call(unquantized())
    assert str(error.value) == message
