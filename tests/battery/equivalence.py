"""Prove two graphs equal: on every input up to 16 bits, on corners and seeded vectors above."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    COMPARE,
    DOT,
    INPUT,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    ROUND,
    SHIFT,
    TABLE,
    XOR,
    cast,
    constant,
)
from hgq_rtl.ir.verify import verify

EXHAUSTIVE_BITS = 16


def vectors(graph: Graph, count: int = 2000, seed: int = 0) -> np.ndarray:
    """All inputs where they are few; else corners and random ones, within the intervals."""
    types = [node.type for node in graph.inputs]
    if math.prod(t.hi - t.lo + 1 for t in types) <= 2**EXHAUSTIVE_BITS:
        axes = [np.arange(t.lo, t.hi + 1) for t in types]
        return np.array(np.meshgrid(*axes, indexing="ij")).reshape(len(types), -1).T
    rng = np.random.default_rng(seed)
    lo, hi = np.array([t.lo for t in types]), np.array([t.hi for t in types])
    random = rng.integers(lo, hi, (count, len(types)), endpoint=True)
    corners = np.where(rng.random((count // 4, len(types))) < 0.5, lo, hi)
    return np.concatenate([lo[None], hi[None], np.clip(0, lo, hi)[None], corners, random])


def assert_equivalent(a: Graph, b: Graph, count: int = 2000) -> None:
    """Same ports, same values. Output formats may differ in width, not in value."""
    verify(b)
    assert a.inputs == b.inputs
    assert a.output_names == b.output_names
    n = vectors(a, count)
    left, right = evaluate(a, n), evaluate(b, n)
    for j, (x, y) in enumerate(zip(a.outputs, b.outputs, strict=True)):
        exp = min(x.type.exp, y.type.exp)
        u = left[:, j].astype(object) * (1 if x.type.is_zero else 1 << (x.type.exp - exp))
        v = right[:, j].astype(object) * (1 if y.type.is_zero else 1 << (y.type.exp - exp))
        assert (u == v).all(), f"output {a.output_names[j]} differs"


@st.composite
def graphs(draw, max_nodes: int = 25) -> Graph:
    """A random graph over every native and composite op, with casts, shifts and constants."""
    build = Builder()
    inputs = []
    for j in range(draw(st.integers(1, 4))):
        width, exp = draw(st.integers(1, 6)), draw(st.integers(-3, 3))
        t = Fixed.from_kif(draw(st.integers(0, 1)), width + exp, -exp)
        inputs.append(build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp))
    pool = list(inputs)
    for j in range(draw(st.integers(1, max_nodes))):
        with build.at(f"layer_{j % 3}/node_{j}"):
            pool.append(_random_node(draw, build, pool))
    outputs = draw(st.lists(st.sampled_from(pool[-6:]), min_size=1, max_size=3))
    return Graph(build, tuple(inputs), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))


def _random_node(draw, build, pool):
    def pick():
        return draw(st.sampled_from(pool[-8:]))

    kind = draw(st.sampled_from(
        ["add", "add", "sub", "apart", "behind", "dot", "mul", "max", "min", "relu", "clamp", "mux",
         "lt", "eq", "cast", "cast", "round", "shift", "const", "table", "and", "or", "xor"]
    ))  # fmt: skip
    a, b = pick(), pick()
    if a.type.width > 40 or b.type.width > 40:
        kind = "cast"
    if kind in ("add", "sub"):
        return build(ADD, a, b, sub=kind == "sub")
    if kind == "apart":  # an extremum and what it is taken over
        extremum = build(draw(st.sampled_from([MAX, MIN])), build(MAX, a, b), pick())
        pair = [extremum, draw(st.sampled_from([a, b]))]
        return build(ADD, *(pair if draw(st.booleans()) else reversed(pair)), sub=True)
    if kind == "behind":  # a sum with ReLU in front of it, maybe cut
        relu = build(MAX, a, constant(build, 0, 0))
        if draw(st.booleans()):
            relu = cast(build, relu, a.type.exp, draw(st.integers(1, 6)), False)
        return build(
            ADD, *((relu, b) if draw(st.booleans()) else (b, relu)), sub=draw(st.booleans())
        )
    if kind == "dot":
        args = tuple(dict.fromkeys([a, b, pick()]))
        weights = tuple(draw(st.integers(-20, 20)) for _ in args)
        bias, bias_exp = draw(st.integers(-9, 9)), draw(st.integers(-3, 3))
        return build.make(DOT, args, (weights, draw(st.integers(-3, 3)), bias, bias_exp))
    if kind == "relu":
        return build(MAX, a, constant(build, 0, 0))
    if kind == "clamp":
        return _clamp(draw, build, a)
    if kind in ("lt", "eq"):
        return build(COMPARE, a, b, kind=kind)
    if kind == "mux":
        return build(MUX, build(COMPARE, a, b, kind="lt"), b, pick())
    if kind == "cast":
        exp = a.type.exp + draw(st.integers(-1, 4))
        return cast(build, a, exp, draw(st.integers(1, 10)), draw(st.booleans()))
    if kind == "round":
        mode = draw(st.sampled_from(["RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_INF"]))
        return build(ROUND, a, exp=a.type.exp + draw(st.integers(1, 4)), rounding=mode)
    if kind == "shift":
        return build(SHIFT, a, bits=draw(st.integers(-4, 4)))
    if kind == "const":
        return constant(build, draw(st.integers(-50, 50)), draw(st.integers(-4, 4)))
    if kind == "table":
        bits = draw(st.sampled_from([4, 7]))
        if bits == 7:  # most values have fewer bits
            a = build(ADD, build(SHIFT, a, bits=3), b, sub=False)
        small = cast(build, a, a.type.exp, bits, a.type.signed)
        lo, size = small.type.lo, small.type.hi - small.type.lo + 1
        ends = [draw(st.integers(-60, 60)) for _ in range(min(size, 16))]
        # Larger tables are steps, as those of smooth functions.
        entries = tuple(ends[j * len(ends) // size] for j in range(size))
        return build(
            TABLE, small, entries=entries, lo=lo, step=small.type.exp, exp=draw(st.integers(-3, 3))
        )
    return build({"mul": MUL, "max": MAX, "min": MIN, "and": AND, "or": OR, "xor": XOR}[kind], a, b)


def _clamp(draw, build, x):
    """x within limits at, or next to, the ends of a number of bits, in either order."""
    bits, exp = draw(st.integers(0, 6)), x.type.exp
    lo = draw(st.sampled_from([-(1 << bits), 0, 1 - (1 << bits), x.type.lo]))
    hi = draw(st.sampled_from([(1 << bits) - 1, 1 << bits, x.type.hi]))
    ends = [(MAX, lo), (MIN, hi)]
    for op, n in ends if draw(st.booleans()) else reversed(ends):
        x = build(op, x, constant(build, n, exp))
    return x
