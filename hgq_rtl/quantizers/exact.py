"""Exact floating-point building blocks, in backend-agnostic Keras ops.

Everything here is exact in float32 and in float64: powers of two are built from bit patterns,
because the ``exp2`` and ``log2`` of the backends are approximations that miss powers of two.
No function here has a gradient; ``gradients.py`` adds it. Denormal numbers count as zero, as
compiled code on CPUs and GPUs flushes them.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError

MANTISSA = {"float32": 23, "float64": 52}
"""Stored mantissa bits of the dtypes that quantizers compute in."""
_BIAS = {"float32": 127, "float64": 1023}
_INTEGER = {"float32": "int32", "float64": "int64"}


def check_dtype(dtype: str) -> None:
    """Raise ConfigError unless quantizers can compute exactly in ``dtype``."""
    if dtype == "float64" and keras.backend.backend() == "torch":
        raise ConfigError("with PyTorch, quantizers compute in float32 only", received="float64",
                          hint="Keras rounds maxima to float32 there; use JAX or TensorFlow"
                          )  # fmt: skip
    if dtype not in MANTISSA:
        raise ConfigError("quantizers compute in float32 or float64", received=f"dtype {dtype!r}",
                          hint="Set a dtype policy of one of these two")  # fmt: skip
    if dtype == "float64" and not _has_doubles():
        raise ConfigError("JAX computes float64 in float32 unless it is told not to",
                          received="float64", hint="Set the environment variable JAX_ENABLE_X64=1"
                          )  # fmt: skip


def _has_doubles() -> bool:
    if keras.backend.backend() != "jax":
        return True
    import jax

    return bool(jax.config.jax_enable_x64)


def pow2(e: Any, dtype: str) -> Any:
    """2^e, exact, for a float tensor of integers; limited to the normal range of ``dtype``."""
    bias, mantissa = _BIAS[dtype], MANTISSA[dtype]
    e = ops.cast(e, dtype)
    # The sum's lowest bits are the integer e, which spares the slow conversion to integers; the
    # shift moves them into the exponent field and everything above them out.
    n = ops.view(ops.clip(e, 1 - bias, bias) + 1.5 * 2.0**mantissa, _INTEGER[dtype])
    n = ops.left_shift(n + bias, mantissa)
    if not e.shape or 1 in e.shape:  # to be broadcast, as the width that many elements share
        n = computed_once(n)
    return ops.view(n, dtype)


def computed_once(v: Any) -> Any:
    """``v``, finite numbers, integers not negative, in a form that XLA does not compute again.

    Fusion would copy the few operations of ``pow2`` on a width, or of the quantizer of a bias, into
    the loops over all samples that share it, several times each. It never does so with a
    remainder, which counts as expensive; by the largest number, it changes nothing. A saturating
    quantizer of activations becomes about three times as fast on CPUs (optimization barriers do
    not help: they are gone when fusion starts).
    """
    if keras.backend.backend() != "jax":
        return v
    from jax import lax

    info = np.finfo if np.issubdtype(v.dtype, np.floating) else np.iinfo
    return lax.rem(v, lax.full_like(v, info(v.dtype).max))


def floor_log2(v: Any, dtype: str) -> Any:
    """floor(log2(v)) for positive normal ``v``, exact, as a float tensor."""
    exponent = ops.right_shift(ops.view(v, _INTEGER[dtype]), MANTISSA[dtype])
    return ops.cast(exponent - _BIAS[dtype], dtype)


def ceil_log2(v: Any, dtype: str) -> Any:
    """ceil(log2(v)) for positive normal ``v``, exact, as a float tensor."""
    floor = floor_log2(v, dtype)
    return floor + ops.cast(v > pow2(floor, dtype), dtype)


def _fix_ties(u: Any, up: Any, down: Any) -> Any:
    """Round half to even, then move ties: up by one where ``up``, down by one where ``down``.

    u − r is exact (the two are within a factor of two, or r is 0), unlike u + 0.5.
    """
    r = ops.round(u)
    d = u - r
    if up is not None:
        r = r + ops.cast(ops.logical_and(d == 0.5, up), u.dtype)
    if down is not None:
        r = r - ops.cast(ops.logical_and(d == -0.5, down), u.dtype)
    return r


def _floor(u: Any) -> Any:
    """Floor; ``ops.floor`` computes in float32 for float64 input on some backends."""
    r = ops.round(u)
    return r - ops.cast(r > u, u.dtype)


ROUND = {
    "TRN": _floor,
    "RND": lambda u: _fix_ties(u, True, None),
    "RND_CONV": ops.round,
    "TRN_ZERO": lambda u: ops.where(u < 0, -_floor(-u), _floor(u)),
    "RND_ZERO": lambda u: _fix_ties(u, u < 0, u > 0),
    "RND_MIN_INF": lambda u: _fix_ties(u, None, True),
    "RND_INF": lambda u: _fix_ties(u, u > 0, u < 0),
}
"""Rounding mode -> function from float tensor to integer-valued float tensor, as in ``fixed``."""


def round_to(x: Any, f: Any, rounding: str, dtype: str) -> Any:
    """Round ``x`` to the grid 2^-f."""
    return ROUND[rounding](ops.convert_to_tensor(x) * pow2(f, dtype)) * pow2(-f, dtype)


def round_randomly(x: Any, f: Any, noise: Any, dtype: str) -> Any:
    """Round ``x`` to the grid 2^-f, up where ``noise``, uniform in [0, 1), is below the fraction.

    Comparing, not adding the noise: u + noise would round, and move values that are on the grid.
    """
    u = x * pow2(f, dtype)
    floor = _floor(u)
    return (floor + ops.cast(noise < u - floor, dtype)) * pow2(-f, dtype)


def wrap(y: Any, k: Any, i: Any, dtype: str) -> Any:
    """Wrap grid values ``y`` into [-k·2^i, 2^i): two's complement for k=1, modulo 2^i for k=0."""
    t = y * pow2(-(i + k), dtype)
    turns = ops.where(k > 0, ROUND["RND"](t), _floor(t))
    return (t - turns) * pow2(i + k, dtype)


def bounds(k: Any, i: Any, f: Any, overflow: str, dtype: str) -> tuple[Any, Any]:
    """Smallest and largest value of a saturating format; needs i >= -f.

    The top is 2^i - 2^-f where the dtype can represent it, else the largest value below 2^i that
    it can (formats of more than 24 bits in float32, 53 in float64).
    """
    top = pow2(i, dtype)
    hi = top - pow2(ops.maximum(-f, i - MANTISSA[dtype] - 1), dtype)
    return -k * (hi if overflow == "SAT_SYM" else top), hi


def signed_digits(v: Any) -> Any:
    """How many nonzero digits the canonical signed-digit form of each ``v`` has; a float tensor.

    Exact for values of up to 24 significant bits, whatever their exponent. With m the significand
    as an integer, the digits are the bits that differ between m and 3m (Reitwiesner 1960).
    """
    v = ops.cast(v, "float32")
    m = ops.bitwise_or(ops.bitwise_and(ops.view(v, "int32"), (1 << 23) - 1), 1 << 23)
    n = ops.bitwise_xor(m * 3, m)
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF)):
        n = ops.bitwise_and(n, mask) + ops.bitwise_and(ops.right_shift(n, shift), mask)
    n = ops.bitwise_and(n, 0xFFFF) + ops.right_shift(n, 16)
    return ops.where(v == 0, 0.0, ops.cast(n, "float32"))


def to_numpy(v: Any) -> np.ndarray:
    """A NumPy array from a tensor, variable or number (keras converts tensors only)."""
    return np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(v)))
