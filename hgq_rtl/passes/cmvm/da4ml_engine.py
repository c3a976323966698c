"""da4ml's solver behind our AdderProgram. The only file that imports da4ml."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from da4ml.cmvm import solve

from hgq_rtl.fixed import Fixed
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix, Term

LARGEST_WEIGHT = 1 << 24
"""The solver reads weights as float32, which is exact below this."""

_INPUT, _ADD, _SUB = -1, 0, 1


def solve_with_da4ml(
    matrix: Matrix,
    inputs: Sequence[Fixed],
    *,
    levels: Sequence[int] | None = None,
    extra: int = 2,
) -> AdderProgram:
    """An unchecked adder program for ``matrix`` on inputs of these intervals.

    ``levels``: for each input, how many adders late it comes. ``extra``: how many levels above a
    balanced tree the slowest output should need; da4ml may exceed that.
    """
    kernel = np.array(matrix, dtype=np.float32).T
    intervals = [(t.lo * 2.0**t.exp, t.hi * 2.0**t.exp, 2.0**t.exp) for t in inputs]
    pipeline = solve(
        np.ascontiguousarray(kernel),
        hard_dc=extra,
        qintervals=intervals,
        latencies=[float(level) for level in levels or [0] * len(inputs)],
    )
    steps: list[tuple[Term, Term]] = []
    terms = [Term(j, 0) for j in range(len(inputs))]
    for stage in pipeline.solutions:
        terms = _append(stage, terms, steps, len(inputs))
    return AdderProgram(len(inputs), tuple(steps), tuple(terms))


def _append(
    stage: Any, inputs: list[Term], steps: list[tuple[Term, Term]], n_inputs: int
) -> list[Term]:
    """Add one da4ml program, fed with ``inputs``, to ``steps``; its outputs as terms."""
    values: list[Term] = []
    for op in stage.ops:
        if op.opcode == _INPUT:
            shift = stage.inp_shifts[op.id0]
            values.append(_scale(inputs[op.id0], int(shift), False))
            continue
        if op.opcode not in (_ADD, _SUB):
            raise ValueError(f"da4ml returned an operation of kind {op.opcode}")
        a = values[op.id0]
        b = _scale(values[op.id1], int(op.data), op.opcode == _SUB)
        values.append(_add(a, b, steps, n_inputs))
    return [
        _scale(values[index], int(shift), bool(negative)) if index >= 0 else Term(-1, 0)
        for index, shift, negative in zip(
            stage.out_idxs,
            stage.out_shifts,
            stage.out_negs,
            strict=True,
        )
    ]


def _scale(term: Term, shift: int, negative: bool) -> Term:
    return Term(term.index, term.shift + shift, term.negative != negative)


def _add(a: Term, b: Term, steps: list[tuple[Term, Term]], n_inputs: int) -> Term:
    """a + b as a step whose first term is positive; the result may be a negative term."""
    if a.index < 0 or b.index < 0:
        return b if a.index < 0 else a
    negative = a.negative and b.negative
    if negative:
        a, b = _scale(a, 0, True), _scale(b, 0, True)
    elif a.negative:
        a, b = b, a
    steps.append((a, b))
    return Term(n_inputs + len(steps) - 1, 0, negative)
