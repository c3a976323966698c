"""AdderProgram: the answer of a solver, checked as exact linear forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hgq_rtl.errors import PassError
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, SHIFT, constant
from hgq_rtl.passes.cmvm.tables import sum_table

Matrix = tuple[tuple[int, ...], ...]
"""Integer weights, one row per output."""


_UNIT = 256
"""Inner sums may be fractions: coefficients are counted in units of 2^-256."""


@dataclass(frozen=True)
class Term:
    """±value·2^shift of an earlier value; ``index`` -1 is zero."""

    index: int
    shift: int
    negative: bool = False


Sum = tuple[tuple[int, int], ...]
"""A weighted sum of inputs: pairs (input, integer weight), in the order of the inputs."""


@dataclass(frozen=True)
class AdderProgram:
    """Values 0 to inputs-1 are the inputs, then come the tables; every step adds two earlier ones.

    A step is (a, b): the first term is never negative. ``outputs`` has one term per output. Each
    of ``tables`` looks a weighted sum of few inputs up.
    """

    inputs: int
    steps: tuple[tuple[Term, Term], ...]
    outputs: tuple[Term, ...]
    tables: tuple[Sum, ...] = ()

    def check(self, matrix: Matrix) -> None:
        """Raise PassError unless the outputs are exactly the rows of ``matrix``."""
        for row, form in zip(matrix, self.linear_forms(), strict=True):
            if {j: w for j, w in enumerate(row) if w} != form:
                raise PassError(
                    "an adder tree does not compute its matrix",
                    hint="This is a defect of the solver; please report it with the model",
                )

    def linear_forms(self) -> list[dict[int, int]]:
        """For each output its exact integer coefficient of every input, zeros left out."""
        forms: list[dict[int, int]] = [{j: 1 << _UNIT} for j in range(self.inputs)]
        forms += [{j: w << _UNIT for j, w in table if w} for table in self.tables]
        for a, b in self.steps:
            forms.append(_combine(_scaled(forms, a), _scaled(forms, b)))
        return [
            {j: _exact(c, _UNIT) for j, c in _scaled(forms, term).items()} for term in self.outputs
        ]

    def build(self, build: Builder, inputs: Sequence[Node]) -> list[Node]:
        """The program as nodes; a sum of zero terms is the constant zero.

        A table is made when the first adder needs it, so that the text has them together.
        """
        values: list[Node | None] = [*inputs, *(None for _ in self.tables)]

        def read(term: Term) -> Node:
            node = values[term.index]
            if node is None:
                used, weights = zip(*self.tables[term.index - len(inputs)], strict=True)
                node = values[term.index] = sum_table(build, [inputs[j] for j in used], weights)
            return build(SHIFT, node, bits=term.shift) if term.shift else node

        for a, b in self.steps:
            values.append(build(ADD, read(a), read(b), sub=b.negative))
        zero = constant(build, 0, 0)
        outputs = []
        for term in self.outputs:
            node = zero if term.index < 0 else read(term)
            outputs.append(build(ADD, zero, node, sub=True) if term.negative else node)
        return outputs


def _scaled(forms: list[dict[int, int]], term: Term) -> dict[int, int]:
    if term.index < 0:
        return {}
    sign = -1 if term.negative else 1
    if term.shift >= 0:
        return {j: sign * c << term.shift for j, c in forms[term.index].items()}
    return {j: sign * _exact(c, -term.shift) for j, c in forms[term.index].items()}


def _exact(c: int, shift: int) -> int:
    if c & ((1 << shift) - 1):
        raise PassError("an adder tree has a coefficient that is not an integer")
    return c >> shift


def _combine(a: dict[int, int], b: dict[int, int]) -> dict[int, int]:
    total = dict(a)
    for j, c in b.items():
        total[j] = total.get(j, 0) + c
        if not total[j]:
            del total[j]
    return total
