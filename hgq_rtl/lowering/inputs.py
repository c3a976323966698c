"""Model inputs: elements without a width until a quantizer, or the user, gives them one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Port, Quantization, element_name
from hgq_rtl.ir.node import Builder, Node
from hgq_rtl.ir.ops import INPUT
from hgq_rtl.lowering.quantize import quantize

Format = tuple[int, int, int, str, str]
"""Sign, integer and fraction bits, rounding and overflow mode."""

UNUSED: Format = (0, 0, 0, "TRN", "WRAP")


@dataclass
class InputPort:
    """One model input while it is being lowered.

    The quantizer that sees an element defines the format of its port: the hardware then starts
    behind that quantizer, which the host applies to the data exactly as Keras does. Where several
    quantizers see an element, ``common`` gives a format that all of theirs follow from; lower the
    model again with it as ``formats``.
    """

    build: Builder
    name: str
    shape: tuple[int, ...]
    formats: dict[int, Format] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)
    asked: dict[int, list[Format]] = field(default_factory=dict)
    settled: bool = False
    """Whether ``formats`` were given, by ``common`` of an earlier port."""

    def elements(self) -> NDArray[Any]:
        """An array of the port's elements, none of which has a width yet."""
        out = np.empty(self.shape, dtype=object)
        for index in range(prod(self.shape)):
            out.flat[index] = Unquantized(self, index)
        return out

    def declare(self, k: Any, i: Any, f: Any) -> NDArray[Any]:
        """An array of the port's elements in a format that the user declares.

        ``k``, ``i``, ``f``: integers that broadcast to the port's shape.
        """
        out = np.empty(self.shape, dtype=object)
        widths = np.broadcast_arrays(k, i, f, np.empty(self.shape))[:3]
        for index, width in enumerate(zip(*(w.ravel() for w in widths), strict=True)):
            out.flat[index] = self._node(index, Fixed.from_kif(*map(int, width)))
        return out

    def _node(self, index: int, t: Fixed) -> Node:
        name = element_name(self.name, self.shape, index)
        with self.build.at(""):
            node = self.build(INPUT, name=name, lo=t.lo, hi=t.hi, exp=t.exp)
        self.nodes[index] = node
        return node

    def bind(self, index: int, fmt: Format) -> Node:
        """Element ``index`` in the format a quantizer asks for."""
        known = self.formats.setdefault(index, fmt)
        asked = self.asked.setdefault(index, [])
        if fmt not in asked and asked and not _combined([*asked, fmt]):
            raise self._conflict(index, asked[0], fmt)
        if fmt not in asked:
            asked.append(fmt)
        if index not in self.nodes:
            k, i, f, _, overflow = known
            t = Fixed.from_kif(k, i, f, symmetric=overflow == "SAT_SYM")
            self._node(index, t)
        node = self.nodes[index]
        return node if known == fmt else quantize(self.build, node, *fmt)

    def _conflict(self, index: int, one: Format, other: Format) -> LoweringError:
        return LoweringError(
            f"element {index} of input '{self.name}' is quantized in two ways",
            received=f"{_describe(one)} and {_describe(other)}",
            hint="Put one Quantizer right after the Input, or declare the format of the "
            f"data with inputs={{'{self.name}': (k, i, f)}}",
        )

    def common(self) -> dict[int, Format] | None:
        """Formats of all elements from which those asked for follow; None if that they are now."""
        everything = [fmt for asked in self.asked.values() for fmt in asked]
        several = any(len(asked) > 1 for asked in self.asked.values())
        if not several and len({fmt[3:] for fmt in everything}) < 2:
            return None
        overall = _combined(everything)
        if overall is None:
            return None
        formats = {index: _combined(asked) for index, asked in self.asked.items()}
        return {index: (*fmt[:3], *overall[3:]) for index, fmt in formats.items() if fmt}

    def finish(self) -> tuple[Port, list[Node]]:
        """The port as its quantizers left it, and its input nodes in order."""
        size = prod(self.shape)
        for index, asked in self.asked.items():
            if len(asked) > 1 and not self.settled:
                raise self._conflict(index, *asked[:2])
        if not self.formats and len(self.nodes) == size:
            nodes = [self.nodes[index] for index in range(size)]
            return Port(self.name, self.shape, tuple(n.type for n in nodes)), nodes
        modes = {fmt[3:] for fmt in self.formats.values()}
        if len(modes) > 1:
            raise LoweringError(
                f"the elements of input '{self.name}' are quantized in different modes",
                received=" and ".join(sorted("/".join(mode) for mode in modes)),
                hint="Put one Quantizer right after the Input",
            )
        rounding, overflow = modes.pop() if modes else UNUSED[3:]
        for index in range(size):
            self.bind(index, self.formats.get(index, (*UNUSED[:3], rounding, overflow)))
        nodes = [self.nodes[index] for index in range(size)]
        k, i, f = zip(*(self.formats[index][:3] for index in range(size)), strict=True)
        quantization = Quantization(k, i, f, rounding, overflow)
        return Port(self.name, self.shape, tuple(n.type for n in nodes), quantization), nodes


@dataclass(frozen=True)
class Unquantized:
    """An element of a model input that no quantizer has seen yet."""

    port: InputPort
    index: int

    @property
    def name(self) -> str:
        """The element's name, such as ``x_3``."""
        return element_name(self.port.name, self.port.shape, self.index)

    def bind(self, k: int, i: int, f: int, rounding: str, overflow: str) -> Node:
        """The node of this element once a quantizer has fixed its format."""
        return self.port.bind(self.index, (k, i, f, rounding, overflow))


def _combined(formats: Iterable[Format]) -> Format | None:
    """A format such that quantizing with it first changes nothing of any of ``formats``.

    Rounding half up on a grid needs one more bit than the grid and no rounding before: in
    floor(2^f·x + 1/2) only the floor of 2^(f+1)·x counts. Other roundings would need to know
    whether anything at all was dropped. Wrapping into 2^n and then into fewer bits is wrapping
    into the fewer. Clipping to an interval and then inside of it is clipping inside of it.
    """
    formats = list(formats)
    live = [fmt for fmt in formats if sum(fmt[:3]) > 0] or formats[:1]
    wrap = {overflow == "WRAP" for *_, overflow in live}
    if len(wrap) > 1 or any(rounding not in ("TRN", "RND") for *_, rounding, _ in live):
        return None
    k = max(k for k, *_ in live)
    f = max(f + (rounding == "RND") for _, _, f, rounding, _ in live)
    if wrap == {True}:
        return k, max(sign + i for sign, i, *_ in live) - k, f, "TRN", "WRAP"
    return k, max(i for _, i, *_ in live), f, "TRN", "SAT"


def _describe(fmt: Format) -> str:
    k, i, f, rounding, overflow = fmt
    return f"(k={k}, i={i}, f={f}, {rounding}, {overflow})"
