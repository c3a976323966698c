"""WRAP tracking and tracing, zero widths, and what lowering reads."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.fixed import ROUNDINGS, quantize_float
from hgq_rtl.quantizers import AxisMapper, MinMax, Quantizer, QuantizerConfig, recording
from tests.quantizers.helpers import make, set_widths


def column(*values):
    return np.array(values, np.float32)[:, None]


def lane(q_type="kif", **params):
    return make(q_type, (None, 1), "WRAP", "datalane", **params)


def trace(q, *batches):
    seen = []
    for x in batches:
        with recording() as records:
            q(x)
        seen += [(lo, hi) for _, lo, hi in records]
    lo, hi = np.minimum.reduce([s[0] for s in seen]), np.maximum.reduce([s[1] for s in seen])
    q.format.assign_range(*(np.asarray(v) for v in q.format.settle(lo, hi)))
    return tuple(int(v.item()) for v in q.format.frozen())


@pytest.mark.parametrize(
    ("values", "k", "i"),
    [
        ((-2, 1.5), 1, 1),  # -2^n costs no extra bit
        ((-2, 2), 1, 2),
        ((-1.5, 1.5), 1, 1),
        ((-2.2, 0), 1, 1),  # rounds to -2
        ((-2.3, 0), 1, 2),
        ((1.5, 0), 0, 1),
        ((1.8, 0), 0, 2),  # rounds to 2
        ((0, 0.2), 0, -1),  # nothing but zeros: width zero
        ((-0.5, 0), 1, -1),  # one bit, a sign
        ((-0.1, 0), 0, -1),  # rounds to zero: no sign
    ],
)
def test_kif_traces_two_s_complement(values, k, i):
    assert trace(lane(f0=1), column(*values)) == (k, i, 1)


def test_trace_collects_batches_and_is_saved():
    q = lane(f0=1)
    assert not q.is_settled
    assert trace(q, column(0.5, 1), column(-3, 0)) == (1, 2, 1)
    assert q.is_settled


def test_traced_values_do_not_wrap_and_others_do():
    q = lane(f0=1)
    x = column(-2, -0.5, 1.5)
    trace(q, x)
    assert np.array_equal(np.asarray(q(x)), x)
    assert np.array_equal(np.asarray(q(column(2, -2.5))), column(-2, 1.5))


def test_training_tracks_and_clears_the_trace():
    q = lane(f0=1, k0=0, i_decay_speed=0.25)
    trace(q, column(1, 0))
    y = q(column(-7.6, 3), training=True)
    assert np.array_equal(np.asarray(y), column(-7.5, 3))  # rounded, not wrapped
    assert not q.is_settled
    assert (int(q.format._k[0, 0]), float(q.format._i[0, 0])) == (1, 3.0)
    q(column(0, 0), training=True)
    assert float(q.format._i[0, 0]) == 2.75  # a peak fades by i_decay_speed
    for _ in range(20):
        q(column(0.5, -1), training=True)
    assert float(q.format._i[0, 0]) == 0.0


def test_constraint_on_tracked_bits_holds():
    for q_type in ("kif", "kbi"):
        q = lane(q_type, ic=MinMax(-3, 1))
        q(column(100, 0), training=True)
        assert float(q.format._i[0, 0]) == 1.0
        assert trace(q, column(100, 0))[1] == 1


def test_initial_widths_obey_constraints():
    assert float(lane(i0=5, ic=MinMax(-3, 1)).format._i[0, 0]) == 1.0


def test_recording_changes_no_state():
    q = lane()
    before = [np.asarray(v) for v in q.variables]
    with recording() as records:
        q(column(100, -100))
    assert len(records) == 1
    assert all(np.array_equal(a, v) for a, v in zip(before, q.variables, strict=True))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_kbi_needs_the_fewest_integer_bits(rounding):
    rng = np.random.default_rng(5)
    n = 300
    a = rng.normal(0, 1, (2, n)) * np.exp2(rng.integers(-5, 6, n))
    a[:, :100] = np.exp2(np.rint(np.log2(np.abs(a[:, :100])))) * np.sign(a[:, :100])
    lo, hi = np.minimum(*a).astype(np.float32), np.maximum(*a).astype(np.float32)
    b = rng.integers(1, 9, n)
    q = make("kbi", (n,), "WRAP", round_mode=rounding)
    q.format._b.assign(b)
    got = np.asarray(q.format.needed(lo, hi)).astype(int)
    best = np.full(n, 99)
    for i in range(12, -12, -1):
        ok = np.ones(n, bool)
        for v in (lo, hi):
            wide = quantize_float(v, 1, i + 20, b - i, rounding, "SAT")
            ok &= wide == quantize_float(v, 1, i, b - i, rounding, "SAT")
        best = np.where(ok, i, best)
    assert np.array_equal(got, best)


def test_kbi_zero_bits_are_zero_and_unsigned():
    q = lane("kbi", b0=0, i0=0)
    assert trace(q, column(-3, 2))[0] == 0
    assert np.array_equal(np.asarray(q(column(-3, 2))), column(0, 0))


@pytest.mark.parametrize("q_type", ["kif", "kbi"])
def test_wrap_weights_never_wrap(q_type):
    x = np.array([-9.3, 0.26, 100.0, 0.0], np.float32)
    q = make(q_type, (4,), "WRAP", i0=0, **({"f0": 2} if q_type == "kif" else {"b0": 4}))
    grid = np.array([0.25] * 4) if q_type == "kif" else np.array([1.0, 2.0**-5, 8.0, 1.0])
    want = np.floor(x / grid + 0.5) * grid
    for training in (False, True):
        assert np.array_equal(np.asarray(q(x, training=training)), want)
    assert q.is_settled


@pytest.mark.parametrize("q_type", ["kif", "kbi"])
def test_wrap_weights_are_zero_where_they_cost_nothing(q_type):
    x = np.array([-3.0, -1.0, -0.4, 0.4, 1.0, 3.0], np.float32)
    for width in (-2, -1, 0, 1, 2):
        q = make(q_type, (6,), "WRAP", **{"f0" if q_type == "kif" else "b0": 1})
        set_widths(q, 0.0, width)
        for training in (True, False):
            y, bits = np.asarray(q(x, training=training)), np.asarray(q.bits((6,)))
            assert np.array_equal(y != 0, (bits > 0) & (y != 0))
            assert width > 0 or q_type == "kif" or not y.any()


@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM"])
def test_zero_and_negative_widths(overflow):
    q = make("kif", (3,), overflow)
    set_widths(q, np.array([1.0, 1.0, -3.0]), np.array([-1.0, -2.0, 1.0]))
    one = -2.0 if overflow == "SAT" else 0.0  # k + i + f = 1: {-2^i, 0}, or only 0
    for training in (False, True):
        y = np.asarray(q(np.full(3, -9.0, np.float32), training=training))
        assert np.array_equal(y, [one, 0.0, 0.0])
    assert np.array_equal(np.asarray(q.bits((3,))), [1 if overflow == "SAT" else 0, 0, 0])


def test_fixed_quantizer_keeps_its_widths():
    q = lane(trainable=False)
    q(column(100, -100), training=True)
    with recording() as records:
        q(column(100, -100))
    assert not records
    assert not q.trainable_variables
    assert q.is_settled
    assert float(q.format._i[0, 0]) == 2.0


class Spy:
    """Stands in for a FixedArray."""

    shape = (2, 3)

    def quantize(self, k, i, f, rounding, overflow):
        return k, i, f, rounding, overflow


def test_lower_passes_frozen_widths():
    q = make("kif", (None, 2, 3), "SAT", "datalane", round_mode="TRN", heterogeneous_axis=(1,))
    q.format._f.assign(np.array([3.4, -1.6]).reshape(1, 2, 1))
    k, i, f, rounding, overflow = q.lower(Spy())
    assert (rounding, overflow) == ("TRN", "SAT")
    assert k.dtype == i.dtype == f.dtype == np.int64
    assert k.tolist() == [[1, 1, 1]] * 2
    assert i.tolist() == [[2, 2, 2]] * 2
    assert f.tolist() == [[3, 3, 3], [-2, -2, -2]]


def message(call, kind=LoweringError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_lower_refuses_untraced_wrap():
    q = make("kif", (None, 2, 3), "WRAP", "datalane")
    assert message(lambda: q.lower(Spy())) == (
        "the range of a WRAP quantizer is not known.\n"
        "  Received: a model that was never traced, or was trained after its last trace.\n"
        "  Call trace_minmax(model, data) with data that cover all inputs, then retry."
    )


def test_lower_refuses_nan_widths():
    q = make("kif", (None, 2, 3), "SAT", "datalane")
    q.format._f.assign(np.full((1, 2, 3), np.nan))
    assert message(lambda: q.lower(Spy())) == (
        "a bit width is NaN or infinite.\n"
        "  The training has diverged; go back to an earlier checkpoint."
    )


def test_half_precision_is_refused():
    q = Quantizer(QuantizerConfig("kif"), dtype="float16")
    assert message(lambda: q.build((None, 2)), ConfigError) == (
        "quantizers compute in float32 or float64.\n"
        "  Received: dtype 'float16'.\n"
        "  Set a dtype policy of one of these two."
    )


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="about JAX")
def test_doubles_that_jax_would_narrow_are_refused():
    q = Quantizer(QuantizerConfig("kif"), dtype="float64")
    assert message(lambda: q.build((None, 2)), ConfigError) == (
        "JAX computes float64 in float32 unless it is told not to.\n"
        "  Received: float64.\n"
        "  Set the environment variable JAX_ENABLE_X64=1."
    )


@pytest.mark.parametrize("shape", [(3, 3), (2,), (3, 2, 3)])
def test_another_shape_is_refused(shape):
    for q in (make("kif", (None, 2), "SAT"), make("kbi", (None, 2), "WRAP")):
        text = message(lambda q=q: q(np.zeros(shape, np.float32)), ConfigError)
        assert "a quantizer was built for a tensor of another shape" in text
        assert f"Received: shape {shape}, with widths of shape (1, 2)." in text


def test_wide_formats_saturate_inside_their_range():
    """float32 cannot hold 2^4 - 2^-24; rounding up to 2^4 would leave the range."""
    q = make("kif", (2,), "SAT", i0=4, f0=24)
    y = np.asarray(q(np.array([100.0, -100.0], np.float32)), np.float64)
    assert np.array_equal(y, [16 - 2.0**-20, -16])


def test_lower_refuses_unbuilt_and_batch_dependent_widths():
    assert message(lambda: Quantizer("kif").lower(Spy())) == (
        "a quantizer was never built.\n  Give the model an Input, or call it on data once."
    )
    q = make("kif", (5, 2, 3), "SAT", "datalane", homogeneous_axis=())
    assert message(lambda: q.frozen((2, 3))) == (
        "widths differ along the batch axis.\n  Add axis 0 to homogeneous_axis."
    )
    assert message(lambda: Quantizer("dummy").frozen((2, 3))) == (
        "a dummy quantizer has no widths k, i, f."
    )


def test_an_axis_argument_is_needed():
    axes = {"homogeneous_axis": None, "heterogeneous_axis": None}
    saved = QuantizerConfig("kif").get_config()
    saved["params"] |= axes
    assert message(lambda: QuantizerConfig.from_config(saved), ConfigError) == (
        "one of homogeneous_axis and heterogeneous_axis must be given.\n  Received: None for both."
    )
    assert message(lambda: AxisMapper(**axes), ConfigError) == (
        "give exactly one of homogeneous_axis and heterogeneous_axis.\n"
        "  Received: homogeneous_axis=None, heterogeneous_axis=None.\n"
        "  Give one, and leave the other one None."
    )
