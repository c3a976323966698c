"""Every pass alone, in random order, and the whole pipeline: equivalence first, then shape."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgq_rtl.errors import PassError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, CAST, DOT, INPUT, MAX, MIN, ROUND, SHIFT, SUM3, cast, constant
from hgq_rtl.ir.text import to_text
from hgq_rtl.ir.verify import NATIVE, verify
from hgq_rtl.passes.cmvm import cmvm
from hgq_rtl.passes.expand import expand
from hgq_rtl.passes.narrow import narrow
from hgq_rtl.passes.pipeline import DEFAULT, bisect, run
from hgq_rtl.passes.round_first import round_first
from hgq_rtl.passes.simplify import simplify
from hgq_rtl.passes.target import anywhere, default_target
from hgq_rtl.passes.ternary import ternary
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.timing.arrival import Transfer
from hgq_rtl.timing.timeline import Cuts
from tests.battery.equivalence import assert_equivalent, graphs

TARGET = default_target()
PASSES = {name.rstrip("-0123456789"): function for name, function in DEFAULT}


def each_keeps_the_function(name, examples):
    @settings(max_examples=examples, derandomize=True, deadline=None)
    @given(graphs())
    def law(graph):
        assert_equivalent(graph, PASSES[name](graph, TARGET))
        # The last passes do nothing before expansion.
        assert_equivalent(graph, PASSES[name](expand(graph), TARGET))

    law()


def any_order_keeps_the_function(examples):
    @settings(max_examples=examples, derandomize=True, deadline=None)
    @given(
        graphs(), st.booleans(), st.lists(st.sampled_from(sorted(PASSES)), min_size=2, max_size=6)
    )
    def law(graph, expanded, order):
        result = expand(graph) if expanded else graph
        for name in order:
            result = PASSES[name](result, TARGET)
        assert_equivalent(graph, result)

    law()


@pytest.mark.parametrize("name", PASSES)
def test_each_pass_keeps_the_function(name):
    each_keeps_the_function(name, 120)


def test_any_order_keeps_the_function():
    any_order_keeps_the_function(80)


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSES)
def test_each_pass_keeps_the_function_of_many(name):
    each_keeps_the_function(name, 2000)


@pytest.mark.slow
def test_any_order_keeps_the_function_of_many():
    any_order_keeps_the_function(2000)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(graphs(40))
def test_pipeline_ends_in_native_ops(graph):
    result, records = run(graph)
    verify(result, NATIVE)
    assert_equivalent(graph, result)
    assert [r.name for r in records] == ["lower", *(name for name, _ in DEFAULT)]


def inputs(build, *types):
    return [build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(types)]


S4 = Fixed(-8, 7, 0)


def single(build, ins, node):
    return Graph(build, tuple(ins), (node,), ("y",))


def test_simplify_shares_what_is_equal_up_to_order_and_shift():
    build = Builder()
    a, b = ins = inputs(build, S4, S4)
    ones = [build(ADD, a, b, sub=False), build(ADD, b, a, sub=False)]
    twos = [build(SHIFT, x, bits=1) for x in (a, b)]
    doubled = build(ADD, twos[1], twos[0], sub=False)
    graph = Graph(build, tuple(ins), (*ones, doubled), ("p", "q", "r"))
    result = simplify(graph)
    assert_equivalent(graph, result)
    assert [n.op for n in result.nodes].count(ADD) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda b, x: b(ADD, x, x, sub=True),
        lambda b, x: b(MAX, constant(b, -9, 0), b(ADD, x, x, sub=True)),
        lambda b, x: cast(b, b(SHIFT, x, bits=4), 0, 4, False),
    ],
)
def test_simplify_finds_zero(make):
    build = Builder()
    (x,) = ins = inputs(build, S4)
    graph = single(build, ins, make(build, x))
    result = simplify(graph)
    assert_equivalent(graph, result)
    assert result.outputs[0] is constant(build, 0, 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda b, x: b(SHIFT, b(SHIFT, x, bits=3), bits=-3),
        lambda b, x: b(MAX, x, constant(b, -9, 0)),
        lambda b, x: b(CAST, b(CAST, x, exp=0, width=6, signed=True), exp=0, width=4, signed=True),
        lambda b, x: b(ADD, constant(b, 0, 0), b(ADD, constant(b, 0, 0), x, sub=True), sub=True),
        lambda b, x: b(ADD, b(ADD, x, constant(b, 5, 0), sub=False), constant(b, 5, 0), sub=True),
    ],
)
def test_simplify_finds_the_input_itself(make):
    build = Builder()
    (x,) = ins = inputs(build, S4)
    graph = single(build, ins, make(build, x))
    result = simplify(graph)
    assert_equivalent(graph, result)
    assert result.outputs[0] is x


@pytest.mark.parametrize("op", [MAX, MIN])
def test_simplify_knows_the_sign_of_a_distance_to_an_extremum(op):
    build = Builder()
    a, b, c = ins = inputs(build, S4, S4, S4)
    pair = [build(op, build(op, a, b), c), b]
    distance = build(ADD, *(pair if op is MAX else pair[::-1]), sub=True)
    graph = single(build, ins, distance)
    assert distance.type == Fixed(-15, 15, 0)
    result = narrow(simplify(graph))
    assert_equivalent(graph, result)
    assert result.outputs[0].type == Fixed(0, 15, 0)
    assert [n.type.width for n in result.nodes if n.op is ADD] == [5]


def test_narrow_cuts_adders_behind_a_wrapping_cast():
    build = Builder()
    wide = Fixed(-(2**11), 2**11 - 1, 0)
    a, b = ins = inputs(build, wide, wide)
    total = build(ADD, a, b, sub=False)
    graph = single(build, ins, cast(build, total, 0, 3, True))
    result = narrow(graph)
    assert_equivalent(graph, result)
    (adder,) = [n for n in result.nodes if n.op is ADD]
    assert adder.type.width <= 4


def test_narrow_keeps_the_sign_that_relu_needs():
    build = Builder()
    wide = Fixed(-(2**11), 2**11 - 1, 0)
    a, b = ins = inputs(build, wide, wide)
    relu = build(MAX, build(ADD, a, b, sub=False), constant(build, 0, 0))
    graph = single(build, ins, cast(build, relu, 0, 3, False))
    result = narrow(graph)
    assert_equivalent(graph, result)
    assert max(n.type.width for n in result.nodes if n.op is ADD) == 13


def test_narrow_keeps_a_zero_that_others_read():
    build = Builder()
    a, b = ins = inputs(build, Fixed(-8, -1, 0), S4)
    total = build(ADD, a, a, sub=False)
    zero = build(MAX, constant(build, 0, 0), total)  # no bit of it is demanded, so none of total
    outputs = cast(build, total, 0, 3, False), build(ADD, b, zero, sub=False)
    graph = Graph(build, tuple(ins), outputs, ("low", "sum"))
    result = narrow(graph)
    assert_equivalent(graph, result)
    assert result.outputs[1].args == (b, constant(build, 0, 0))


@pytest.mark.parametrize("mode", ["RND", "RND_MIN_INF", "RND_CONV", "TRN_ZERO"])
def test_rounding_constants_join_the_bias(mode):
    build = Builder()
    ins = inputs(build, *[Fixed(-8, 7, -3)] * 3)
    dot = build.make(DOT, tuple(ins), ((3, -5, 11), 0, 3, -3))
    relu = build(MAX, dot, constant(build, 0, 0))
    graph = single(build, ins, build(ROUND, relu, exp=0, rounding=mode))
    result = simplify(round_first(graph))
    assert_equivalent(graph, result)
    moved = mode in ("RND", "RND_MIN_INF")
    assert result.outputs[0].op is (MAX if moved else ROUND)
    (after,) = [n for n in result.nodes if n.op is DOT]
    assert after.attrs[2:] == (((7, -3) if mode == "RND" else (3, -2)) if moved else (3, -3))


def test_rounding_stays_where_others_read_the_unrounded_value():
    build = Builder()
    ins = inputs(build, *[Fixed(-8, 7, -3)] * 3)
    dot = build.make(DOT, tuple(ins), ((3, -5, 11), 0, 3, -3))
    relu = build(MAX, dot, constant(build, 0, 0))
    rounded = build(ROUND, relu, exp=0, rounding="RND")
    graph = Graph(build, tuple(ins), (rounded, relu), ("y", "z"))
    assert round_first(graph).outputs == graph.outputs


def test_cmvm_shares_adders():
    build = Builder()
    ins = inputs(build, *[S4] * 4)
    rows = [(3, 5, 7, 9), (6, 10, 14, 18), (-3, -5, -7, -9)]
    dots = tuple(build.make(DOT, tuple(ins), (row, 0, 0, 0)) for row in rows)
    graph = Graph(build, tuple(ins), dots, ("a", "b", "c"))
    result = simplify(cmvm(graph, TARGET))
    assert_equivalent(graph, result)
    plain = simplify(expand(graph))
    count = [sum(n.op is ADD for n in g.nodes) for g in (result, plain)]
    assert count[0] < count[1]
    huge = single(build, ins, build.make(DOT, tuple(ins), ((1 << 40, 1, 0, 0), 0, 0, 0)))
    assert_equivalent(huge, cmvm(huge, TARGET))


def _sample():
    build = Builder()
    ins = inputs(build, *[S4] * 3)
    dot = build.make(DOT, tuple(ins), ((3, -5, 11), 0, 1, -1))
    return single(build, ins, build(MAX, dot, constant(build, 0, 0)))


def test_driver_skips_dumps_and_stops(tmp_path):
    graph = _sample()
    names = [name for name, _ in DEFAULT]
    for skipped in itertools.combinations([n for n in names if n != "expand"], 2):
        result, records = run(graph, skip=skipped)
        assert_equivalent(graph, result)
        assert [r.name for r in records[1:]] == [n for n in names if n not in skipped]
    run(graph, dump=tmp_path / "dump")
    files = sorted(path.name for path in (tmp_path / "dump").iterdir())
    assert files == ["00-lower.ir", *(f"{j:02d}-{n}.ir" for j, n in enumerate(names, 1))]
    assert (tmp_path / "dump" / "00-lower.ir").read_text() == to_text(graph)


def test_bisection_names_the_guilty_pass():
    def broken(graph):
        bad = graph.builder(ADD, graph.outputs[0], constant(graph.builder, 1, 0), sub=False)
        return graph.with_outputs([bad])

    graph = _sample()

    def is_wrong(result):
        try:
            assert_equivalent(graph, result)
        except AssertionError:
            return True
        return False

    assert bisect(graph, is_wrong) is None
    for position in range(len(DEFAULT) + 1):
        passes = (*DEFAULT[:position], ("guilty", anywhere(broken)), *DEFAULT[position:])
        assert bisect(graph, is_wrong, passes) == "guilty"


def test_driver_verifies_between_passes():
    def forget_input(graph):
        return Graph(graph.builder, graph.inputs[1:], graph.outputs, graph.output_names)

    with pytest.raises(PassError) as error:
        run(_sample(), passes=(("forget", anywhere(forget_input)),))
    assert str(error.value) == (
        "pass 'forget' made a broken graph: input 'x0' is used but not declared.\n"
        "  This is a defect of hgq_rtl; please report it with the model."
    )


@pytest.mark.parametrize(
    ("skip", "message"),
    [
        (["fold"], "unknown pass.\n  Received: 'fold'.\n  Passes: simplify, round-first, "
         "simplify-2, cmvm, expand, simplify-3, narrow, simplify-4, clamps, products, ternary, "
         "relus, lookups."),
        (["expand"], "pass 'expand' cannot be skipped.\n  No backend emits what it would leave."),
    ],
)  # fmt: skip
def test_driver_refuses_unknown_passes(skip, message):
    with pytest.raises(PassError) as error:
        run(_sample(), skip=skip)
    assert str(error.value) == message


def adds(graph):
    return [n.op.name for n in graph.nodes if n.op in (ADD, SUM3)]


@dataclass
class Levels:
    """A device on which an addition takes a LUT for each bit, and the delay given here."""

    add: int = 1
    sum3: int = 1

    def cost(self, node):
        return node.type.width

    def transfer(self, node):
        return Transfer({ADD: self.add, SUM3: self.sum3}.get(node.op, 0), 0, False)


def by_threes(graph, cuts=None, **delays):
    return ternary(graph, Levels(**delays), cuts)


def test_ternary_takes_half_the_adders():
    build = Builder()
    ins = inputs(build, *[S4] * 7)
    total = ins[0]
    for j, x in enumerate(ins[1:]):
        total = build(ADD, total, build(SHIFT, x, bits=j % 3), sub=j % 2 == 1)
    graph = single(build, ins, total)
    result = by_threes(graph)
    assert_equivalent(graph, result)
    assert adds(result) == ["sum3"] * 3
    assert result.outputs[0].type == total.type


def shared_by(build, ins, *terms):
    """a + b, read by sums that add so many further terms each."""
    shared = build(ADD, *ins[:2], sub=False)
    outputs = []
    for count in terms:
        total = shared
        for x in ins[2 : 2 + count]:
            total = build(ADD, total, x, sub=len(outputs) == 1)
        outputs.append(total)
    return Graph(build, tuple(ins), tuple(outputs), ("p", "q", "r")[: len(outputs)])


def test_ternary_dissolves_what_several_read_where_these_have_room():
    build = Builder()
    ins = inputs(build, *[S4] * 5)
    graph = shared_by(build, ins, 1, 3)
    result = by_threes(graph)
    assert_equivalent(graph, result)
    assert adds(result) == ["sum3"] * 3


def test_ternary_leaves_what_others_read():
    build = Builder()
    ins = inputs(build, *[S4] * 5)
    graph = shared_by(build, ins, 2, 2)
    result = by_threes(graph)
    assert_equivalent(graph, result)
    assert sorted(adds(result)) == ["add", "sum3", "sum3"]


def test_ternary_looks_through_casts_that_cut_no_bit_that_is_read():
    build = Builder()
    a, b, c = ins = inputs(build, *[S4] * 3)
    inner = cast(build, build(ADD, a, b, sub=False), 0, 4, True)
    for width, ops in ((4, ["sum3"]), (5, ["add", "add"])):
        graph = single(build, ins, cast(build, build(ADD, inner, c, sub=True), 0, width, True))
        result = by_threes(graph)
        assert_equivalent(graph, result)
        assert adds(result) == ops


def test_ternary_extends_no_sign():
    build = Builder()
    ins = inputs(build, *[S4] * 2, *[Fixed(-128, 127, 0)] * 3)
    total = constant(build, 5, 0)
    for j, x in enumerate(ins):
        total = build(ADD, total, x, sub=j == 1)
    graph = single(build, ins, total)
    result = ternary(graph, TARGET.device)
    assert_equivalent(graph, result)
    # The constant finds no room in the last sum; adding it takes carries, but no LUT.
    assert adds(result) == ["sum3", "sum3", "add"]
    assert result.outputs[0].type == total.type
    # With signs extended it would be 18.
    assert sum(map(TARGET.device.cost, result.nodes)) == 14


def test_ternary_keeps_the_latest_output_in_time():
    build = Builder()
    ins = inputs(build, *[S4] * 4)
    pairs = [build(ADD, *ins[j : j + 2], sub=False) for j in (0, 2)]
    graph = single(build, ins, build(ADD, *pairs, sub=False))
    # Two levels either way if a sum of three is as fast as one of two ...
    assert adds(by_threes(graph, Cuts(2, 1))) == ["add", "sum3"]
    # ... but not if it is slower, unless there is time for that, or a register in between.
    assert by_threes(graph, Cuts(4, 1), add=2, sum3=3).outputs == graph.outputs
    assert adds(by_threes(graph, Cuts(5, 1), add=2, sum3=3)) == ["add", "sum3"]
    assert adds(by_threes(graph, Cuts(3, 2), add=2, sum3=3)) == ["add", "sum3"]
    # ... and not at all if it is slower than a stage.
    assert by_threes(graph, Cuts(2, 9), add=2, sum3=3).outputs == graph.outputs


def test_ternary_adds_two_where_three_would_wait():
    build = Builder()
    a, b, c, d, e = ins = inputs(build, *[S4] * 5)
    pairs = [build(ADD, x, y, sub=False) for x, y in ((a, b), (c, d))]
    graph = single(build, ins, build(ADD, build(ADD, *pairs, sub=False), e, sub=False))
    delays = {"add": 4, "sum3": 7}
    for budget, expected in ((12, ["sum3", "add", "add"]), (14, ["sum3", "sum3"])):
        result = by_threes(graph, Cuts(budget, 1), **delays)
        assert_equivalent(graph, result)
        assert adds(result) == expected


def sums_in_time(examples):
    @settings(max_examples=examples, derandomize=True, deadline=None)
    @given(graphs(40), st.integers(0, 2000))
    def law(graph, more):
        graph, _ = run(graph, passes=DEFAULT[:-1])
        device = TARGET.device
        period = max(map(device.delay, graph.nodes), default=0) + device.register_overhead + more
        stages = schedule(graph, device, period / 1000).latency
        cuts = Cuts(period - device.register_overhead, stages)
        result = ternary(graph, device, cuts)
        assert_equivalent(graph, result)
        assert schedule(result, device, period / 1000).latency <= stages

    law()


def test_sums_of_three_in_time_take_no_more_stages():
    sums_in_time(60)


@pytest.mark.slow
def test_sums_of_three_in_time_take_no_more_stages_in_many():
    sums_in_time(2000)
