"""Dataset: order, shapes, devices."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.utils import trace_minmax
from hgq_rtl.utils.sugar import Dataset

X = np.arange(20.0, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def epoch(data):
    """All batches of an epoch, and end it."""
    batches = [data[n] for n in range(len(data))]
    data.on_epoch_end()
    return batches


def test_in_order():
    data = Dataset(X, Y, batch_size=4)
    assert [len(y) for _, y in epoch(data)] == [4, 4, 2]
    for _ in range(2):
        x, y = (np.concatenate(part) for part in zip(*epoch(data), strict=True))
        assert np.array_equal(x, X)
        assert np.array_equal(y, Y)
    assert len(Dataset(X, Y, batch_size=4, drop_last=True)) == 2
    assert len(Dataset(X, batch_size=4)[2]) == 1  # (x,) without y
    with pytest.raises(IndexError):
        data[3]


def test_shuffles_samples_not_batches():
    data = Dataset(X, Y, batch_size=4, shuffle=True, seed=1)
    epochs = [epoch(data) for _ in range(3)]
    for batches in epochs:
        assert all(np.array_equal(x[:, 0], 2 * y) for x, y in batches)  # rows stay together
        assert sorted(np.concatenate([y for _, y in batches])) == list(Y)
    first = [{frozenset(y.tolist()) for _, y in batches} for batches in epochs]
    assert first[0] != first[1] != first[2]  # batches of other samples, not in another order
    again = Dataset(X, Y, batch_size=4, shuffle=True, seed=1)
    assert all(
        np.array_equal(a[1], b[1])
        for batches in epochs
        for a, b in zip(batches, epoch(again), strict=True)
    )
    short = Dataset(X, Y, batch_size=4, shuffle=True, drop_last=True, seed=1)
    left_out = [set(Y) - set(np.concatenate([y for _, y in epoch(short)])) for _ in range(6)]
    assert all(len(out) == 2 for out in left_out)
    assert len(set(map(frozenset, left_out))) > 1


def test_seed_comes_from_keras():
    orders = []
    for seed in (3, 3, 4):
        keras.utils.set_random_seed(seed)
        orders.append(Dataset(X, Y, 10, shuffle=True)[0][1].tolist())
    assert orders[0] == orders[1] != orders[2]


def test_structures_and_devices():
    data = Dataset({"a": X, "b": Y}, (Y, X), batch_size=3, shuffle=True, seed=0, device="cpu:00")
    x, (y, z) = data[0]
    assert not isinstance(x["a"], np.ndarray)  # on the device
    assert np.array_equal(np.asarray(x["a"]), np.asarray(z))
    assert np.array_equal(np.asarray(x["b"]), np.asarray(y))


def test_with_keras():
    a = keras.Input((2,), name="a")
    model = keras.Model({"a": a}, keras.layers.Dense(1)(a))
    model.compile("sgd", "mse")
    data = Dataset(x_set={"a": X}, y_set=Y, batch_size=4, shuffle=True, seed=0, device="none")
    orders = [data[0][1]]
    model.fit(data, epochs=1, verbose=0)
    assert not np.array_equal(orders[0], data[0][1])  # keras ends the epoch
    y = model.predict(Dataset({"a": X}, batch_size=4), verbose=0)
    assert y.shape == (10, 1)
    traced = trace_minmax(model, Dataset({"a": X}, Y, batch_size=4), return_results=True)
    assert np.array_equal(traced, y)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"batch_size": 0},
            "batch_size must be a positive integer.\n  Received: 0.",
        ),
        (
            {"y_set": Y[:3]},
            "a dataset needs arrays with one row per sample.\n  Received: [10, 3] rows.",
        ),
        (
            {"batch_size": 11, "drop_last": True},
            "the samples do not fill one batch.\n"
            "  Received: 10 samples, batch_size 11.\n"
            "  Lower batch_size, or set drop_last=False.",
        ),
    ],
)
def test_errors(arguments, text):
    with pytest.raises(ConfigError) as error:
        Dataset(X, **arguments)
    assert str(error.value) == text
