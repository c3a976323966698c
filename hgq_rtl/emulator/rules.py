"""One rule per op: the C++ expression of a node. What has no rule is expanded before.

Every expression is exact without wrapping: operands and result fit the integer that is computed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hgq_rtl.emulator.lanes import INT_BITS, lane, literal, name
from hgq_rtl.errors import EmulatorError
from hgq_rtl.fixed import Fixed, common_exp
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder, Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    CAST,
    COMPARE,
    CONST,
    INPUT,
    LOOKUP,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    REG,
    SHIFT,
    TABLE,
    XOR,
    cast_window,
)


@dataclass(frozen=True)
class Operand:
    """An argument: its interval, and the C++ expression of its integer n."""

    type: Fixed
    text: str

    def at(self, exp: int) -> Operand:
        """The same value as an integer at the finer exponent ``exp``."""
        if self.type.is_const:
            t = self.type.at(exp)
            return Operand(t, literal(t.lo))
        if self.type.exp == exp:
            return self
        # Multiplied, since C++17 does not define shifts of negative numbers to the left.
        return Operand(self.type.at(exp), f"{self.text} * {literal(1 << (self.type.exp - exp))}")


@dataclass(frozen=True)
class Expression:
    """C++ text, and the bits of the integers that it is computed in."""

    text: str
    bits: int
    vector: bool = True
    """Whether compilers have vector code for it: not for lookups."""


LINEAR = 64
"""Tables of up to so many entries may be sums of weighted bits (distributed arithmetic)."""
Tables = Callable[[Sequence[int]], str]
"""Gives the name of an array with these entries."""
Rule = Callable[[Node, Sequence[Operand], Tables], Expression]
RULES: dict[Op, Rule] = {}


def emits(*ops: Op) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of ``ops``."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


def expand(graph: Graph) -> Graph:
    """The graph in ops that have a rule. Raises EmulatorError where an op has neither."""

    def rule(build: Builder, node: Node) -> Node | None:
        return node.op.expand(build, node) if node.op not in RULES and node.op.expand else None

    graph = graph.rebuild(rule)
    for node in graph.nodes:
        if node.op not in RULES:
            raise EmulatorError(
                f"the C++ emulator has no rule for op '{node.op.name}'", where=graph.where(node)
            )
    return graph


# --- operands --------------------------------------------------------------------------------


def in_bits(bits: int, operand: Operand) -> str:
    """The operand in integers of ``bits``; C++ itself widens to int."""
    text = operand.text
    if bits <= INT_BITS or operand.type.is_const:
        return text
    # The factor of an aligned operand follows the conversion, so that the product is wide.
    first, _, rest = text.partition(" * ")
    return f"{name(bits)}({first})" + (f" * {rest}" if rest else "")


def _pair(node: Node, args: Sequence[Operand], *more: Fixed) -> tuple[int, Operand, Operand]:
    """Two operands on their common grid, and the integers that hold them and ``more``."""
    exp = common_exp(*(arg.type for arg in args))
    a, b = (arg.at(exp) for arg in args)
    return lane(a.type, b.type, *more), a, b


# --- one rule per op -------------------------------------------------------------------------


@emits(INPUT, CONST, SHIFT, REG)
def _same(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    raise AssertionError("these have no expression of their own")


@emits(ADD)
def _add(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    bits, a, b = _pair(node, args, node.type)
    return Expression(
        f"{in_bits(bits, a)} {'-' if node.attrs[0] else '+'} {in_bits(bits, b)}", bits
    )


@emits(MUL)
def _mul(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    a, b = args
    bits = lane(a.type, b.type, node.type)
    return Expression(f"{in_bits(bits, a)} * {in_bits(bits, b)}", bits)


@emits(MAX, MIN)
def _extremum(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    bits, a, b = _pair(node, args, node.type)
    return Expression(
        f"std::{node.op.name}<{name(bits)}>({in_bits(bits, a)}, {in_bits(bits, b)})", bits
    )


@emits(MUX)
def _mux(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    condition, *choices = args
    bits, a, b = _pair(node, choices, node.type)
    return Expression(f"{condition.text} ? {in_bits(bits, a)} : {in_bits(bits, b)}", bits)


@emits(COMPARE)
def _compare(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    bits, a, b = _pair(node, args)
    sign = "<" if node.attrs[0] == "lt" else "=="
    return Expression(f"{in_bits(bits, a)} {sign} {in_bits(bits, b)}", bits)


@emits(CAST)
def _cast(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    (a,), t = args, node.args[0].type
    start, kept = cast_window(t, node.attrs)
    bits = lane(t, node.type)
    # Beyond its own bits a number has only copies of its sign.
    drop = min(start - t.exp, bits - 1)
    text = f"{in_bits(bits, a)} >> {drop}" if drop else a.text
    if (t.lo >> drop, t.hi >> drop) == (node.type.lo, node.type.hi):
        return Expression(text, bits)
    inner = f"({text})" if drop else in_bits(bits, a)
    low = f"{inner} & {literal((1 << kept) - 1)}"
    if not node.type.signed:
        return Expression(low, bits)
    sign = literal(1 << (kept - 1))
    return Expression(f"(({low}) ^ {sign}) - {sign}", bits)


@emits(TABLE, LOOKUP)
def _table(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    (a,), (entries, lo, step, _) = args, node.attrs[:4]
    t = node.args[0].type
    live = [entries[(n << (t.exp - step)) - lo] for n in range(t.lo, t.hi + 1)]
    offset = f" - {literal(t.lo)}" if t.lo > 0 else f" + {literal(-t.lo)}" if t.lo else ""
    index = f"({a.text}{offset})" if offset else a.text
    if len(live) <= LINEAR and (weights := _bit_weights(live)) is not None:
        return _linear(index, lane(t, node.type), live[0], weights)
    return Expression(f"{tables(live)}[{a.text}{offset}]", lane(node.type), vector=False)


def _bit_weights(entries: Sequence[int]) -> list[int] | None:
    """What each bit of the index adds to the first entry, if that makes all other entries."""
    bits = (len(entries) - 1).bit_length()
    if len(entries) != 1 << bits:
        return None
    weights = [entries[1 << k] - entries[0] for k in range(bits)]
    sums = [entries[0]]
    for weight in weights:
        sums += [n + weight for n in sums]
    return weights if sums == list(entries) else None


def _linear(index: str, bits: int, first: int, weights: Sequence[int]) -> Expression:
    """A weighted sum of the index's bits, in which bits of doubling weights stay together."""
    size = abs(first) + sum(map(abs, weights))
    bits = max(bits, lane(Fixed(-size, size, 0)))
    terms, low = [literal(first)] if first else [], 0
    for k in range(1, len(weights) + 1):
        if k < len(weights) and weights[k] == 2 * weights[k - 1]:
            continue
        if weights[low]:
            part = f"({index} >> {low})" if low else index
            part = f"({part} & {(1 << (k - low)) - 1})" if k < len(weights) else part
            part = f"{name(bits)}({part})" if bits > INT_BITS else part
            terms.append(part if weights[low] == 1 else f"{part} * {literal(weights[low])}")
        low = k
    return Expression(" + ".join(terms) or "0", bits)


@emits(AND, OR, XOR)
def _bitwise(node: Node, args: Sequence[Operand], tables: Tables) -> Expression:
    bits, a, b = _pair(node, args, node.type)
    sign = {"and": "&", "or": "|", "xor": "^"}[node.op.name]
    return Expression(f"({in_bits(bits, a)}) {sign} ({in_bits(bits, b)})", bits)
