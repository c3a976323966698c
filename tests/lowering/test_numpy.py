"""NumPy's functions and operators on FixedArrays: the integers NumPy computes, or a refusal."""

import math

import numpy as np
import pytest

from hgq_rtl.lowering.apply import lookup, quantize
from tests.battery.numpy import matches

W = np.array([[0.5, -1.25, 3], [0, 2, -0.125], [3, 1, 0], [1, 1, 7.75]])


def assigned(x, y):
    z = np.zeros_like(x)
    z[1] = y - x[0]
    z[:, 0] = 0.5
    z[2, 1:] += y[1:]
    z[0, 1] = x[0, 2]
    z[0, 2] -= 0.25
    z[1:, 3] = y[0]
    return z


def unpacked(x):
    first, *others = x
    return [first, *others]


ELEMENTWISE = {
    "operators": lambda x, y: [x + y, x - y, 2.5 - x, x * y, -x, +x, abs(x), x**2, 0.5 * x, x / 4],
    "right operators": lambda x: [np.arange(4) / 8 + x, np.ones((3, 1)) * x, 1 + x, 3 - x],
    "whole division": lambda n, m, x: [n // 4, m // 4, m % 4, x // 0.5, x % 0.5, m // -2, n // 3,
                                       m % 5, x % 0.75],
    "powers": lambda x, n: [x**0, x**1, x**3, np.square(x), np.power(n, 2), np.float_power(x, 2)],
    "signs": lambda x, y, n: [np.sign(x), np.abs(y), np.fabs(x), np.negative(y), np.abs(n)],
    "comparisons": lambda x, y: [x < y, x <= y, x > y, x >= y, x == y, x != y, x > 0, x <= 0.3],
    "logic": lambda x, y: [
        (x > 0) & (y > 0), (x > 0) | (y > 0), (x > 0) ^ (y > 0), ~(x > 0), (x > 0) + (y > 0),
        (x > 0) * (y > 0), np.logical_not(x), np.logical_and(x, y), np.logical_or(x, y),
        np.logical_xor(x, y), (x > 0) * 3, (x > 0) + 0, np.maximum(x > 0, y > 0), abs(x > 0),
    ],
    "where": lambda x, y: [
        np.where(x > y, x, y), np.where(x > 0, 1, -0.5), np.where(x, y, 0), np.where(x > 0, x > 1,
        y > 1), np.where(np.eye(3, 4, dtype=bool), x, y),
    ],
    "limits": lambda x, y: [
        np.minimum(x, y), np.maximum(x, 0.3125), np.clip(x, -1, y), x.clip(0, 1),
        np.clip(x, None, 1), np.clip(x, 0, None), np.clip(x, min=-1, max=1), np.fmax(x, y),
        np.fmin(y, x), np.maximum(x, 100), np.minimum(x, 100),
    ],
    "rounding": lambda x: [
        np.floor(x), np.ceil(x), np.trunc(x), np.rint(x), np.round(x), np.fix(x), x.round(),
        x.astype(int), x.astype(bool), x.astype(float), (x > 0).astype(int), np.around(x * 0.25),
    ],
    "bits": lambda n, m: [
        n & m, n | m, n ^ m, ~n, ~m, n & 5, m | 3, n << 2, m >> 1, n >> 2, m << n, m >> n,
        np.left_shift(n, 1), np.ldexp(n, -1), 1 << n,
    ],
    "tables at once": lambda x, n: [
        np.floor(x / 3), np.rint(x * 0.1), np.tanh(x) > 0.5, np.sign(np.sin(x)), n // 3 + x[0, 0],
        np.floor(np.sqrt(x * x)), np.exp(x) < 2, np.round(x / 3, 0), np.isfinite(np.log(x)),
    ],
    "tables, quantized": lambda x, n: [
        quantize(np.tanh(x), 1, 0, 5, "RND"), quantize(x / 3, 1, 2, 4),
        quantize(np.exp(-x) * 0.1 + 1, 0, 2, 6, "RND_CONV", "SAT"),
        quantize(x * np.exp(x), 1, 6, 3, "TRN", "SAT"), quantize(1 / (n + 1), 0, 1, 7, "RND"),
        quantize(np.mean(n), 0, 3, 3, "RND"), quantize(np.hypot(x, 1), 0, 3, 3),
        quantize(np.interp(x, [-1, 0, 2], [3, 1, -1]), 1, 3, 5, "RND"),
        quantize(np.sinc(x), 1, 1, 6, "RND"), quantize(np.where(x > 0, 1 / 3, 0.1), 1, 0, 5),
    ],
    "quantized": lambda x: [quantize(x, 1, 0, 1, "RND", "SAT"), quantize(x, 0, 2, 0) & 1],
    "lookup": lambda n, x: [
        lookup(lambda v: v.bit_count(), n), lookup(lambda v: v * v if v > 0 else -1, x),
        lookup(math.isqrt, n), quantize(lookup(math.exp, x), 0, 3, 3, "RND", "SAT"),
    ],
    "of integers only": lambda n, m: [
        np.gcd(n, 6), np.bitwise_count(n), np.bitwise_count(m * 4), np.bitwise_count(n > 2),
        np.bitwise_count(n * 70001 - m),
    ],
    "bins": lambda x: [np.digitize(x, [-1, 0, 0.75]), np.searchsorted([-1, 0, 1], x),
                       np.digitize(x, [-1, 0.5], right=True), np.searchsorted([0, 1], x, "right")],
}  # fmt: skip
SHAPES = {
    "basic": lambda x: [
        x.reshape(2, 6), np.reshape(x, (4, 3)), x.T, np.transpose(x), x.ravel(), x[1:, ::2],
        x[..., 1],
        x[:, None], np.ravel(x), np.moveaxis(x, 0, 1), np.swapaxes(x, 0, 1), np.expand_dims(x, 1),
        np.squeeze(x[:1]), x.flatten(), x.reshape(-1, order="F"), x[[2, 0]], x[[0, 1], [1, 2]],
        np.atleast_2d(x[0]), np.copy(x), np.permute_dims(x, (1, 0)), np.matrix_transpose(x),
    ],
    "movement": lambda x: [
        np.roll(x, 1, axis=1), np.roll(x, 2), np.flip(x), np.flipud(x), np.fliplr(x), np.rot90(x),
        np.repeat(x, 2, axis=0), np.tile(x, (1, 2)), np.broadcast_to(x[0], (2, 4)),
        np.diagonal(x), np.delete(x, 1, axis=0), np.tril(x), np.triu(x, 1), x.repeat(2),
    ],
    "joins": lambda x, y: [
        np.concatenate([x, x], axis=1), np.stack([y, y]), np.vstack([x, y]), np.hstack([y, y]),
        np.stack([y, np.zeros(4)], axis=-1), np.dstack([x, x]), np.column_stack([y, y]),
        np.append(y, 1), np.concatenate([y, [1, 0.5]]),
        np.append(x, x, axis=0), np.block([[x], [y[None]]]),
        np.concatenate([x > 0, x > 1]),
    ],
    "parts": lambda x, y: [
        *np.split(x, 2, axis=1), *np.array_split(y, 3), *np.hsplit(x, 2), *np.vsplit(x, 3),
        *np.unstack(x), *np.broadcast_arrays(x, y),
    ],
    "padding": lambda x, y: [
        np.pad(x, 1), np.pad(x, ((0, 1), (2, 0)), constant_values=1.5), np.pad(y, 2, "edge"),
        np.pad(x, 1, mode="reflect"), np.pad(y, (1, 2), mode="wrap"), np.pad(y, 2, "symmetric"),
    ],
    "constants": lambda x: [
        np.zeros_like(x) + x, np.ones_like(x), np.full_like(x, 2.5),
        np.zeros(np.shape(x)) + x, np.ones_like(x > 0), x * (np.ndim(x) + np.size(x)),
    ],
    "taking": lambda x, y, i: [
        np.take(x, [2, 0], axis=0), np.take(y, 1), x.take([1, 0]), y[i], np.take(y, i),
        np.take(x, i[0], axis=0), np.take(x, i, axis=1), x[i[0]], x[i[:1], 1:],
        np.take_along_axis(x, np.array([[1], [0], [3]]), 1),
        np.take_along_axis(x, np.argmax(x, axis=1)[:, None], axis=1),
    ],
    "assignment": assigned,
    "iteration": unpacked,
}  # fmt: skip
REDUCTIONS = {
    "sums": lambda x: [
        np.sum(x), x.sum(axis=1), np.sum(x, axis=(0, 1)), np.sum(x, axis=0, keepdims=True),
        np.sum(x > 0), np.count_nonzero(x, axis=0), np.add.reduce(x), x.mean(axis=1), np.mean(x, 1),
        np.average(x, axis=1, weights=[1, 1, 2, 4]), np.sum(x > 0, axis=1) / 2,
    ],
    "products": lambda x: [np.prod(x, axis=1), np.multiply.reduce(x[:2]), np.prod(x[0, :2])],
    "extrema": lambda x, m: [
        np.max(x), np.min(x, axis=1), x.max(axis=0, keepdims=True), np.amax(m), np.ptp(x, axis=1),
        np.maximum.reduce(x), np.minimum.reduce(x, axis=1), np.max(x > 0, axis=1), np.amin(m),
    ],
    "conditions": lambda x: [
        np.all(x > 0), np.any(x > 1, axis=1), np.any(x), (x > 0).all(axis=0), (x > 0).any(),
        np.logical_and.reduce(x > 0), np.logical_or.reduce(x > 0, axis=1),
    ],
    "bits": lambda n, m: [
        np.bitwise_or.reduce(n), np.bitwise_and.reduce(m), np.bitwise_xor.reduce(m),
    ],
    "positions": lambda x, y, m, n: [
        np.argmax(x), np.argmin(x, axis=1), x.argmax(axis=0, keepdims=True), np.argmax(y),
        np.argmin(y), np.argmax(m), np.argmin(m), np.argmax(n), np.argmin(n), np.argmax(x[0, :2]),
        np.argmax(x[:1, 0]),
    ],
    "order": lambda x, y, m: [
        np.sort(x), np.sort(x, axis=0), np.sort(x, axis=None), np.sort(y), np.sort(m)[::-1],
        np.argsort(x, kind="stable"), np.argsort(m, stable=True), np.median(x), np.median(y),
        np.median(x, axis=0), np.median(m), np.argsort(y, kind="stable"),
    ],
    "running": lambda x, m: [
        np.cumsum(x), np.cumsum(x, axis=1), m.cumsum(), np.cumulative_sum(m), np.diff(x),
        np.cumprod(x[0, :3]), np.maximum.accumulate(m), np.add.accumulate(m), np.diff(m, 2),
    ],
    "spread": lambda x, n: [np.var(x, axis=1), np.var(x[:, :2], axis=1, ddof=1),
                         quantize(np.std(n[:2]), 0, 3, 4)],
}  # fmt: skip
PRODUCTS = {
    "matmul": lambda x, y: [
        x @ W, x @ W[:, 0], y @ W, W.T @ y, x @ y, y @ y, x @ x.T, y @ x.T, W.T[:, :3] @ x,
        np.matmul(x[None], np.stack([W, W])), np.stack([x, x]) @ W,
        W.T @ np.stack([x, x]).swapaxes(1, 2),
    ],
    "dot": lambda x, y: [
        np.dot(x, y), np.dot(y, y), np.vdot(y, [1, 2, 3, 4]), np.inner(x, y), np.outer(y, y),
        np.dot(x, 2.0), y.dot(y), np.tensordot(x, W, 1), np.tensordot(x, x, ([1], [1])),
        np.vecdot(x, y), np.multiply.outer(y, x[:, 0]),
    ],
    "einsum": lambda x, y: [
        np.einsum("ij,jk->ik", x, W), np.einsum("ij,j", x, y), np.einsum("ij->ji", x),
        np.einsum("ii->i", x[:, :3]), np.einsum("ij->", x), np.einsum("ij,kj,j->ik", x, x, y),
        np.einsum("jk,ij->ik", W, x), np.einsum("ij,ij->i", x, x), np.einsum("ii", x[:, :3]),
        np.einsum("ij,jk,k->i", x, W, [1, 2, 0.5]),
    ],
    "filters": lambda y: [
        np.convolve(y, [1, -0.5]), np.convolve(y, [1, 2, 1], "same"), np.convolve([1, 2], y[:2]),
        np.correlate(y, [1, -1], "valid"), np.correlate(y, y[:2], "full"),
    ],
}  # fmt: skip
FAMILIES = {"elementwise": ELEMENTWISE, "shapes": SHAPES, "reductions": REDUCTIONS,
            "products": PRODUCTS}  # fmt: skip
CASES = [(family, name) for family, cases in FAMILIES.items() for name in cases]


@pytest.mark.parametrize(("family", "name"), CASES)
def test_same_as_numpy(family, name):
    matches(FAMILIES[family][name])
