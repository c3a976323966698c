import pytest

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, SHIFT
from hgq_rtl.schedule.critical import Step, critical_path, slowest_through
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


@pytest.mark.parametrize("seed", range(6))
def test_the_slowest_path_through_an_operation(seed):
    """Of each stage the slowest is the stage's, and all that is on its slowest path has it."""
    graph = random_graph(seed, 60)
    plan = schedule(graph, REAL, 12.0)
    through = slowest_through(graph, plan, REAL)
    for stage, delay in enumerate(plan.stage_delays(graph, REAL)):
        inside = {n: ps for n, ps in through.items() if plan.stage[n] == stage}
        slowest = delay - REAL.register_overhead
        assert max(inside.values(), default=0) == slowest
        on_it = {(graph.origin(n), n.op.name, n.type.width)
                 for n, ps in inside.items() if ps == slowest}  # fmt: skip
        steps = critical_path(graph, plan, REAL, stage)
        assert {(step.origin, step.op, step.width) for step in steps} <= on_it


@pytest.mark.parametrize("seed", range(4))
def test_paths_through_one_operation_are_those_with_it_alone(seed):
    """Against what is left of the stage's delay where only what the operation reads is slow."""
    graph = random_graph(seed, 25)
    plan = schedule(graph, REAL, 12.0)
    through = slowest_through(graph, plan, REAL)
    for node, found in through.items():
        assert found == slowest_by_search(graph, plan, node)


def slowest_by_search(graph, plan, wanted):
    """All paths through ``wanted``, end by end: from the low or the high bit to either."""
    stage = plan.stage[wanted]

    def steps(node):
        cell, carry, whole = REAL.transfer(node)
        high = {(0, 1): carry + cell, (1, 1): cell}
        return high | ({(0, 0): carry + cell, (1, 0): cell} if whole else {(0, 0): cell})

    def forward(node, end):
        inside = [a for a in node.args if plan.stage.get(a) == stage]
        times = [
            (max((forward(a, start) for a in inside), default=0)) + ps
            for (start, to), ps in steps(node).items()
            if to == end
        ]
        return max(times)

    def backward(node, end):
        times = [0]
        for user in graph.users[node]:
            if plan.stage.get(user) == stage:
                times += [
                    ps + backward(user, to)
                    for (start, to), ps in steps(user).items()
                    if start == end
                ]
        return max(times)

    return max(forward(wanted, end) + backward(wanted, end) for end in (0, 1))
