"""Every solver on random matrices: exact, in time, and one answer from both searches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hgq_rtl import cache as disk
from hgq_rtl.errors import PassError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import DOT, INPUT, TABLE
from hgq_rtl.passes.cmvm import choose as choice
from hgq_rtl.passes.cmvm import native, sharing_engine
from hgq_rtl.passes.cmvm.choose import choose, level_ps, measure
from hgq_rtl.passes.cmvm.da4ml_engine import solve_with_da4ml
from hgq_rtl.passes.cmvm.lookup_engine import solve_with_tables
from hgq_rtl.passes.cmvm.program import AdderProgram, Term
from hgq_rtl.passes.cmvm.sharing import WEIGHS, Pair, Value, paired
from hgq_rtl.passes.cmvm.sharing_engine import solve_by_sharing
from hgq_rtl.passes.target import default_target
from tests.battery.equivalence import assert_equivalent


@st.composite
def matrices(draw):
    """(matrix, inputs, levels): sparse or dense, repeated rows, awkward intervals."""
    n_in, n_out = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    top = draw(st.sampled_from([1, 3, 40, 1000]))
    weight = st.one_of(st.just(0), st.integers(-top, top))
    rows = [[draw(weight) for _ in range(n_in)] for _ in range(n_out)]
    if n_out > 2:
        rows[-1] = [-2 * w for w in rows[0]]
    inputs = []
    for _ in range(n_in):
        lo, hi = sorted((draw(st.integers(-9, 9)), draw(st.integers(-9, 9))))
        inputs.append(Fixed(lo, hi, draw(st.integers(-3, 3))))
    levels = [draw(st.integers(0, 4)) for _ in range(n_in)]
    return tuple(map(tuple, rows)), tuple(inputs), levels


def last_level(program, inputs, levels):
    """How many adders the slowest output needs, inputs included."""
    values = [Value(t.lo, t.hi, t.exp, at) for t, at in zip(inputs, levels, strict=True)]
    assert not program.tables
    for a, b in program.steps:
        values.append(paired(values, Pair(a.index, b.index, b.shift - a.shift, b.negative)))
    return [values[t.index].level if t.index >= 0 else 0 for t in program.outputs]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(matrices(), st.sampled_from(WEIGHS), st.sampled_from([0, 1, None]))
def test_sharing_is_exact_and_in_time(case, weigh, extra):
    matrix, inputs, levels = case
    program = solve_by_sharing(matrix, inputs, weigh=weigh, levels=levels, extra=extra)
    program.check(matrix)
    if extra is None:
        return
    for row, late in zip(matrix, last_level(program, inputs, levels), strict=True):
        digits = [(len(sharing_engine.digits_of([w]).get(0, ())), at)
                  for w, at in zip(row, levels, strict=True)]  # fmt: skip
        load = sum(count << at for count, at in digits)
        assert late <= max(load - 1, 0).bit_length() + extra


@settings(max_examples=60, derandomize=True, deadline=None)
@given(matrices(), st.sampled_from(WEIGHS), st.sampled_from([0, 1, None]))
def test_the_compiled_search_gives_the_same_answer(case, weigh, extra):
    matrix, inputs, levels = case
    assert native.function() is not None, "no C++ compiler: install one to run this test"
    answers = []
    with pytest.MonkeyPatch.context() as patch:
        for large in (0, 10**9):
            patch.setattr(sharing_engine, "LARGE", large)
            answers.append(
                solve_by_sharing(matrix, inputs, weigh=weigh, levels=levels, extra=extra)
            )
    assert answers[0] == answers[1]


def test_without_a_compiler_python_searches(monkeypatch):
    rng = np.random.default_rng(3)
    rows = tuple(map(tuple, rng.integers(-128, 128, (24, 24)).tolist()))
    inputs = [Fixed(-8, 7, 0)] * 24
    fast = solve_by_sharing(rows, inputs)
    monkeypatch.setattr(native, "function", lambda: None)
    assert solve_by_sharing(rows, inputs) == fast


def test_values_beyond_int64_are_exact():
    rows = ((3, 5, 7), (6, 10, 15))
    inputs = [Fixed(-(1 << 70), 1 << 70, 0)] * 3
    program = solve_by_sharing(rows, inputs)
    program.check(rows)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(matrices(), st.integers(2, 7), st.data())
def test_tables_are_exact(case, bits, data):
    matrix, inputs, levels = case
    tabled = [data.draw(st.booleans()) for _ in matrix]
    program = solve_with_tables(
        matrix,
        inputs,
        address_bits=bits,
        tabled=tabled,
        levels=levels,
    )
    program.check(matrix)
    build = Builder()
    nodes = tuple(
        build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(inputs)
    )
    names = tuple(f"y{j}" for j in range(len(matrix)))
    dots = tuple(build.make(DOT, nodes, (row, 0, 0, 0)) for row in matrix)
    plain = Graph(build, nodes, dots, names)
    looked_up = plain.with_outputs(program.build(build, nodes))
    assert_equivalent(plain, looked_up, 300)
    assert all(n.args[0].type.width <= bits for n in looked_up.nodes if n.op is TABLE)


@pytest.mark.parametrize("seed", range(6))
def test_da4ml_is_exact(seed):
    rng = np.random.default_rng(seed)
    n_in, n_out = rng.integers(1, 9, 2)
    matrix = rng.integers(-40, 41, (n_out, n_in)) * (rng.random((n_out, n_in)) < 0.7)
    rows = tuple(tuple(int(w) for w in row) for row in matrix)
    types = [Fixed(-8, 7, int(e)) for e in rng.integers(-2, 3, n_in)]
    solve_with_da4ml(rows, types).check(rows)


def test_a_wrong_adder_tree_is_noticed():
    program = AdderProgram(2, ((Term(0, 1), Term(1, 0, True)),), (Term(2, 0), Term(-1, 0)))
    program.check(((2, -1), (0, 0)))
    for wrong in (((2, 1), (0, 0)), ((2, -1), (0, 1)), ((1, -1), (0, 0))):
        with pytest.raises(PassError) as error:
            program.check(wrong)
        assert str(error.value) == (
            "an adder tree does not compute its matrix.\n"
            "  This is a defect of the solver; please report it with the model."
        )


def test_pairs_are_weighed_by_the_bits_that_overlap():
    """x + 16y needs no adder and x + y does: sharing the second is worth more."""
    inputs = [Fixed(0, 15, 0)] * 3
    rows = ((1, 16, 1), (1, 16, 5), (1, 0, 1))
    for weigh in WEIGHS:
        solve_by_sharing(rows, inputs, weigh=weigh).check(rows)
    first = solve_by_sharing(rows, inputs, weigh="overlap").steps[0]
    assert {term.index for term in first} == {0, 2}


@pytest.mark.parametrize("seed", range(3))
def test_the_choice_keeps_the_bound_and_is_the_cheapest(seed):
    rng = np.random.default_rng(seed)
    rows = tuple(map(tuple, rng.integers(-12, 13, (6, 9)).tolist()))
    inputs = tuple(Fixed(0, int(hi), 0) for hi in rng.integers(1, 16, 9))
    key = (rows, inputs, tuple(int(n) for n in rng.integers(0, 3, 9)))
    target = default_target()
    chosen = choose(key, target)
    chosen.check(rows)
    best = measure(chosen, key, target)
    plain = solve_by_sharing(rows, inputs, levels=key[2], extra=0)
    fastest = measure(plain, key, target)
    assert best.luts <= fastest.luts
    assert best.delay <= fastest.delay + target.extra_levels * level_ps(target.device)


def test_a_huge_matrix_is_solved_once(monkeypatch):
    rng = np.random.default_rng(4)
    rows = tuple(map(tuple, rng.integers(-12, 13, (6, 9)).tolist()))
    key = (rows, (Fixed(-8, 7, 0),) * 9, (0,) * 9)
    solved = []

    def solve(*args, **options):
        solved.append(options["weigh"])
        return solve_by_sharing(*args, **options)

    monkeypatch.setattr(choice, "solve_by_sharing", solve)
    monkeypatch.setattr(choice, "HUGE", 10)
    program = choose(key, default_target())
    program.check(rows)
    assert solved == ["overlap"]
    assert not program.tables


def test_a_broken_library_is_built_again(tmp_path, monkeypatch):
    monkeypatch.setenv(disk.VARIABLE, str(tmp_path))
    found = []
    for broken in (False, True):
        native.function.cache_clear()
        if broken:
            (kept,) = (tmp_path / "native").glob("*/*")
            kept.write_bytes(b"not a library")
        found.append(native.function())
    native.function.cache_clear()
    assert None not in found
    assert kept.read_bytes() != b"not a library"
