import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from hgq_rtl.errors import ScheduleError
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, CAST, CONST, INPUT, MAX, MUL, REG, SHIFT, constant
from hgq_rtl.ir.verify import SCHEDULED, register_depths, verify
from hgq_rtl.schedule.greedy import clock_ps, schedule, shortest_clock
from hgq_rtl.schedule.minimal import fewest_registers
from hgq_rtl.schedule.registers import insert_registers, register_plan
from hgq_rtl.schedule.schedule import Schedule
from hgq_rtl.timing.load import load_device

UNIT, REAL = load_device("unit"), load_device("xcvu13p-2")


def graph_of(build, outputs):
    used = Graph(build, (), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))
    inputs = tuple(node for node in used.nodes if node.op is INPUT)
    return replace(used, inputs=inputs)


def random_graph(seed, count, inputs=4):
    rng, build = random.Random(seed), Builder()
    pool = [build(INPUT, name=f"x{j}", lo=-8, hi=7, exp=-j) for j in range(inputs)]
    xs = tuple(pool)
    pool.append(constant(build, 3, -1))
    for j in range(count):
        a, b = rng.choice(pool[-8:]), rng.choice(pool)
        with build.at(f"layer_{j % 3}"):
            kind = rng.randrange(6)
            if kind < 2:
                node = build(ADD, a, b, sub=bool(kind))
            elif kind == 2:
                node = build(MAX, a, b)
            elif kind == 3:
                node = build(SHIFT, a, bits=rng.randint(-2, 2))
            elif kind == 4:
                node = build(CAST, a, exp=a.type.exp + rng.randint(0, 2), width=4, signed=True)
            else:
                node = build(MUL, a, b)
            if node.type.width > 16:
                node = build(CAST, node, exp=node.type.exp, width=9, signed=bool(j % 2))
            pool.append(node)
    outputs = (*pool[-6:], xs[0], constant(build, 1, 0))
    return Graph(build, xs, outputs, tuple(f"y{j}" for j in range(len(outputs))))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ends", [(False, False), (False, True), (True, False), (True, True)])
def test_registers_keep_the_function_and_the_announced_latency(seed, ends):
    graph = random_graph(seed, 60)
    model, clock_ns = [(UNIT, 0.001), (UNIT, 0.003), (REAL, 4.0)][seed % 3]
    plan = schedule(graph, model, clock_ns, register_inputs=ends[0], register_outputs=ends[1])
    plan.check(graph, model, clock_ps(clock_ns))
    result = insert_registers(graph, plan)
    verify(result, SCHEDULED)
    depths = register_depths(result)
    assert {depths[node] for node in result.outputs if node in depths} == {plan.latency}
    registers = [node for node in result.nodes if node.op is REG]
    assert sum(node.type.width for node in registers) == plan.register_bits(graph)
    timed_outputs = [node for node in result.outputs if node in depths]
    if ends[1]:
        leaves = {SHIFT, CAST, REG}
        assert {node.op for node in timed_outputs} <= leaves
    x = np.random.default_rng(seed).integers(-8, 8, (64, 4))
    assert (evaluate(graph, x) == evaluate(result, x)).all()


@pytest.mark.parametrize("seed", range(10))
def test_no_schedule_has_fewer_stages(seed):
    """Every assignment of stages to a small graph, against the greedy one."""
    graph = random_graph(seed, 6, inputs=2)
    model, period = (UNIT, 2) if seed % 2 else (REAL, 2500)
    best = schedule(graph, model, period / 1000, register_outputs=False)
    if best.latency == 0:
        return
    free = [node for node in best.stage if node.op is not INPUT]
    for stages in itertools.product(range(best.latency), repeat=len(free)):
        stage = dict(best.stage) | dict(zip(free, stages, strict=True))
        shorter = Schedule(stage, best.latency - 1, False, False)
        with pytest.raises(ScheduleError):
            shorter.check(graph, model, period)


def test_chaining_fills_a_stage_and_no_more():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    chain = [x]
    for _ in range(7):
        chain.append(build(ADD, chain[-1], x, sub=False))
    graph = graph_of(build, [chain[-1]])
    plan = schedule(graph, UNIT, 0.003)
    assert [plan.stage[node] for node in chain] == [0, 0, 0, 0, 1, 1, 1, 2]
    assert plan.latency == 3
    assert plan.stage_delays(graph, UNIT) == [3, 3, 1]


def test_free_wiring_stays_with_its_argument_and_constants_have_no_stage():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    one = build(ADD, x, constant(build, 5, 0), sub=False)
    wired = build(CAST, build(SHIFT, one, bits=2), exp=2, width=3, signed=True)
    dark = build(ADD, constant(build, 5, 0), constant(build, 3, 0), sub=False)
    graph = graph_of(build, [build(ADD, wired, dark, sub=False)])
    plan = schedule(graph, UNIT, 0.001)
    assert plan.stage[wired] == plan.stage[one] == 0
    assert dark not in plan.stage
    assert not [node for node in plan.stage if node.op is CONST]


def test_a_value_is_stored_once_for_all_its_readers():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    narrow = build(CAST, x, exp=0, width=2, signed=True)
    shifted = build(SHIFT, x, bits=1)
    graph = graph_of(build, [x, narrow, shifted])
    stage = dict.fromkeys(graph.nodes, 0)
    # Everything is read in stage 2: x is stored, the others are read off it.
    plan = Schedule(stage, 2, False, True)
    assert register_plan(graph, plan) == {x: (0, 2)}
    assert plan.register_bits(graph) == 8
    assert sum(node.op is REG for node in insert_registers(graph, plan).nodes) == 2
    # Alone, the two bits of the cast are stored instead.
    alone = graph_of(build, [narrow])
    assert register_plan(alone, Schedule({x: 0, narrow: 0}, 2)) == {narrow: (0, 2)}


def test_wide_casts_share_the_storage_of_their_argument():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    casts = [build(CAST, x, exp=0, width=3, signed=k) for k in (False, True)]
    graph = graph_of(build, casts)
    assert register_plan(graph, Schedule(dict.fromkeys(graph.nodes, 0), 3)) == {x: (0, 3)}


def test_constant_outputs_need_no_register():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=1, exp=0)
    graph = Graph(build, (x,), (constant(build, 5, 0),), ("y",))
    plan = schedule(graph, UNIT, 0.001)
    assert (plan.latency, plan.register_bits(graph)) == (1, 0)
    assert insert_registers(graph, plan).outputs == graph.outputs


def test_too_fast_a_clock_names_the_slowest_op_and_the_fastest_clock():
    build = Builder()
    x = build(INPUT, name="x", lo=-128, hi=127, exp=0)
    with build.at("dense_1/neuron_3"):
        y = build(MUL, build(ADD, x, constant(build, 5, 0), sub=False), x)
    graph = graph_of(build, [y])
    with pytest.raises(ScheduleError) as error:
        schedule(graph, REAL, 1)
    delay = REAL.delay(y)
    fastest = (delay + REAL.register_overhead) / 1000
    assert str(error.value) == (
        f"layer 'dense_1/neuron_3': op 'mul' of 16 bits takes {delay} ps, more than one stage of "
        f"1000 ps can hold.\n  Received: a clock of 1.0 ns, of which registers take "
        f"{REAL.register_overhead} ps.\n"
        f"  The fastest clock for this design on 'xcvu13p-2' is {fastest} ns."
    )
    plan = schedule(graph, REAL, fastest)
    assert max(plan.stage_delays(graph, REAL)) == clock_ps(fastest)


@pytest.mark.parametrize("clock_ns", [0, -1.0, float("nan"), float("inf"), 1e-9])
def test_the_clock_is_a_positive_number(clock_ns):
    graph = random_graph(0, 3)
    with pytest.raises(ScheduleError) as error:
        schedule(graph, UNIT, clock_ns)
    assert str(error.value) == (
        f"the clock period must be a positive number of ns.\n  Received: {clock_ns}."
    )


def test_check_finds_every_kind_of_broken_schedule():
    build = Builder()
    x = build(INPUT, name="x", lo=-8, hi=7, exp=0)
    with build.at("dense"):
        a = build(ADD, x, constant(build, 5, 0), sub=False)
        b = build(ADD, a, x, sub=False)
    graph = graph_of(build, [b])
    good = schedule(graph, UNIT, 0.001)
    good.check(graph, UNIT, 1)
    for stage, latency, registered, message in (
        (
            {x: 0, a: 1, b: 0},
            2,
            False,
            "layer 'dense': op 'add' of stage 0 reads a value of a later stage.",
        ),
        ({x: 0, a: 0, b: 0}, 2, False, "stage 0 takes 2 ps, the clock allows 1 ps."),
        ({x: 0, a: 0}, 2, False, "layer 'dense': op 'add' has no stage."),
        ({x: 1, a: 1, b: 2}, 3, False, "op 'input' is an input in stage 1."),
        (
            {x: 0, a: 0, b: 2},
            2,
            False,
            "layer 'dense': op 'add' of stage 2 is outside stages 0 to 1.",
        ),
        (
            {x: 0, a: 0, b: 1},
            2,
            True,
            "layer 'dense': op 'add' of stage 0 is outside stages 1 to 1.",
        ),
    ):
        with pytest.raises(ScheduleError) as error:
            Schedule(stage, latency, registered).check(graph, UNIT, 1)
        assert str(error.value) == message


@pytest.mark.parametrize("shape", ["deep", "wide", "crossing"])
def test_hundred_thousand_nodes_take_seconds(shape):
    build = Builder()
    xs = tuple(build(INPUT, name=f"x{j}", lo=-8, hi=7, exp=0) for j in range(100))
    if shape == "deep":
        node = xs[0]
        for j in range(50_000):
            wrapped = build(CAST, node, exp=0, width=4, signed=True)
            node = build(ADD, wrapped, xs[0] if j < 9 else wrapped, sub=bool(j % 3))
        outputs = [node]
        clock = 0.02
    elif shape == "wide":
        outputs = [
            build(ADD, x, constant(build, 2 * j + 1, 0), sub=False) for x in xs for j in range(1000)
        ]
        clock = 0.001
    else:
        # Every value is read again much later.
        early = [build(ADD, a, b, sub=False) for a in xs for b in xs[:50]]
        late = xs[0]
        for _ in range(14):
            late = build(CAST, build(ADD, late, xs[1], sub=False), exp=0, width=4, signed=True)
        outputs = [build(MAX, node, late) for node in early]
        clock = 0.001
    graph = Graph(build, xs, tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))
    plan = schedule(graph, UNIT, clock)
    plan.check(graph, UNIT, clock_ps(clock))
    result = insert_registers(graph, plan)
    depths = register_depths(result)
    assert {depths[node] for node in result.outputs} == {plan.latency}
    assert len(result.nodes) > 75_000


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("model", [UNIT, REAL], ids=["unit", "real"])
def test_the_shortest_clock_for_a_number_of_stages(seed, model):
    graph = random_graph(seed, 60)
    for stages in (1, 2, 4):
        period = shortest_clock(graph, model, stages)
        assert schedule(graph, model, period / 1000).last + 1 <= stages
        with pytest.raises(ScheduleError):
            schedule(graph, model, (period - 1) / 1000, stages=stages)


def test_as_many_stages_as_asked_for():
    graph = random_graph(0, 60)
    for ends in (False, True):
        plan = schedule(graph, UNIT, 1.0, stages=3, register_inputs=ends, register_outputs=ends)
        plan.check(graph, UNIT, 1000)
        assert plan.latency == 2 + 2 * ends
        better = fewest_registers(graph, UNIT, 1000, plan)
        better.check(graph, UNIT, 1000)
        assert better.latency == plan.latency


def test_too_few_stages_name_the_best_clock():
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=7, exp=0)
    node = x
    for j in range(4):
        node = build(ADD, node, build(SHIFT, x, bits=j + 1), sub=True)
    with pytest.raises(ScheduleError) as error:
        schedule(graph_of(build, [node]), UNIT, 0.001, stages=2)
    assert str(error.value) == (
        "2 stages cannot hold it at a clock of 0.001 ns.\n  Received: the fewest are 4.\n"
        "  The fastest clock with 2 stages on 'unit' is 0.002 ns."
    )
