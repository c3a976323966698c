"""The cheapest solution of a matrix on a device, among those that come in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph, toposort
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import ADD, INPUT
from hgq_rtl.passes.cmvm.da4ml_engine import LARGEST_WEIGHT, solve_with_da4ml
from hgq_rtl.passes.cmvm.lookup_engine import solve_with_tables
from hgq_rtl.passes.cmvm.program import AdderProgram, Matrix
from hgq_rtl.passes.cmvm.sharing import WEIGHS
from hgq_rtl.passes.cmvm.sharing_engine import solve_by_sharing
from hgq_rtl.passes.target import Target
from hgq_rtl.passes.ternary import by_threes
from hgq_rtl.timing.model import DelayModel

Key = tuple[Matrix, tuple[Fixed, ...], tuple[int, ...]]
"""What a solution depends on: weights, and for each input its interval and its adders of delay."""

LARGE = 3_000
"""Non-zero weights from which on only our own search is tried: the others would take seconds."""

HUGE = 20_000
"""Non-zero weights from which on there is no choice: measuring takes as long as solving."""

SPARSE = 3
"""The same where only one weight in so many is not zero."""

MIXING_ROUNDS = 3
"""How often rows may move from sharing to tables; what is left shares less each time."""

TABLE_BITS = 6
"""Address bits of tables that are tried: what one LUT looks up."""


@dataclass(frozen=True)
class Measured:
    """A program's area in LUTs, its slowest output in ps, and what each output alone needs."""

    luts: float
    delay: int
    private: tuple[float, ...]


def choose(key: Key, target: Target) -> AdderProgram:
    """The program with the fewest LUTs, checked to be the matrix.

    No output comes later than the slowest of our fastest network of adders plus the target's
    ``extra_levels``; this is measured on each program with the device's delays.
    """
    matrix, inputs, levels = key
    if _weights(matrix) > HUGE:
        program = solve_by_sharing(matrix, inputs, weigh="overlap", levels=levels, extra=0)
        program.check(matrix)
        return program
    measures = _Measures(key, target)
    found = [(measures[program], program) for program in _candidates(key, target, measures)]
    # The first candidate shares only what costs no level.
    latest = found[0][0].delay + target.extra_levels * level_ps(target.device)
    return min((pair for pair in found if pair[0].delay <= latest), key=lambda p: p[0].luts)[1]


def _weights(matrix: Matrix) -> int:
    return sum(w != 0 for row in matrix for w in row)


class _Measures(dict[AdderProgram, Measured]):
    """What programs for a key take, each checked and measured once: many candidates are equal."""

    def __init__(self, key: Key, target: Target) -> None:
        super().__init__()
        self.key, self.target = key, target

    def __missing__(self, program: AdderProgram) -> Measured:
        program.check(self.key[0])
        self[program] = found = measure(program, self.key, self.target)
        return found


def _candidates(key: Key, target: Target, measures: _Measures) -> Iterator[AdderProgram]:
    matrix, inputs, levels = key
    extras = sorted({0, target.extra_levels})
    weights = _weights(matrix)
    large = weights > LARGE
    for weigh in WEIGHS[:2] if large else WEIGHS:
        for extra in extras:
            yield solve_by_sharing(matrix, inputs, weigh=weigh, levels=levels, extra=extra)
    # Windows of a convolution, put together, are mostly zeros.
    if large or weights * SPARSE < len(matrix) * len(inputs):
        return
    if max(abs(w) for row in matrix for w in row) < LARGEST_WEIGHT:
        for depth in extras:
            yield solve_with_da4ml(matrix, inputs, levels=levels, extra=depth)
    yield from _with_tables(key, measures, TABLE_BITS)


def _with_tables(key: Key, measures: _Measures, bits: int) -> Iterator[AdderProgram]:
    """All rows as tables; then only those that are cheaper so than what sharing needs for them."""
    matrix, inputs, levels = key
    if not any(t.width < bits for t in inputs):
        return

    def solve(tabled: Sequence[bool]) -> AdderProgram:
        return solve_with_tables(matrix, inputs, address_bits=bits, tabled=tabled, levels=levels)

    everywhere = solve([True] * len(matrix))
    yield everywhere
    alone = measures[everywhere].private
    tabled = [False] * len(matrix)
    for _ in range(MIXING_ROUNDS):
        shared = measures[solve(tabled)].private
        better = [t or a < s for t, a, s in zip(tabled, alone, shared, strict=True)]
        if better == tabled:
            return
        tabled = better
        yield solve(tabled)


def measure(program: AdderProgram, key: Key, target: Target) -> Measured:
    """Area and delay of a program on the target, with inputs of these intervals and times."""
    _, inputs, levels = key
    level = level_ps(target.device)
    build = Builder()
    nodes = [build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(inputs)]
    sums = Graph(build, tuple(nodes), tuple(program.build(build, nodes)), ())
    outputs = by_threes(sums, replace(target, cuts=None)).outputs
    order = toposort(outputs)
    arrival: dict[Node, int] = {node: at * level for node, at in zip(nodes, levels, strict=True)}
    for node in order:
        if node not in arrival:
            begin = max((arrival[arg] for arg in node.args), default=0)
            arrival[node] = begin + target.device.delay(node)
    owner: dict[Node, int] = {}
    for number, node in enumerate(outputs):
        owner[node] = -1 if node in owner else number
    private = [0.0] * len(outputs)
    total = 0.0
    for node in reversed(order):
        luts = target.device.cost(node)
        total += luts
        mine = owner[node]
        if mine >= 0:
            private[mine] += luts
        for arg in node.args:
            owner[arg] = mine if owner.get(arg, mine) == mine else -1
    delay = max((arrival[node] for node in outputs), default=0)
    return Measured(total, delay, tuple(private))


@cache
def level_ps(device: DelayModel) -> int:
    """Picoseconds of an adder of usual width."""
    build = Builder()
    a, b = (build(INPUT, name=name, lo=-(1 << 15), hi=(1 << 15) - 1, exp=0) for name in "ab")
    return max(1, device.delay(build(ADD, a, b, sub=False)))
