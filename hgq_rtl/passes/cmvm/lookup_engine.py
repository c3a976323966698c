"""Distributed arithmetic: a row as the sum of tables over groups of narrow inputs.

Croisier's idea (US patent 3777130, 1973; White, IEEE ASSP Magazine 6, 1989) with whole inputs
instead of bit slices: a look-up table of six address bits costs one LUT per bit of its result,
however many signed digits its weights have.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hgq_rtl.fixed import Fixed
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix, Sum, Term
from hgq_rtl.passes.cmvm.sharing import Pair, Row, Value, paired
from hgq_rtl.passes.cmvm.sharing_engine import digits_of, solve_rows


def solve_with_tables(
    matrix: Matrix,
    inputs: Sequence[Fixed],
    *,
    address_bits: int,
    chain: int,
    tabled: Sequence[bool],
    weigh: str = "overlap",
    levels: Sequence[int] | None = None,
    extra: int | None = 0,
) -> AdderProgram:
    """An unchecked program in which the ``tabled`` rows look up what fits ``address_bits``.

    ``chain``: so many tables are added one after the other, before what results is added in a
    tree: an adder can take the table that it adds into its own LUTs, but not two of them. The other
    rows share their sums; see ``solve_by_sharing`` for the other arguments.
    """
    levels = levels or [0] * len(inputs)
    values = [Value(t.lo, t.hi, t.exp, at) for t, at in zip(inputs, levels, strict=True)]
    split = [
        _split(weights, inputs, address_bits) if as_tables else ([], digits_of(weights))
        for weights, as_tables in zip(matrix, tabled, strict=True)
    ]
    tables: dict[Sum, Term] = {}

    chains = [[_chained(part) for part in _parts(forms, chain)] for forms, _ in split]
    for form in (form for row in chains for forms in row for form in forms):
        if form not in tables:
            tables[form] = Term(len(values), 0)
            values.append(_looked_up(form, values))
    steps: list[tuple[Term, Term]] = []
    rows: list[Row] = []
    for parts, (_, row) in zip(chains, split, strict=True):
        for first, *others in parts:
            total = tables[first]
            for form in others:
                b = tables[form].index
                values.append(paired(values, Pair(total.index, b, 0, True)))
                steps.append((total, Term(b, 0, True)))
                total = Term(len(values) - 1, 0)
            row.setdefault(total.index, {})[0] = False
        rows.append(row)
    outputs = solve_rows(values, rows, steps, weigh=weigh, extra=extra)
    return AdderProgram(len(inputs), tuple(steps), outputs, tuple(tables))


def _parts(forms: list[Sum], size: int) -> list[list[Sum]]:
    """The tables of a row in chains of ``size`` or more, as even as they come."""
    if not forms:
        return []
    count = max(1, len(forms) // size)
    ends = [len(forms) * n // count for n in range(count + 1)]
    return [forms[a:b] for a, b in pairwise(ends)]


def _chained(forms: list[Sum]) -> list[Sum]:
    """All but the first negated, to be subtracted.

    In a difference, synthesis keeps the minuend for the carry and takes in the other operand,
    whatever the order in which it met their names.
    """
    return [forms[0], *(tuple((j, -w) for j, w in form) for form in forms[1:])]


def _split(weights: Sequence[int], inputs: Sequence[Fixed], bits: int) -> tuple[list[Sum], Row]:
    """The tables of a row, those of few result bits first, and the digits of what is too wide."""
    forms: list[Sum] = []
    wide = [0] * len(weights)
    for group in _groups(weights, inputs, bits):
        if inputs[group[0]].width > bits:
            wide[group[0]] = weights[group[0]]
        else:
            forms.append(tuple((j, weights[j]) for j in group))

    def top(form: Sum) -> int:
        return max(abs(w).bit_length() + inputs[j].exp + inputs[j].width for j, w in form)

    return sorted(forms, key=lambda form: (top(form), form)), digits_of(wide)


def _groups(weights: Sequence[int], inputs: Sequence[Fixed], bits: int) -> list[list[int]]:
    """Inputs with a weight, in groups that fill a table; wide ones stay alone.

    First fit from the widest down; among equals, weights of like magnitude come together, since
    the result is as wide as the largest.
    """
    live = [j for j, w in enumerate(weights) if w]
    live.sort(key=lambda j: (-inputs[j].width, abs(weights[j]).bit_length() + inputs[j].exp, j))
    groups: list[list[int]] = []
    room: list[int] = []
    for j in live:
        width = inputs[j].width
        at = next((g for g, free in enumerate(room) if width <= free), None)
        if at is None:
            groups.append([j])
            room.append(bits - width)
        else:
            groups[at].append(j)
            room[at] -= width
    return [sorted(group) for group in groups]


def _looked_up(form: Sum, values: Sequence[Value]) -> Value:
    """The interval of a table's result, one level after its inputs."""
    lsb = min(values[j].lsb for j, _ in form)
    lo = hi = 0
    for j, w in form:
        ends = [w * n << (values[j].lsb - lsb) for n in (values[j].lo, values[j].hi)]
        lo, hi = lo + min(ends), hi + max(ends)
    return Value(lo, hi, lsb, 1 + max(values[j].level for j, _ in form))
