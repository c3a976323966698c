"""What vectors cover, counted again one by one; directed vectors and proofs against exhaustion."""

import itertools

import numpy as np
import pytest

from hgq_rtl import cache
from hgq_rtl.cosim.coverage import Coverage, sentence
from hgq_rtl.cosim.directed import cheap_cut, directed_vectors
from hgq_rtl.cosim.golden import golden_vectors
from hgq_rtl.cosim.places import UNSEEN
from hgq_rtl.cosim.vectors import input_types
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.evaluate import evaluate, evaluate_nodes
from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, COMPARE, INPUT, MAX, MIN, MUL, MUX, REG, SHIFT, TABLE, constant
from tests.cosim.design import tiny


def graph_of(make, types):
    """The graph of ``make(build, *inputs)`` and its interface."""
    build = Builder()
    inputs = tuple(
        build(INPUT, name=f"x_{i}", lo=t.lo, hi=t.hi, exp=t.exp) for i, t in enumerate(types)
    )
    outputs = tuple(make(build, *inputs))
    names = tuple(f"y_{j}" for j in range(len(outputs)))
    interface = Interface(
        (Port("x", (len(inputs),), tuple(types)),),
        (Port("y", (len(outputs),), tuple(n.type for n in outputs)),),
    )
    return Graph(build, inputs, outputs, names), interface


U4, S4 = Fixed(0, 15, 0), Fixed(-8, 7, -1)


def mixed(build, a, b, c):
    """Every kind of place: a ReLU, a saturation, a max, a mux, a table with entries left over."""
    total = build(ADD, a, b, sub=False)
    relu = build(MAX, total, constant(build, 0, 0))
    limited = build(MIN, constant(build, 9, 0), relu)
    larger = build(MAX, limited, c)
    less = build(REG, build(COMPARE, b, c, kind="lt"))
    chosen = build(MUX, less, larger, build(SHIFT, c, bits=1))
    entries = tuple(range(0, 66, 2))
    looked_up = build(TABLE, relu, entries=entries, lo=-2, step=0, exp=0)
    return chosen, looked_up


MIXED = graph_of(mixed, (Fixed(-4, 11, 0), Fixed(-8, 7, 0), U4))


def every(types):
    return np.array(list(itertools.product(*[range(t.lo, t.hi + 1) for t in types])))


def by_hand(row):
    """The points of ``mixed`` that one vector reaches, by place."""
    a, b, c = map(int, row)
    relu = max(a + b, 0)
    limited = min(9, relu)
    larger = max(limited, c)
    first = b < c
    chosen, entry = (larger if first else 2 * c), 2 * (relu + 2)
    return {
        "y_0": {f"bit {i} is {chosen >> i & 1}" for i in range(5)},
        "y_1": {f"bit {i} is {entry >> i & 1}" for i in range(6)},
        "max0": {"within"} if a + b > 0 else {"limited"} if a + b < 0 else set(),
        "min": {"within"} if relu < 9 else {"limited"} if relu > 9 else set(),
        "max": {"first"} if limited > c else {"second"} if c > limited else set(),
        "mux": set() if larger == 2 * c else {"first" if first else "second"},
        "table": {str(relu)},
    }


def place_key(place):
    if place.kind == "output bits":
        return place.name
    if place.name == "max":
        return "max0" if place.kind == "saturations" else "max"
    return place.name


@pytest.mark.parametrize("count", [0, 1, 7, 300])
def test_every_point_is_counted_at_its_first_vector(count):
    graph, interface = MIXED
    inputs = np.random.default_rng(count).permutation(every(input_types(interface)))[:count]
    coverage = Coverage(graph, interface)
    half = count // 2
    outputs = np.concatenate([coverage.add(inputs[:half]), coverage.add(inputs[half:])])
    assert (outputs == evaluate(graph, inputs)).all()
    seen = [by_hand(row) for row in inputs]
    assert len(coverage.places) == 7
    for place, first in zip(coverage.places, coverage.first, strict=True):
        key = place_key(place)
        for point, found in enumerate(first):
            label = place.label(point)
            at = next((i for i, one in enumerate(seen) if label in one[key]), UNSEEN)
            assert max(found, UNSEEN) == at, (key, label)


def test_unreachable_is_what_no_input_reaches():
    graph, interface = MIXED
    coverage = Coverage(graph, interface)
    coverage.add(every(input_types(interface)))
    assert [len(coverage.holes(n)) for n in range(7)] == [1, 1, 0, 0, 0, 0, 0]
    # What is chosen is below 16, what is looked up is even: only trying all inputs tells.
    assert len(directed_vectors(coverage, input_types(interface), 0)) == 0
    for place, first in zip(coverage.places, coverage.first, strict=True):
        assert (first != UNSEEN).all(), place.name
    # Of 33 entries, those for 0 to 18 can be looked up.
    counts = coverage.counts()["table entries"]
    assert counts == {"points": 33, "reached": 19, "unreachable": 14, "missed": 0}
    assert "table entries 19 of 19 (14 more cannot occur)" in sentence(coverage.counts())


@pytest.mark.parametrize("seed", range(3))
def test_distance_is_zero_where_a_point_is_reached_and_only_there(seed):
    graph, interface = MIXED
    inputs = np.random.default_rng(seed).permutation(every(input_types(interface)))[:200]
    coverage = Coverage(graph, interface)
    for place in coverage.places:
        feeds = {n: inputs[:, j] for j, n in enumerate(graph.inputs)}
        values = evaluate_nodes(feeds, place.probes)
        probes = [values[n] for n in place.probes]
        hits = place.hits(probes)
        hits = hits if hits.ndim == 2 else hits[:, None]
        for point in range(len(place.reachable)):
            away = place.distance(np.full(len(inputs), point), probes)
            assert ((away == 0) == (hits == point).any(axis=1)).all()
            assert (away >= 0).all()


def far(build, *inputs):
    """A table behind a sum of many inputs: its ends are hit by almost no random vector."""
    total = inputs[0]
    for one in inputs[1:]:
        total = build(ADD, total, one, sub=False)
    lo, hi = total.type.lo, total.type.hi
    return [build(TABLE, total, entries=tuple(range(lo, hi + 1)), lo=lo, step=0, exp=0)]


def test_directed_vectors_reach_what_random_ones_miss():
    graph, interface = graph_of(far, [Fixed(-8, 7, 0)] * 12)
    golden = golden_vectors(graph, interface, random=200)
    assert golden.coverage.counts()["table entries"]["missed"] == 0
    assert 100 < golden.directed < 181
    assert (golden.outputs == evaluate(graph, golden.inputs)).all()
    # Indices in the coverage are those of the vectors as they are written.
    again = Coverage(graph, interface)
    again.add(golden.inputs)
    for one, other in zip(again.first, golden.coverage.first, strict=True):
        assert (np.maximum(one, UNSEEN) == np.maximum(other, UNSEEN)).all()
    same = golden_vectors(graph, interface, random=200)
    assert (same.inputs == golden.inputs).all()


def test_vectors_are_searched_once(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    graph, interface = MIXED
    data = np.array([[1, 2, 3]])
    found = [golden_vectors(graph, interface, data, random=20)]

    def never(*_):
        raise AssertionError("searched again")

    with monkeypatch.context() as patch:
        patch.setattr("hgq_rtl.cosim.golden.directed_vectors", never)
        found.append(golden_vectors(graph, interface, data, random=20))
        for other in ({"data": data + 1}, {"data": data, "seed": 1}, {"random": 21}):
            with pytest.raises(AssertionError, match="searched again"):
                golden_vectors(graph, interface, **({"random": 20} | other))
    for one in found:
        assert one.counts == found[0].counts
        assert one.coverage.vectors == len(one) == sum(one.counts.values())
        assert list(one.coverage.rows()) == list(found[0].coverage.rows())
        assert (one.inputs == found[0].inputs).all()
        assert (one.outputs == evaluate(graph, one.inputs)).all()


def squares(build, a, b):
    """Sums of squares: most entries of the table cannot occur, which no interval tells."""
    total = build(ADD, build(MUL, a, a), build(MUL, b, b), sub=False)
    entries = tuple(range(total.type.hi + 1 - total.type.lo))
    return [build(TABLE, total, entries=entries, lo=total.type.lo, step=0, exp=0)]


def test_what_cannot_occur_is_proven_by_trying_all():
    types = (Fixed(-9, 8, 0), Fixed(-8, 7, 0))
    graph, interface = graph_of(squares, types)
    golden = golden_vectors(graph, interface, random=10)
    (place,) = [p for p in golden.coverage.places if p.kind == "table entries"]
    first = golden.coverage.first[golden.coverage.places.index(place)]
    possible = {a * a + b * b for a, b in every(types).tolist()}
    arg = graph.outputs[0].args[0].type
    assert {n for n in range(arg.lo, arg.hi + 1) if first[n - arg.lo] >= 0} == possible
    assert (first != UNSEEN).all()


def test_a_cut_in_the_middle_proves_but_does_not_find():
    # Parity: whatever the 24 bits of the inputs, 2·n + 1 of their sum is odd.
    def odd(build, *inputs):
        total = inputs[0]
        for one in inputs[1:]:
            total = build(ADD, total, one, sub=False)
        number = build(ADD, build(SHIFT, total, bits=1), constant(build, 1, 0), sub=False)
        entries = tuple(range(number.type.hi + 1))
        return [build(TABLE, number, entries=entries, lo=0, step=0, exp=0)]

    graph, interface = graph_of(odd, [U4] * 6)
    table = graph.outputs[0]
    cut = cheap_cut(table.args, toposort(table.args))
    assert all(node.op is not INPUT for node in cut) or len(cut) < 6
    golden = golden_vectors(graph, interface, random=50)
    counts = golden.coverage.counts()["table entries"]
    assert counts == {"points": 182, "reached": 91, "unreachable": 91, "missed": 0}


def test_no_effort_leaves_holes_and_says_so():
    graph, interface = graph_of(far, [Fixed(-8, 7, 0)] * 12)
    coverage = Coverage(graph, interface)
    assert len(directed_vectors(coverage, input_types(interface), 0, effort=0)) == 0
    assert coverage.counts()["table entries"]["missed"] == 181


def test_numbers_beyond_64_bits_get_no_directed_vectors():
    wide = Fixed(-(1 << 70), (1 << 70) - 1, 0)
    graph, interface = graph_of(lambda build, a, b: [build(MAX, a, b)], [wide, wide])
    golden = golden_vectors(graph, interface, random=100)
    assert golden.directed == 0
    assert sentence(golden.coverage.counts()) == "output bits 142 of 142, choices 2 of 2"


def test_data_come_first_and_must_be_there():
    core = tiny()
    data = np.array([[1, 0, 2, 3], [-8, 0, 0, 1]])
    golden = golden_vectors(core.graph, core.interface, data, random=5)
    assert golden.counts == {"data": 2, "corner": 13, "random": 5, "directed": golden.directed}
    assert (golden.inputs[:2] == data).all()
    assert len(golden) == sum(golden.counts.values())
    with pytest.raises(CosimError, match="the data hold no sample"):
        golden_vectors(core.graph, core.interface, data[:0])
