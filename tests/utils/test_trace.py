"""trace_minmax: ranges, EBOPs, results, data forms, errors."""

import warnings

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import TrainingError
from hgq_rtl.layers import QDense, Quantizer
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.utils import CollapseWarning, total_ebops, total_luts, trace_minmax


def frozen(layer):
    k, i, _ = layer.iq.frozen(layer.input_shape_built[1:])
    return k.tolist(), i.tolist()


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((3,)), QDense(4, "relu"), QDense(2)])


X = np.random.default_rng(0).normal(0, 1, (50, 3)).astype(np.float32) * np.float32([1, 5, 0])


def test_ranges_ebops_and_results(model):
    total = trace_minmax(model, X, batch_size=20)
    first, second = model.layers
    lo, hi = np.rint(X.min(0) * 64), np.rint(X.max(0) * 64)
    bits = [int(max(-a - 1, b)).bit_length() - 6 for a, b in zip(lo, hi, strict=True)]
    assert frozen(first) == ([1, 1, 0], [bits[0], bits[1], -6])
    assert first.ebops == (bits[0] + 6 + bits[1] + 6) * 8 * 4 + 8 * 4
    assert total == first.ebops + second.ebops == total_ebops(model)
    assert not any(frozen(second)[0])  # behind a relu
    y = trace_minmax(model, X, batch_size=20, return_results=True)
    assert np.array_equal(y, model.predict(X, verbose=0))


def test_reset(model):
    trace_minmax(model, X)
    wide = frozen(model.layers[0])
    trace_minmax(model, X / 8, reset=False)
    assert frozen(model.layers[0]) == wide
    trace_minmax(model, X / 8)
    assert frozen(model.layers[0])[1] < wide[1]


def test_several_data_sets():
    """Ranges are those of all data together, also where kbi makes the grid follow the range."""
    rng = np.random.default_rng(3)
    parts = [rng.normal(0, s, (16, 3)).astype(np.float32) for s in (0.3, 8, 1)]
    for q_type in ("kif", "kbi"):
        lane = Quantizer(QuantizerConfig(q_type, **{"f0" if q_type == "kif" else "b0": 4}))
        model = keras.Sequential([keras.Input((3,)), lane])
        trace_minmax(model, np.concatenate(parts))
        together = lane.frozen((3,))
        for n, part in enumerate(parts):
            y = trace_minmax(model, part, reset=n == 0, return_results=True)
            assert np.array_equal(y, np.asarray(lane(part)))
        assert all(map(np.array_equal, together, lane.frozen((3,))))


@pytest.mark.parametrize(
    ("lo", "hi", "factor", "k", "i"),
    [
        (-1.0, 1.0, 1.0, 1, 1),
        (-1.0, 1.0, 2.0, 1, 2),  # [-2, 2]: 2 needs a bit more than -2
        (-2.0, 1.5, 1.2, 1, 2),  # [-2.35, 1.85] rounds to -2.5
        (0.0, 1.5, 3.0, 0, 2),  # [-1.5, 3], but no sign where there was none
        (-2.0, 0.0, 2.0, 1, 2),  # [-3, 0]: stays negative
        (-4.0, 4.0, 0.25, 1, 1),  # outliers are cut off
        (3.0, 3.0, 9.0, 0, 2),  # no range, no margin
        (0.0, 0.0, 9.0, 0, -1),
    ],
)
def test_cover_factor(lo, hi, factor, k, i):
    lane = Quantizer(QuantizerConfig("kif", f0=1))
    model = keras.Sequential([keras.Input((1,)), lane])
    x = np.float32([[lo], [hi]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)
        y = trace_minmax(model, x, cover_factor=factor, return_results=True)
    assert [int(v.item()) for v in lane.frozen((1,))] == [k, i, 1]
    assert np.array_equal(y, np.asarray(lane(x)))  # as predict gives them, wrapped or not


def test_cover_factor_spares_weights():
    with QuantizerConfigScope(place="weight", overflow_mode="WRAP"):
        model = keras.Sequential([keras.Input((3,)), QDense(2)])
    trace_minmax(model, X)
    kernel = model.layers[0].kq.frozen((3, 2))
    trace_minmax(model, X, cover_factor=8.0)
    assert all(map(np.array_equal, kernel, model.layers[0].kq.frozen((3, 2))))


def test_collapse_warning():
    lane = Quantizer(QuantizerConfig("kif"), name="lane")
    first, second = QDense(2, name="first"), QDense(2, name="second", enable_oq=True)
    model = keras.Sequential([keras.Input((3,)), lane, first, second])
    trace_minmax(model, X)  # biases of zero are no collapse
    first.kernel.assign(np.full((3, 2), 2.0**-9))
    with pytest.warns(CollapseWarning) as seen:
        trace_minmax(model, X)
    assert str(seen[0].message) == (
        "quantized to nothing but zeros: 'first' (all weights), 'second' (all inputs), "
        "'second' (all outputs).\n"
        "  These layers no longer see their data. Start from more fraction bits (f0, b0), lower "
        "beta0, or check that the data are not zero."
    )
    assert seen[0].filename == __file__
    with pytest.warns(CollapseWarning, match=r"'lane' \(all values\), 'first' \(all inputs\)"):
        trace_minmax(model, 0 * X)


def test_verbose_prints_layers(model, capsys):
    trace_minmax(model, X, verbose=1)
    out = capsys.readouterr().out
    assert all(f"{layer.name}: {layer.ebops:g} EBOPs" in out for layer in model.layers)


def test_errors(model):
    def message(data, **more):
        with pytest.raises(TrainingError) as error:
            trace_minmax(model, data, **more)
        return str(error.value)

    for data, received in (
        (X[:0], "ndarray of shape (0, 3)"), ([], "list"), ((x for x in X), "generator"),
    ):  # fmt: skip
        assert message(data) == (
            f"there are no data to trace with.\n  Received: {received}.\n"
            "  Pass samples that cover all inputs: arrays, or a keras.utils.PyDataset."
        )
    assert message([X, X[:3]]) == (
        "the inputs have different numbers of samples.\n  Received: 50, 3."
    )
    assert message(X, cover_factor=0) == "cover_factor must be positive.\n  Received: 0."
    assert message(X, batch_size=0) == "batch_size must be positive.\n  Received: 0."
    bad = X.copy()
    bad[7, 1] = np.nan
    path = model.layers[0].iq.format.path
    assert message(bad) == f"quantizer {path!r}: a traced value is NaN or infinite."


def test_kif_settles_behind_the_last_kbi():
    """7.4 is 7 on kbi's first grid, which fits 3 bits, and 8 on its last, which does not."""
    kbi = Quantizer(QuantizerConfig("kbi", "datalane", b0=2, i0=2))
    kif = Quantizer(QuantizerConfig("kif", "datalane", f0=0))
    model = keras.Sequential([keras.Input((1,)), kbi, kif])
    y = trace_minmax(model, np.float32([[7.4], [0]]), return_results=True)
    assert y.tolist() == [[8], [0]]
    assert [int(q.frozen((1,))[1][0]) for q in (kbi, kif)] == [4, 4]


def test_kbi_settles_over_passes():
    """With kbi the grid follows the range: outputs of all batches use the final one."""
    keras.utils.set_random_seed(2)
    with QuantizerConfigScope(place="datalane", default_q_type="kbi", b0=4):
        model = keras.Sequential([keras.Input((3,)), QDense(3), QDense(3), QDense(2)])
    x = np.float32([1, 2, 3]) * np.linspace(0.01, 30, 64, dtype=np.float32)[:, None]  # ascending
    y = trace_minmax(model, x, batch_size=8, return_results=True)
    assert np.array_equal(y, model.predict(x, verbose=0))
    before = [frozen(layer) for layer in model.layers]
    trace_minmax(model, x[::-1], batch_size=16)
    assert [frozen(layer) for layer in model.layers] == before


class Pairs(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()

    def __len__(self):
        return 2

    def __getitem__(self, n):
        a = {"a": X[n * 25 : n * 25 + 25], "b": 4 * X[n * 25 : n * 25 + 25]}
        return a, np.zeros(25)


def test_nested_models_several_inputs_and_outputs_and_datasets():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    inner = keras.Sequential([keras.Input((3,)), QDense(2)])
    lane = Quantizer(QuantizerConfig("kif", f0=2))
    model = keras.Model({"a": a, "b": b}, [inner(a), lane(b)])
    data = {"a": X, "b": 4 * X}
    total = trace_minmax(model, data)
    assert total == inner.layers[-1].ebops > 0
    lane_range = lane.frozen((3,))
    u, v = trace_minmax(model, Pairs(), return_results=True)
    assert (u.shape, v.shape) == ((50, 2), (50, 3))
    assert np.array_equal(v, np.floor(16 * X + 0.5) / 4)
    assert all(np.array_equal(p, q) for p, q in zip(lane_range, lane.frozen((3,)), strict=True))


class Noise(keras.utils.PyDataset):
    """Data of another magnitude in every pass."""

    scale = 1.0

    def __len__(self):
        return 1

    def __getitem__(self, n):
        self.scale *= 4
        return np.full((2, 3), self.scale, np.float32)


def test_changing_data_are_refused():
    with QuantizerConfigScope(place="datalane", default_q_type="kbi"):
        model = keras.Sequential([keras.Input((3,)), QDense(2)])
    with pytest.raises(TrainingError) as error:
        trace_minmax(model, Noise())
    assert str(error.value) == (
        "the ranges do not settle.\n"
        "  Received: a change in pass 3 over the data.\n"
        "  The data must be the same in every pass: no augmentation, no shuffling."
    )


def test_layers_at_every_step_are_counted_at_every_step():
    """As the loss counts them, and the hardware has them."""
    dense = QDense(2, beta0=1.0)
    model = keras.Sequential([
        keras.Input((4, 3)),
        keras.layers.TimeDistributed(dense),
        keras.layers.Flatten(),
    ])  # fmt: skip
    x = np.ones((2, 4, 3), np.float32)
    total = trace_minmax(model, x)
    model(x, training=True)
    assert total == total_ebops(model) == 4 * dense.ebops > 0
    cost = sum(float(to_numpy(v)) for v in model.losses)
    assert cost == pytest.approx(total, rel=1e-4)  # the rest is regularizers of widths
    assert total_luts(model) == pytest.approx(4 * dense.luts)
