"""Batch normalizations, alone and folded: the battery, and training with batch moments."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import (
    QBatchNormalization,
    QBatchNormDense,
    QEinsumDenseBatchNorm,
    QEinsumDenseBatchnorm,
)
from hgq_rtl.quantizers.exact import to_numpy
from tests.battery.layer import Case, LayerBattery, weights

OFF = {f"{q}_conf": QuantizerConfig("dummy") for q in ("iq", "kq", "bq")}


class BatchNormBattery(LayerBattery):
    tolerance = 2e-5  # Keras normalizes, then scales

    def model(self, case, seed=0, **more):
        """With moving moments as after some training."""
        model, layer = super().model(case, seed, **more)
        rng = np.random.default_rng(seed)
        layer.moving_mean.assign(rng.normal(0, 1, layer.moving_mean.shape))
        layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_mean.shape))
        return model, layer

    def folded(self, layer):
        kernel, offset = layer.folded(None, False)
        return self.quantized(layer.kq, kernel), self.quantized(layer.bq, offset)

    def pair(self, case):
        """The unquantized layer, and the Keras layers it stands for, with equal weights."""
        layer = self.layer(**case.arguments, **OFF)
        layer.build(case.built)
        plain = self.keras_layers(layer)
        shape = case.built
        for part in plain:
            part.build(shape)
            shape = part.compute_output_shape(shape)
        rng = np.random.default_rng(1)
        for v in weights(layer):
            v.assign(rng.normal(1, 1, v.shape))
        for part in plain:
            for name in ("gamma", "beta", "kernel", "bias"):
                if getattr(part, name, None) is not None:
                    value = self.counterpart(layer, part, name)
                    getattr(part, name).assign(np.reshape(value, getattr(part, name).shape))
        return layer, plain

    def counterpart(self, layer, part, name):
        return getattr(layer, "bn_beta" if name == "beta" else name)

    def test_without_quantization_it_is_the_keras_layer(self):
        """In training, with batch moments; then with the moving moments that training left."""
        for case in self.cases:
            layer, plain = self.pair(case)
            x = self.data(case)
            for training in (True, True, False):
                y, want = layer(x, training=training), x
                for part in plain:
                    want = part(want, training=training)
                assert np.allclose(to_numpy(y), to_numpy(want), rtol=0, atol=1e-4), case
            moving = next(part for part in plain if hasattr(part, "moving_mean"))
            for name in ("moving_mean", "moving_variance"):
                ours, theirs = (to_numpy(getattr(v, name)).ravel() for v in (layer, moving))
                assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


class TestQBatchNormalization(BatchNormBattery):
    layer = QBatchNormalization
    cases = (
        Case({"axis": 1, "epsilon": 0.25, "center": False}, (2, 3), ebops=6 * 64 + 6 * 8),
        Case({"scale": False, "momentum": 0.5}, (2, 3), ebops=6 * 64 + 6 * 8),
        Case({"beta_initializer": "ones"}, (3,), ebops=3 * 64 + 3 * 8),
    )

    def maths(self, layer, x):
        scale, offset = (layer.spread(v) for v in self.folded(layer))
        return x * scale + offset

    def keras_layers(self, layer):
        names = ("axis", "epsilon", "momentum", "center", "scale")
        return [keras.layers.BatchNormalization(**{n: getattr(layer, n) for n in names})]


class TestQBatchNormDense(BatchNormBattery):
    layer = QBatchNormDense
    cases = (
        Case({"units": 3, "epsilon": 0.25, "scale": False}, (2, 4), ebops=2 * (12 * 64 + 24)),
        Case({"units": 3, "momentum": 0.5, "activation": "relu"}, (4,), ebops=12 * 64 + 24),
    )

    def maths(self, layer, x):
        kernel, bias = self.folded(layer)
        y = x @ kernel + bias
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)

    def keras_layers(self, layer):
        names = ("epsilon", "momentum", "scale")
        moments = {n: getattr(layer, n) for n in names}
        return [
            keras.layers.BatchNormalization(center=False, **moments),
            keras.layers.Dense(layer.units, layer.activation),
        ]


class TestQEinsumDenseBatchnorm(BatchNormBattery):
    layer = QEinsumDenseBatchnorm
    cases = (
        Case(
            {"equation": "bij,jk->bik", "output_shape": (2, 3), "normalize_axes": "k",
             "center": False, "epsilon": 0.25},
            (2, 4),
            ebops=24 * 64 + 6 * 8,
        ),
        Case(
            {"equation": "bij,ijk->bki", "output_shape": (2, 3), "bias_axes": "k",
             "momentum": 0.5, "scale": False},
            (3, 2),
            ebops=12 * 64 + 6 * 8,
        ),
        Case(
            {"equation": "...j,jk->...k", "output_shape": 3, "bias_axes": "k",
             "activation": "relu"},
            (2, 4),
            ebops=24 * 64 + 6 * 8,
        ),
    )  # fmt: skip

    def maths(self, layer, x):
        kernel, bias = self.folded(layer)
        y = np.einsum(layer.equation, x, kernel) + bias
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)

    def keras_layers(self, layer):
        names = ("epsilon", "momentum", "scale", "center")
        (axis,) = [layer.resolved.out.index(c) for c in layer.normalize_axes]
        return [
            keras.layers.EinsumDense(layer.equation, layer.partial_output_shape),
            keras.layers.BatchNormalization(axis=axis, **{n: getattr(layer, n) for n in names}),
            keras.layers.Activation(layer.activation),
        ]

    def counterpart(self, layer, part, name):
        return getattr(layer, "bias" if name == "beta" else name)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="about what XLA rewrites")
def test_folding_is_the_same_compiled_and_not():
    """Compilers rewrite a / sqrt(b) and fuse products into sums; the folded values are immune."""
    import jax

    layer = QBatchNormalization(**OFF)
    layer.build((None, 4000))
    rng = np.random.default_rng(0)
    for v in weights(layer):
        v.assign(rng.normal(0, 1, v.shape))
    layer.moving_mean.assign(rng.normal(0, 1, 4000))
    layer.moving_variance.assign(rng.uniform(0.01, 3, 4000))
    values = [v.value for v in layer.variables]

    def folded(values):
        with keras.StatelessScope(state_mapping=list(zip(layer.variables, values, strict=True))):
            return layer.folded(None, False)

    for a, b in zip(folded(values), jax.jit(folded)(values), strict=True):
        assert np.array_equal(a, b)


def test_names_of_hgq2():
    ones = keras.initializers.Constant(2.0)
    layer = QBatchNormDense(3, bn_gamma_initializer=ones, bn_gamma_constraint="non_neg")
    layer.build((None, 2))
    assert to_numpy(layer.gamma).tolist() == [2.0, 2.0]
    assert isinstance(layer.gamma_constraint, keras.constraints.NonNeg)
    layer = QEinsumDenseBatchnorm("ab,bc->ac", 3, bias_axes="c", beta_initializer=ones, beta0=1e-3)
    layer.build((None, 2))
    assert to_numpy(layer.bias).tolist() == [2.0, 2.0, 2.0]
    assert layer.beta0 == 1e-3


def test_errors():
    def message(call):
        with pytest.raises(ConfigError) as error:
            call()
        return str(error.value)

    assert message(lambda: QBatchNormalization(synchronized=True)) == (
        "batch moments cannot be synchronized between devices.\n  Received: synchronized=True."
    )
    assert message(lambda: QBatchNormalization(use_bias=False)) == (
        "QBatchNormalization has no argument 'use_bias'."
    )
    assert message(lambda: QBatchNormalization(axis=0).build((None, 3))) == (
        "axis must be an axis of the input other than the batch axis.\n"
        "  Received: axis=0 of (None, 3)."
    )
    assert message(lambda: QBatchNormDense(3, use_bias=False).build((None, 3))) == (
        "a folded batch normalization needs the bias.\n  Received: use_bias=False."
    )
    assert message(lambda: QEinsumDenseBatchNorm("ab,bc->ac", 3)) == (
        "bias_axes or normalize_axes must say what is normalized.\n  Received: None for both."
    )
    assert message(lambda: QBatchNormDense(3, gamma_initializer=1, bn_gamma_initializer=1)) == (
        "'gamma_initializer' is given twice.\n  Received: also as bn_gamma_initializer."
    )
    layer = QEinsumDenseBatchNorm("abc,cd->abd", (2, 3), normalize_axes="b")
    assert message(lambda: layer.build((None, 2, 4))) == (
        "the normalized axis 'b' must be one of the kernel and of the result.\n"
        "  Received: 'abc,cd->abd'."
    )
