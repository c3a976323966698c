from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, SHIFT
from hgq_rtl.schedule.critical import Step, critical_path
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.timing.model import load_device

UNIT = load_device("unit")


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
