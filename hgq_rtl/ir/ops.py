"""The ops of the IR, one block each. Their meaning in words: docs/ir.md.

A node's integer n stands for the value n·2^exp with exp from its type. Types are the exact
result intervals of the arguments' intervals; nothing is extended or cut implicitly. Every op is a
function of its arguments' values, never of the type they happen to have: a pass may replace an
argument by another node of the same value, on another grid or in a tighter interval.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import ROUNDINGS, Fixed, Ints, common_exp, round_integer, wrap_integer
from hgq_rtl.ir.node import Attrs, Builder, Masks, Node, Op

Types = tuple[Fixed, ...]
BIT = Fixed(0, 1, 0)
"""The type of conditions and comparison results."""


def aligned(node: Node, exp: int, n: Ints) -> Ints:
    """Integers ``n`` of ``node`` as integers at the finer exponent ``exp``."""
    return n if node.type.is_zero else n << (node.type.exp - exp)


def _full(width: int) -> int:
    return (1 << width) - 1


def _through(mask: int, exp: int, arg: Node) -> int:
    """The bits of ``arg`` behind ``mask``, given at exponent ``exp``, sign copies included."""
    if arg.type.is_zero:
        return 0
    width = arg.type.width
    mask >>= arg.type.exp - exp
    sign = 1 << (width - 1) if arg.type.signed and mask >> width else 0
    return (mask & _full(width)) | sign


def _demand_bitwise(node: Node, mask: int) -> Masks:
    return tuple(_through(mask, node.type.exp, arg) for arg in node.args)


def _demand_below(node: Node, mask: int) -> Masks:
    """Carries only travel upwards: all bits up to the highest one demanded."""
    return _demand_bitwise(node, _full(mask.bit_length()))


# --- sources ---------------------------------------------------------------------------------


def _input_infer(types: Types, attrs: Attrs) -> Fixed:
    return Fixed(*attrs[1:])


def _no_value(node: Node, *args: Ints) -> Ints:
    raise IRError(f"op '{node.op.name}' has no value of its own")


INPUT = Op("input", 0, ("name", "lo", "hi", "exp"), _input_infer, _no_value)
"""A port element, by name and type."""


def _const_infer(types: Types, attrs: Attrs) -> Fixed:
    n, exp = attrs
    if n % 2 == 0 and (n, exp) != (0, 0):
        raise IRError(
            "a constant is written with an odd integer, zero as 0 at 0", received=f"{n}@{exp}"
        )
    return Fixed(n, n, exp)


CONST = Op("const", 0, ("n", "exp"), _const_infer, lambda node: np.array(node.attrs[0]))
"""The number n·2^exp, n odd (or 0, with exp 0), so that equal numbers are one node."""


# --- linear ----------------------------------------------------------------------------------


def _shift_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,) = types
    return Fixed(t.lo, t.hi, t.exp + attrs[0])


SHIFT = Op("shift", 1, ("bits",), _shift_infer, lambda node, a: a, lambda node, mask: (mask,))
"""a·2^bits: another reading of the same wires, no hardware."""


def _add_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return (
        Fixed(a.lo - b.hi, a.hi - b.lo, exp) if attrs[0] else Fixed(a.lo + b.lo, a.hi + b.hi, exp)
    )


def _add_evaluate(node: Node, a: Ints, b: Ints) -> Ints:
    a, b = (aligned(x, node.type.exp, n) for x, n in zip(node.args, (a, b), strict=True))
    return a - b if node.attrs[0] else a + b


ADD = Op("add", 2, ("sub",), _add_infer, _add_evaluate, _demand_below)
"""a + b, or a - b where ``sub``."""


def dot_terms(types: Types, attrs: Attrs) -> tuple[int, list[int], int]:
    """A dot as (result exponent, integer coefficient of every argument's n, integer constant)."""
    weights, wexp, bias, bias_exp = attrs
    exps = [
        t.exp + wexp + ((w & -w).bit_length() - 1)
        for t, w in zip(types, weights, strict=True)
        if w and not t.is_zero
    ]
    if bias:
        exps.append(bias_exp)
    exp = min(exps, default=0)
    coefficients = []
    for t, w in zip(types, weights, strict=True):
        up = t.exp + wexp - exp
        coefficients.append(0 if t.is_zero else w << up if up >= 0 else w >> -up)
    return exp, coefficients, bias << (bias_exp - exp) if bias else 0


def _dot_infer(types: Types, attrs: Attrs) -> Fixed:
    if len(types) != len(attrs[0]):
        raise IRError(
            "a dot has one weight per argument", received=f"{len(attrs[0])} for {len(types)}"
        )
    exp, coefficients, lo = dot_terms(types, attrs)
    hi = lo
    for t, c in zip(types, coefficients, strict=True):
        lo += c * (t.lo if c > 0 else t.hi)
        hi += c * (t.hi if c > 0 else t.lo)
    return Fixed(lo, hi, exp)


def _dot_evaluate(node: Node, *args: Ints) -> Ints:
    _, coefficients, total = dot_terms(tuple(a.type for a in node.args), node.attrs)
    start: Any = np.array(total)
    return reduce(
        lambda acc, ca: acc + ca[0] * ca[1] if ca[0] else acc,
        zip(coefficients, args, strict=True),
        start,
    )


def _dot_demand(node: Node, mask: int) -> Masks:
    below = _full(mask.bit_length())
    _, coefficients, _ = dot_terms(tuple(a.type for a in node.args), node.attrs)
    return tuple(
        (below >> ((c & -c).bit_length() - 1)) & _full(a.type.width) if c else 0
        for a, c in zip(node.args, coefficients, strict=True)
    )


def csd(n: int) -> list[tuple[int, int]]:
    """Canonical signed digits of ``n``: pairs (bit, ±1), no two bits adjacent, LSB first.

    Reitwiesner's recoding (Advances in Computers 1, 1960): the fewest non-zero digits.

    >>> csd(7)
    [(0, -1), (3, 1)]
    """
    digits, bit = [], 0
    while n:
        if n & 1:
            digit = 2 - (n & 3)
            digits.append((bit, digit))
            n -= digit
        n >>= 1
        bit += 1
    return digits


def _dot_expand(build: Builder, node: Node) -> Node:
    """A balanced tree over the signed digits of all weights: correct, shares nothing."""
    weights, wexp, bias, bias_exp = node.attrs
    terms = [
        (build(SHIFT, arg, bits=bit + wexp) if bit + wexp else arg, sign < 0)
        for arg, w in zip(node.args, weights, strict=True)
        for bit, sign in csd(w)
    ]
    if bias:
        terms.append((constant(build, bias, bias_exp), False))
    return sum_tree(build, terms)


def sum_tree(build: Builder, terms: list[tuple[Node, bool]]) -> Node:
    """The sum of ``terms``, each negated where its flag is set, as a balanced tree of adds."""
    if not terms:
        return constant(build, 0, 0)
    while len(terms) > 1:
        merged = []
        for (a, a_neg), (b, b_neg) in zip(terms[::2], terms[1::2], strict=False):
            if a_neg and not b_neg:
                merged.append((build(ADD, b, a, sub=True), False))
            else:
                merged.append((build(ADD, a, b, sub=a_neg != b_neg), a_neg))
        terms = merged + terms[len(merged) * 2 :]
    node, negated = terms[0]
    return build(ADD, constant(build, 0, 0), node, sub=True) if negated else node


DOT = Op(
    "dot",
    None,
    ("weights", "exp", "bias", "bias_exp"),
    _dot_infer,
    _dot_evaluate,
    _dot_demand,
    _dot_expand,
)
"""Σ weights[j]·2^exp·args[j] + bias·2^bias_exp: the linear form that layers lower to."""


def _mul_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = types
    corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    return Fixed(min(corners), max(corners), a.exp + b.exp)


def _mul_demand(node: Node, mask: int) -> Masks:
    below = _full(mask.bit_length())
    return tuple(below & _full(arg.type.width) for arg in node.args)


MUL = Op("mul", 2, (), _mul_infer, lambda node, a, b: a * b, _mul_demand)
"""a·b of two variables."""


# --- choices ---------------------------------------------------------------------------------


def _max_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return Fixed(max(a.lo, b.lo), max(a.hi, b.hi), exp)


def _min_infer(types: Types, attrs: Attrs) -> Fixed:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return Fixed(min(a.lo, b.lo), min(a.hi, b.hi), exp)


def _pair(node: Node, a: Ints, b: Ints) -> list[Ints]:
    exp = common_exp(*(arg.type for arg in node.args))
    return [aligned(x, exp, n) for x, n in zip(node.args, (a, b), strict=True)]


def _extremum_demand(node: Node, mask: int) -> Masks:
    """Against zero only the sign decides, so bits nobody wants need not be computed."""
    if not any(arg.type.is_zero for arg in node.args):
        return tuple(_full(arg.type.width) for arg in node.args)
    return tuple(
        _through(mask, node.type.exp, arg) | (1 << (arg.type.width - 1) if arg.type.signed else 0)
        for arg in node.args
    )


MAX = Op(
    "max", 2, (), _max_infer, lambda node, a, b: np.maximum(*_pair(node, a, b)), _extremum_demand
)
"""The larger of two values; max(a, 0) is ReLU."""

MIN = Op(
    "min", 2, (), _min_infer, lambda node, a, b: np.minimum(*_pair(node, a, b)), _extremum_demand
)
"""The smaller of two values."""


def _mux_infer(types: Types, attrs: Attrs) -> Fixed:
    if not BIT.contains(types[0]):
        raise IRError("the condition of a mux is one bit", received=f"{types[0]}")
    return types[1].hull(types[2])


def _mux_evaluate(node: Node, c: Ints, a: Ints, b: Ints) -> Ints:
    exp = node.type.exp
    return np.where(c.astype(bool), aligned(node.args[1], exp, a), aligned(node.args[2], exp, b))


def _mux_demand(node: Node, mask: int) -> Masks:
    _, a, b = node.args
    return (1 if mask else 0), _through(mask, node.type.exp, a), _through(mask, node.type.exp, b)


MUX = Op("mux", 3, (), _mux_infer, _mux_evaluate, _mux_demand)
"""a where the condition (first argument) is 1, else b."""


def _compare_infer(types: Types, attrs: Attrs) -> Fixed:
    if attrs[0] not in ("lt", "eq"):
        raise IRError("a compare is 'lt' or 'eq'", received=repr(attrs[0]))
    return BIT


def _compare_evaluate(node: Node, a: Ints, b: Ints) -> Ints:
    a, b = _pair(node, a, b)
    return np.asarray(a < b if node.attrs[0] == "lt" else a == b).astype(np.int64)


def _compare_demand(node: Node, mask: int) -> Masks:
    a, b = node.args
    if node.attrs[0] == "lt" and b.type.is_zero:
        return (1 << (a.type.width - 1) if a.type.signed else 0), 0
    return _full(a.type.width), _full(b.type.width)


COMPARE = Op("compare", 2, ("kind",), _compare_infer, _compare_evaluate, _compare_demand)
"""One bit: a < b (kind ``lt``) or a = b (kind ``eq``)."""


# --- bits ------------------------------------------------------------------------------------


def cast_window(t: Fixed, attrs: Attrs) -> tuple[int, int]:
    """Exponent and width of what a cast keeps of an argument, whose grid may be coarser."""
    exp, width, _ = attrs
    start = exp if t.is_zero else max(exp, t.exp)
    return start, width - (start - exp)


def _cast_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (_, width, signed) = types, attrs
    if width < 1:
        raise IRError("a cast keeps at least one bit", received=f"{width}")
    start, kept = cast_window(t, attrs)
    if kept < 1 or t.is_zero:
        return Fixed(0, 0, start)
    lo, hi = t.lo >> (start - t.exp), t.hi >> (start - t.exp)
    room = Fixed.from_kif(int(signed), kept - signed, 0)
    inside = room.lo <= lo and hi <= room.hi
    return Fixed(lo, hi, start) if inside else Fixed(room.lo, room.hi, start)


def _cast_evaluate(node: Node, a: Ints) -> Ints:
    t = node.args[0].type
    start, kept = cast_window(t, node.attrs)
    if t.is_zero:
        return a * 0
    return np.asarray(wrap_integer(a >> (start - t.exp), node.attrs[2], kept))


def _cast_demand(node: Node, mask: int) -> Masks:
    (arg,) = node.args
    start, kept = cast_window(arg.type, node.attrs)
    if kept < 1 or arg.type.is_zero:
        return (0,)
    # Bits at and above the cast's own width are copies of its top bit.
    sign = 1 << (kept - 1) if mask >> kept else 0
    low = (mask & _full(kept)) | sign
    return (_through(low << (start - arg.type.exp), arg.type.exp, arg),)


CAST = Op("cast", 1, ("exp", "width", "signed"), _cast_infer, _cast_evaluate, _cast_demand)
"""Keep ``width`` bits from 2^exp upwards, read as signed or not: the only op that drops bits."""


def _round_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (exp, rounding) = types, attrs
    if rounding not in ROUNDINGS or rounding == "TRN":
        raise IRError("a round has a mode other than TRN", received=rounding)
    if t.is_zero or exp <= t.exp:
        return t
    lo, hi = (round_integer(n, exp - t.exp, rounding) for n in (t.lo, t.hi))
    return Fixed(lo, hi, exp)


def _round_evaluate(node: Node, a: Ints) -> Ints:
    return np.asarray(round_integer(a, _rounded_bits(node), node.attrs[1]))


def _rounded_bits(node: Node) -> int:
    """How many bits a round drops; none where the argument is on the grid already."""
    t = node.args[0].type
    return 0 if t.is_zero else max(0, node.attrs[0] - t.exp)


def _round_expand(build: Builder, node: Node) -> Node:
    """Add what makes truncation round, then truncate."""
    (x,), (exp, rounding) = node.args, node.attrs
    if not _rounded_bits(node):
        return x
    low = x.type.exp
    half, lsb = 1 << (exp - low - 1), constant(build, 1, low)
    negative = build(COMPARE, x, constant(build, 0, 0), kind="lt")
    one_if_negative = build(SHIFT, negative, bits=low) if low else negative

    def plus(a: Node, n: int) -> Node:
        return build(ADD, a, constant(build, n, low), sub=False) if n else a

    if rounding == "RND":
        total = plus(x, half)
    elif rounding == "RND_MIN_INF":
        total = plus(x, half - 1)
    elif rounding == "RND_CONV":
        # A tie goes up exactly if the truncated result would be odd.
        odd = build(CAST, x, exp=exp, width=1, signed=False)
        total = build(ADD, plus(x, half - 1), build(SHIFT, odd, bits=low - exp), sub=False)
    elif rounding == "TRN_ZERO":
        fill = constant(build, 2 * half - 1, low)
        total = build(ADD, x, build(MUX, negative, fill, constant(build, 0, 0)), sub=False)
    elif rounding == "RND_ZERO":
        total = build(ADD, plus(x, half - 1), one_if_negative, sub=False)
    else:  # RND_INF
        total = build(ADD, plus(x, half - 1), build(ADD, lsb, one_if_negative, sub=True), sub=False)
    # The interval of the sum ignores that the summands depend on x; the node's own does not.
    t = node.type
    return build(CAST, total, exp=exp, width=max(t.width, 1), signed=t.signed)


def _round_demand(node: Node, mask: int) -> Masks:
    (arg,), rounding = node.args, node.attrs[1]
    below = _full(mask.bit_length() + _rounded_bits(node)) & _full(arg.type.width)
    sign = arg.type.signed and rounding in ("TRN_ZERO", "RND_ZERO", "RND_INF")
    return ((below | (1 << (arg.type.width - 1) if sign else 0)) if mask else 0,)


ROUND = Op(
    "round", 1, ("exp", "rounding"), _round_infer, _round_evaluate, _round_demand, _round_expand
)
"""Round to a multiple of 2^exp in any mode but TRN, which is a cast."""


def _table_infer(types: Types, attrs: Attrs) -> Fixed:
    (t,), (entries, lo, step, exp) = types, attrs
    index = t.at(step)
    if index.lo < lo or index.hi >= lo + len(entries):
        raise IRError(
            "a table has an entry for every input",
            received=f"{len(entries)} from {lo}·2^{step} for {t}",
        )
    live = entries[index.lo - lo : index.hi - lo + 1 : 1 << (t.exp - step if index.hi else 0)]
    return Fixed(min(live), max(live), exp)


def _table_evaluate(node: Node, a: Ints) -> Ints:
    entries, lo, step, _ = node.attrs
    values: Ints = np.asarray(entries, dtype=np.int64 if node.type.width <= 62 else object)
    return np.asarray(values[(aligned(node.args[0], step, a) - lo).astype(np.int64)])


TABLE = Op("table", 1, ("entries", "lo", "step", "exp"), _table_infer, _table_evaluate)
"""entries[n - lo]·2^exp for the argument n·2^step; the argument's own grid may be coarser."""


def _bits_of(types: Types) -> tuple[Fixed, Fixed]:
    exp = common_exp(*types)
    a, b = (t.at(exp) for t in types)
    return a, b


def _and_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = _bits_of(types)
    if a.signed and b.signed:
        return Fixed(-(1 << (max(a.width, b.width) - 1)), max(a.hi, b.hi, 0), a.exp)
    return Fixed(0, min(t.hi for t in (a, b) if not t.signed), a.exp)


def _or_infer(types: Types, attrs: Attrs) -> Fixed:
    a, b = _bits_of(types)
    if not a.signed and not b.signed:
        return Fixed(0, _full(max(a.width, b.width)), a.exp)
    top = 1 << max(t.width - t.signed for t in (a, b))
    return Fixed(-top, top - 1, a.exp)


AND = Op(
    "and", 2, (), _and_infer, lambda node, a, b: np.bitwise_and(*_pair(node, a, b)), _demand_bitwise
)
"""Bitwise and of two's complement numbers, aligned by value."""

OR = Op(
    "or", 2, (), _or_infer, lambda node, a, b: np.bitwise_or(*_pair(node, a, b)), _demand_bitwise
)
"""Bitwise or, as ``and``."""

XOR = Op(
    "xor", 2, (), _or_infer, lambda node, a, b: np.bitwise_xor(*_pair(node, a, b)), _demand_bitwise
)
"""Bitwise exclusive or, as ``and``."""


# --- time ------------------------------------------------------------------------------------

REG = Op("reg", 1, (), lambda types, attrs: types[0], lambda node, a: a, lambda node, mask: (mask,))
"""The argument one clock later. Only a scheduled graph has registers."""


OPS = {
    op.name: op
    for op in (
        INPUT,
        CONST,
        SHIFT,
        ADD,
        DOT,
        MUL,
        MAX,
        MIN,
        MUX,
        COMPARE,
        CAST,
        ROUND,
        TABLE,
        AND,
        OR,
        XOR,
        REG,
    )
}
"""Every op by name."""


def constant(build: Builder, n: int, exp: int) -> Node:
    """The node of the number n·2^exp, in its canonical form."""
    if n == 0:
        return build(CONST, n=0, exp=0)
    zeros = (n & -n).bit_length() - 1
    return build(CONST, n=n >> zeros, exp=exp + zeros)


def cast(build: Builder, x: Node, exp: int, width: int, signed: bool) -> Node:
    """``x`` wrapped into ``width`` bits from 2^exp upwards; no node where nothing is dropped."""
    if not x.type.is_zero and x.type.exp > exp:
        width -= x.type.exp - exp
        exp = x.type.exp
    if width <= 0 or x.type.is_zero:
        return constant(build, 0, 0)
    room = Fixed.from_kif(int(signed), width - signed + exp, -exp)
    if x.type.exp == exp and room.contains(x.type):
        return x
    return build(CAST, x, exp=exp, width=width, signed=signed)


def restrict(build: Builder, x: Node, t: Fixed) -> Node:
    """``x`` in the width and grid of ``t``, given that all its values are values of ``t``."""
    return constant(build, 0, 0) if t.is_zero else cast(build, x, t.exp, t.width, t.signed)
