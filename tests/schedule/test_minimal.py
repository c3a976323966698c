"""The linear program against every schedule of small graphs, and its results on larger ones."""

import itertools

import numpy as np
import pytest

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MUL, constant
from hgq_rtl.ir.verify import SCHEDULED, register_depths, verify
from hgq_rtl.schedule import minimal
from hgq_rtl.schedule.greedy import clock_ps, schedule
from hgq_rtl.schedule.minimal import fewest_registers
from hgq_rtl.schedule.registers import insert_registers
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.load import load_device
from tests.schedule.test_schedule import REAL, UNIT, random_graph

RIPPLE = load_device("ecp5-6")  # long carries beside short cells
ENDS = [(False, False), (False, True), (True, False), (True, True)]


def small(seed):
    """A graph, a model, a clock in ps and the greedy schedule with at most three stages."""
    graph = random_graph(seed, 6, inputs=2)
    model, period = [(REAL, 2500), (UNIT, 2), (RIPPLE, 7500)][seed % 3]
    begin, end = ENDS[seed % 4]
    greedy = schedule(graph, model, period / 1000, register_inputs=begin, register_outputs=end)
    return graph, model, period, greedy


@pytest.mark.parametrize("seed", range(24))
def test_no_schedule_of_that_latency_has_fewer_register_bits(seed):
    graph, model, period, greedy = small(seed)
    free = [node for node in greedy.stage if node.op is not INPUT]
    fewest = greedy.register_bits(graph)
    for stages in itertools.product(range(greedy.first, greedy.last + 1), repeat=len(free)):
        stage = dict(greedy.stage) | dict(zip(free, stages, strict=True))
        other = Schedule(stage, greedy.latency, greedy.register_inputs, greedy.register_outputs)
        try:
            other.check(graph, model, period)
        except ScheduleError:
            continue
        fewest = min(fewest, other.register_bits(graph))
    found = fewest_registers(graph, model, period, greedy)
    found.check(graph, model, period)
    assert found.latency == greedy.latency
    assert found.register_bits(graph) == fewest


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ends", ENDS)
def test_the_function_stays_and_registers_only_get_fewer(seed, ends):
    graph = random_graph(seed, 60)
    model, clock_ns = [(UNIT, 0.001), (UNIT, 0.003), (REAL, 4.0)][seed % 3]
    period = clock_ps(clock_ns)
    greedy = schedule(graph, model, clock_ns, register_inputs=ends[0], register_outputs=ends[1])
    best = fewest_registers(graph, model, period, greedy)
    assert best.register_bits(graph) <= greedy.register_bits(graph)
    result = insert_registers(graph, best)
    verify(result, SCHEDULED)
    depths = register_depths(result)
    assert {depths[node] for node in result.outputs if node in depths} == {greedy.latency}
    x = np.random.default_rng(seed).integers(-8, 8, (64, 4))
    assert (evaluate(graph, x) == evaluate(result, x)).all()


def test_values_wait_where_they_are_narrow():
    """Greedy squares at once and stores 8 bits; the 4 bits of the argument can wait instead."""
    build = Builder()
    x, slow = (build(INPUT, name=name, lo=-8, hi=7, exp=0) for name in ("x", "slow"))
    inputs = (x, slow)
    for j in range(1, 4):
        slow = build(ADD, slow, constant(build, 2 * j + 1, 0), sub=False)
    square = build(MUL, x, x)
    out = build(ADD, slow, square, sub=False)
    graph = Graph(build, inputs, (out,), ("y",))
    greedy = schedule(graph, UNIT, 0.001)
    best = fewest_registers(graph, UNIT, 1, greedy)
    assert best.latency == greedy.latency == 4
    assert greedy.stage[square] == 0
    assert best.stage[square] == best.stage[out] - 1 == 2
    assert greedy.register_bits(graph) - best.register_bits(graph) == 2 * (square.type.width - 4)


def test_a_graph_too_large_to_look_at_keeps_its_schedule(monkeypatch):
    graph, model, period, greedy = small(4)
    monkeypatch.setattr(minimal, "LARGEST", 3)
    assert fewest_registers(graph, model, period, greedy) is greedy


def test_a_graph_of_constants_has_nothing_to_move():
    build = Builder()
    graph = Graph(build, (), (constant(build, 3, 0),), ("y",))
    greedy = schedule(graph, UNIT, 0.001)
    assert fewest_registers(graph, UNIT, 1, greedy) is greedy
