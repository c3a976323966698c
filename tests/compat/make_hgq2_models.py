"""Make the models in tests/data/hgq2, in an environment that has HGQ2 0.2.0:

python tests/compat/make_hgq2_models.py tests/data/hgq2 [NAME ...]

Untrained models with random weights and widths, zero and negative ones among them, and what HGQ 2
makes of random inputs. Together they cover every layer that HGQ 2 and this project both have.
"""

import os
import sys
import zipfile
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq.layers import (
    QGRU,
    QLIF,
    QAdd,
    QAffinedUnaryFunctionLUT,
    QAveragePooling1D,
    QAveragePooling2D,
    QAveragePow2,
    QBatchNormalization,
    QBatchNormDense,
    QConv1D,
    QConv2D,
    QConv3D,
    QConvT1D,
    QConvT2D,
    QDense,
    QDenseT,
    QDot,
    QEinsum,
    QEinsumDense,
    QEinsumDenseBatchnorm,
    QEinsumDenseT,
    QGlobalAveragePooling2D,
    QGlobalMaxPooling1D,
    QLinformerAttention,
    QMaximum,
    QMaxPooling1D,
    QMaxPooling2D,
    QMeanPow2,
    QMinimum,
    QMultiHeadAttention,
    QMultiply,
    QSimpleRNN,
    QSimpleSNN,
    QSoftmax,
    QSubtract,
    QSum,
    Quantizer,
    QUnaryFunctionLUT,
)

ROWS = 40


def conf(place, q_type, round_mode="RND", overflow="WRAP", **kwargs):
    return QuantizerConfig(q_type, place, round_mode=round_mode, overflow_mode=overflow, **kwargs)


def dense():
    """Every type and mode of quantizer, on each place of a dense layer."""
    x = keras.Input((6,))
    y = Quantizer(q_type="kif", round_mode="TRN", overflow_mode="SAT", name="first")(x)
    y = QDense(5, "relu", name="sat",
               iq_conf=conf("datalane", "kbi", "RND_CONV", "SAT"),
               kq_conf=conf("weight", "kif", "TRN", "SAT_SYM"),
               bq_conf=conf("bias", "kif", "RND", "SAT", homogeneous_axis=(0,)))(y)  # fmt: skip
    y = QDense(5, name="wrapped_weights",
               kq_conf=conf("weight", "kbi", "RND"),
               bq_conf=conf("bias", "kif", "TRN", is_weight=True),
               iq_conf=conf("datalane", "kif", "TRN", heterogeneous_axis=()))(y)  # fmt: skip
    y = QDense(4, "relu", use_bias=False, name="fixed",
               kq_conf=conf("weight", "kif", trainable=False),
               iq_conf=conf("datalane", "kif", "RND_CONV", "SAT_SYM", trainable=False),
               )(y)  # fmt: skip
    y = QDense(3, name="scaled", enable_ebops=False,
               iq_conf=conf("datalane", "kif", scaler=2.0),
               kq_conf=conf("weight", "kbi", "RND_CONV"))(y)  # fmt: skip
    z = QDense(3, name="free", enable_iq=False, enable_oq=True,
               oq_conf=conf("datalane", "kbi", affine=(0.5, 0.25)))(y)  # fmt: skip
    return keras.Model(x, [y, z])


def norms():
    x = keras.Input((5, 4))
    y = QBatchNormalization(name="plain")(x)
    y = QBatchNormDense(6, "relu", name="folded")(y)
    y = QBatchNormalization(axis=1, center=False, name="no_center")(y)
    y = QEinsumDenseBatchnorm("bij,jk->bik", (5, 4), bias_axes="k", name="einsum")(y)
    y = QBatchNormalization(scale=False, name="no_scale")(y)
    y = QBatchNormDense(3, scale=False, name="folded_no_scale")(y)
    return keras.Model(x, y)


def convolutions():
    with QuantizerConfigScope(place="datalane", homogeneous_axis=None, heterogeneous_axis=(-1,)):
        a, b, c = keras.Input((8, 2)), keras.Input((7, 6, 2)), keras.Input((3, 4, 3, 1))
        u = QConv1D(3, 3, padding="causal", dilation_rate=2, name="causal")(a)
        u = QConv1D(4, 2, strides=2, activation="relu", name="strided")(u)
        v = QConv2D(4, (3, 2), padding="same", groups=2, name="grouped")(b)
        v = QConv2D(2, 2, strides=(2, 1), padding="same", use_bias=False, name="same")(v)
        w = QConv3D(2, (2, 2, 2), name="solid")(c)
    return keras.Model([a, b, c], [u, v, w])


def merges():
    a, b = keras.Input((3, 4)), keras.Input((3, 4))
    q = QAdd(name="add")([a, b])
    r = QSubtract(name="subtract")([a, q])
    s = QMaximum(name="maximum", iq_confs=[conf("datalane", "kif"), conf("datalane", "kbi")])(
        [q, r]
    )
    t = QMinimum(name="minimum")([r, b])
    u = QAveragePow2(name="average")([s, t, a])
    m = QMultiply(name="multiply")([u, t])
    e = QEinsum("bij,bkj->bik", name="einsum")([m, a])
    d = QDot(axes=(2, 2), name="dot")([u, b])
    return keras.Model([a, b], [e, d, QSum(axes=(1, 2), scale=0.5, name="sum")(m),
                                QMeanPow2(axes=1, keepdims=True, name="mean")(s)])  # fmt: skip


def pooling():
    a, b = keras.Input((6, 3)), keras.Input((6, 6, 2))
    u = QMaxPooling1D(2, name="max1")(a)
    v = QAveragePooling1D(4, strides=1, name="average1")(a)
    w = QMaxPooling2D((3, 2), padding="same", name="max2")(b)
    t = QAveragePooling2D(2, strides=(2, 1), name="average2")(b)
    return keras.Model([a, b], [u, v, w, t, QGlobalMaxPooling1D(name="global_max")(a),
                                QGlobalAveragePooling2D(name="global")(w[:, :2, :2])])  # fmt: skip


def tables():
    x = keras.Input((4, 4))
    y = QUnaryFunctionLUT("tanh", name="tanh")(x)
    y = QAffinedUnaryFunctionLUT("sigmoid", name="affined", allow_heterogeneous_table=False)(y)
    s = QSoftmax(name="stable", iq_conf=conf("datalane", "kif"), enable_iq=True)(y)
    t = QSoftmax(axis=(-2, -1), stable=False, input_scaler=0.5, enable_iq=True, name="unstable")(y)
    u = QDenseT(3, n_hl=2, d_hl=2, batch_norm=True, activation="relu", name="tables")(s)
    u = QDenseT(2, n_hl=0, use_bias=False, batch_norm=True, bn_center=False, bn_scale=False,
                name="no_hidden")(u)  # fmt: skip
    return keras.Model(x, [t, u])


def nested():
    """Stock layers with weights, a model in a model, a layer used twice, Sequential inside."""
    inner_in = keras.Input((5,))
    shared = QDense(5, "relu", name="shared")
    inner = keras.Model(inner_in, shared(shared(inner_in)), name="inner")
    seq = keras.Sequential([keras.layers.Dense(4, name="stock"), QDense(3, name="q")], name="seq")
    x = keras.Input((5,))
    y = inner(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    y = keras.layers.Dropout(0.5)(y)
    y = QDense(5, name="shared", iq_conf=conf("datalane", "kif"))(y)
    return keras.Model(x, seq(keras.ops.maximum(y, 0.25)), name="outer")


def einsums():
    x = keras.Input((3, 4))
    y = QEinsumDense("...x,xy->...y", 5, bias_axes="y", activation="relu", name="ellipsis")(x)
    y = QEinsumDense("btc,ts->bsc", (2, 5), name="rows")(y)
    return keras.Model(x, y)


def table_layers():
    x = keras.Input((4, 3))
    y = QConvT1D(2, 2, n_hl=1, d_hl=2, padding="same", subnn_activation="tanh", name="conv1")(x)
    z = QEinsumDenseT("bij,jk->bki", (3, 4), n_hl=1, d_hl=2, bias_axes="k", batch_norm=True,
                      activation="relu", name="einsum")(y)  # fmt: skip
    z = QEinsumDenseT("bki,ij->bkj", (3, 2), n_hl=0, bias_axes="j", name="plain")(z)
    u = QConvT2D(2, (2, 1), n_hl=0, strides=(1, 2), dilation_rate=1, batch_norm=True,
                 name="conv2")(keras.ops.expand_dims(y, -1))  # fmt: skip
    return keras.Model(x, [z, u])


def attention():
    a, b = keras.Input((3, 4)), keras.Input((2, 4))
    y = QMultiHeadAttention(2, 2, name="own", fuse="qkv")(a, a, a, use_causal_mask=True)
    z = QMultiHeadAttention(1, 3, 2, name="cross", fuse="kv", output_shape=3, dropout=0.5,
                            stable_softmax=False)(y, b, b)  # fmt: skip
    w = QMultiHeadAttention(1, 2, name="plain", use_bias=False)(a, b, b)
    return keras.Model([a, b], [z, w])


def recurrent():
    x = keras.Input((3, 2))
    y = QSimpleRNN(3, return_sequences=True, go_backwards=True, unroll=True, name="simple")(x)
    z = QGRU(2, unroll=True, sq_conf=conf("datalane", "kif"), name="gru")(y)
    w = QGRU(2, unroll=True, reset_after=False, use_bias=False, name="before")(y)
    return keras.Model(x, [z, w])


def spiking():
    x = keras.Input((4, 2))
    s = QSimpleSNN(2, threshold=0.5, return_sequences=True, graded_spikes_factor=0.75,
                   learn_threshold=True, unroll=True, name="spiking")(x)  # fmt: skip
    t = QLIF(2, 0.75, threshold=0.25, reset_mechanism="zero", unroll=True,
             return_sequences=True, name="leaky")(s)  # fmt: skip
    return keras.Model(x, [s, t])


def linformer():
    x = keras.Input((3, 4))
    attention = QLinformerAttention(lin_kv_proj_dim=2, num_heads=1, key_dim=2, name="linformer")
    return keras.Model(x, attention(x, x, x))


def linformer_grid():
    """One matrix for key and value, over both axes of a grid."""
    x = keras.Input((2, 3, 4))
    attention = QLinformerAttention(
        lin_kv_proj_dim=(2, 2), num_heads=1, key_dim=2, attention_axes=(1, 2), share_kv_proj=True,
        name="linformer",
    )  # fmt: skip
    return keras.Model(x, attention(x, x, x))


MODELS = [
    dense,
    norms,
    convolutions,
    merges,
    pooling,
    tables,
    nested,
    einsums,
    table_layers,
    attention,
    recurrent,
    spiking,
    linformer,
    linformer_grid,
]


def randomize(model, rng):
    for layer in model._flatten_layers():
        if hasattr(layer, "overflow_mode") and layer.built:
            wrap = layer.overflow_mode == "WRAP"
            for name, low, high in (("_k", 0, 1), ("_b", 0, 6), ("_i", -1, 3), ("_f", -2, 5)):
                width = getattr(layer, name, None)
                if isinstance(width, keras.Variable) and (wrap or name != "_k"):
                    least = 2 if low <= 0 and np.prod(width.shape) == 1 and name != "_k" else low
                    value = rng.integers(least, high + 1, width.shape)
                    if name in ("_b", "_f") or (name == "_i" and not wrap):
                        value = value + rng.uniform(0, 0.4, value.shape)
                    width.assign(value)
        else:
            for v in layer._trainable_variables + layer._non_trainable_variables:
                if v.name in ("beta", "ebops", "seed_generator_state"):
                    continue
                value = rng.normal(0, 1, v.shape)
                positive = "variance" in v.name or "gamma" in v.name
                v.assign(np.exp(value / 2) if positive else value)
    return model


def pack(path):
    """Compress: HDF5 leaves much room."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name)  # without the time
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)


def main(folder, *names):
    for make in MODELS:
        if names and make.__name__ not in names:
            continue
        keras.utils.set_random_seed(7)
        rng = np.random.default_rng(7)
        with (
            QuantizerConfigScope(place="datalane", f0=3),
            LayerConfigScope(beta0=2e-5),
        ):
            model = randomize(make(), rng)
        inputs = [  # of few bits, to keep the files small
            (rng.integers(-1024, 1024, (ROWS, *t.shape[1:])) / 256).astype(np.float32)
            for t in model.inputs
        ]
        outputs = keras.tree.flatten(
            model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        )
        path = folder / f"{make.__name__}.keras"
        model.save(path)
        pack(path)
        arrays = {f"x{n}": x for n, x in enumerate(inputs)} | {
            f"y{n}": y for n, y in enumerate(outputs)
        }
        np.savez_compressed(path.with_suffix(".npz"), **arrays)
        print(path.name, path.stat().st_size, path.with_suffix(".npz").stat().st_size,
              [float((y != 0).mean().round(2)) for y in outputs])  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
