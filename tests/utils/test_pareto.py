"""ParetoFront: what it keeps, what it deletes, and what it remembers."""

import json

import keras
import pytest

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.layers import QDense
from hgq_rtl.utils.sugar import ParetoFront
from hgq_rtl.utils.sugar.pareto import INDEX


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((2,)), QDense(1)])


def front(model, path, **arguments):
    arguments = {"metrics": ["acc", "ebops"], "sides": [1, -1], **arguments}
    callback = ParetoFront(path, **arguments)
    callback.set_model(model)
    callback.on_train_begin()
    return callback


def feed(callback, *points, start=0):
    for epoch, (acc, ebops) in enumerate(points, start):
        callback.on_epoch_end(epoch, {"acc": acc, "ebops": ebops})
    files = sorted(p.name for p in callback.path.iterdir() if p.name != INDEX)
    assert files == sorted(e["file"] for e in callback.front)
    return sorted(e["epoch"] for e in callback.front)


NAN = float("nan")


def test_front(model, tmp_path):
    callback = front(model, tmp_path / "new" / "folder", fname_format="{epoch}.weights.h5")
    assert feed(callback, (0.5, 100)) == [0]
    assert feed(callback, (0.5, 100), (0.4, 100), (0.4, 200), start=1) == [0]  # beaten or equal
    assert feed(callback, (0.6, 200), (0.4, 50), start=4) == [0, 4, 5]  # a trade-off each
    assert feed(callback, (0.6, 150), start=6) == [0, 4, 5, 6]  # a tie in one metric survives
    assert feed(callback, (0.7, 90), (NAN, 1), (0.9, float("inf")), start=7) == [5, 7]


def test_checkpoints_load_and_survive_restarts(model, tmp_path):
    feed(front(model, tmp_path), (0.5, 100), (0.6, 200))
    names = sorted(p.name for p in tmp_path.glob("*.keras"))
    assert names == ["epoch=0-acc=0.5-ebops=100.keras", "epoch=1-acc=0.6-ebops=200.keras"]
    assert len(keras.models.load_model(tmp_path / names[0]).layers) == 1
    again = front(model, tmp_path)
    assert feed(again, (0.5, 150), start=0) == [0, 1]  # beaten by the earlier run
    assert feed(again, (0.55, 90), start=2) == [1, 2]  # and deletes from it
    (tmp_path / names[1]).unlink()
    assert [e["epoch"] for e in front(model, tmp_path).front] == [2]  # gone: forgotten
    index = json.loads((tmp_path / INDEX).read_text())
    assert (index["metrics"], index["front"][-1]["values"]) == (["acc", "ebops"], [0.55, 90.0])


def test_names(model, tmp_path):
    name = "../{a/b:.0f} {epoch}.weights.h5"
    callback = front(model, tmp_path, metrics=["a/b"], sides=[1], fname_format=name)
    for epoch, value in enumerate([1.0, 1.2]):
        callback.on_epoch_end(epoch, {"a/b": value})
    assert [e["file"] for e in callback.front] == ["_1_1.weights.h5"]
    callback = front(model, tmp_path / "b", fname_format="best.weights.h5")
    feed(callback, (0.5, 100), (0.6, 200))
    assert [e["file"] for e in callback.front] == ["best.weights.h5", "best-2.weights.h5"]


def test_which_epochs_count(model, tmp_path):
    callback = front(model, tmp_path, enable_if=lambda logs: logs["ebops"] < 50,
                     fname_format="{epoch}.weights.h5")  # fmt: skip
    assert feed(callback, (0.9, 60), (0.1, 40)) == [1]
    callback = front(model, tmp_path / "v", metrics=["val_acc", "ebops"])
    callback.on_epoch_end(0, {"acc": 1.0})  # no validation in this epoch
    assert callback.front == []
    callback.on_epoch_end(1, {"val_acc": 1.0})  # EBOPs need no FreeEBOPs
    assert callback.front[0]["values"] == [1.0, model.layers[0].ebops]


def message(call, kind=ConfigError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_errors(model, tmp_path):
    assert message(lambda: ParetoFront(tmp_path, ["a"], [1, 1])) == (
        "metrics and sides must be lists of one length.\n  Received: metrics=['a'], sides=[1, 1]."
    )
    assert message(lambda: ParetoFront(tmp_path, ["a"], [0])) == (
        "a side is 1 (more is better) or -1 (less is better).\n  Received: [0]."
    )
    assert message(lambda: ParetoFront(tmp_path, ["a"], [1], "x.txt")) == (
        "checkpoints are .keras or .weights.h5 files.\n  Received: 'x.txt'."
    )
    callback = front(model, tmp_path, fname_format="{val}.keras")
    assert message(lambda: callback.on_epoch_end(0, {"acc": 1.0, "ebops": 2})) == (
        "fname_format cannot be filled in: KeyError('val').\n"
        "  Received: '{val}.keras'.\n"
        "  Known: epoch, acc, ebops."
    )
    assert message(lambda: callback.on_epoch_end(0, {"loss": 1.0}), TrainingError) == (
        "the metric 'acc' is not in the logs.\n  Known: ebops, loss."
    )
    feed(front(model, tmp_path, fname_format="a.weights.h5"), (0.5, 1))
    text = message(lambda: front(model, tmp_path, metrics=["loss", "ebops"]))
    assert text.startswith(f"{tmp_path} holds a front of other metrics.\n")
    assert text.endswith("\n  Give another folder.")
    (tmp_path / INDEX).write_text("[]")
    assert message(lambda: front(model, tmp_path)) == (
        f"{tmp_path / INDEX} is not the index of a Pareto front.\n"
        "  Give another folder, or remove the file."
    )
