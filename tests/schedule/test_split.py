"""Adders in two pieces: the same sums, a clock that was out of reach, a stage less."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hgq_rtl.errors import ScheduleError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, MAX, SHIFT, constant
from hgq_rtl.passes.expand import expand
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.schedule.split import fewer_stages, reachable, split_add
from hgq_rtl.timing.load import device_names, load_device
from tests.battery.equivalence import assert_equivalent, graphs, vectors
from tests.synth.chain import chain

ECP5 = load_device("ecp5-6")


def inputs(build, *types):
    return tuple(
        build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(types)
    )


FORMS = [
    (Fixed(-8, 7, 0), Fixed(-8, 7, 0)),
    (Fixed(0, 15, 0), Fixed(-3, 5, 0)),
    (Fixed(-32, 31, -2), Fixed(0, 7, 1)),
    (Fixed(-4, 3, 3), Fixed(0, 15, -1)),
    (Fixed(0, 63, 0), Fixed(0, 1, 0)),
    (Fixed(-2, 1, 0), Fixed(-2, 1, 6)),
]


@pytest.mark.parametrize("types", FORMS)
@pytest.mark.parametrize("sub", [False, True])
def test_both_pieces_are_the_sum(types, sub):
    """Exhaustively, at every bit, of every pair of forms and with constants."""
    for swap, fixed in itertools.product((False, True), (False, True)):
        build = Builder()
        args = inputs(build, *(types[::-1] if swap else types))
        right = constant(build, -5, args[1].type.exp) if fixed else args[1]
        node = build(ADD, args[0], right, sub=sub)
        for bits in range(1, node.type.width):
            split = split_add(build, node, bits)
            assert (split.type.exp, split.type.width) == (node.type.exp, node.type.width)
            assert_equivalent(
                Graph(build, args, (node,), ("y",)), Graph(build, args, (split,), ("y",))
            )


@given(graphs(), st.sampled_from(device_names()))
def test_random_graphs_stay_what_they_are(graph, name):
    model, graph = load_device(name), expand(graph)
    adds = [model.delay(node) for node in graph.nodes if node.op is ADD]
    period = model.register_overhead + max(adds, default=1) * 2 // 3
    split = reachable(graph, model, period)
    assert_equivalent(graph, split, 300)
    try:
        before = schedule(split, model, period / 1000).latency
    except ScheduleError:
        return  # some other operation is slower than this clock
    fewer = fewer_stages(split, model, period / 1000)
    assert_equivalent(graph, fewer, 300)
    assert schedule(fewer, model, period / 1000).latency <= before


def test_a_clock_for_one_adder_in_a_stage_gets_reachable():
    build = Builder()
    args = inputs(build, *[Fixed(-(1 << 23), (1 << 23) - 1, 0)] * 3)
    first = build(ADD, args[0], args[1], sub=False)
    graph = Graph(build, args, (build(ADD, first, args[2], sub=True),), ("y",))
    clock_ns = (ECP5.register_overhead + ECP5.delay(graph.outputs[0]) - 300) / 1000
    with pytest.raises(ScheduleError, match="more than one stage"):
        schedule(graph, ECP5, clock_ns)
    longer = reachable(graph, ECP5, round(clock_ns * 1000))
    assert_equivalent(graph, longer)
    plan = schedule(longer, ECP5, clock_ns)
    plan.check(longer, ECP5, round(clock_ns * 1000))
    # Much faster still: many pieces.
    cell = ECP5.transfer(graph.outputs[0]).cell
    fast = (ECP5.register_overhead + cell + 7 * 34) / 1000
    pieces = reachable(graph, ECP5, round(fast * 1000))
    assert_equivalent(graph, pieces)
    assert schedule(pieces, ECP5, fast).latency > plan.latency


def test_a_clock_that_no_piece_meets_stays_an_error():
    build = Builder()
    args = inputs(build, Fixed(-128, 127, 0), Fixed(-128, 127, 0))
    graph = Graph(build, args, (build(ADD, *args, sub=False),), ("y",))
    assert reachable(graph, ECP5, ECP5.register_overhead + 100) is graph


def saving():
    """A sum that just misses the first stage, and another operation behind it."""
    build = Builder()
    args = inputs(build, *[Fixed(-(1 << 19), (1 << 19) - 1, 0)] * 2)
    short = build(MAX, args[0], constant(build, 0, 0))
    total = build(ADD, short, build(SHIFT, args[1], bits=1), sub=False)
    out = build(MAX, total, constant(build, 0, 0))
    graph = Graph(build, args, (out,), ("y",))
    # The second stage holds the sum's high bits and the maximum, not the whole sum and that.
    period = ECP5.register_overhead + ECP5.delay(total) + ECP5.delay(out) - 200
    return graph, period / 1000


def test_a_stage_is_saved():
    graph, clock_ns = saving()
    split = fewer_stages(graph, ECP5, clock_ns)
    assert_equivalent(graph, split)
    assert schedule(graph, ECP5, clock_ns).latency == 3
    assert schedule(split, ECP5, clock_ns).latency == 2


def test_nothing_is_split_for_nothing():
    graph, clock_ns = saving()
    assert fewer_stages(graph, ECP5, 2 * clock_ns) is graph
    assert reachable(graph, ECP5, round(2000 * clock_ns)) is graph


def test_a_design_at_a_clock_below_its_longest_adder():
    relaxed = chain((6, 4), clock_ns=20.0, device="ecp5-6")
    adds = [node for node in relaxed.graph.nodes if node.op is ADD]
    clock_ns = (ECP5.register_overhead + max(map(ECP5.delay, adds)) - 40) / 1000
    with pytest.raises(ScheduleError):
        schedule(relaxed.graph, ECP5, clock_ns)
    fast = chain((6, 4), clock_ns=clock_ns, device="ecp5-6")
    assert fast.latency > relaxed.latency
    x = vectors(relaxed.graph)
    assert (evaluate(relaxed.graph, x) == evaluate(fast.scheduled, x)).all()


@pytest.mark.parametrize("device", ["xcvu13p-2", "ecp5-6", "generic"])
def test_the_fastest_clock_that_an_error_names_is_the_fastest(device):
    with pytest.raises(ScheduleError) as error:
        chain((6, 4), clock_ns=0.5, device=device)
    fastest = float(re.search(rf"on '{device}' is ([\d.]+) ns", str(error.value))[1])
    assert chain((6, 4), clock_ns=fastest, device=device).clock_ns == fastest
    with pytest.raises(ScheduleError, match=f"is {fastest} ns"):
        chain((6, 4), clock_ns=fastest - 0.001, device=device)
