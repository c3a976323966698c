"""Where values come from: ports, constants, registers."""

from __future__ import annotations

import numpy as np

from hgq_rtl.errors import IRError
from hgq_rtl.fixed import Fixed, Ints
from hgq_rtl.ir.node import Attrs, Builder, Node, Op
from hgq_rtl.ir.ops.common import Types


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

REG = Op("reg", 1, (), lambda types, attrs: types[0], lambda node, a: a, lambda node, mask: (mask,))
"""The argument one clock later. Only a scheduled graph has registers."""


def constant(build: Builder, n: int, exp: int) -> Node:
    """The node of the number n·2^exp, in its canonical form."""
    if n == 0:
        return build(CONST, n=0, exp=0)
    zeros = (n & -n).bit_length() - 1
    return build(CONST, n=n >> zeros, exp=exp + zeros)
