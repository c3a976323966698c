"""StopIf, EarlyStoppingWithEbopsThres, RaiseOnNaN."""

import types

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.layers import QDense
from hgq_rtl.utils.sugar import EarlyStoppingWithEbopsThres, RaiseOnNaN, StopIf


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), QDense(1, enable_iq=True)])
    model.stop_training = False
    return model


def stopped_at(callback, model, epochs):
    """The epoch after which training stops; ``epochs``: logs, with the EBOPs to set."""
    callback.set_model(model)
    callback.on_train_begin()
    for n, logs in enumerate(epochs):
        model.layers[0]._ebops.assign(logs["ebops"])
        model.layers[0].bias.assign([float(n)])
        callback.on_epoch_end(n, {k: v for k, v in logs.items() if k != "ebops"})
        if model.stop_training:
            callback.on_train_end()
            return n
    callback.on_train_end()
    return None


def test_early_stopping_counts_epochs_within_the_budget(model):
    losses, ebops = [1.0, 2, 3, 4, 3, 4, 5, 6], [900, 800, 700, 600, 100, 101, 90, 90]
    logs = [{"val_loss": v, "ebops": e} for v, e in zip(losses, ebops, strict=True)]
    callback = EarlyStoppingWithEbopsThres(100, patience=2, restore_best_weights=True)
    assert stopped_at(callback, model, logs) == 7
    # Epoch 0 has the least loss but too many EBOPs; 4 is the best within the budget.
    assert float(model.layers[0].bias[0]) == 4.0
    with pytest.raises(ConfigError) as error:
        EarlyStoppingWithEbopsThres(0)
    assert str(error.value) == "ebops_threshold must be positive.\n  Received: 0."


def test_stop_if(model, capsys):
    hits = [{"acc": a, "ebops": 10} for a in (0.9, 0.1, 0.9, 0.9, 0.9)]
    good = lambda logs: logs["acc"] > 0.5  # noqa: E731
    callback = StopIf(good)
    assert stopped_at(callback, model, hits) == 0
    assert callback.stopped
    model.stop_training = False
    assert stopped_at(StopIf(good, patience_epochs=2, verbose=1), model, hits) == 4
    text = "training stops: the condition held for 3 consecutive epochs\n"
    assert capsys.readouterr().out == text
    model.stop_training = False
    both = StopIf(lambda logs, m: m is model and logs["ebops"] == 10, 1)
    assert stopped_at(both, model, hits) == 1
    model.stop_training = False
    never = StopIf(good, patience_epochs=3)
    assert stopped_at(never, model, hits) is None
    assert not never.stopped


def test_stop_if_in_steps(model):
    callback = StopIf(lambda logs: logs["loss"] < 1, 0, patience_steps=1)
    callback.set_model(model)
    callback.on_train_begin()
    for step, loss in enumerate([0.5, 2, 0.5, 0.5]):
        assert not model.stop_training
        callback.on_train_batch_end(step, {"loss": loss})
    assert model.stop_training
    only_steps = StopIf(stop_condition=lambda logs: True, patience_epochs=None, patience_steps=9)
    model.stop_training = False
    assert stopped_at(only_steps, model, [{"ebops": 1}] * 3) is None
    with pytest.raises(ConfigError) as error:
        StopIf(bool, patience_epochs=-1)
    assert (
        str(error.value) == "patience_epochs must be an integer of zero or more.\n  Received: -1."
    )


def test_raise_on_nan(model):
    callback = RaiseOnNaN()
    callback.set_model(model)
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_epoch_end(0, types.MappingProxyType({}))

    def message(loss):
        with pytest.raises(TrainingError) as error:
            callback.on_epoch_end(3, {"loss": loss})
        return str(error.value)

    hint = "  Go back to an earlier checkpoint and lower the learning rate or beta."
    assert message(np.inf) == f"the loss is NaN or infinite.\n  Received: inf in epoch 3.\n{hint}"
    model.layers[0].bias.assign([np.nan])
    path = model.layers[0].bias.path
    assert message(np.nan) == (
        f"the loss is NaN or infinite.\n  Received: nan in epoch 3, with values that are not "
        f"finite in {path!r}.\n{hint}"
    )
