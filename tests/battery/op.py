"""Random nodes of every op, and the laws each op must keep. A new op adds one strategy."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hgq_rtl.fixed import ROUNDINGS, Fixed
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import INPUT, OPS
from hgq_rtl.ir.ops.lookup import lookup_bits

BIG = 1 << 40


@st.composite
def types(draw, bits: int = 12, exps: tuple[int, int] = (-6, 6)) -> Fixed:
    """An interval of up to ``bits`` bits: mixed signs, constants and zero included."""
    span = 1 << draw(st.integers(0, bits))
    lo, hi = sorted(draw(st.tuples(st.integers(-span, span), st.integers(-span, span))))
    return Fixed(lo, hi, draw(st.integers(*exps)))


def _fresh(build: Builder, *chosen: Fixed) -> list[Node]:
    return [build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(chosen)]


@st.composite
def nodes(draw, name: str) -> Node:
    """A node of the named op on fresh inputs, with random legal attributes."""
    build = Builder()
    op = OPS[name]
    if name == "input":
        return _fresh(build, draw(types()))[0]
    if name == "const":
        n = draw(st.integers(-BIG, BIG))
        return build(op, n=n | 1, exp=draw(st.integers(-9, 9)))
    if name == "dot":
        chosen = draw(st.lists(types(), min_size=1, max_size=5))
        weights = draw(st.lists(st.integers(-99, 99), min_size=len(chosen), max_size=len(chosen)))
        return build(
            op,
            *_fresh(build, *chosen),
            weights=tuple(weights),
            exp=draw(st.integers(-4, 4)),
            bias=draw(st.integers(-99, 99)),
            bias_exp=draw(st.integers(-6, 6)),
        )
    if name == "mux":
        return build(
            op, *_fresh(build, draw(types(0, (0, 0)).filter(_is_bit)), draw(types()), draw(types()))
        )
    if name in ("sum3", "masked_sum3"):
        sub = draw(st.integers(0, 2))
        bias, exp = draw(st.integers(-99, 99)), draw(st.integers(-6, 6))
        chosen = [draw(types()) for _ in range(3)]
        place = {}
        if name == "masked_sum3":
            chosen.append(draw(types(0, (0, 0)).filter(_is_bit)))
            place["place"] = draw(st.integers(0, 2))
        return build(op, *_fresh(build, *chosen), sub=sub, bias=bias, bias_exp=exp, **place)
    if name == "booth":
        code = types(2, (0, 1)).filter(lambda t: t.lo >= 0 and t.at(0).hi < 8)
        return build(op, *_fresh(build, draw(types()), draw(types()), draw(code)))
    if op.arity == 2:
        attrs = {"sub": draw(st.booleans())} if name == "add" else {}
        attrs |= {"kind": draw(st.sampled_from(["lt", "eq"]))} if name == "compare" else {}
        return build(op, *_fresh(build, draw(types()), draw(types())), **attrs)
    (x,) = _fresh(build, draw(types()))
    if name == "shift":
        return build(op, x, bits=draw(st.integers(-9, 9)))
    if name == "cast":
        exp = x.type.exp + draw(st.integers(-3, 8))
        return build(op, x, exp=exp, width=draw(st.integers(1, 14)), signed=draw(st.booleans()))
    if name == "round":
        rounding = draw(st.sampled_from([r for r in ROUNDINGS if r != "TRN"]))
        return build(op, x, exp=x.type.exp + draw(st.integers(-1, 8)), rounding=rounding)
    if name == "lookup":
        x = _fresh(build, draw(types(8)))[0]
        return build(op, x, **_luts(draw, x.type))
    if name == "table":
        (x,) = _fresh(build, draw(types(5)))
        before, after = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        size = x.type.hi - x.type.lo + 1 + before + after
        entries = draw(st.lists(st.integers(-500, 500), min_size=size, max_size=size))
        return build(
            op,
            x,
            entries=tuple(entries),
            lo=x.type.lo - before,
            step=x.type.exp,
            exp=draw(st.integers(-6, 6)),
        )
    return build(op, x)


def _luts(draw, t: Fixed) -> dict[str, object]:
    """A shared bit and one of the result, and the entries that they make."""
    shared = ((tuple(draw(st.permutations(range(9)))[:6]), draw(st.integers(0, (1 << 64) - 1))),)
    bits = (((0, 9), draw(st.integers(0, 15))), ((9,), 0b10))
    entries = tuple(lookup_bits(np.arange(t.lo, t.hi + 1), shared, bits).tolist())
    return {
        "entries": entries,
        "lo": t.lo,
        "step": t.exp,
        "exp": draw(st.integers(-6, 6)),
        "shared": shared,
        "bits": bits,
    }


def _is_bit(t: Fixed) -> bool:
    return t.lo >= 0 and t.hi <= 1


def samples(node: Node, seed: int, count: int = 64) -> list[np.ndarray]:
    """Seeded values of every argument: its bounds, zero-ish values and random ones."""
    rng = np.random.default_rng(seed)
    columns = []
    for arg in node.args:
        t = arg.type
        values = rng.integers(t.lo, t.hi, count, endpoint=True)
        corners = rng.choice([t.lo, t.hi, min(max(0, t.lo), t.hi)], count)
        columns.append(np.where(rng.random(count) < 0.3, corners, values))
    return columns


def scrambled(node: Node, masks: tuple[int, ...], columns: list[np.ndarray], seed: int):
    """The same values with every undemanded bit of every argument replaced by noise.

    Values that leave an argument's interval keep the original (its bits then do not matter
    to anyone, since such a value never occurs).
    """
    rng = np.random.default_rng(seed)
    noisy = []
    for arg, mask, n in zip(node.args, masks, columns, strict=True):
        t = arg.type
        free = ((1 << t.width) - 1) & ~mask
        flipped = n ^ (rng.integers(0, 1 << max(t.width, 1), len(n)) & free)
        if t.signed:
            sign = 1 << (t.width - 1)
            flipped = ((flipped & ((1 << t.width) - 1)) ^ sign) - sign
        noisy.append(np.where((flipped >= t.lo) & (flipped <= t.hi), flipped, n))
    return noisy
