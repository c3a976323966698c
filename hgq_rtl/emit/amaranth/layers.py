"""Layer modules through Amaranth: one rule per native op, one named signal per node.

Signals are assigned in topological order and never from nested expressions, which Amaranth walks
recursively; shifts are concatenations, because ``<<`` costs a cell of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Cat, ClockDomain, Const, Instance, Module, Mux, Shape, Signal, Value

from hgq_rtl.assets import asset_folder
from hgq_rtl.emit import headers, store, verilog_top, workers
from hgq_rtl.emit import partition as parts
from hgq_rtl.emit.backend import CoreInfo, Emitted
from hgq_rtl.emit.plan import plan
from hgq_rtl.emit.tidy import tidy
from hgq_rtl.emit.yosys import write_verilog
from hgq_rtl.errors import EmitError
from hgq_rtl.fixed import Fixed, common_exp
from hgq_rtl.garbage import no_collection
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
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
from hgq_rtl.ir.ops.linear import sum3_grid, sum3_signs
from hgq_rtl.ir.ops.lookup import LUT_INPUTS, SHARED_AT, UNUSED
from hgq_rtl.ir.ops.sum3 import Operand, Sum3Form, sum3_form

Rule = Callable[..., Any]
RULES: dict[Op, Rule] = {}
"""Each gets the site, the node, the target signal, then the arguments, each a Value of exactly
its node's width and sign; it returns the result, which may be wider but must have the right value.
"""


@dataclass(frozen=True)
class Site:
    """Where rules build: the module of a layer, and the name of the core that it is a part of."""

    m: Module
    top: str


MAX_BITS = (1 << 16) - 8
"""Amaranth numbers the bits of a wire, and of all input ports together, with 16 bits."""


def emits(*ops: Op) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of ``ops``."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


# --- wiring ----------------------------------------------------------------------------------


def _as(value: Value, signed: bool) -> Value:
    return value.as_signed() if signed else value.as_unsigned()


def _aligned(value: Value, type: Fixed, exp: int) -> Value:
    """The value as an integer at the finer exponent ``exp``: zeros appended."""
    if type.is_zero or type.exp == exp:
        return value
    return _as(Cat(Const(0, type.exp - exp), value), type.signed)


def _fit(value: Value, width: int) -> Value:
    """Exactly ``width`` low bits, extended by the value's own sign."""
    if len(value) >= width:
        return value[:width]
    if not value.shape().signed:
        return Cat(value, Const(0, width - len(value)))
    return Cat(value, value[-1].replicate(width - len(value)))


def _pair(node: Node, a: Value, b: Value) -> tuple[Value, Value]:
    ta, tb = (arg.type for arg in node.args[-2:])
    exp = common_exp(ta, tb)
    return _aligned(a, ta, exp), _aligned(b, tb, exp)


def _modular(node: Node, a: Value, b: Value) -> tuple[Value, Value]:
    """Operands no wider than the result, of which + - and * only need the low bits."""
    width = node.type.width
    mixed = a.shape().signed != b.shape().signed
    # Amaranth writes a constant of the other sign at the operator's own, greater width.
    constant = mixed and any(arg.type.is_const for arg in node.args)
    if constant or any(len(x) + (mixed and not x.shape().signed) > width for x in (a, b)):
        return _fit(a, width), _fit(b, width)
    return a, b


# --- one rule per op -------------------------------------------------------------------------


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
        return _as(Cat(_fit(low, gap), high), t.signed)  # nothing overlaps: no adder
    a, b = _modular(node, *_pair(node, a, b))
    return a - b if sub else a + b


@emits(MUL)
def _mul(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    a, b = _modular(node, a, b)
    return a * b


@emits(MAX, MIN)
def _extremum(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    width = node.type.width
    if any(arg.type.is_zero for arg in node.args):
        x, t = (b, node.args[1].type) if node.args[0].type.is_zero else (a, node.args[0].type)
        zero = Const(0, width)
        if not t.signed:
            return x if node.op is MAX else zero
        x, negative = _fit(x, width), x[-1]
        return Mux(negative, zero, x) if node.op is MAX else Mux(negative, x, zero)
    a, b = _pair(node, a, b)
    less = Signal(1, name=out.name + parts.PARTS[MAX][0])
    site.m.d.comb += less.eq(a < b)
    a, b = _fit(a, width), _fit(b, width)
    return Mux(less, b, a) if node.op is MAX else Mux(less, a, b)


@emits(MUX)
def _mux(site: Site, node: Node, out: Signal, c: Value, a: Value, b: Value) -> Value:
    a, b = (_fit(x, node.type.width) for x in _pair(node, a, b))
    return Mux(c, a, b)


@emits(COMPARE)
def _compare(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    (kind,) = node.attrs
    if kind == "lt" and node.args[1].type.is_zero:
        return a[-1] if a.shape().signed else Const(0, 1)
    a, b = _pair(node, a, b)
    return a < b if kind == "lt" else a == b


@emits(CAST)
def _cast(site: Site, node: Node, out: Signal | None, a: Value | _Pending) -> Value | None:
    drop, width = node.type.exp - node.args[0].type.exp, node.type.width
    if isinstance(a, _Pending):
        a = a.build(site, out, drop + width, drives=not drop)
        if a is out:
            return None
    if drop >= len(a):
        a = a[-1].as_signed()  # only copies of the sign are left
    else:
        a = _as(a[drop:], a.shape().signed)
    return _as(_fit(a, width), node.type.signed)


@dataclass(frozen=True)
class _Pending:
    """A sum that no signal holds, until the cast that reads it says how many bits it needs."""

    node: Node
    args: tuple[Value, ...]

    def build(self, site: Site, out: Signal, width: int, drives: bool) -> Value:
        """At most ``width`` bits of the sum: an instance, and the low bits that need no adder.

        Where these are all bits of ``out`` and it may be driven, it is, and returned.
        """
        raise NotImplementedError

    def _instance(
        self,
        site: Site,
        out: Signal,
        drives: bool,
        low: Value,
        width: int,
        pins: dict[str, Any],
    ) -> Value:
        """The instance that makes the bits above ``low``, of ``width`` in all."""
        whole = drives and not len(low) and width == len(out)
        upper = out if whole else Signal(width - len(low), name=out.name + parts.ADDER[0])
        name = out.name + parts.ADDER[1]
        kind = parts.library_module(site.top, self.node.op)
        site.m.submodules[name] = Instance(kind, **pins, o_y=upper)
        return out if whole else _as(Cat(low, upper), self.node.type.signed)


class _Sum(_Pending):
    """A sum3."""

    def build(self, site: Site, out: Signal, width: int, drives: bool) -> Value:
        width = min(width, self.node.type.width)
        form = sum3_form(self.node, width)
        if form is None:
            return self._in_turn(width)
        if not form.operands:
            return _as(Const(form.offset, width), self.node.type.signed)  # bits below all of them
        copied = form.copied
        low = _copied(form, self.args, copied)
        if copied == width:
            return _as(low, self.node.type.signed)
        return self._instance(site, out, drives, low, width, _pins(form, self.args, copied))

    def _in_turn(self, width: int) -> Value:
        """The sum by ordinary adders, where constants find no room in one of three operands."""
        types = [arg.type for arg in self.node.args]
        exp, bias = sum3_grid(tuple(types), self.node.attrs)
        total: Value = Const(bias, Shape(width, True))
        for x, t, sign in zip(self.args, types, sum3_signs(self.node.attrs), strict=True):
            x = _fit(_aligned(x, t, exp), width)
            total = (total + x if sign > 0 else total - x)[:width]
        return _as(total, self.node.type.signed)


def _copied(form: Sum3Form, args: Sequence[Value], copied: int) -> Value:
    """The low bits of a sum that one operand has alone."""
    lowest = min(form.operands, key=lambda x: x.low)
    x = args[lowest.arg][: lowest.bits]
    bits = Cat(*(~bit if lowest.inverted >> k & 1 else bit for k, bit in enumerate(x)))
    return _fit(Cat(Const(0, lowest.low), _as(bits, lowest.extended)), copied)


def _pins(form: Sum3Form, args: Sequence[Value], copied: int) -> dict[str, Any]:
    """Pins and parameters of an adder for the bits of a sum from ``copied`` on."""
    width = form.width - copied
    pins: dict[str, Any] = {"p_WIDTH": width}
    absent = [Operand(-1, width, 0)] * 3
    for name, x in zip("abc", [*form.operands, *absent], strict=False):
        # What is copied is left out, but for the bit whose copies go on above.
        start = min(max(0, copied - x.low), x.bits - x.extended)
        bits = x.bits - start
        pins |= {
            f"i_{name}": args[x.arg][start : x.bits] if bits else Const(0, 1),
            f"p_{name.upper()}_BITS": max(1, bits),
            f"p_{name.upper()}_LOW": max(0, x.low - copied) if bits else width,
        }
        if x.extended:
            pins[f"p_{name.upper()}_EXTENDED"] = 1
        if x.inverted >> start:
            pins[f"p_{name.upper()}_INVERT"] = Const(x.inverted >> start, bits)
    if form.offset:
        pins["p_OFFSET"] = Const(form.offset >> copied, width)
    if form.carries:
        pins["p_CARRIES"] = Const(form.carries, 2)
    return pins


class _Row(_Pending):
    """A booth."""

    def build(self, site: Site, out: Signal, width: int, drives: bool) -> Value:
        a, x, d = self.args
        start, factor, code = (arg.type for arg in self.node.args)
        exp, width = self.node.type.exp, min(width, self.node.type.width)
        a = _aligned(a, start, exp)
        copied = width if factor.is_zero else min(width, factor.exp - exp)
        low = _fit(a, copied)
        if copied == width:
            return _as(low, self.node.type.signed)
        # What is copied is left out, but for the bit whose copies go on above.
        a = (
            _as(a[min(copied, len(a) - 1) :], start.signed)
            if start.signed or (copied < len(a))
            else Const(0, 1)
        )
        a, x = (_as(v[: width - copied], v.shape().signed and len(v) <= width - copied)
                for v in (a, x))  # fmt: skip
        pins: dict[str, Any] = {"p_WIDTH": width - copied}
        for name, v in (("a", a), ("x", x)):
            pins |= {f"i_{name}": v, f"p_{name.upper()}_BITS": len(v)}
            if v.shape().signed:
                pins[f"p_{name.upper()}_SIGNED"] = 1
        pins["i_d"] = _fit(_aligned(d, code, 0), 3)
        return self._instance(site, out, drives, low, width, pins)


@emits(SUM3, BOOTH)
def _added(site: Site, node: Node, out: Signal | None, *args: Value) -> Value | _Pending | None:
    pending = (_Sum if node.op is SUM3 else _Row)(node, args)
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
        i_a=_fit(_aligned(a, node.args[0].type, step), SHARED_AT),
        o_y=out,
    )


@emits(AND, OR, XOR)
def _bitwise(site: Site, node: Node, out: Signal, a: Value, b: Value) -> Value:
    a, b = (_fit(x, node.type.width) for x in _pair(node, a, b))
    if node.op is AND:
        return a & b
    return a | b if node.op is OR else a ^ b


# --- a module, and all of them ---------------------------------------------------------------


def _elaborate(module: parts.Module) -> tuple[Module, list[Value]]:
    """The Amaranth module of a layer and its ports, in order."""
    m = Module()
    site = Site(m, module.top)
    clock = m.domains.sync = ClockDomain("sync", reset_less=True)
    value: dict[Node, Value] = {}
    for node in module.graph.nodes:
        t = node.type
        shape = Shape(t.width, t.signed)
        name = module.signals.get(node)
        if t.is_const:
            value[node] = Const(t.lo, Shape(max(t.width, 1), t.signed))
            continue
        args = [value[arg] for arg in node.args]
        if name is None:
            value[node] = RULES[node.op](site, node, None, *args)
            continue
        out = value[node] = Signal(shape, name=name, reset_less=True)
        if node.op is not INPUT:
            result = RULES[node.op](site, node, out, *args)
            if result is not None:
                m.d.comb += out.eq(result)
    ends = [*module.graph.inputs, *module.graph.outputs]
    ports = [value[node] for node in ends if node in module.signals]
    return m, [clock.clk, *ports] if module.clocked else ports


@no_collection()
def to_rtlil(module: parts.Module) -> str:
    """The module in the intermediate language of Yosys."""
    m, ports = _elaborate(module)
    return str(rtlil.convert(m, name=module.name, ports=ports, emit_src=False))


BATCH = 20_000
"""Nodes converted between two stores: what is lost when a compilation is interrupted."""


def convert(modules: Sequence[parts.Module]) -> list[str]:
    """Verilog of each module. Raises EmitError where one exceeds Amaranth's limits."""
    _check_widths(modules)
    texts = [workers.describe(module) for module in modules]
    found = {text: verilog for text in texts if (verilog := store.lookup(text)) is not None}
    fresh = [i for i, text in enumerate(texts) if text not in found]
    while fresh:
        batch, size = [], 0
        while fresh and size < BATCH:
            batch.append(fresh.pop(0))
            size += len(modules[batch[-1]].graph.nodes)
        rtlil = workers.convert_all(
            [modules[i] for i in batch], [texts[i] for i in batch], to_rtlil
        )
        bodies = write_verilog(rtlil)
        for i in batch:
            found[texts[i]] = store.keep(texts[i], tidy(bodies[modules[i].name], modules[i]))
    return [found[text] for text in texts]


def _check_widths(modules: Sequence[parts.Module]) -> None:
    for module in modules:
        total = sum(n.type.width for n in module.graph.inputs if not n.type.is_const)
        if total > MAX_BITS:
            raise EmitError(
                f"the input ports of module '{module.name}' have {total} bits in all, "
                f"more than {MAX_BITS}",
                where=module.scope,
                hint="Process the tensor in parts, one after the other (a streamed design)",
            )
        for node, name in module.signals.items():
            if node.type.width > MAX_BITS:
                raise EmitError(
                    f"signal '{name}' of module '{module.name}' has {node.type.width} bits, "
                    f"more than {MAX_BITS}",
                    where=module.graph.origin(node),
                )


class AmaranthBackend:
    """Verilog, with a module and a file per layer."""

    ops = frozenset(RULES)

    def emit(self, graph: Graph, interface: Interface, info: CoreInfo) -> Emitted:
        """See ``hgq_rtl.emit.backend.emit``."""
        emitted = verilog_top.assemble(plan(graph, interface, info), convert)
        used = {node.op for node in graph.nodes}
        files = {}
        for op in (op for op in parts.LIBRARY if op in used):
            module = parts.library_module(emitted.top, op)
            files[f"{module}.v"] = headers.library(info, module, emitted.top) + _library(op, module)
        return replace(emitted, files={**files, **emitted.files})


def _library(op: Op, module: str) -> str:
    """The text of a module of the library, which begins ``module NAME``, under this name."""
    text = (asset_folder("rtl_templates") / f"{parts.LIBRARY[op]}.v").read_text()
    comments, _, rest = text.partition(f"module {parts.LIBRARY[op]} ")
    return f"{comments}module {module} {rest}"


BACKEND = AmaranthBackend()
