"""Products of matrices and tensors: matmul, dot, einsum and their relatives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import dyadic
from hgq_rtl.ir.ops import DOT, sum_tree
from hgq_rtl.lowering.array import FixedArray, as_elements
from hgq_rtl.lowering.einsum import einsum as einsum_of_two
from hgq_rtl.lowering.functions.operands import builder_of
from hgq_rtl.lowering.functions.ufuncs import EXACT
from hgq_rtl.lowering.registry import UFUNCS, implements


def matmul(ufunc: np.ufunc, a: Any, b: Any) -> FixedArray:
    """As ``numpy.matmul``: vectors, matrices and stacks of them, constant or not."""
    a, b = (x if isinstance(x, FixedArray) else np.asarray(x) for x in (a, b))
    if 0 in (np.ndim(a), np.ndim(b)):
        raise LoweringError("@ takes vectors and matrices, not scalars", hint="Use * instead")
    if np.ndim(b) == 1:
        return matmul(ufunc, a, b[:, None])[..., 0]
    if np.shape(a)[-1] != np.shape(b)[-2]:
        raise LoweringError(
            "the shapes do not fit for @", received=f"{np.shape(a)} and {np.shape(b)}"
        )
    if np.ndim(a) == 1 and not (isinstance(a, FixedArray) and np.ndim(b) == 2):
        return matmul(ufunc, a[None], b)[..., 0, :]
    if isinstance(a, FixedArray) and np.ndim(b) == 2:
        return _of_variables(a, b) if isinstance(b, FixedArray) else _by_constant(a, b)
    if not isinstance(a, FixedArray) and np.ndim(a) == 2:
        axes = [*range(b.ndim - 2), b.ndim - 1, b.ndim - 2]
        return matmul(ufunc, b.transpose(axes), np.asarray(a).T).transpose(axes)
    return _stacks(a, b)


UFUNCS[np.matmul, "__call__"] = matmul


def _stacks(a: Any, b: Any) -> FixedArray:
    """One product for every place in the stacks, which broadcast."""
    shape = np.broadcast_shapes(np.shape(a)[:-2], np.shape(b)[:-2])
    build = builder_of(a, b)
    a = np.broadcast_to(a, (*shape, *np.shape(a)[-2:]))
    b = np.broadcast_to(b, (*shape, *np.shape(b)[-2:]))
    out = np.empty((*shape, a.shape[-2], b.shape[-1]), dtype=object)
    for n, index in enumerate(np.ndindex(shape)):
        with build.within(f"product_{n}"):
            out[index] = np.matmul(a[index], b[index]).elements
    return FixedArray(build, out)


def _by_constant(x: FixedArray, weights: Any) -> FixedArray:
    nodes = x.nodes("@")
    columns, exp = integer_columns(np.asarray(weights, dtype=np.float64))
    out = np.empty((*x.shape[:-1], len(columns)), dtype=object)
    for row in np.ndindex(x.shape[:-1]):
        # One tuple for the whole row: dots with the same arguments form a matrix.
        args = tuple(nodes[row])
        for column, values in enumerate(columns):
            index = (*row, column)
            with x.build.within("_".join(["neuron", *map(str, index)])):
                out[index] = x.build.make(DOT, args, (values, exp, 0, 0))
    return FixedArray(x.build, out)


def _of_variables(a: FixedArray, b: FixedArray) -> FixedArray:
    rows, columns = a.nodes("@"), b.nodes("@")
    multiply = EXACT[np.multiply]
    out = np.empty((*rows.shape[:-1], columns.shape[1]), dtype=object)
    for index in np.ndindex(out.shape):
        with a.build.within("_".join(["product", *map(str, index)])):
            pairs = zip(rows[index[:-1]], columns[:, index[-1]], strict=True)
            products: Any = [(multiply(a.build, x, y), False) for x, y in pairs]
            out[index] = sum_tree(a.build, products)
    return FixedArray(a.build, out)


def integer_columns(weights: NDArray[np.float64]) -> tuple[list[tuple[int, ...]], int]:
    """A float matrix (inputs, outputs) as columns of exact integers and their common exponent."""
    if not np.isfinite(weights).all():
        where = tuple(int(w) for w in np.argwhere(~np.isfinite(weights))[0])
        raise LoweringError(
            "the weights must be finite", received=f"{weights[where]} at index {where}"
        )
    pairs = [[dyadic(w) for w in column] for column in weights.T]
    exp = min((e for column in pairs for n, e in column if n), default=0)
    return [tuple(n << (e - exp) if n else 0 for n, e in column) for column in pairs], exp


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """As ``numpy.dot``: the last axis of a with the last but one of b."""
    if 0 in (np.ndim(a), np.ndim(b)):
        return np.multiply(a, b)
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=(np.ndim(a) - 1, max(np.ndim(b) - 2, 0)))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """The product of two flat arrays."""
    return np.matmul(np.ravel(a), np.ravel(b))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The last axes with each other."""
    if 0 in (np.ndim(a), np.ndim(b)):
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=(-1, -1))


def vecdot(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    """The last axes with each other, elementwise in the others."""
    return np.sum(np.multiply(a, b), axis=-1)


UFUNCS[np.vecdot, "__call__"] = vecdot


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """As ``numpy.tensordot``, as a product of matrices."""
    if isinstance(axes, int):
        left, right = list(range(np.ndim(a) - axes, np.ndim(a))), list(range(axes))
    else:
        left, right = ([int(n) for n in np.atleast_1d(part)] for part in axes)
    left, right = [n % np.ndim(a) for n in left], [n % np.ndim(b) for n in right]
    sizes = [np.shape(a)[n] for n in left], [np.shape(b)[n] for n in right]
    if sizes[0] != sizes[1]:
        raise LoweringError("the shapes do not fit for numpy.tensordot",
                            received=f"{np.shape(a)} and {np.shape(b)}, axes={axes}")  # fmt: skip
    rows = [n for n in range(np.ndim(a)) if n not in left]
    columns = [n for n in range(np.ndim(b)) if n not in right]
    n = int(np.prod(sizes[0], dtype=np.int64))
    a2 = np.reshape(np.transpose(a, rows + left), (-1, n))
    b2 = np.reshape(np.transpose(b, right + columns), (n, -1))
    shape = [np.shape(a)[n] for n in rows] + [np.shape(b)[n] for n in columns]
    return np.reshape(np.matmul(a2, b2), shape)


@implements(np.einsum)
def einsum(subscripts: str, *operands: Any) -> Any:
    """As ``numpy.einsum`` with an equation in letters; products are taken from left to right."""
    if not isinstance(subscripts, str) or "." in subscripts:
        raise LoweringError("an einsum equation has the form 'ab,bc->ac'",
                            received=repr(subscripts))  # fmt: skip
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise LoweringError(f"einsum {subscripts!r} takes {len(terms)} operands",
                            received=f"{len(operands)}")  # fmt: skip
    if not arrow:
        letters = "".join(terms)
        out = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    array: Any = operands[0]
    term = terms[0]
    for n, (next_term, operand) in enumerate(zip(terms[1:], operands[1:], strict=True), start=2):
        later = "".join(terms[n:]) + out
        kept = "".join(dict.fromkeys(c for c in term + next_term if c in later))
        kept = out if n == len(terms) else kept
        array = _pair(term, array, next_term, operand, kept)
        term = kept
    return _single(term, array, out) if len(terms) == 1 else array


def _pair(left: str, a: Any, right: str, b: Any, out: str) -> Any:
    if not isinstance(a, FixedArray) and not isinstance(b, FixedArray):
        return np.einsum(f"{left},{right}->{out}", a, b)
    if not isinstance(a, FixedArray):
        left, a, right, b = right, b, left, a
    return einsum_of_two(f"{left},{right}->{out}", a, b)


def _single(term: str, a: Any, out: str) -> FixedArray:
    """Diagonals, sums and a transpose of one operand."""
    for letter in term:
        while term.count(letter) > 1:
            first, second = [n for n, c in enumerate(term) if c == letter][:2]
            a = np.diagonal(a, axis1=first, axis2=second)
            term = "".join(c for n, c in enumerate(term) if n not in (first, second)) + letter
    summed = tuple(n for n, c in enumerate(term) if c not in out)
    a = a.sum(axis=summed) if summed else a
    term = "".join(c for c in term if c in out)
    return a.transpose([term.index(c) for c in out])


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """A filter over one axis; either of the two may be constant."""
    return correlate(a, np.flip(v), mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Products of a sequence with a shorter one at every place."""
    if np.ndim(a) != 1 or np.ndim(v) != 1 or len(a) < len(v):
        raise LoweringError("numpy.correlate takes two vectors, the longer one first",
                            received=f"shapes {np.shape(a)} and {np.shape(v)}")  # fmt: skip
    n = len(v)
    before, after = {"valid": (0, 0), "full": (n - 1, n - 1), "same": (n // 2, n - 1 - n // 2)}[
        mode
    ]
    build = builder_of(a, v)
    padded: Any = np.pad(
        FixedArray(build, as_elements(build, a, "numpy.correlate")), (before, after)
    )
    places = np.arange(padded.size - n + 1)[:, None] + np.arange(n)
    return np.matmul(padded[places], v)
