"""BetaPID against its formula, on a model whose EBOPs the test sets."""

import math

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.layers import QDense
from hgq_rtl.utils.sugar import BetaPID


@pytest.fixture(scope="module")
def model():
    """Two layers that count EBOPs and one that does not."""
    return keras.Sequential(
        [keras.Input((3,)), QDense(2), QDense(2, enable_ebops=False), QDense(2)]
    )


def run(model, costs, betas=(1e-5, 1e-5), **arguments):
    """The beta of each epoch, given the EBOPs at the start of each."""
    first, _, last = model.layers
    first.beta, last.beta = betas
    pid = BetaPID(**arguments)
    pid.set_model(model)
    pid.on_train_begin()
    seen = []
    for epoch, cost in enumerate(costs):
        first._ebops.assign(cost / 4)
        last._ebops.assign(cost * 3 / 4)
        pid.on_epoch_begin(epoch)
        logs = {}
        pid.on_epoch_end(epoch, logs)
        assert logs["beta"] == pytest.approx((first.beta + last.beta) / 2)
        assert logs["ebops"] == cost
        seen.append(logs["beta"])
    return seen


@pytest.mark.parametrize("log", [True, False])
def test_formula(model, log):
    costs = [1000, 900, 400, 100, 200]
    p, i, d = 0.5, 0.1, 0.25
    seen = run(model, costs, target_ebops=200, p=p, i=i, d=d, warmup=1, log=log)
    err = [math.log10(c / 200) if log else c / 200 - 1 for c in costs]
    u0 = -5 - p * err[1] - i * err[1]
    want = [1e-5]
    for n in range(1, len(costs)):
        change = err[n] - err[n - 1] if n > 1 else 0.0
        want.append(10 ** (u0 + p * err[n] + i * sum(err[1 : n + 1]) + d * change))
    assert seen == pytest.approx(want)
    assert seen[1] == pytest.approx(1e-5)  # no jump at the start, in both modes


def test_start_values(model):
    assert run(model, [0, 100, 100], target_ebops=100, warmup=0, betas=(1e-5, 3e-5))[1:] == (
        pytest.approx([2e-5, 2e-5])
    )
    assert run(model, [100], target_ebops=50, init_beta=1e-3) == pytest.approx([1e-3])
    assert run(model, [100, 100], target_ebops=50, init_beta=1e-3, i=0, warmup=0) == (
        pytest.approx([1e-3, 1e-3])
    )


def test_limits_damping_and_no_windup(model):
    costs = [1000] * 30 + [90]
    seen = run(model, costs, target_ebops=100, i=1, p=0.1, warmup=0, max_beta=1e-3)
    assert max(seen) == pytest.approx(1e-3)
    assert seen[-1] < 0.9e-3  # comes back at once, after 30 epochs at the limit
    seen = run(model, [1000, 0], target_ebops=100, p=1, warmup=0, min_beta=1e-6)
    assert seen[-1] == pytest.approx(1e-6)
    seen = run(model, [100], target_ebops=100, warmup=0, damp_beta_on_target=0.25)
    assert seen == pytest.approx([0.75e-5])


def test_other_metric(model):
    """A budget in another unit; EBOPs are logged all the same."""
    luts = iter([400.0, 100.0])
    seen = run(model, [5, 5], target_ebops=100, metric=lambda m: next(luts), i=0, warmup=0)
    assert seen == pytest.approx([1e-5, 1e-5 / 4])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"target_ebops": 0}, "target_ebops must be positive.\n  Received: 0."),
        (
            {"target_ebops": 1, "init_beta": 0.0},
            "init_beta must be positive.\n  Received: 0.0.",
        ),
        (
            {"target_ebops": 1, "min_beta": 2, "max_beta": 1},
            "0 <= min_beta <= max_beta must hold.\n  Received: min_beta=2, max_beta=1.",
        ),
        (
            {"target_ebops": 1, "damp_beta_on_target": 2},
            "damp_beta_on_target must lie in [0, 1].\n  Received: 2.",
        ),
    ],
)
def test_bad_arguments(arguments, text):
    with pytest.raises(ConfigError) as error:
        BetaPID(**arguments)
    assert str(error.value) == text


def test_bad_models(model):
    def message(*args, **more):
        with pytest.raises(TrainingError) as error:
            run(*args, target_ebops=100, warmup=0, **more)
        return str(error.value)

    assert message(model, [5], betas=(0, 0)) == (
        "the controller cannot start from a beta of zero.\n"
        "  Received: beta=0.0.\n"
        "  Give init_beta, or layers a positive beta0."
    )
    assert message(model, [5], metric=lambda m: np.nan) == (
        "the cost of the model is not a number of zero or more.\n"
        "  Received: nan.\n"
        "  The training has diverged; go back to an earlier checkpoint."
    )
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    pid = BetaPID(100)
    pid.set_model(plain)
    with pytest.raises(TrainingError) as error:
        pid.on_train_begin()
    assert str(error.value) == (
        "no layer of this model counts EBOPs, so there is no beta to set.\n"
        "  Set enable_ebops=True and enable_iq=True."
    )
