"""The Keras-side quantizer equals ``fixed`` and the golden values, to the last bit."""

from pathlib import Path

import keras
import numpy as np
import pytest

from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS, exact_integers, quantize_float, quantize_integer
from hgq_rtl.quantizers import Quantizer, QuantizerConfig

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "quantize.npz")
MODES = [(r, o) for o in OVERFLOWS for r in ROUNDINGS]


def rows(rounding, overflow):
    picked = np.flatnonzero((GOLDEN["mode"] == rounding) & (GOLDEN["overflow"] == overflow))
    return picked, *(GOLDEN[n][picked].astype(int)[:, None] for n in ("k", "i", "f"))


def quantizer(q_type, rounding, overflow, k, i, f, dtype="float32"):
    """A quantizer whose first axis has the given widths."""
    conf = QuantizerConfig(
        q_type, "datalane", round_mode=rounding, overflow_mode=overflow, heterogeneous_axis=(0,),
        k0=keras.initializers.Constant(1), ic=None, **({"fc": None} if q_type == "kif" else {}),
    )  # fmt: skip
    q = Quantizer(conf, dtype=dtype)
    q.build((len(k), 1))
    fmt = q.format
    fmt._k.assign(k)
    fmt._i.assign(i)
    if q_type == "kif":
        fmt._f.assign(f)
    else:
        fmt._b.assign(i + f)
    return q


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [("float32", -126, 127), ("float64", -1022, 1023)]
)
def test_powers_of_two_are_exact(dtype, least, most):
    """Every one of the normal range, and the ends for all beyond; compiled and not."""
    import jax

    from hgq_rtl.quantizers.exact import pow2

    e = np.arange(least - 9, most + 10)
    want = np.ldexp(np.ones((), dtype), np.clip(e, least, most))
    with jax.enable_x64(dtype == "float64"):
        x = keras.ops.convert_to_tensor(e, dtype)
        functions = [pow2]
        if keras.backend.backend() == "jax":
            functions.append(jax.jit(pow2, static_argnums=1))
        for function in functions:
            y = np.asarray(function(x, dtype))
            assert y.dtype == dtype
            assert np.array_equal(y, want)


def test_golden_file_is_complete():
    assert len(GOLDEN["mode"]) == 924
    assert sum(len(rows(*mode)[0]) for mode in MODES) == 924


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
def test_keras_equals_golden(rounding, overflow):
    picked, k, i, f = rows(rounding, overflow)
    x = np.broadcast_to(GOLDEN["x"].astype(np.float32), (len(picked), GOLDEN["x"].size))
    y = np.asarray(quantizer("kif", rounding, overflow, k, i, f)(x))
    assert np.array_equal(y, GOLDEN["y"][picked])
    live = (i + f)[:, 0] >= 0  # kbi has no negative widths
    kbi = quantizer("kbi", rounding, overflow, k[live], i[live], f[live])
    assert np.array_equal(np.asarray(kbi(x[live])), GOLDEN["y"][picked][live])


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
def test_fixed_equals_golden(rounding, overflow):
    picked, k, i, f = rows(rounding, overflow)
    n = quantize_float(GOLDEN["x"].astype(np.float32)[None], k, i, f, rounding, overflow)
    assert np.array_equal(np.ldexp(n, -f), GOLDEN["y"][picked])
    exp = -62  # finer than all samples
    x = exact_integers(GOLDEN["x"].astype(np.float32), exp)
    assert x.dtype == object
    for row, (kk, ii, ff) in enumerate(zip(k[:, 0], i[:, 0], f[:, 0], strict=True)):
        m = quantize_integer(x, exp, int(kk), int(ii), int(ff), rounding, overflow)
        assert np.array_equal(m, n[row])


def hard_values(dtype, f, seed):
    """Values near ties, grid points and range ends of 2^-f, and huge and tiny ones."""
    rng = np.random.default_rng(seed)
    half = rng.integers(-(2**11), 2**11, (len(f), 400)) / 2.0
    x = np.ldexp(half, -f).astype(dtype)
    near = np.concatenate([x, np.nextafter(x, dtype(9e9)), np.nextafter(x, dtype(-9e9))], axis=1)
    wide = rng.standard_normal((len(f), 300)) * np.exp2(rng.integers(-30, 30, (len(f), 300)))
    x = np.concatenate([near, wide], axis=1).astype(dtype)
    return np.where(np.abs(x) < np.finfo(dtype).tiny, 0, x)  # denormals count as zero


@pytest.mark.parametrize(("rounding", "overflow"), MODES)
def test_hard_values_in_float32(rounding, overflow):
    rng = np.random.default_rng(7)
    k, i = rng.integers(0, 2, (40, 1)), rng.integers(-6, 12, (40, 1))
    f = rng.integers(-6, 12, (40, 1))
    x = hard_values(np.float32, f, 1)
    y = np.asarray(quantizer("kif", rounding, overflow, k, i, f)(x), np.float64)
    assert np.array_equal(y, np.ldexp(quantize_float(x, k, i, f, rounding, overflow), -f))


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="float32 only, see exact.py")
@pytest.mark.parametrize(("rounding", "overflow"), MODES[::4])
def test_wide_formats_in_float64(rounding, overflow):
    import jax

    rng = np.random.default_rng(8)
    k, i = rng.integers(0, 2, (40, 1)), rng.integers(10, 23, (40, 1))
    f = rng.integers(10, 24, (40, 1))
    x = hard_values(np.float32, f, 2).astype(np.float64) * (1 + 2.0**-40)
    with jax.enable_x64(True):
        y = np.asarray(quantizer("kif", rounding, overflow, k, i, f, "float64")(x))
    assert y.dtype == np.float64
    assert np.array_equal(y, np.ldexp(quantize_float(x, k, i, f, rounding, overflow), -f))
