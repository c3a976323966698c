"""What every backend must get right: each op on awkward types, and whole designs, bit for bit.

A backend's tests subclass ``BackendBattery`` and say how to run what it emits. All cases share one
design, so that one simulator build serves them all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from hgq_rtl.emit.backend import CoreInfo, Emitted, emit
from hgq_rtl.fixed import Fixed, common_exp
from hgq_rtl.ir.evaluate import evaluate
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    BOOTH,
    CAST,
    COMPARE,
    INPUT,
    LOOKUP,
    MASKED_SUM3,
    MAX,
    MIN,
    MUL,
    MUX,
    OR,
    SHIFT,
    SUM3,
    TABLE,
    XOR,
    constant,
    sum3_bias,
)
from hgq_rtl.ir.ops.lookup import SHARED_AT, UNUSED, lookup_bits
from hgq_rtl.schedule.greedy import schedule
from hgq_rtl.schedule.registers import insert_registers
from hgq_rtl.timing.load import load_device

WIDTHS = (1, 1, 2, 3, 4, 5, 8, 13, 31, 33, 64, 65, 70)
BINARY = (ADD, MAX, MIN, MUL, COMPARE, AND, OR, XOR)
LAYERS = ("dense_1/neuron_0", "dense_1/neuron_1", "", "2nd layer/table[3]", "module", "relu/x/y")
"""Origins with keywords, digits in front and characters that no identifier may have."""


@dataclass
class Design:
    """A scheduled graph with everything that emission needs."""

    graph: Graph
    """Before registers: the reference."""
    scheduled: Graph
    interface: Interface
    info: CoreInfo


class _Cases:
    """Collects cases on one builder; every case gets inputs of its own."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.build = Builder()
        self.inputs: list[Node] = []
        self.outputs: list[Node] = []

    def type(self, max_bits: int = 70) -> Fixed:
        """A random interval: any sign, often tight, sometimes one value."""
        width = min(self.rng.choice(WIDTHS), max_bits)
        signed = self.rng.random() < 0.5
        lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
        if self.rng.random() < 0.5:
            lo, hi = sorted((self.rng.randint(lo, hi), self.rng.randint(lo, hi)))
        return Fixed(lo, hi, self.rng.randint(-9, 9))

    def input(self, t: Fixed) -> Node:
        node = self.build(INPUT, name=f"x{len(self.inputs)}", lo=t.lo, hi=t.hi, exp=t.exp)
        self.inputs.append(node)
        return node

    def any(self, max_bits: int = 70) -> Node:
        """An input, or now and then a constant."""
        if self.rng.random() < 0.15:
            n = self.rng.choice([0, 0, 1, -1, self.rng.randint(-100, 100)])
            return constant(self.build, n, self.rng.randint(-5, 5))
        return self.input(self.type(max_bits))

    def attrs(self, op, args: Sequence[Node]) -> dict[str, object]:
        if op is ADD:
            return {"sub": self.rng.random() < 0.5}
        if op in (SUM3, MASKED_SUM3):
            sub, added = self.rng.randint(0, 2), args[:3]
            bias = self.rng.choice([0, natural_bias(added, sub), self.rng.randint(-50, 50)])
            place = {"place": self.rng.randint(0, 2)} if op is MASKED_SUM3 else {}
            exp = common_exp(*(x.type for x in added))
            return {"sub": sub, "bias": bias, "bias_exp": exp, **place}
        if op is COMPARE:
            return {"kind": self.rng.choice(["lt", "eq"])}
        if op is SHIFT:
            return {"bits": self.rng.randint(-9, 9)}
        if op is CAST:
            (x,) = args
            exp = x.type.exp + self.rng.choice([-2, 0, 0, 1, 2, 3, 20])
            return {
                "exp": exp,
                "width": self.rng.choice([1, 2, 3, 8, 12, 75]),
                "signed": self.rng.random() < 0.5,
            }
        if op is TABLE:
            (x,) = args
            step = x.type.exp - self.rng.randint(0, 1)
            index = x.type.at(step)
            lo = index.lo - self.rng.randint(0, 2)
            size = index.hi - lo + 1 + self.rng.randint(0, 2)
            top = self.rng.choice([1, 7, 500, 1 << 66])
            entries = [self.rng.randint(-top, top) for _ in range(size)]
            return {
                "entries": tuple(entries),
                "lo": lo,
                "step": step,
                "exp": self.rng.randint(-6, 6),
            }
        if op is LOOKUP:
            return self._luts(args[0].type)
        return {}

    def _luts(self, t: Fixed) -> dict[str, object]:
        """Random LUTs, wires, inverters and constants, and the entries that they make."""
        rng, step = self.rng, t.exp - self.rng.randint(0, 1)

        def lut(wires: Sequence[int]) -> tuple[tuple[int, ...], int]:
            pins = tuple(rng.sample(wires, rng.randint(0, min(6, len(wires)))))
            return pins, rng.getrandbits(1 << len(pins))

        shared = tuple(lut(range(SHARED_AT)) for _ in range(rng.randint(1, UNUSED - SHARED_AT)))
        wires = range(SHARED_AT + len(shared))
        bits = tuple(lut(wires) for _ in range(rng.randint(1, 9)))
        index = t.at(step)
        found = lookup_bits(np.arange(index.lo, index.hi + 1), shared, bits)
        if rng.random() < 0.5:
            found -= (found >> (len(bits) - 1)) << len(bits)
        return {
            "entries": tuple(found.tolist()),
            "lo": index.lo,
            "step": step,
            "exp": rng.randint(-6, 6),
            "shared": shared,
            "bits": bits,
        }

    def add(self, op, *args: Node) -> Node:
        node = self.build(op, *args, **self.attrs(op, args))
        self.outputs.append(node)
        return node


def natural_bias(args: Sequence[Node], sub: int) -> int:
    """The bias of a sum3 that costs nothing, in units of its lowest bit."""
    exp = common_exp(*(x.type for x in args))
    return sum(
        sum3_bias(x.type, j >= 3 - sub) << (x.type.exp - exp)
        for j, x in enumerate(args)
        if not x.type.is_zero
    )


def _op_cases(cases: _Cases, count: int) -> None:
    bit = Fixed(0, 1, 0)
    for index in range(count):
        with cases.build.at(LAYERS[index % len(LAYERS)]):
            for op in BINARY:
                cases.add(op, cases.any(), cases.any())
            zero = constant(cases.build, 0, 0)
            for op in (ADD, MAX, MIN, COMPARE):
                cases.add(op, cases.any(), zero)
                cases.add(op, zero, cases.any())
            cases.add(MUX, cases.input(bit), cases.any(), cases.any())
            for op in (CAST, SHIFT):
                cases.add(op, cases.any())
            for _ in range(4):
                cases.add(CAST, cases.input(cases.type(8)))
            cases.add(TABLE, cases.any(5))
            cases.add(LOOKUP, cases.input(cases.type(8)))
            wide = cases.add(SUM3, cases.any(), cases.any(), cases.any())
            cases.add(SUM3, cases.any(9), cases.any(9), cases.any(9))
            cases.add(CAST, cases.build.make(SUM3, wide.args, (index % 3, *wide.attrs[1:])))
            hide = cases.input(bit)
            masked = cases.add(MASKED_SUM3, *(cases.any(9) for _ in range(3)), hide)
            cases.add(CAST, masked)
            cases.add(MASKED_SUM3, cases.any(), cases.any(), cases.any(), hide)
            negative = cases.build(COMPARE, masked.args[0], zero, kind="lt")
            cases.add(CAST, cases.add(MASKED_SUM3, *masked.args[:3], negative))
            code = cases.input(Fixed(0, cases.rng.choice([3, 6, 7]), 0))
            if index % 3 == 0:
                code = cases.build(SHIFT, cases.input(Fixed(0, 3, -1)), bits=2)
            row = cases.add(BOOTH, cases.any(), cases.any(), code)
            cases.add(CAST, cases.add(BOOTH, cases.any(9), cases.any(9), code))
            cases.add(CAST, cases.build(BOOTH, *row.args[1::-1], code))
            same = cases.any()
            cases.add(ADD, same, same)
            # Operands that do not overlap, in both orders: wires unless something is subtracted.
            low = cases.input(Fixed(0, 7, -3))
            high = cases.input(Fixed(-4, 3, cases.rng.randint(-1, 2)))
            cases.add(ADD, low, high)
            cases.add(ADD, high, low)


def _network(cases: _Cases, depth: int) -> None:
    """A random graph that reads its own results, across layers and stages."""
    pool = [cases.input(cases.type(12)) for _ in range(8)]
    for index in range(depth):
        with cases.build.at(LAYERS[index // 4 % len(LAYERS)]):
            op = cases.rng.choice(
                [*BINARY, ADD, ADD, SUM3, SUM3, MASKED_SUM3, MAX, MUX, CAST, CAST, SHIFT, TABLE]
            )
            picked = [cases.rng.choice(pool[-12:]) for _ in range(op.arity or 1)]
            if op is MUX:
                picked[0] = cases.build(COMPARE, picked[0], picked[1], kind="lt")
            if op is MASKED_SUM3:
                picked[3] = cases.build(COMPARE, picked[3], picked[1], kind="lt")
            if op is TABLE:
                x = picked[0]
                picked[0] = cases.build(CAST, x, exp=x.type.exp, width=4, signed=index % 2 == 0)
            node = cases.build(op, *picked, **cases.attrs(op, picked))
            if node.type.width > 40:
                node = cases.build(CAST, node, exp=node.type.exp + 5, width=11, signed=True)
            pool.append(node)
    cases.outputs += pool[-20:]


def battery_design(seed: int = 0, count: int = 12, depth: int = 150) -> Design:
    """Every op ``count`` times, a random network, and odd outputs."""
    cases = _Cases(seed)
    _op_cases(cases, count)
    _network(cases, depth)
    unused, direct = cases.input(Fixed(-3, 3, 0)), cases.input(Fixed(-8, 7, -2))
    assert unused not in cases.outputs
    cases.outputs += [
        direct,
        cases.outputs[3],
        cases.outputs[3],
        cases.build(SHIFT, direct, bits=3),
        constant(cases.build, 0, 0),
        constant(cases.build, -5, -1),
    ]
    return design(cases.build, cases.inputs, cases.outputs)


def design(
    build: Builder, inputs: Sequence[Node], outputs: Sequence[Node], clock_ns: float = 0.008
) -> Design:
    """A design on the ``unit`` device, eight ops per stage unless told otherwise."""
    graph = Graph(build, tuple(inputs), tuple(outputs), tuple(f"y{j}" for j in range(len(outputs))))
    model = load_device("unit")
    plan = schedule(graph, model, clock_ns)
    plan.check(graph, model, round(clock_ns * 1000))
    interface = Interface(
        (Port("x", (len(inputs),), tuple(n.type for n in inputs)),),
        (Port("y", (len(outputs),), tuple(n.type for n in outputs)),),
    )
    info = CoreInfo("battery", "0.0", "0" * 8, clock_ns, plan.latency, "unit")
    return Design(graph, insert_registers(graph, plan), interface, info)


def random_inputs(graph: Graph, seed: int, count: int) -> np.ndarray:
    """Port integers (count, inputs), Python integers: bounds, near zero, and anything between."""
    rng = random.Random(seed)
    rows = np.empty((count, len(graph.inputs)), dtype=object)
    for j, node in enumerate(graph.inputs):
        t = node.type
        for k in range(count):
            corner = rng.choice([t.lo, t.hi, min(max(0, t.lo), t.hi), min(max(-1, t.lo), t.hi)])
            rows[k, j] = corner if rng.random() < 0.3 else rng.randint(t.lo, t.hi)
    return rows


def pack(types: Sequence[Fixed], row: Sequence[int]) -> int:
    """One packed bus: element 0 at the LSB, two's complement, zero-width elements left out."""
    bus = low = 0
    for t, n in zip(types, row, strict=True):
        bus |= (int(n) & ((1 << t.width) - 1)) << low
        low += t.width
    return bus


def unpack(types: Sequence[Fixed], bus: int) -> list[int]:
    """The integers of a packed bus."""
    row = []
    for t in types:
        n = bus & ((1 << t.width) - 1)
        row.append(n - (1 << t.width) if t.signed and n >> (t.width - 1) else n)
        bus >>= t.width
    return row


@cache
def _shared_design() -> Design:
    return battery_design()


@cache
def _shared_files(backend: str) -> Emitted:
    d = _shared_design()
    return emit(d.scheduled, d.interface, d.info, backend=backend)


class BackendBattery:
    """Subclass with ``backend`` and ``simulate``; the tests come along."""

    backend: str
    samples = 96

    def simulate(self, emitted: Emitted, design: Design, buses: list[int], folder) -> list[int]:
        """Output buses of the packed top for input buses, one sample per clock."""
        raise NotImplementedError

    @pytest.fixture
    def battery(self) -> Design:
        return _shared_design()

    @pytest.fixture
    def emitted(self, battery: Design) -> Emitted:
        return _shared_files(self.backend)

    def test_hardware_equals_the_graph(self, battery, emitted, tmp_path):
        x = random_inputs(battery.graph, 1, self.samples)
        in_types = battery.interface.inputs[0].types
        out_types = battery.interface.outputs[0].types
        buses = [pack(in_types, row) for row in x]
        got = self.simulate(emitted, battery, buses, tmp_path)
        want = evaluate(battery.graph, x)
        assert len(got) == len(x)
        for sample, bus in enumerate(got):
            row = unpack(out_types, bus)
            wrong = [j for j, n in enumerate(row) if n != want[sample, j]]
            assert not wrong, (
                sample,
                [(battery.graph.outputs[j], row[j], want[sample, j]) for j in wrong[:3]],
            )

    def test_emission_is_deterministic(self, battery, emitted):
        again = battery_design()
        text = emit(again.scheduled, again.interface, again.info, backend=self.backend).files
        assert text == emitted.files
