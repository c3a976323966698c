"""Arrivals across stages are those of the greedy schedule, and deadlines are what it allows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, constant
from hgq_rtl.passes.pipeline import run
from hgq_rtl.passes.target import default_target
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.timing.arrival import AT_ONCE, Arrival, Transfer
from hgq_rtl.timing.timeline import NEVER, Cuts, Timeline, deadlines
from tests.battery.equivalence import graphs

DEVICE = default_target().device


@settings(max_examples=150, derandomize=True, deadline=None)
@given(graphs(40), st.integers(0, 3000))
def test_arrivals_and_deadlines_are_those_of_the_fewest_stages(graph, more):
    graph, _ = run(graph)
    budget = max(map(DEVICE.delay, graph.nodes), default=0) + more
    plan = schedule(graph, DEVICE, (budget + DEVICE.register_overhead) / 1000)
    cuts = Cuts(budget, plan.latency)
    arrival, late = Timeline(DEVICE, cuts), deadlines(graph, DEVICE, cuts)
    for node in graph.nodes:
        if node in plan.stage:
            assert arrival(node).high // cuts.unit == plan.stage[node]
            assert arrival(node).by(late[node])
    # With a stage less nothing is in time that leads to the latest output.
    if plan.latency > 1:
        less = Cuts(budget, plan.latency - 1)
        late = deadlines(graph, DEVICE, less)
        assert not all(arrival(node).by(late[node]) for node in plan.stage)


class Chain:
    """Additions of a cell of 3 and a carry of 4; a maximum waits for all bits and takes 2."""

    def transfer(self, node):
        return {ADD: Transfer(3, 4, False), MAX: Transfer(2, 0, True)}.get(
            node.op, Transfer(0, 0, False)
        )


def chain():
    build = Builder()
    t = Fixed(-8, 7, 0)
    x, y = (build(INPUT, name=name, lo=t.lo, hi=t.hi, exp=0) for name in "xy")
    first = build(ADD, x, y, sub=False)
    second = build(ADD, first, y, sub=False)
    last = build(MAX, second, constant(build, 0, 0))
    return Graph(build, (x, y), (last,), ("z",)), (x, first, second, last)


def test_times_without_stages_are_from_the_inputs():
    _, nodes = chain()
    times = [Timeline(Chain(), None)(node) for node in nodes]
    assert times == [AT_ONCE, (3, 7), (6, 10), (12, 12)]


def test_what_does_not_fit_begins_the_next_stage():
    _, nodes = chain()
    # Stages of 10: the maximum is two after the beginning of the second one, at 11.
    assert Timeline(Chain(), Cuts(10, 2))(nodes[-1]) == (13, 13)
    assert Timeline(Chain(), Cuts(9, 2))(nodes[2]) == (13, 17)
    assert Timeline(Chain(), Cuts(6, 9))(nodes[1]) == (NEVER, NEVER)


def test_deadlines_leave_what_users_take():
    graph, (x, first, second, last) = chain()
    late = deadlines(graph, Chain(), Cuts(20, 1))
    assert late[last] == (20, 20)
    assert late[second] == (18, 18)
    # The last bit, 3 before; the first one, a carry before that.
    assert late[first] == (11, 15)
    # All carries of a path of additions together take one chain.
    assert late[x] == Arrival(8, 12)


def test_deadlines_may_lie_in_a_stage_before():
    graph, (_, first, second, last) = chain()
    # The second stage begins at 8. What is left of it before the maximum is too short for an
    # addition, so the second one has to be done in the first stage.
    late = deadlines(graph, Chain(), Cuts(7, 2))
    assert late[last] == (15, 15)
    assert late[second] == (13, 13)
    assert late[first] == (0, 4)
