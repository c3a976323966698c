"""Sums by an adder of the library, no wider than what the cast that reads them keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Const, Instance, Mux, Shape, Signal, Value

from hgq_rtl.emit import partition as parts
from hgq_rtl.emit.amaranth.wiring import Site, aligned, as_sign, fit
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import MASKED_SUM3
from hgq_rtl.ir.ops.linear import sum3_grid, sum3_signs
from hgq_rtl.ir.ops.sum3 import Operand, Sum3Form, sum3_form


@dataclass(frozen=True)
class Pending:
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
        return out if whole else as_sign(Cat(low, upper), self.node.type.signed)


class Sum(Pending):
    """A sum3, perhaps a masked one."""

    def build(self, site: Site, out: Signal, width: int, drives: bool) -> Value:
        """By an adder of three operands, or by ordinary ones where its constants find no room."""
        width = min(width, self.node.type.width)
        form = sum3_form(self.node, width)
        if form is None:
            return self._in_turn(width)
        if not form.operands:
            # Bits below all operands.
            return as_sign(Const(form.offset, width), self.node.type.signed)
        copied = form.copied
        low = _copied(form, self.args, copied)
        if copied == width:
            return as_sign(low, self.node.type.signed)
        return self._instance(site, out, drives, low, width, _pins(form, self.args, copied))

    def _in_turn(self, width: int) -> Value:
        """The sum by ordinary adders, where constants find no room in one of three operands."""
        attrs = self.node.attrs
        args = list(self.args[:3])
        if self.node.op is MASKED_SUM3:
            args[attrs[3]] = Mux(self.args[3], 0, args[attrs[3]])
        types = [arg.type for arg in self.node.args[:3]]
        exp, bias = sum3_grid(tuple(types), attrs)
        total: Value = Const(bias, Shape(width, True))
        for x, t, sign in zip(args, types, sum3_signs(attrs), strict=True):
            x = fit(aligned(x, t, exp), width)
            total = (total + x if sign > 0 else total - x)[:width]
        return as_sign(total, self.node.type.signed)


def _copied(form: Sum3Form, args: Sequence[Value], copied: int) -> Value:
    """The low bits of a sum that one operand has alone."""
    lowest = min(form.operands, key=lambda x: x.low)
    x = args[lowest.arg][: lowest.bits]
    bits = Cat(*(~bit if lowest.inverted >> k & 1 else bit for k, bit in enumerate(x)))
    return fit(Cat(Const(0, lowest.low), as_sign(bits, lowest.extended)), copied)


def _pins(form: Sum3Form, args: Sequence[Value], copied: int) -> dict[str, Any]:
    """Pins and parameters of an adder for the bits of a sum from ``copied`` on."""
    width = form.width - copied
    pins: dict[str, Any] = {"p_WIDTH": width, "i_hide": Const(0, 1)}
    absent = [Operand(-1, width, 0)] * 3
    for number, (name, x) in enumerate(zip("abc", [*form.operands, *absent], strict=False), 1):
        # What is copied is left out, but for the bit whose copies go on above.
        start = min(max(0, copied - x.low), x.bits - x.extended)
        bits = x.bits - start
        pins |= {
            f"i_{name}": args[x.arg][start : x.bits] if bits else Const(0, 1),
            f"p_{name.upper()}_BITS": max(1, bits),
            f"p_{name.upper()}_LOW": max(0, x.low - copied) if bits else width,
        }
        if x.hidden:
            pins |= {"p_HIDDEN": number, "i_hide": args[3]}
        if x.extended:
            pins[f"p_{name.upper()}_EXTENDED"] = 1
        if x.inverted >> start:
            pins[f"p_{name.upper()}_INVERT"] = Const(x.inverted >> start, bits)
    if form.offset:
        pins["p_OFFSET"] = Const(form.offset >> copied, width)
    if form.carries:
        pins["p_CARRIES"] = Const(form.carries, 2)
    return pins


class Row(Pending):
    """A booth."""

    def build(self, site: Site, out: Signal, width: int, drives: bool) -> Value:
        """By a row that adds the multiple by a digit."""
        a, x, d = self.args
        start, factor, code = (arg.type for arg in self.node.args)
        exp, width = self.node.type.exp, min(width, self.node.type.width)
        a = aligned(a, start, exp)
        copied = width if factor.is_zero else min(width, factor.exp - exp)
        low = fit(a, copied)
        if copied == width:
            return as_sign(low, self.node.type.signed)
        # What is copied is left out, but for the bit whose copies go on above.
        a = (
            as_sign(a[min(copied, len(a) - 1) :], start.signed)
            if start.signed or (copied < len(a))
            else Const(0, 1)
        )
        a, x = (as_sign(v[: width - copied], v.shape().signed and len(v) <= width - copied)
                for v in (a, x))  # fmt: skip
        pins: dict[str, Any] = {"p_WIDTH": width - copied}
        for name, v in (("a", a), ("x", x)):
            pins |= {f"i_{name}": v, f"p_{name.upper()}_BITS": len(v)}
            if v.shape().signed:
                pins[f"p_{name.upper()}_SIGNED"] = 1
        pins["i_d"] = fit(aligned(d, code, 0), 3)
        return self._instance(site, out, drives, low, width, pins)
