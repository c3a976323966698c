"""One rule per native op: how its result is wired from its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from amaranth.hdl import Cat, Const, Instance, Mux, Signal, Value

from hgq_rtl.emit import partition as parts
from hgq_rtl.emit.amaranth.sums import Pending, Row, Sum
from hgq_rtl.emit.amaranth.wiring import Site, aligned, as_sign, fit, modular, pair
from hgq_rtl.ir.node import Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    BOOTH,
    CAST,
    COMPARE,
    CONST,
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
from hgq_rtl.ir.ops.lookup import LUT_INPUTS, SHARED_AT, UNUSED

Rule = Callable[..., Any]
RULES: dict[Op, Rule] = {}
"""Each gets the site, the node, the target signal, then the arguments, each a Value of exactly
its node's width and sign; it returns the result, which may be wider but must have the right value.
"""


def emits(*ops: Op) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of ``ops``."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


@emits(INPUT, CONST)
def _source(site: Site, node: Node, out: Signal) -> Value:
    raise AssertionError("ports and constants are made before any rule runs")


@emits(SHIFT)
def _shift(site: Site, node: Node, out: Signal, a: Value) -> Value:
    return a


@emits(REG)
def _reg(site: Site, node: Node, out: Signal, a: Value) -> None:
    site.m.d.sync += out.eq(a)


@emits(ADD)
def _add(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    (ta, tb), (sub,) = (arg.type for arg in node.args), node.attrs
    if ta.is_zero or tb.is_zero:
        if not ta.is_zero:
            return a
        return -(b[: node.type.width] if len(b) > node.type.width else b) if sub else b
    low, high, t = (a, b, tb) if ta.exp < tb.exp else (b, a, ta)
    gap = abs(ta.exp - tb.exp)
    if not sub and not low.shape().signed and len(low) <= gap:
        return as_sign(Cat(fit(low, gap), high), t.signed)  # nothing overlaps: no adder
    a, b = modular(node, *pair(node, a, b))
    return a - b if sub else a + b


@emits(MUL)
def _mul(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    a, b = modular(node, a, b)
    return a * b


@emits(MAX, MIN)
def _extremum(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    width = node.type.width
    if any(arg.type.is_zero for arg in node.args):
        x, t = (b, node.args[1].type) if node.args[0].type.is_zero else (a, node.args[0].type)
        zero = Const(0, width)
        if not t.signed:
            return x if node.op is MAX else zero
        x, negative = fit(x, width), x[-1]
        return Mux(negative, zero, x) if node.op is MAX else Mux(negative, x, zero)
    a, b = pair(node, a, b)
    less = Signal(1, name=out.name + parts.PARTS[MAX][0])
    site.m.d.comb += less.eq(a < b)
    a, b = fit(a, width), fit(b, width)
    return Mux(less, b, a) if node.op is MAX else Mux(less, a, b)


@emits(MUX)
def _mux(site: Site, node: Node, out: Signal, c: Value, a: Value, b: Value) -> Value:
    a, b = (fit(x, node.type.width) for x in pair(node, a, b))
    return Mux(c, a, b)


@emits(COMPARE)
def _compare(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    (kind,) = node.attrs
    if kind == "lt" and node.args[1].type.is_zero:
        return a[-1] if a.shape().signed else Const(0, 1)
    a, b = pair(node, a, b)
    return a < b if kind == "lt" else a == b


@emits(CAST)
def _cast(site: Site, node: Node, out: Signal | None, a: Value | Pending) -> Value | None:
    drop, width = node.type.exp - node.args[0].type.exp, node.type.width
    if isinstance(a, Pending):
        a = a.build(site, out, drop + width, drives=not drop)
        if a is out:
            return None
    if drop >= len(a):
        a = a[-1].as_signed()  # only copies of the sign are left
    else:
        a = as_sign(a[drop:], a.shape().signed)
    return as_sign(fit(a, width), node.type.signed)


@emits(SUM3, MASKED_SUM3, BOOTH)
def _added(site: Site, node: Node, out: Signal | None, *args: Value) -> Value | Pending | None:
    pending = (Row if node.op is BOOTH else Sum)(node, args)
    if out is None:
        return pending
    value = pending.build(site, out, node.type.width, drives=True)
    return None if value is out else value


@emits(TABLE)
def _table(site: Site, node: Node, out: Signal, a: Value) -> None:
    entries, lo, step, _ = node.attrs
    t = node.args[0].type
    live = {n: entries[(n << (t.exp - step)) - lo] for n in range(t.lo, t.hi + 1)}
    # Values that cannot occur take the most common entry, and so need no case of their own.
    usual = Counter(live.values()).most_common(1)[0][0]
    m = site.m
    with m.Switch(a.as_unsigned()):
        for n, entry in live.items():
            if entry != usual:
                with m.Case(n & ((1 << t.width) - 1)):
                    m.d.comb += out.eq(entry)
        with m.Default():
            m.d.comb += out.eq(usual)


@emits(LOOKUP)
def _lookup(site: Site, node: Node, out: Signal, a: Value) -> None:
    _, _, step, _, shared, bits = node.attrs
    pins = truths = 0
    for number, (read, truth) in enumerate([*shared, *bits]):
        for k in range(LUT_INPUTS):
            pin = read[k] if k < len(read) else UNUSED
            pins |= pin << 4 * (LUT_INPUTS * number + k)
        # The same whatever inputs that are not used say.
        for size in range(len(read), LUT_INPUTS):
            truth |= truth << (1 << size)
        truths |= truth << (number << LUT_INPUTS)
    luts = len(shared) + len(bits)
    site.m.submodules[out.name + parts.PARTS[LOOKUP][0]] = Instance(
        parts.library_module(site.top, LOOKUP),
        p_SHARED=len(shared),
        p_WIDTH=len(bits),
        p_PINS=Const(pins, 4 * LUT_INPUTS * luts),
        p_INIT=Const(truths, luts << LUT_INPUTS),
        i_a=fit(aligned(a, node.args[0].type, step), SHARED_AT),
        o_y=out,
    )


@emits(AND, OR, XOR)
def _bitwise(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    a, b = (fit(x, node.type.width) for x in pair(node, a, b))
    if node.op is AND:
        return a & b
    return a | b if node.op is OR else a ^ b
