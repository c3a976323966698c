"""Callbacks and schedules."""

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QDense
from hgq_rtl.utils import total_ebops
from hgq_rtl.utils.sugar import BetaScheduler, FreeEBOPs, PBar, PieceWiseSchedule


def test_callbacks_in_fit(capsys):
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((3,)), QDense(2)])
    model = keras.Sequential([keras.Input((3,)), inner])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)), rng.normal(size=(16, 2))
    schedule = PieceWiseSchedule([(0, 0.0, "constant"), (1, 1e-3, "constant")])
    callbacks = [FreeEBOPs(), BetaScheduler(schedule), PBar("loss {loss:.2g} of {ebops:.0f}")]
    log = model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=callbacks).history
    assert log["beta"] == [0.0, 1e-3]
    assert log["ebops"][1] == total_ebops(model) > 0
    assert float(inner.layers[-1].beta) == pytest.approx(1e-3)
    # The second loss carries beta·EBOPs, the first does not.
    assert log["loss"][1] > 1e-3 * log["ebops"][1] > log["loss"][0] / 100
    assert "2/2" in capsys.readouterr().out


def test_bar_without_a_template_and_after_an_interruption(capsys):
    model = keras.Sequential([keras.Input((3,)), QDense(2)])
    interrupted, bar = PBar(), PBar()
    for callback in (interrupted, bar):
        callback.set_model(model)
        callback.set_params({"epochs": 6})
        callback.on_train_begin()  # the first never ends
    bar.on_epoch_end(4, {"loss": 0.25})  # as with initial_epoch=4
    bar.on_train_end()
    out = capsys.readouterr().out
    assert "5/6" in out
    assert "ebops 0" in out
    for bar, shown in (
        (PBar(metric="loss {loss}"), "loss 0.25  0 EBOPs"),
        (PBar(metric="loss {loss} of {ebops:.1f}"), "loss 0.25 of 0.0"),
        (PBar("loss {loss}", disable_ebops=True), "loss 0.25"),
    ):
        bar.set_model(model)
        bar.set_params({"epochs": 1})
        bar.on_train_begin()
        bar.on_epoch_end(0, {"loss": 0.25})
        bar.on_train_end()
        assert capsys.readouterr().out.rstrip().endswith(shown)
    wrong = PBar("{lost}")
    wrong.set_model(model)
    wrong.set_params({"epochs": 6})
    wrong.on_train_begin()
    with pytest.raises(ConfigError) as error:
        wrong.on_epoch_end(0, {"loss": 1.0})
    assert str(error.value) == (
        "the metric names 'lost', which is not in the logs.\n"
        "  Received: '{lost}'.\n"
        "  Known: epoch, ebops, loss."
    )


@pytest.mark.parametrize(
    ("knots", "points"),
    [
        ([(2, 1.0, "linear"), (4, 3.0, "constant")], {0: 1, 2: 1, 3: 2, 4: 3, 9: 3}),
        ([(0, 1.0, "log"), (2, 100.0, "linear")], {0: 1, 1: 10, 2: 100}),
        ([(0, 5.0, "constant"), (2, 7.0, "log")], {1: 5, 2: 7, 3: 7}),
        ([(0, 0.0, "log"), (2, 999.0, "constant")], {0: 0, 1: 1000**0.5 - 1, 2: 999}),
        ([(0, 999.0, "log"), (2, 0.0, "constant")], {0: 999, 1: 1000**0.5 - 1, 2: 0}),
        ([(0, 0.0, "log"), (2, 0.0, "constant")], {0: 0, 1: 0, 2: 0}),
    ],
)
def test_schedule(knots, points):
    schedule = PieceWiseSchedule(knots)
    assert {e: schedule(e) for e in points} == pytest.approx(points)


@pytest.mark.parametrize(
    ("knots", "text"),
    [
        ([], "a schedule needs at least one knot.\n  Received: none."),
        (
            [(1, 1, "log"), (1, 2, "log")],
            "the epochs of a schedule must increase.\n  Received: [1.0, 1.0].",
        ),
        (
            [(0, 1, "cubic")],
            "unknown kind of interpolation.\n  Received: 'cubic'.\n  Known: linear, log, constant.",
        ),
        (
            [(0, 1, "log"), (1, -2, "constant")],
            "a log ramp needs values of zero or more.\n  Received: [1.0, -2.0].",
        ),
    ],
)
def test_schedule_errors(knots, text):
    with pytest.raises(ConfigError) as error:
        PieceWiseSchedule(knots)
    assert str(error.value) == text
