import pytest

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, SHIFT
from hgq_rtl.schedule.critical import Step, critical_path
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.timing.load import load_device
from tests.schedule.test_schedule import random_graph

UNIT, REAL = load_device("unit"), load_device("ecp5-6")


def test_the_slowest_path_of_each_stage():
    build = Builder()
    x, y = (build(INPUT, name=name, lo=0, hi=7, exp=0) for name in "xy")
    with build.at("dense/neuron_0"):
        a = build(ADD, x, y, sub=False)
        b = build(ADD, build(SHIFT, a, bits=1), y, sub=False)
    with build.at("dense_1/neuron_2"):
        c = build(ADD, b, a, sub=True)
    graph = Graph(build, (x, y), (c, x), ("c", "x"))
    plan = schedule(graph, UNIT, 0.002)
    assert critical_path(graph, plan, UNIT, 0) == [
        Step("dense/neuron_0", "add", a.type.width, 1),
        Step("dense/neuron_0", "add", b.type.width, 1),
    ]
    assert critical_path(graph, plan, UNIT, 1) == [Step("dense_1/neuron_2", "add", c.type.width, 1)]
    # A path's delays are the stage's, registers apart; an empty stage has no path.
    late = schedule(graph, UNIT, 0.002, stages=3)
    assert critical_path(graph, late, UNIT, 2) == []


@pytest.mark.parametrize("seed", range(6))
def test_the_shares_of_a_path_add_up_to_its_stage(seed):
    graph = random_graph(seed, 60)
    plan = schedule(graph, REAL, 12.0)
    for stage, delay in enumerate(plan.stage_delays(graph, REAL)):
        steps = critical_path(graph, plan, REAL, stage)
        assert sum(step.delay_ps for step in steps) == delay - REAL.register_overhead


def test_an_adder_begins_with_the_low_bits_of_the_one_before():
    build = Builder()
    x, y, z = (build(INPUT, name=name, lo=0, hi=255, exp=0) for name in "xyz")
    a = build(ADD, x, y, sub=False)
    b = build(ADD, a, z, sub=False)
    graph = Graph(build, (x, y, z), (b,), ("b",))
    plan = schedule(graph, REAL, 20.0)
    cell, carry, _ = REAL.transfer(b)
    steps = critical_path(graph, plan, REAL, 0)
    assert [step.delay_ps for step in steps] == [REAL.transfer(a).cell, cell + carry]
    assert REAL.delay(a) > steps[0].delay_ps
