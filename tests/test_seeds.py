"""The code samples of the guides of HGQ 2 and HGQ 1, with the package name changed.

Data are small and synthetic, and calls of hls4ml are left out; the rest is as the guides have it.
"""

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.layers import QConv2D, QDense
from hgq_rtl.lowering.model import lower
from hgq_rtl.utils import total_ebops


def digits(rows, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, rows)
    x = rng.integers(0, 64, (rows, 28, 28)) + 16 * (np.arange(28) // 3 == y[:, None])[:, :, None]
    return x, y


def test_getting_started():
    from hgq_rtl.config import LayerConfigScope, QuantizerConfigScope
    from hgq_rtl.layers import QDense

    # First, set up quantization configuration
    # For weights, use SAT_SYM overflow mode
    with QuantizerConfigScope(  # noqa: SIM117
        q_type="kif", place="weight", overflow_mode="SAT_SYM", round_mode="RND"
    ):
        # For activations, use different config
        with QuantizerConfigScope(
            q_type="kif", place="datalane", overflow_mode="WRAP", round_mode="RND"
        ):
            with LayerConfigScope(enable_ebops=True, beta0=1e-5):
                # Create model with quantized layers
                model = keras.Sequential(
                    [
                        keras.layers.Reshape((28, 28, 1)),
                        keras.layers.MaxPooling2D((2, 2)),
                        QConv2D(16, (3, 3), activation="relu"),
                        keras.layers.MaxPooling2D((2, 2)),
                        QConv2D(32, (3, 3), activation="relu"),
                        keras.layers.MaxPooling2D((2, 2)),
                        keras.layers.Flatten(),
                        QDense(10),
                    ]
                )

    # Compile model as usual
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    # Prepare data (example for MNIST)
    (x_train, y_train), (x_test, y_test) = digits(64), digits(32, seed=1)
    x_train = x_train.astype("float32") / 255.0
    x_test = x_test.astype("float32") / 255.0

    from hgq_rtl.utils.sugar import FreeEBOPs

    ebops = FreeEBOPs()

    # Train model with beta scheduler
    history = model.fit(
        x_train,
        y_train,
        batch_size=32,
        epochs=2,
        validation_data=(x_test, y_test),
        callbacks=[ebops],
        verbose=0,
    )
    assert history.history["ebops"][-1] > 0

    from hgq_rtl.utils import trace_minmax

    # Trace the required number of integer bits for activations
    traced = trace_minmax(model, x_test, verbose=True)
    assert traced == total_ebops(model)

    keras_pred = model.predict(x_test, verbose=0)
    assert np.sum(keras_pred != model.predict(x_test, verbose=0)) == 0
    assert all(layer.iq.is_settled for layer in model.layers if isinstance(layer, QConv2D | QDense))


def test_quantization_types():
    from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope

    # Configure for specific quantization types
    with QuantizerConfigScope(q_type="kif", overflow_mode="SAT_SYM", round_mode="RND"):
        assert QuantizerConfig("kif", "datalane")["overflow_mode"] == "SAT_SYM"
        assert QuantizerConfig("kbi", "datalane")["overflow_mode"] == "WRAP"

    with QuantizerConfigScope(default_q_type="kif", place="weight"):
        layer = QDense(2, iq_conf=QuantizerConfig(f0=3), bq_conf=QuantizerConfig(place="bias"))
        assert (layer.kq.config.q_type, layer.bq.config.q_type) == ("kif", "kbi")


def test_heterogeneous_and_homogeneous_quantization():
    from hgq_rtl.config import QuantizerConfig, QuantizerConfigScope

    # Per-channel quantization for weights
    with QuantizerConfigScope(heterogeneous_axis=None, homogeneous_axis=()):
        assert QuantizerConfig(place="weight")["homogeneous_axis"] == ()

    # Per-batch quantization for activations
    with QuantizerConfigScope(place="datalane", heterogeneous_axis=None, homogeneous_axis=(0,)):
        assert QuantizerConfig(place="datalane")["homogeneous_axis"] == (0,)


def test_readme_of_hgq2():
    from hgq_rtl.config import LayerConfigScope, QuantizerConfigScope
    from hgq_rtl.layers import QDense

    # Setup quantization configuration
    # These values are the defaults, just for demonstration purposes here
    with (
        # Configuration scope for setting the default quantization type and overflow mode
        # The second configuration scope overrides the first one for the 'datalane' place
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        # Configuration scope for enabling EBOPs and setting the beta0 value
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP"),
        LayerConfigScope(enable_ebops=True, beta0=1e-5),
    ):
        model = keras.Sequential(
            [
                QConv2D(32, (3, 3), activation="relu"),
                keras.layers.MaxPooling2D((2, 2)),
                keras.layers.Flatten(),
                QDense(10),
            ]
        )
    model.build((None, 6, 6, 1))
    assert model.layers[0].iq.config.q_type == "kif"
    assert model.layers[0].kq.config.q_type == "kbi"
    assert model.layers[3].bq.overflow_mode == "SAT_SYM"


def test_modules_of_hgq2():
    """Everything is where HGQ 2 has it."""
    from hgq_rtl import quantizers
    from hgq_rtl.constraints import Constant, Max, Min, MinMax
    from hgq_rtl.quantizer import Quantizer, QuantizerConfig
    from hgq_rtl.regularizers import MonoL1

    for found in (Constant, Max, Min, MinMax, MonoL1, Quantizer, QuantizerConfig):
        assert found is getattr(quantizers, found.__name__)


def test_usage_of_hgq1():
    from hgq_rtl.compat.hgq1 import HDense, HQuantize
    from hgq_rtl.compat.hgq1.bops import ResetMinMax, compute_bops
    from hgq_rtl.compat.hgq1.hls4ml_hook import convert_from_hgq_model

    Sequential = keras.models.Sequential  # noqa: N806

    # regularization factor on MBOPs, higher for smaller bitwidth
    bops_reg_factor = 1e-5

    model = Sequential(
        [
            HQuantize(bops_reg_factor=bops_reg_factor, name="inp_q", input_shape=(16)),
            HDense(10, activation="relu", bops_reg_factor=bops_reg_factor),
            HDense(10, bops_reg_factor=bops_reg_factor),
        ]
    )
    assert model.built

    callbacks = []
    callbacks.append(ResetMinMax())

    X_train = np.random.default_rng(0).normal(0, 1, (64, 16)).astype(np.float32)  # noqa: N806
    model.compile("adam", "mse")
    model.fit(X_train, X_train[:, :10], epochs=2, callbacks=callbacks, verbose=0)

    # Compute the exact MBOPs of the model.
    assert compute_bops(model, X_train, bsz=32) > 0
    assert lower(model).graph.outputs

    with pytest.raises(hr.HgqRtlError, match=r"hgq_rtl\.compile"):
        convert_from_hgq_model(
            model,
            "hls4ml_prj",
            part="xcvu9p-flga2104-2L-e",
            clock_period=5,
            bias_accum=None,
        )
    from hgq_rtl.compat.hgq1.proxy import to_proxy_model

    assert to_proxy_model(model) is model


def test_configuration_of_hgq1(monkeypatch):
    from keras.regularizers import L1

    from hgq_rtl.compat.hgq1 import (
        HDense,
        get_default_kernel_quantizer_config,
        get_default_pre_activation_quantizer_config,
        set_default_kernel_quantizer_config,
        set_default_pre_activation_quantizer_config,
    )

    kernel, activation = (
        get_default_kernel_quantizer_config(),
        get_default_pre_activation_quantizer_config(),
    )

    DEFAULT_KERNEL_QUANTIZER_CONFIG = dict(  # noqa: C408, N806
        init_bw=2,
        skip_dims=None,
        rnd_strategy="standard_round",
        exact_q_value=True,
        dtype=None,
        bw_clip=(-23, 23),
        trainable=True,
        regularizer=L1(1e-6),
    )
    DEFAULT_PRE_ACTIVATION_QUANTIZER_CONFIG = dict(  # noqa: C408, N806
        init_bw=2,
        skip_dims=(0,),
        rnd_strategy="standard_round",
        exact_q_value=False,
        dtype=None,
        bw_clip=(-23, 23),
        trainable=True,
        regularizer=L1(1e-6),
        minmax_record=True,
    )
    assert set(kernel) == set(DEFAULT_KERNEL_QUANTIZER_CONFIG)
    assert set(activation) == set(DEFAULT_PRE_ACTIVATION_QUANTIZER_CONFIG)
    set_default_kernel_quantizer_config({**DEFAULT_KERNEL_QUANTIZER_CONFIG, "init_bw": 5})
    set_default_pre_activation_quantizer_config(DEFAULT_PRE_ACTIVATION_QUANTIZER_CONFIG)
    try:
        assert get_default_kernel_quantizer_config()["init_bw"] == 5
        assert HDense(3).kq.config["f0"] == 5
        assert HDense(3, kernel_quantizer_config={"init_bw": 7}).kq.config["f0"] == 7
        out = HDense(3, pre_activation_quantizer_config={"init_bw": 6}).oq
        assert out.config["f0"] == 6
    finally:
        set_default_kernel_quantizer_config(kernel)
        set_default_pre_activation_quantizer_config(activation)


@pytest.mark.slow
def test_quick_start_of_hgq1():
    from hgq_rtl.compat.hgq1 import FreeBOPs, ResetMinMax
    from hgq_rtl.compat.hgq1.layers import (
        HConv2D,
        HDense,
        HQuantize,
        PFlatten,
        PMaxPooling2D,
        PReshape,
    )

    model = keras.models.Sequential(
        [
            HQuantize(beta=3e-5),
            PReshape((28, 28, 1)),
            PMaxPooling2D((2, 2)),
            HConv2D(2, (3, 3), activation="relu", beta=3e-5, parallel_factor=144),
            PMaxPooling2D((2, 2)),
            HConv2D(2, (3, 3), activation="relu", beta=3e-5, parallel_factor=16),
            PMaxPooling2D((2, 2)),
            PFlatten(),
            HDense(10, beta=3e-5),
        ]
    )

    opt = keras.optimizers.Adam(learning_rate=0.001)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=opt, loss=loss, metrics=["accuracy"])
    callbacks = [ResetMinMax(), FreeBOPs()]

    x_train, y_train = digits(64)
    x_train = x_train.astype("float32") / 64
    history = model.fit(x_train, y_train, epochs=1, callbacks=callbacks, verbose=0)
    assert history.history["bops"][-1] > 0

    from hgq_rtl.compat.hgq1 import to_proxy_model, trace_minmax

    trace_minmax(model, x_train, cover_factor=1.0)
    proxy = to_proxy_model(model, aggressive=True)
    assert np.array_equal(proxy.predict(x_train, verbose=0), model.predict(x_train, verbose=0))


def test_the_float_model_of_the_quick_start_quantizes():
    model = keras.models.Sequential(
        [
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(2, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(2, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    model.build((None, 28, 28))
    kinds = [type(layer).__name__ for layer in hr.quantize_model(model).layers]
    assert kinds == [
        "Reshape",
        *["MaxPooling2D", "QConv2D"] * 2,
        "MaxPooling2D",
        "Flatten",
        "QDense",
    ]


def test_readme_of_hgq1():
    from hgq_rtl.compat.hgq1 import FreeBOPs, ResetMinMax
    from hgq_rtl.compat.hgq1.layers import HDense, HDenseBatchNorm, HQuantize

    model = keras.models.Sequential(
        [
            HQuantize(beta=1.0e-5),
            HDenseBatchNorm(32, beta=1.0e-5, activation="relu"),
            HDenseBatchNorm(32, beta=1.0e-5, activation="relu"),
            HDense(10, beta=1.0e-5),
        ]
    )

    opt = keras.optimizers.Adam(learning_rate=0.001)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=opt, loss=loss, metrics=["accuracy"])
    callbacks = [ResetMinMax(), FreeBOPs()]

    rng = np.random.default_rng(0)
    x_train, y_train = rng.normal(0, 1, (64, 8)).astype(np.float32), rng.integers(0, 10, 64)
    history = model.fit(x_train, y_train, epochs=2, callbacks=callbacks, verbose=0)
    assert len(history.history["bops"]) == 2

    from hgq_rtl.compat.hgq1 import to_proxy_model, trace_minmax

    trace_minmax(model, x_train, cover_factor=1.0)
    assert to_proxy_model(model, aggressive=True) is model
