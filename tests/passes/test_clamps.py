"""Clamps without comparisons: equal on every value, and smaller; others stay as they are."""

import itertools
from collections import Counter

import pytest

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, MIN, SHIFT, constant
from hgq_rtl.passes.clamps import clamps
from hgq_rtl.passes.target import default_target
from tests.battery.equivalence import assert_equivalent

TARGET = default_target()


def ops(graph):
    return Counter(node.op.name for node in graph.nodes if node.op.name in ("max", "min", "mux"))


def luts(graph):
    return sum(map(TARGET.device.cost, graph.nodes))


def clamped(x_range, lo, hi, first=MAX, exp=0):
    build = Builder()
    x = build(INPUT, name="x", lo=x_range[0], hi=x_range[1], exp=exp)
    ends = [(MAX, lo), (MIN, hi)] if first is MAX else [(MIN, hi), (MAX, lo)]
    y = x
    for op, n in ends:
        if n is not None:
            y = build(op, y, constant(build, n, exp))
    return Graph(build, (x,), (y,), ("y",))


@pytest.mark.parametrize("first", [MAX, MIN], ids=["max first", "min first"])
@pytest.mark.parametrize("exp", [-3, 0, 2])
@pytest.mark.parametrize(
    ("x_range", "lo", "hi"),
    [
        ((-512, 511), -32, 31),  # saturation
        ((-512, 511), 0, 31),  # ReLU and saturation
        ((0, 1023), None, 63),  # only above
        ((-64, 500), None, 63),
        ((-700, 63), -64, None),  # only below
        ((-700, 100), -64, 63),
        ((-20000, 20000), -8, 7),  # more bits above than a LUT has inputs
    ],
)
def test_limits_that_are_powers_of_two_need_no_comparison(x_range, lo, hi, exp, first):
    graph = clamped(x_range, lo, hi, first, exp)
    result = clamps(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(result) == {"mux": 1}
    assert luts(result) < luts(graph)
    assert result.outputs[0].type == graph.outputs[0].type


@pytest.mark.parametrize(
    ("x_range", "lo", "hi"),
    [
        ((-512, 511), -31, 31),  # symmetric
        ((-512, 511), -32, 30),
        ((-512, 511), -16, 31),
        ((-512, 511), 0, None),  # ReLU is cheaper as it is
        ((-512, 511), 5, 3),
    ],
)
def test_other_limits_stay(x_range, lo, hi):
    graph = clamped(x_range, lo, hi)
    assert clamps(graph, TARGET).outputs == graph.outputs


def test_every_clamp_of_small_numbers_is_equal():
    for lo, hi in itertools.product(range(-9, 10), repeat=2):
        for x_range in ((-16, 15), (0, 15), (-9, 4), (-3, 12)):
            for first in (MAX, MIN):
                graph = clamped(x_range, lo, hi, first)
                assert_equivalent(graph, clamps(graph, TARGET))


def pooled(op, limits, used_twice=False):
    build = Builder()
    t = Fixed(-128, 127, 0)
    ins = [build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=0) for j in range(len(limits))]
    held = [build(op, x, constant(build, n, 0)) for x, n in zip(ins, limits, strict=True)]
    pairs = [build(op, *held[j : j + 2]) for j in range(0, len(held), 2)]
    outputs = [pairs[0] if len(pairs) == 1 else build(op, *pairs)]
    if used_twice:
        outputs += [build(ADD, x, build(SHIFT, x, bits=2), sub=False) for x in held]
    return Graph(build, tuple(ins), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))


@pytest.mark.parametrize("op", [MAX, MIN], ids=lambda op: op.name)
def test_one_limit_behind_a_pool(op):
    graph = pooled(op, [0, 0, 0, 0])
    result = clamps(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(graph) == {op.name: 7}
    assert ops(result) == {op.name: 4}
    assert luts(result) < luts(graph)


def test_different_limits_stay_in_front_of_a_pool():
    graph = pooled(MAX, [0, 1])
    assert clamps(graph, TARGET).outputs == graph.outputs


def test_limits_that_others_read_stay_in_front_of_a_pool():
    graph = pooled(MAX, [0, 0], used_twice=True)
    assert clamps(graph, TARGET).outputs == graph.outputs
