"""Einstein summation of a FixedArray with constants or with another FixedArray."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hgq_rtl.errors import LoweringError

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

_EQUATION = re.compile(r"([a-zA-Z]*),([a-zA-Z]*)->([a-zA-Z]*)")


def einsum(equation: str, a: FixedArray, b: Any) -> FixedArray:
    """As ``numpy.einsum`` of two operands without ellipsis; ``b``: array of numbers or FixedArray.

    Both are brought into the form (batch, free, summed) and multiplied as matrices, so that all
    sums over the same elements share their arguments. Raises LoweringError for an equation of
    another form, a letter that occurs twice in an operand, and shapes that do not fit.
    """
    left, right, out = _parse(equation)
    variable = not isinstance(b, np.ndarray | list | tuple | float | int)
    b = b if variable else np.asarray(b, dtype=np.float64)
    sizes = _sizes(equation, left, a.shape, right, b.shape)
    # A letter of one operand alone that is not kept is summed before the product.
    for letter in [c for c in left if c not in right + out]:
        a = a.sum(left.index(letter))
        left = left.replace(letter, "")
    for letter in [c for c in right if c not in left + out]:
        b = b.sum(right.index(letter))
        right = right.replace(letter, "")
    both = [c for c in left if c in right]
    batch = [c for c in both if c in out]
    summed = [c for c in both if c not in out]
    rows = [c for c in left if c not in both]
    columns = [c for c in right if c not in both]

    def size(letters: list[str]) -> int:
        return math.prod(sizes[c] for c in letters)

    a3 = a.transpose([left.index(c) for c in batch + rows + summed])
    a3 = a3.reshape(size(batch), size(rows), size(summed))
    b3 = b.transpose([right.index(c) for c in batch + summed + columns])
    b3 = b3.reshape(size(batch), size(summed), size(columns))
    parts = []
    for n in range(size(batch)):
        with a.build.within(f"product_{n}"):
            parts.append((a3[n] @ b3[n]).elements)
    result = np.array(parts, dtype=object).reshape([sizes[c] for c in batch + rows + columns])
    order = [(batch + rows + columns).index(c) for c in out]
    return a.like(result.transpose(order))


def _parse(equation: str) -> tuple[str, str, str]:
    match = _EQUATION.fullmatch(equation.replace(" ", ""))
    if match is None:
        raise LoweringError("an einsum equation has the form 'ab,bc->ac'", received=repr(equation))
    left, right, out = match.groups()
    for letters in (left, right, out):
        if len(set(letters)) != len(letters):
            raise LoweringError(
                "a letter occurs twice in one operand of an einsum", received=repr(equation)
            )
    if unknown := set(out) - set(left + right):
        raise LoweringError(
            f"the letter {min(unknown)!r} of the result of an einsum is in no operand",
            received=repr(equation),
        )
    return left, right, out


def _sizes(
    equation: str, left: str, a: tuple[int, ...], right: str, b: tuple[int, ...]
) -> dict[str, int]:
    if len(left) == len(a) and len(right) == len(b):
        pairs = {*zip(left, a, strict=True), *zip(right, b, strict=True)}
        sizes = dict(pairs)
        if len(sizes) == len(pairs):
            return sizes
    raise LoweringError(f"the shapes do not fit for einsum {equation!r}", received=f"{a} and {b}")
