"""Windows that overlap are one system: they share sums, and whoever feeds whom stays in order."""

import numpy as np
import pytest

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import DOT, INPUT, MAX, constant
from hgq_rtl.passes.cmvm import cmvm, matrices
from hgq_rtl.passes.simplify import simplify
from hgq_rtl.passes.target import Target, default_target
from hgq_rtl.timing.load import load_device
from tests.battery.equivalence import assert_equivalent

TARGET = default_target()


def convolution(build, x, filters):
    """Every filter (k, k) at every position of the image, as dots."""
    k = filters.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k)).reshape(-1, k * k)
    return [
        build.make(DOT, tuple(window), (tuple(weights.ravel().tolist()), 0, 1, 0))
        for window in windows
        for weights in filters
    ]


def graph_of(build, x, outputs):
    return Graph(build, tuple(x), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))


BINARY = Target(load_device("unit"))
"""A device that adds two numbers at a time, where sharing is worth most."""


def luts(graph):
    return sum(BINARY.device.cost(node) for node in graph.nodes)


def test_overlapping_windows_share(monkeypatch):
    rng = np.random.default_rng(1)
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=-8, hi=7, exp=0) for j in range(36)]
    image = np.array(x, dtype=object).reshape(6, 6)
    graph = graph_of(build, x, convolution(build, image, rng.integers(-4, 5, (4, 3, 3))))
    together = simplify(cmvm(graph, BINARY))
    assert_equivalent(graph, together, 300)
    monkeypatch.setattr(matrices, "LARGEST_JOINT", 0)
    apart = simplify(cmvm(graph, BINARY))
    assert_equivalent(graph, apart, 300)
    assert luts(together) < 0.9 * luts(apart)


@pytest.mark.parametrize("seed", range(4))
def test_dots_that_feed_others_with_the_same_arguments(seed):
    """A dot may read what another one of its arguments' dots made."""
    rng = np.random.default_rng(seed)
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=-4, hi=3, exp=int(e)) for j, e in enumerate((0, 0, 1, -1))]
    pool = list(x)
    for _ in range(8):
        args = tuple(pool[j] for j in rng.choice(len(pool), 3))  # with repetition
        weights = tuple(int(w) for w in rng.integers(-9, 10, 3))
        dot = build.make(DOT, args, (weights, 0, int(rng.integers(-5, 6)), 0))
        pool.append(build(MAX, dot, constant(build, 0, 0)) if rng.random() < 0.5 else dot)
    graph = graph_of(build, x, pool[-4:])
    assert_equivalent(graph, cmvm(graph, TARGET), 300)


def test_an_input_that_can_only_be_zero():
    build = Builder()
    x = [build(INPUT, name="x", lo=0, hi=0, exp=0), build(INPUT, name="z", lo=-2, hi=1, exp=0)]
    zero = build.make(DOT, (x[0],), ((3,), 0, 5, 0))
    both = build.make(DOT, tuple(x), ((3, 7), 1, 0, 0))
    graph = graph_of(build, x, [zero, both])
    result = simplify(cmvm(graph, TARGET))
    assert_equivalent(graph, result)
    assert result.outputs[0] is constant(build, 5, 0)
