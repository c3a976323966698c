"""Local identities: every rule looks at one node and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Attrs, Builder, Node, Op
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    CAST,
    COMPARE,
    CONST,
    DOT,
    INPUT,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    REG,
    ROUND,
    SHIFT,
    TABLE,
    XOR,
    cast,
    constant,
    restrict,
)

_TREE = 256
"""Nodes of a tree of maxima that are looked at."""


def simplify(graph: Graph) -> Graph:
    """Fold constants, drop what does nothing, and write equal things in one way."""
    # The rules see rebuilt arguments, so one walk reaches all but rules that feed each other.
    return graph.rebuild(rewrite)


def rewrite(build: Builder, node: Node) -> Node | None:
    """The simpler equal of ``node``, or None. Applied until nothing changes."""
    start = node
    while (simpler := _step(build, node)) is not None and simpler is not node:
        node = simpler
    return node if node is not start else None


def _step(build: Builder, node: Node) -> Node | None:
    if node.type.is_const and node.op not in (CONST, INPUT):
        return constant(build, node.type.lo, node.type.exp)
    if node.op is not REG and node.args and all(arg.op is CONST for arg in node.args):
        n = node.op.evaluate(node, *(arg.op.evaluate(arg) for arg in node.args))
        return constant(build, int(n), node.type.exp)
    rule = _RULES.get(node.op.name)
    return rule(build, node) if rule else None


def _new(build: Builder, op: Op, *args: Node, **attrs: Any) -> Node:
    """A node in its simplest form."""
    node = build(op, *args, **attrs)
    return rewrite(build, node) or node


def _is_zero(node: Node) -> bool:
    return node.op is CONST and node.attrs[0] == 0


def _negated(node: Node) -> Node | None:
    """x where ``node`` is 0 - x."""
    return node.args[1] if node.op is ADD and node.attrs[0] and _is_zero(node.args[0]) else None


def _shift_by(build: Builder, node: Node, bits: int) -> Node:
    return _new(build, SHIFT, node, bits=bits) if bits else node


def _ordered(build: Builder, node: Node) -> Node | None:
    """The same commutative op with its arguments in the order of their making.

    Shifts do not count, or moving them outwards would undo the order; constants come last.
    """

    def key(arg: Node) -> tuple[bool, int]:
        base = arg.args[0] if arg.op is SHIFT else arg
        return base.op is CONST, build.serials[base]

    a, b = node.args
    return build.make(node.op, (b, a), node.attrs) if key(b) < key(a) else None


def _add(build: Builder, node: Node) -> Node | None:
    (a, b), (sub,) = node.args, node.attrs
    if _is_zero(b):
        return a
    if _is_zero(a):
        return _negate(build, b) if sub else b
    if a is b:
        return constant(build, 0, 0) if sub else _new(build, SHIFT, a, bits=1)
    if (x := _negated(b)) is not None:
        return _new(build, ADD, a, x, sub=not sub)
    if (x := _negated(a)) is not None:
        if not sub:
            return _new(build, ADD, b, x, sub=True)
        return _new(build, ADD, constant(build, 0, 0), _new(build, ADD, x, b, sub=False), sub=True)
    if a.op is SHIFT:
        # Shifts move outwards until the first argument has none: 4a + 2b and 2a + b share.
        bits = a.attrs[0]
        inner = _new(build, ADD, a.args[0], _unshift(build, b, bits), sub=sub)
        return _shift_by(build, inner, bits)
    if b.op is CONST and a.op is ADD and a.args[1].op is CONST:
        return _merge_constants(build, a, b, sub)
    if b.op is CONST and a.op is DOT:
        n, exp = b.attrs
        with build.at(build.origins.get(a, "")):
            return _with_bias(build, a.args, a.attrs, Fixed(-n, -n, exp) if sub else b.type)
    if sub and (_is_over(MAX, a, b) or _is_over(MIN, b, a)):
        return restrict(build, node, Fixed(0, node.type.hi, node.type.exp))
    return None if sub else _ordered(build, node)


def _is_over(op: Op, node: Node, leaf: Node) -> bool:
    """Whether ``leaf`` is among the arguments of a tree of one operation; large trees are cut.

    The distance between the two is then known to be of one sign.
    """
    if node.op is not op:
        return False
    seen, todo = {node}, [node]
    while todo and len(seen) < _TREE:
        new = [arg for arg in todo.pop().args if arg not in seen]
        if leaf in new:
            return True
        seen.update(new)
        todo.extend(arg for arg in new if arg.op is op)
    return False


def _unshift(build: Builder, node: Node, bits: int) -> Node:
    if node.op is CONST:
        n, exp = node.attrs
        return constant(build, n, exp - bits) if n else node
    if node.op is SHIFT:
        return _shift_by(build, node.args[0], node.attrs[0] - bits)
    return _new(build, SHIFT, node, bits=-bits)


def _negate(build: Builder, x: Node) -> Node | None:
    """0 - x, where x itself can absorb the sign."""
    if x.op is ADD and x.attrs[0]:
        return _new(build, ADD, x.args[1], x.args[0], sub=True)
    if x.op is SHIFT:
        inner = _new(build, ADD, constant(build, 0, 0), x.args[0], sub=True)
        return _new(build, SHIFT, inner, bits=x.attrs[0])
    return None


def _merge_constants(build: Builder, a: Node, b: Node, sub: bool) -> Node:
    """(x ± c) ± d as x plus one constant."""
    c, d = a.args[1], b
    exp = min(c.attrs[1], d.attrs[1])
    n = (c.attrs[0] << (c.attrs[1] - exp)) * (-1 if a.attrs[0] else 1)
    n += (d.attrs[0] << (d.attrs[1] - exp)) * (-1 if sub else 1)
    return _new(build, ADD, a.args[0], constant(build, n, exp), sub=False)


def _with_bias(build: Builder, args: tuple[Node, ...], attrs: Attrs, more: Fixed) -> Node:
    """A dot with the number ``more`` added to its constant."""
    weights, exp, bias, bias_exp = attrs
    low = min(bias_exp, more.exp) if bias else more.exp
    n = more.at(low).lo + (bias << (bias_exp - low) if bias else 0)
    merged = constant(build, n, low)
    return build.make(DOT, args, (weights, exp, *merged.attrs))


def _shift(build: Builder, node: Node) -> Node | None:
    (x,), (bits,) = node.args, node.attrs
    if bits == 0:
        return x
    return _shift_by(build, x.args[0], bits + x.attrs[0]) if x.op is SHIFT else None


def _dot(build: Builder, node: Node) -> Node | None:
    """Constants among the arguments join the bias."""
    weights, exp, bias, bias_exp = node.attrs
    fixed = [(a, w) for a, w in zip(node.args, weights, strict=True) if a.op is CONST]
    if not fixed:
        return None
    total = Fixed(0, 0, 0)
    for a, w in fixed:
        term = Fixed(a.attrs[0] * w, a.attrs[0] * w, a.attrs[1] + exp)
        low = min(term.exp, total.exp)
        n = term.at(low).lo + total.at(low).lo
        total = Fixed(n, n, low)
    kept = [(a, w) for a, w in zip(node.args, weights, strict=True) if a.op is not CONST]
    args, rest = zip(*kept, strict=True)
    return _with_bias(build, tuple(args), (tuple(rest), exp, bias, bias_exp), total)


def _cast(build: Builder, node: Node) -> Node | None:
    (x,), (exp, width, signed) = node.args, node.attrs
    fitting = cast(build, x, exp, width, signed)
    if fitting is not node:
        return fitting
    if x.op is SHIFT:
        bits = x.attrs[0]
        return _new(build, SHIFT, cast(build, x.args[0], exp - bits, width, signed), bits=bits)
    if x.op is CAST and exp + width <= x.attrs[0] + x.attrs[1]:
        # A window inside a window: the inner one's own sign and top do not matter.
        return cast(build, x.args[0], exp, width, signed)
    return None


def _max(build: Builder, node: Node) -> Node | None:
    return _extremum(build, node, 1)


def _min(build: Builder, node: Node) -> Node | None:
    return _extremum(build, node, -1)


def _extremum(build: Builder, node: Node, sign: int) -> Node | None:
    a, b = node.args
    if a is b:
        return a
    for x, y in ((a, b), (b, a)):
        exp = min(x.type.exp, y.type.exp)
        tx, ty = (t.at(min(exp, t.exp)) for t in (x.type, y.type))
        if (sign > 0 and tx.lo >= ty.hi) or (sign < 0 and tx.hi <= ty.lo):
            return x
    return _ordered(build, node)


def _mux(build: Builder, node: Node) -> Node | None:
    c, a, b = node.args
    if c.op is CONST:
        return a if c.attrs[0] else b
    return a if a is b else None


def _compare(build: Builder, node: Node) -> Node | None:
    (a, b), (kind,) = node.args, node.attrs
    if a is b:
        return constant(build, int(kind == "eq"), 0)
    exp = min(a.type.exp, b.type.exp)
    ta, tb = (t.at(min(exp, t.exp)) for t in (a.type, b.type))
    if ta.hi < tb.lo:
        return constant(build, int(kind == "lt"), 0)
    if tb.hi < ta.lo or (kind == "lt" and ta.lo >= tb.hi):
        return constant(build, 0, 0)
    return _ordered(build, node) if kind == "eq" else None


def _table(build: Builder, node: Node) -> Node | None:
    """Entries that the argument cannot reach are cut off."""
    (x,), (entries, lo, step, exp) = node.args, node.attrs
    reach = x.type.at(step)
    live = entries[reach.lo - lo : reach.hi - lo + 1]
    if len(live) < len(entries):
        return _new(build, TABLE, x, entries=live, lo=reach.lo, step=step, exp=exp)
    return None


def _round(build: Builder, node: Node) -> Node | None:
    (x,), (exp, _) = node.args, node.attrs
    return x if exp <= x.type.exp else None


def _bitwise(build: Builder, node: Node) -> Node | None:
    a, b = node.args
    if a is b:
        return constant(build, 0, 0) if node.op is XOR else a
    for x, y in ((a, b), (b, a)):
        if _is_zero(x):
            return x if node.op is AND else y
    return _ordered(build, node)


_RULES: dict[str, Callable[[Builder, Node], Node | None]] = {
    ADD.name: _add,
    SHIFT.name: _shift,
    DOT.name: _dot,
    MUL.name: _ordered,
    CAST.name: _cast,
    MAX.name: _max,
    MIN.name: _min,
    MUX.name: _mux,
    COMPARE.name: _compare,
    TABLE.name: _table,
    AND.name: _bitwise,
    OR.name: _bitwise,
    XOR.name: _bitwise,
    ROUND.name: _round,
}
