"""One rule per op: the expression that a node's signal is assigned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from hgq_rtl.emit.vhdl.bits import (
    Bits,
    Operand,
    addend,
    compared,
    converted,
    exact,
    fill,
    literal,
    modular,
)
from hgq_rtl.fixed import common_exp
from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    BOOTH,
    CAST,
    COMPARE,
    CONST,
    DIGITS,
    INPUT,
    LOOKUP,
    MASKED_SUM3,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    REG,
    SHIFT,
    SUM3,
    TABLE,
    XOR,
)
from hgq_rtl.ir.ops.cut import cast_window
from hgq_rtl.ir.ops.linear import sum3_grid, sum3_signs


class Tables(Protocol):
    """Where a rule leaves a constant array."""

    def table(self, entries: tuple[int, ...], width: int) -> str:
        """The name of the array of these entries, each a std_logic_vector of ``width`` bits."""


Rule = Callable[..., str]
RULES: dict[Op, Rule] = {}
"""Each gets the node, the tables of its layer, and its arguments; the text has exactly the
node's type. Registers are assigned at a clock edge, which the layer adds.
"""


def emits(*ops: Op) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of ``ops``."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


@emits(INPUT, CONST, SHIFT)
def _source(node: Node, tables: Tables) -> str:
    raise AssertionError("ports, constants and wires are never assigned")


@emits(REG)
def _reg(node: Node, tables: Tables, a: Bits) -> str:
    return modular(a, 0, node.type.width, node.type.signed)


# --- arithmetic ------------------------------------------------------------------------------


@emits(ADD)
def _add(node: Node, tables: Tables, a: Operand, b: Operand) -> str:
    (sub,) = node.attrs
    if not sub and isinstance(a, Bits) and isinstance(b, Bits):
        (high, th), (low, tl) = sorted(
            ((a, node.args[0].type), (b, node.args[1].type)), key=lambda pair: -pair[1].exp
        )
        gap = th.exp - tl.exp
        if not low.signed and low.width <= gap:  # nothing overlaps: no adder
            width, signed = node.type.width, node.type.signed
            upper = modular(high, 0, width - gap, signed)
            return f"{upper} & {modular(low, 0, gap, signed)}"
    return _sum(node, (1, -1 if sub else 1), (a, b))


@emits(SUM3)
def _sum3(node: Node, tables: Tables, a: Operand, b: Operand, c: Operand) -> str:
    added = node.args[:3]
    _, bias = sum3_grid(tuple([arg.type for arg in added]), node.attrs)
    return _sum(node, sum3_signs(node.attrs), (a, b, c), bias, added)


@emits(MASKED_SUM3)
def _masked(node: Node, tables: Tables, a: Operand, b: Operand, c: Operand, hide: Operand) -> str:
    terms = [a, b, c]
    shown = _sum3(node, tables, *terms)
    terms[node.attrs[3]] = 0
    hidden = _sum3(node, tables, *terms)
    if isinstance(hide, int):
        return hidden if hide else shown
    return f"{hidden} when {hide.top} = '1' else {shown}"


def _sum(
    node: Node,
    signs: Sequence[int],
    args: Sequence[Operand],
    constant: int = 0,
    nodes: Sequence[Node] | None = None,
) -> str:
    """Of any number of terms, in the type of the result: what is added, subtracted, constant."""
    t = node.type
    plus: list[str] = []
    minus: list[str] = []
    for sign, x, arg in zip(signs, args, nodes or node.args, strict=True):
        if isinstance(x, int):
            constant += sign * _at(x, arg, t.exp)
        else:
            terms = plus if sign > 0 else minus
            terms.append(modular(x, arg.type.exp - t.exp, t.width, t.signed))
    if not plus and not minus:
        return fill(constant, t.width, t.signed)
    if not plus and (constant or not t.signed):
        # Not an integer: GHDL's synthesis takes ``5 - x`` for ``x - 5``.
        plus.append(literal(constant, t.width, t.signed))
    elif constant:
        negative, number = addend(constant, t.width, t.signed)
        (minus if negative else plus).append(number)
    positive = " + ".join(plus)
    negated = " - ".join(minus)
    return f"{positive} - {negated}" if positive and negated else positive or f"-{negated}"


def _at(n: int, node: Node, exp: int) -> int:
    """The constant ``n`` of ``node`` on a finer grid."""
    return n << (node.type.exp - exp) if n else 0


@emits(MUL)
def _mul(node: Node, tables: Tables, a: Operand, b: Operand) -> str:
    types = [arg.type for arg in node.args]
    signed = any(t.signed for t in types)
    texts, width = [], 0
    for x, t in zip((a, b), types, strict=True):
        bits = t.width + (signed and not t.signed)
        width += bits
        if isinstance(x, Bits):
            texts.append(exact(x, 0, wider=signed))
        else:
            text = literal(x, bits, signed)
            is_call = text.startswith("to_")
            texts.append(text if is_call else f"{'signed' if signed else 'unsigned'}'({text})")
    t, product = node.type, " * ".join(texts)
    if signed != t.signed:
        product = converted(product, signed, t.signed)
    return product if width == t.width else f"resize({product}, {t.width})"


@emits(BOOTH)
def _booth(node: Node, tables: Tables, a: Operand, x: Operand, d: Operand) -> str:
    """One sum for each digit, of which the code selects one."""
    start, factor, code = node.args

    def total(digit: int) -> str:
        sign = 1 if digit > 0 else -1
        terms = [(1, a, start)]
        terms += [(sign, x, factor)] * abs(digit)
        signs, operands, nodes = zip(*terms, strict=True)
        return _sum(node, signs, operands, nodes=nodes)

    if isinstance(d, int):
        return total(DIGITS[_at(d, code, 0)])
    code_text = exact(d, code.type.exp)
    texts = []
    for digit in (1, 2, -2, -1):
        codes = [n for n, other in enumerate(DIGITS) if other == digit and n <= code.type.at(0).hi]
        if codes:
            condition = " or ".join(f"{code_text} = {n}" for n in codes)
            texts.append(f"{total(digit)} when {condition} else ")
    return f"{''.join(texts)}{total(0)}"


# --- choice ----------------------------------------------------------------------------------


def _pair(node: Node, a: Operand, b: Operand) -> tuple[str, str]:
    """Two values as ``<`` and ``=`` of numeric_std compare them: at any widths, of one sign."""
    types = [arg.type for arg in node.args]
    exp, signed = common_exp(*types), any(t.signed for t in types)
    low, high = [
        compared(_at(x, arg, exp))
        if isinstance(x, int)
        else exact(x, 0 if arg.type.is_zero else arg.type.exp - exp, wider=signed)
        for x, arg in zip((a, b), node.args, strict=True)
    ]
    return low, high


def _value(node: Node, x: Operand, arg: Node) -> str:
    """An argument as one of the values that the node may take."""
    t = node.type
    if isinstance(x, int):
        return fill(_at(x, arg, t.exp), t.width, t.signed)
    return modular(x, arg.type.exp - t.exp, t.width, t.signed)


@emits(MAX, MIN)
def _extremum(node: Node, tables: Tables, a: Operand, b: Operand) -> str:
    (x, one), (y, other) = (a, node.args[0]), (b, node.args[1])
    if isinstance(x, int):
        (x, one), (y, other) = (y, other), (x, one)
    # The first is a signal: it reads best where the condition names it first.
    low, high = _pair(node, a, b) if one is node.args[0] else _pair(node, a, b)[::-1]
    if y == 0 and not one.type.signed:
        return _value(node, x, one) if node.op is MAX else fill(0, 1, False)
    first, second = _value(node, x, one), _value(node, y, other)
    if node.op is MAX:
        first, second = second, first
    return f"{first} when {low} < {high} else {second}"


@emits(MUX)
def _mux(node: Node, tables: Tables, c: Operand, a: Operand, b: Operand) -> str:
    if isinstance(c, int):
        return _value(node, *((a, node.args[1]) if c else (b, node.args[2])))
    yes, no = _value(node, a, node.args[1]), _value(node, b, node.args[2])
    return f"{yes} when {c.top} = '1' else {no}"


@emits(COMPARE)
def _compare(node: Node, tables: Tables, a: Operand, b: Operand) -> str:
    kind = node.attrs[0]
    low, high = _pair(node, a, b)
    if isinstance(a, int) and isinstance(b, int):
        exp = common_exp(*(arg.type for arg in node.args))
        m, n = (_at(x, arg, exp) for x, arg in zip((a, b), node.args, strict=True))
        return '"1"' if (m < n if kind == "lt" else m == n) else '"0"'
    if kind == "lt" and b == 0 and not node.args[0].type.signed:
        return '"0"'
    return f'"1" when {low} {"<" if kind == "lt" else "="} {high} else "0"'


# --- bits ------------------------------------------------------------------------------------


@emits(CAST)
def _cast(node: Node, tables: Tables, a: Operand) -> str:
    t = node.type
    if isinstance(a, int):
        return fill(a >> (t.exp - node.args[0].type.exp), t.width, t.signed)
    drop = cast_window(node.args[0].type, node.attrs)[0] - node.args[0].type.exp
    if drop >= a.width:
        return f"(others => {a.top})"  # only copies of the sign are left
    return modular(a.cut(drop, a.width), 0, t.width, t.signed)


@emits(AND, OR, XOR)
def _bitwise(node: Node, tables: Tables, a: Operand, b: Operand) -> str:
    t = node.type
    if isinstance(a, int):
        a, b, args = b, a, node.args[::-1]
    else:
        args = node.args
    if isinstance(b, int):
        n = _at(b, args[1], t.exp)
        if isinstance(a, int):
            m = _at(a, args[0], t.exp)
            return fill({AND: m & n, OR: m | n, XOR: m ^ n}[node.op], t.width, t.signed)
        x = modular(a, args[0].type.exp - t.exp, t.width, t.signed)
        if node.op is XOR and n & ((1 << t.width) - 1) == (1 << t.width) - 1:
            return f"not {x}"
        return f"{x} {node.op.name} {literal(n, t.width, t.signed)}"
    x, y = (
        modular(v, arg.type.exp - t.exp, t.width, t.signed)
        for v, arg in zip((a, b), args, strict=True)
        if isinstance(v, Bits)
    )
    return f"{x} {node.op.name} {y}"


@emits(TABLE, LOOKUP)
def _table(node: Node, tables: Tables, a: Bits) -> str:
    entries, lo, step, _ = node.attrs[:4]
    t, out = node.args[0].type, node.type
    # As many low bits as tell all values apart.
    bits = (t.hi - t.lo).bit_length()
    live = {
        n & ((1 << bits) - 1): entries[(n << (t.exp - step)) - lo] for n in range(t.lo, t.hi + 1)
    }
    usual = Counter(live.values()).most_common(1)[0][0]
    name = tables.table(tuple(live.get(n, usual) for n in range(1 << bits)), out.width)
    index = converted(a.cut(0, bits).raw, a.source.signed, False)
    return f"{'signed' if out.signed else 'unsigned'}({name}(to_integer({index})))"
