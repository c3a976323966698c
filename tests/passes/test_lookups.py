"""Tables as two levels of LUTs: the same entries, fewer LUTs, and in time."""

import numpy as np
import pytest

from hgq_rtl.errors import PassError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import INPUT, LOOKUP, SHIFT, TABLE
from hgq_rtl.ir.ops.lookup import is_lut, lookup_bits
from hgq_rtl.passes import lookups as module
from hgq_rtl.passes.lookups import lookups
from hgq_rtl.passes.luts import two_levels
from hgq_rtl.passes.target import Target, default_target
from hgq_rtl.timing.load import load_device
from hgq_rtl.timing.timeline import Cuts
from tests.battery.equivalence import assert_equivalent

TARGET = default_target()
CURVES = {
    "tanh": lambda x: 15 * np.tanh(2.3 * x + 0.2),
    "steep": lambda x: 40 * np.tanh(1.1 * x),
    "exp": lambda x: 16 * np.exp(-1.7 * (x + 2)),
    "sine": lambda x: 3 * np.sin(4 * x),
    "threshold": lambda x: x > 0.37,
    "both ends": lambda x: 1.0 * (x > 0.37) - (x < -1.1),
}


def table(n, curve, lo=None, size=None, exp=0, slack=0):
    """A table of a curve over [-2, 2), of n address bits or of the values from ``lo`` on."""
    lo = -(1 << n - 1) if lo is None else lo
    size = 1 << n if size is None else size
    build = Builder()
    x = build(INPUT, name="x", lo=lo, hi=lo + size - 1, exp=exp)
    values = curve(np.arange(lo - slack, lo + size + slack) / (1 << n - 2))
    entries = tuple(np.round(values).astype(int).tolist())
    y = build(TABLE, x, entries=entries, lo=lo - slack, step=exp, exp=-3)
    return Graph(build, (x,), (y,), ("y",))


def luts(graph):
    return sum(map(TARGET.device.cost, graph.nodes))


def ops(graph):
    return [node.op for node in graph.nodes if node.op in (TABLE, LOOKUP)]


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("n", [7, 8, 9])
def test_a_curve_takes_fewer_luts(n, name):
    graph = table(n, CURVES[name])
    result = lookups(graph, TARGET)
    assert_equivalent(graph, result)
    assert result.outputs[0].type.width == graph.outputs[0].type.width
    if name not in ("steep", "sine"):
        assert LOOKUP in ops(result)
        assert luts(result) < luts(graph)


@pytest.mark.parametrize(("lo", "size"), [(0, 125), (-62, 125), (3, 65), (-1, 100), (-100, 101)])
@pytest.mark.parametrize("exp", [-2, 0, 3])
def test_not_all_addresses_occur(lo, size, exp):
    graph = table(7, CURVES["tanh"], lo, size, exp, slack=2)
    result = lookups(graph, TARGET)
    assert_equivalent(graph, result)
    assert LOOKUP in ops(result)


def test_a_coarser_address_than_the_table_has():
    build = Builder()
    x = build(INPUT, name="x", lo=-64, hi=63, exp=0)
    y = build(SHIFT, x, bits=2)
    entries = tuple(np.round(9 * np.tanh(np.arange(-256, 256) / 90)).astype(int).tolist())
    graph = Graph(build, (x,), (build(TABLE, y, entries=entries, lo=-256, step=0, exp=0),), ("y",))
    result = lookups(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(result) == [LOOKUP]


def test_the_lowest_bits_of_a_steep_curve_stay_a_table():
    graph = table(9, CURVES["tanh"])
    result = lookups(graph, TARGET)
    assert_equivalent(graph, result)
    assert ops(result) == [LOOKUP, TABLE]
    assert luts(result) < luts(graph)


@pytest.mark.parametrize("n", [7, 8, 9])
def test_noise_stays_a_table(n):
    noise = np.random.default_rng(n).integers(-90, 90, 1 << n)
    graph = table(n, lambda x: noise)
    assert lookups(graph, TARGET).outputs == graph.outputs


def test_few_or_many_address_bits_and_other_targets_stay():
    for n in (6, 10):
        graph = table(n, CURVES["tanh"])
        assert lookups(graph, TARGET).outputs == graph.outputs
    graph = table(7, CURVES["tanh"])
    for name in ("ecp5-6", "unit"):
        assert lookups(graph, Target(load_device(name))).outputs == graph.outputs


def test_no_table_is_late():
    graph = table(7, CURVES["tanh"])
    slow = TARGET.device.delay(lookups(graph, TARGET).outputs[0])
    assert TARGET.device.delay(graph.outputs[0]) < slow
    for budget, expected in ((slow, [LOOKUP]), (slow - 1, [TABLE])):
        assert ops(lookups(graph, Target(TARGET.device, cuts=Cuts(budget, 1)))) == expected


@pytest.mark.parametrize("n", [7, 8, 9])
def test_luts_have_six_inputs_and_the_first_ones_read_the_address_alone(n):
    for curve in CURVES.values():
        values = np.round(curve(np.arange(1 << n) / (1 << n - 2) - 2)).astype(int) & 15
        found = two_levels(values >> np.arange(4)[:, None] & 1, n)
        if found is None:
            continue
        shared, bits = found
        assert len(shared) <= 6
        assert all(len(pins) <= 6 for pins, _ in (*shared, *bits))
        assert all(pin < n for pins, _ in shared for pin in pins)
        assert all(pin < n or 9 <= pin < 9 + len(shared) for pins, _ in bits for pin in pins)
        assert lookup_bits(np.arange(1 << n), shared, bits).tolist() == values.tolist()


def test_a_threshold_takes_two_luts():
    bits = (np.arange(256) > 77)[None, :]
    shared, result = two_levels(bits, 8)
    assert sum(map(is_lut, (*shared, *result))) == 2


def test_luts_that_differ_from_their_table_are_an_error(monkeypatch):
    def wrong(bits, n):
        shared, result = two_levels(bits, n)
        return shared, ((result[0][0], result[0][1] ^ 1 << 5), *result[1:])

    monkeypatch.setattr(module, "two_levels", wrong)
    module._luts.cache_clear()
    with pytest.raises(PassError, match="LUTs differ"):
        lookups(table(7, CURVES["tanh"]), TARGET)
    module._luts.cache_clear()
