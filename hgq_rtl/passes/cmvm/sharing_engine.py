"""Our own solver: two-term sharing, then a tree of what is left of every row."""

from __future__ import annotations

from collections.abc import Sequence

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.ops import csd
from hgq_rtl.passes.cmvm import native
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix, Term
from hgq_rtl.passes.cmvm.sharing import DEEPEST, Pair, Row, Sharing, Value, load, paired, share

LARGE = 5_000
"""Pairs of digits from which on the compiled search pays for its start."""


def solve_by_sharing(
    matrix: Matrix,
    inputs: Sequence[Fixed],
    *,
    weigh: str = "overlap",
    levels: Sequence[int] | None = None,
    extra: int | None = 2,
) -> AdderProgram:
    """An unchecked adder program for ``matrix`` on inputs of these intervals.

    ``weigh``: one of ``sharing.WEIGHS``. ``levels``: for each input, how many adders late it comes.
    ``extra``: how many levels above its fastest tree an output may need; None for any number. The
    program keeps to it exactly.
    """
    levels = levels or [0] * len(inputs)
    values = [Value(t.lo, t.hi, t.exp, at) for t, at in zip(inputs, levels, strict=True)]
    rows = [digits_of(weights) for weights in matrix]
    steps: list[tuple[Term, Term]] = []
    outputs = solve_rows(values, rows, steps, weigh=weigh, extra=extra)
    return AdderProgram(len(inputs), tuple(steps), outputs)


def solve_rows(
    values: list[Value],
    rows: list[Row],
    steps: list[tuple[Term, Term]],
    *,
    weigh: str,
    extra: int | None,
) -> tuple[Term, ...]:
    """Add the steps that sum up the digits of every row; the outputs as terms."""
    limits = [_limit(load(row, values), extra) for row in rows]
    sharing = Sharing(values, rows, limits)
    pairs = sum(sum(map(len, row.values())) ** 2 for row in rows) // 2
    if pairs >= LARGE and native.can_share(sharing):
        native.share(sharing, weigh)
    else:
        share(sharing, weigh)
    steps += [(Term(p.a, 0), Term(p.b, p.shift, p.sub)) for p in sharing.pairs]
    return tuple([_sum(row, limit, values, steps) for row, limit in zip(rows, limits, strict=True)])


def digits_of(weights: Sequence[int]) -> Row:
    """The canonical signed digits of a row of weights."""
    return {j: {bit: sign < 0 for bit, sign in csd(w)} for j, w in enumerate(weights) if w}


def _limit(load: int, extra: int | None) -> int:
    fastest = max(load - 1, 0).bit_length()
    return max(fastest, DEEPEST) if extra is None else fastest + extra


def _sum(row: Row, limit: int, values: list[Value], steps: list[tuple[Term, Term]]) -> Term:
    """Add up the digits of a row by level ``limit``, narrow ones first; the result as a term."""
    terms = [Term(v, s, negative) for v, at in row.items() for s, negative in at.items()]
    room = (1 << limit) - load(row, values)
    while len(terms) > 1:
        terms.sort(key=lambda t: (values[t.index].top + t.shift, t.index, t.shift))
        i, j, more = _next(terms, values, room)
        room -= more
        b, a = terms.pop(j), terms.pop(i)
        if a.negative and not b.negative:
            a, b = b, a
        pair = Pair(a.index, b.index, b.shift - a.shift, a.negative != b.negative)
        values.append(paired(values, pair))
        steps.append((Term(pair.a, 0), Term(pair.b, pair.shift, pair.sub)))
        terms.append(Term(len(values) - 1, a.shift, a.negative))
    return terms[0] if terms else Term(-1, 0)


def _next(terms: list[Term], values: list[Value], room: int) -> tuple[int, int, int]:
    """The first two terms that can be added without any level getting too late, and the room
    that this takes. The two earliest always can.
    """
    levels = [values[term.index].level for term in terms]
    for i, a in enumerate(levels):
        for j in range(i + 1, len(levels)):
            b = levels[j]
            more = (2 << max(a, b)) - (1 << a) - (1 << b)
            if more <= room:
                return i, j, more
    raise AssertionError("no two terms can be added in time")
