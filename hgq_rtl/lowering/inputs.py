"""Model inputs: elements without a width until a quantizer, or the user, gives them one."""

from __future__ import annotations

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

Format = tuple[int, int, int, str, str]
"""Sign, integer and fraction bits, rounding and overflow mode."""

UNUSED: Format = (0, 0, 0, "TRN", "WRAP")


@dataclass
class InputPort:
    """One model input while it is being lowered.

    The first quantizer that sees an element defines the format of its port: the hardware then
    starts behind that quantizer, which the host applies to the data exactly as Keras does.
    """

    build: Builder
    name: str
    shape: tuple[int, ...]
    formats: dict[int, Format] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)

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
        """The node of element ``index`` in the format a quantizer asks for."""
        known = self.formats.setdefault(index, fmt)
        if known != fmt:
            raise LoweringError(
                f"element {index} of input '{self.name}' is quantized in two ways",
                received=f"{_describe(known)} and {_describe(fmt)}",
                hint="Put one Quantizer right after the Input, or declare the format of the "
                f"data with inputs={{'{self.name}': (k, i, f)}}",
            )
        if index not in self.nodes:
            k, i, f, _, overflow = fmt
            t = Fixed.from_kif(k, i, f, symmetric=overflow == "SAT_SYM")
            self._node(index, t)
        return self.nodes[index]

    def finish(self) -> tuple[Port, list[Node]]:
        """The port as its quantizers left it, and its input nodes in order."""
        size = prod(self.shape)
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


def _describe(fmt: Format) -> str:
    k, i, f, rounding, overflow = fmt
    return f"(k={k}, i={i}, f={f}, {rounding}, {overflow})"
