"""QSimpleRNN, QGRU and QLSTM: the battery, ranges over steps, dropout, errors."""

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers import (
    QGRU,
    QLSTM,
    QAdd,
    QDense,
    QSimpleRNN,
    Quantizer,
    QUnaryFunctionLUT,
)
from hgq_rtl.lowering.model import lower
from hgq_rtl.utils import trace_minmax
from tests.battery.layer import Case
from tests.battery.recurrent import RecurrentBattery

GATED = {"activation": "tanh", "recurrent_activation": "sigmoid"}


class TestQSimpleRNN(RecurrentBattery):
    layer, plain = QSimpleRNN, keras.layers.SimpleRNN
    quantizers = ("iq", "kq", "rkq", "bq", "sq", "paq")
    cases = (
        # 2 steps of 2·2 and 2·2 products; the state has 7 bits, as paq is a hard tanh
        Case({"units": 2}, (2, 2), ebops=2 * (2 * 2 * 64 + 2 * 2 * 8 * 7 + 2 * 8)),
        Case(
            {"units": 2, "use_bias": False, "return_sequences": True, "go_backwards": True,
             "activation": "relu", "enable_sq": True, "enable_oq": True,
             "parallelization_factor": 1},
            (2, 2), ebops=2 * 2 * 64 + 2 * 2 * 64,
        ),
    )  # fmt: skip

    def step(self, layer, x, states, weights):
        kernel, recurrent, bias = weights
        z = x @ kernel + bias + self.quantized(layer.sq, states[0]) @ recurrent
        y = self.quantized(layer.paq, z)
        return (np.maximum(y, 0) if layer.activation is keras.activations.relu else y,)


class TestQGRU(RecurrentBattery):
    layer, plain = QGRU, keras.layers.GRU
    quantizers = ("iq", "kq", "rkq", "bq", "sq", "paq", "praq", "rhq")
    activations = GATED
    cases = (
        # gates have 8 bits, the candidate 7
        Case(
            {"units": 2, "reset_after": False, "activation": "relu"},
            (2, 2),
            ebops=2 * (2 * 6 * 64 + 2 * 6 * 64 + 6 * 8 + 2 * 8 * (8 + 7) + 2 * 8 * 8),
        ),
        Case(
            {"units": 2, "return_sequences": True, "go_backwards": True, "enable_oq": True,
             "parallelization_factor": 1},
            (2, 2), ebops=2 * 6 * 64 + 2 * 6 * 64 + 12 * 8 + 2 * 8 * (8 + 7) + 2 * 8 * 8,
        ),
    )  # fmt: skip

    def step(self, layer, x, states, weights):
        kernel, recurrent, bias = weights
        n, h = layer.units, self.quantized(layer.sq, states[0])
        bias, again = bias if layer.reset_after else (bias, np.zeros(3 * n))
        k, r = x @ kernel + bias, h @ recurrent + again
        gates = self.quantized(layer.praq, k[:, : 2 * n] + r[:, : 2 * n])
        z, reset = gates[:, :n], gates[:, n:]
        if layer.reset_after:
            past = reset * self.quantized(layer.rhq, r[:, 2 * n :])
        else:
            past = self.quantized(layer.rhq, reset * h) @ recurrent[:, 2 * n :]
        c = k[:, 2 * n :] + past
        c = np.maximum(c, 0) if layer.activation is keras.activations.relu else c
        return (z * h + (1 - z) * self.quantized(layer.paq, c),)


class TestQLSTM(RecurrentBattery):
    layer, plain = QLSTM, keras.layers.LSTM
    quantizers = ("iq", "kq", "rkq", "bq", "sq", "paq", "praq", "cq", "caq")
    activations = GATED
    states = 2
    cases = (
        Case(
            {"units": 2, "return_sequences": True},
            (2, 2),
            ebops=2 * (2 * 8 * 64 + 2 * 8 * 64 + 8 * 8 + 2 * 8 * (8 + 7 + 7)),
        ),
    )

    def step(self, layer, x, states, weights):
        kernel, recurrent, bias = weights
        n = layer.units
        h, s = self.quantized(layer.sq, states[0]), self.quantized(layer.cq, states[1])
        z = x @ kernel + h @ recurrent + bias
        gates = self.quantized(layer.praq, np.concatenate([z[:, : 2 * n], z[:, 3 * n :]], 1))
        s = gates[:, n : 2 * n] * s + gates[:, :n] * self.quantized(layer.paq, z[:, 2 * n : 3 * n])
        return gates[:, 2 * n :] * self.quantized(layer.caq, s), s


def test_ebops_count_the_steps_once():
    layer = QSimpleRNN(3)
    layer.build((None, 4, 2))
    assert float(layer.compute_ebops()) == 3648


def test_ranges_decay_once_per_batch():
    """The largest range is that of the first step; the others must not let it decay."""
    layer = QSimpleRNN(2, enable_sq=True, return_sequences=True)
    layer.build((None, 6, 1))
    start = 5.0
    layer.sq.format._i.assign(np.full((1, 2), start))
    layer(np.zeros((4, 6, 1)), training=True)
    assert np.allclose(layer.sq.format._i, start - layer.sq.config["i_decay_speed"])


@pytest.mark.slow
def test_dropout_is_for_training():
    layer = QSimpleRNN(2, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x = np.random.default_rng(0).normal(0, 1, (8, 3, 4)).astype(np.float32)
    trained = layer(x, training=True)
    layer.sq.trainable = False
    assert np.array_equal(layer(x), layer(x))
    assert not np.array_equal(trained, layer(x, training=True))


def message(kind, call):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def one(layer, length=3):
    inputs = keras.Input((length, 2), name="x")
    return keras.Model(inputs, layer(inputs), name="m")


def test_masks_go_on_where_steps_do():
    x = keras.Input((3, 2))
    y = keras.layers.Masking()(x)
    h = QGRU(2, return_sequences=True)(QAdd()([QDense(2)(y), Quantizer()(y)]))
    model = keras.Model(x, [h, QLSTM(2)(QUnaryFunctionLUT("tanh")(h))])
    data = np.random.default_rng(0).normal(0, 1, (4, 3, 2)).astype(np.float32)
    data[:, 2] = 0
    next(v for v in model.layers if isinstance(v, QDense)).bias.assign([0.5, -0.5])
    steps, last = model(data)
    assert np.array_equal(steps[:, 1], steps[:, 2])
    table, lstm = model.layers[-2:]
    want = lstm(table(np.array(steps)), mask=np.array([[1, 1, 0]] * 4))
    assert not np.array_equal(want, lstm(table(np.array(steps))))
    assert np.array_equal(last, want)
    layer = QGRU(2, return_state=True)
    assert layer.compute_mask(None, [True]) == [None, None]


def test_masks_have_no_hardware():
    x = keras.Input((3, 2))
    model = keras.Model(x, QGRU(2, name="gru")(Quantizer()(x), mask=np.ones((1, 3), bool)))
    trace_minmax(model, np.ones((4, 3, 2)))
    assert message(LoweringError, lambda: lower(model)) == (
        "layer 'gru' (QGRU): a recurrent layer has no mask in hardware.\n"
        "  Give all sequences the full length."
    )


def test_errors():
    assert message(ConfigError, lambda: QGRU(0)) == (
        "units must be a positive integer.\n  Received: 0."
    )
    assert message(ConfigError, lambda: QGRU(2, stateful=True)) == (
        "recurrent layers keep no state between calls.\n  Received: stateful=True.\n"
        "  Take the state with return_state=True, and give it as initial_state=."
    )
    assert message(ConfigError, lambda: QLSTM(2).build((None, 4))) == (
        "a recurrent layer takes (batch, length, features).\n  Received: shape (None, 4)."
    )
    one_state = message(ConfigError, lambda: QLSTM(2)(np.ones((1, 2, 3)), [np.ones((1, 2))]))
    assert "initial_state needs 2 tensors.\n  Received: 1." in one_state
    assert message(LoweringError, lambda: lower(one(QGRU(2, name="gru"), None))) == (
        "model 'm': hardware needs fixed shapes.\n"
        "  Received: input 'x' of shape (None, None, 2).\n"
        "  Layer 'gru' (QGRU) is unrolled over the length of its sequence: "
        "give keras.Input (length, features)."
    )

    def traced(layer):
        model = one(layer)
        trace_minmax(model, np.ones((4, 3, 2)))
        return lower(model)

    assert message(LoweringError, lambda: traced(QSimpleRNN(2, "tanh", name="rnn"))) == (
        "layer 'rnn' (QSimpleRNN): the activation 'tanh' has no hardware form inside this layer.\n"
        "  Use activation='linear': paq_conf=HardTanhConfig() is a hard tanh."
    )
    assert message(
        LoweringError, lambda: traced(QGRU(2, recurrent_activation="sigmoid", name="gru"))
    ) == (
        "layer 'gru' (QGRU): the activation 'sigmoid' has no hardware form inside this layer.\n"
        "  Use recurrent_activation='linear': praq_conf=HardSigmoidConfig() is a hard sigmoid."
    )


@pytest.mark.slow
def test_trains_on_any_length():
    model = one(QGRU(2), None)
    model.compile("sgd", "mse")
    for length in (2, 3):
        model.fit(np.ones((4, length, 2)), np.ones((4, 2)), verbose=0)
    assert float(model.layers[-1].ebops) > 0


@pytest.mark.slow
@pytest.mark.cosim
def test_gru_in_simulation(tmp_path):
    keras.utils.set_random_seed(0)
    model = one(QGRU(3, return_sequences=True, enable_oq=True))
    x = np.random.default_rng(0).normal(0, 1, (200, 3, 2)).astype(np.float32)
    trace_minmax(model, x)
    design = hr.compile(model, clock_ns=5.0)
    assert np.array_equal(design.predict(x), model.predict(x, verbose=0))
    design.write(tmp_path / "gru").verify(x)
