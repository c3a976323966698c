"""Distributed arithmetic: a row as the sum of tables over groups of narrow inputs.

Croisier's idea (US patent 3777130, 1973; White, IEEE ASSP Magazine 6, 1989) with whole inputs
instead of bit slices: a look-up table of six address bits costs one LUT per bit of its result,
however many signed digits its weights have.
"""

from __future__ import annotations

from collections.abc import Sequence

from hgq_rtl.fixed import Fixed
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix, Sum, Term
from hgq_rtl.passes.cmvm.sharing import Row, Value
from hgq_rtl.passes.cmvm.sharing_engine import digits_of, solve_rows


def solve_with_tables(
    matrix: Matrix,
    inputs: Sequence[Fixed],
    *,
    address_bits: int,
    tabled: Sequence[bool],
    weigh: str = "overlap",
    levels: Sequence[int] | None = None,
    extra: int | None = 0,
) -> AdderProgram:
    """An unchecked program in which the ``tabled`` rows look up what fits ``address_bits``.

    The other rows share their sums; see ``solve_by_sharing`` for the other arguments.
    """
    levels = levels or [0] * len(inputs)
    values = [Value(t.lo, t.hi, t.exp, at) for t, at in zip(inputs, levels, strict=True)]
    tables: dict[Sum, int] = {}
    rows: list[Row] = []
    for weights, as_tables in zip(matrix, tabled, strict=True):
        if not as_tables:
            rows.append(digits_of(weights))
            continue
        row: Row = {}
        for group in _groups(weights, inputs, address_bits):
            if inputs[group[0]].width > address_bits:
                row.update(digits_of([w if j == group[0] else 0 for j, w in enumerate(weights)]))
                continue
            if len(group) == 1 and abs(weights[group[0]]).bit_count() == 1:
                j = group[0]  # a power of two is wiring
                value, shift, negative = j, abs(weights[j]).bit_length() - 1, weights[j] < 0
            else:
                form, shift, negative = _normal([(j, weights[j]) for j in group])
                if form not in tables:
                    tables[form] = len(values)
                    values.append(_looked_up(form, values))
                value = tables[form]
            row.setdefault(value, {})[shift] = negative
        rows.append(row)
    steps: list[tuple[Term, Term]] = []
    outputs = solve_rows(values, rows, steps, weigh=weigh, extra=extra)
    return AdderProgram(len(inputs), tuple(steps), outputs, tuple(tables))


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


def _normal(pairs: list[tuple[int, int]]) -> tuple[Sum, int, bool]:
    """A weighted sum as (sum, shift, negative) with first weight positive and not all even."""
    shift = min((w & -w).bit_length() - 1 for _, w in pairs)
    negative = pairs[0][1] < 0
    sign = -1 if negative else 1
    return tuple((j, sign * w >> shift) for j, w in pairs), shift, negative


def _looked_up(form: Sum, values: Sequence[Value]) -> Value:
    """The interval of a table's result, one level after its inputs."""
    lsb = min(values[j].lsb for j, _ in form)
    lo = hi = 0
    for j, w in form:
        ends = [w * n << (values[j].lsb - lsb) for n in (values[j].lo, values[j].hi)]
        lo, hi = lo + min(ends), hi + max(ends)
    return Value(lo, hi, lsb, 1 + max(values[j].level for j, _ in form))
