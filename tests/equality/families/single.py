"""Layers of one computation: kernels, merges, reductions, tables, and Keras's own."""

from __future__ import annotations

from typing import Any

import keras

from hgq_rtl import layers as hl
from tests.equality.draw import Draw
from tests.equality.families.registry import Shape, family


def activation(d: Draw) -> str | None:
    return d.of(None, "relu")


# --- kernels ---------------------------------------------------------------------------------


@family((4,), (2, 3))
def dense(d: Draw, shape: Shape) -> Any:
    options = {"use_bias": d.flag(0.7), **d.quantizers("kq", "bq")}
    return hl.QDense(d.whole(1, 4), activation(d), **options)


@family((3,), (2, 2))
def dense_function(d: Draw, shape: Shape) -> Any:
    """A smooth activation: a table of every sum."""
    function = d.of("tanh", "sigmoid", "gelu", "softplus")
    return hl.QDense(d.whole(1, 3), function, use_bias=d.flag(), **d.quantizers("kq", "bq", oq=1))


@family((4,), (2, 3))
def batch_norm_dense(d: Draw, shape: Shape) -> Any:
    return hl.QBatchNormDense(d.whole(1, 4), activation(d), **d.quantizers("kq", "bq"))


@family((2, 3), (4, 2))
def einsum_dense(d: Draw, shape: Shape) -> Any:
    if len(shape) != 2:
        return None
    equation, out = d.of(
        ("abc,cd->abd", (shape[0], 3)), ("abc,bd->adc", (3, shape[1])), ("abc,bcd->ad", (2,))
    )
    bias = d.of(None, equation[-1])
    return hl.QEinsumDense(equation, out, activation(d), bias, **d.quantizers("kq", "bq"))


@family((2, 3), (4, 2))
def einsum_dense_batch_norm(d: Draw, shape: Shape) -> Any:
    if len(shape) != 2:
        return None
    q = d.quantizers("kq", "bq")
    center = d.flag(0.8)
    return hl.QEinsumDenseBatchNorm(
        "abc,cd->abd", (shape[0], 3), activation(d), "d", center=center, **q
    )


@family((3,), (2, 2))
def batch_normalization(d: Draw, shape: Shape) -> Any:
    axis = d.whole(1, len(shape))
    center, scale = d.flag(0.7), d.flag(0.7)
    return hl.QBatchNormalization(axis, center=center, scale=scale, **d.quantizers("kq", "bq"))


def windows(d: Draw, shape: Shape, *paddings: str) -> dict[str, Any] | None:
    """Window options that fit; strides and dilation exclude each other, as in Keras."""
    rank = len(shape) - 1
    data_format = d.of("channels_last", "channels_first")
    spatial = shape[:-1] if data_format == "channels_last" else shape[1:]
    options: dict[str, Any] = {"data_format": data_format, "padding": d.of(*paddings)}
    size = tuple(d.whole(1, min(3, n)) for n in spatial)
    options["kernel_size"] = size
    # Keras takes one stride for all axes where some backend cannot do otherwise.
    if d.flag():
        options["strides"] = d.whole(1, 2)
    elif all((k - 1) * 2 < n for k, n in zip(size, spatial, strict=True)):
        options["dilation_rate"] = d.whole(1, 2)
    return options if rank == len(size) else None


def convolution(d: Draw, shape: Shape, cls: type, rank: int) -> Any:
    if len(shape) != rank + 1:
        return None
    options = windows(d, shape, "valid", "same", *(["causal"] if rank == 1 else []))
    assert options is not None
    if options["padding"] == "causal" and options["data_format"] == "channels_first":
        options["padding"] = "same"
    channels = shape[-1] if options["data_format"] == "channels_last" else shape[0]
    groups = d.of(*[g for g in (1, 1, 2) if channels % g == 0])
    filters = groups * d.whole(1, 2)
    options |= {"groups": groups, "use_bias": d.flag(0.7), "activation": activation(d)}
    return cls(filters, **options, **d.quantizers("kq", "bq"))


@family((5, 2), (4, 1))
def conv_1d(d: Draw, shape: Shape) -> Any:
    return convolution(d, shape, hl.QConv1D, 1)


@family((4, 3, 2), (3, 4, 1))
def conv_2d(d: Draw, shape: Shape) -> Any:
    return convolution(d, shape, hl.QConv2D, 2)


@family((2, 3, 2, 2))
def conv_3d(d: Draw, shape: Shape) -> Any:
    return convolution(d, shape, hl.QConv3D, 3)


def depthwise(d: Draw, shape: Shape, cls: type, rank: int, separable: bool) -> Any:
    if len(shape) != rank + 1:
        return None
    options = windows(d, shape, "valid", "same")
    assert options is not None
    options |= {"depth_multiplier": d.whole(1, 2), "use_bias": d.flag(0.7)}
    options["activation"] = activation(d)
    if separable:
        return cls(d.whole(1, 3), **options, **d.quantizers("kq", "bq", "pq", "mq"))
    return cls(**options, **d.quantizers("kq", "bq"))


@family((5, 2))
def depthwise_1d(d: Draw, shape: Shape) -> Any:
    return depthwise(d, shape, hl.QDepthwiseConv1D, 1, False)


@family((4, 3, 2))
def depthwise_2d(d: Draw, shape: Shape) -> Any:
    return depthwise(d, shape, hl.QDepthwiseConv2D, 2, False)


@family((5, 2))
def separable_1d(d: Draw, shape: Shape) -> Any:
    return depthwise(d, shape, hl.QSeparableConv1D, 1, True)


@family((4, 3, 2))
def separable_2d(d: Draw, shape: Shape) -> Any:
    return depthwise(d, shape, hl.QSeparableConv2D, 2, True)


# --- several inputs --------------------------------------------------------------------------


@family((3,), (2, 2), inputs=2)
def merge(d: Draw, shape: Shape) -> Any:
    cls = d.of(
        *(hl.QAdd, hl.QSubtract, hl.QMultiply, hl.QMaximum, hl.QMinimum, hl.QAverage),
        hl.QAveragePow2,
    )
    q = d.quantizers()
    iq = q.pop("iq_conf")
    return cls(iq_confs=d.of(iq, [iq, d.conf("datalane")]), **q)


@family((2, 3), inputs=2)
def dot(d: Draw, shape: Shape) -> Any:
    q = d.quantizers()
    iq = q.pop("iq_conf")
    return hl.QDot(d.whole(1, len(shape)), iq_confs=iq, **q)


@family((2, 3), inputs=2)
def einsum(d: Draw, shape: Shape) -> Any:
    if len(shape) != 2:
        return None
    q = d.quantizers()
    iq = q.pop("iq_conf")
    equation = d.of("abc,abd->acd", "abc,adc->abd", "abc,abc->ab", "abc,abc->abc")
    return hl.QEinsum(equation, iq_confs=iq, **q)


# --- reductions and pooling ------------------------------------------------------------------


@family((4,), (2, 3))
def reduction(d: Draw, shape: Shape) -> Any:
    axes = d.of(-1, *([(1, 2)] if len(shape) == 2 else []))
    cls = d.of(hl.QSum, hl.QMeanPow2)
    more = {"scale": d.of(0.5, 1.0, 4.0)} if cls is hl.QSum else {}
    return cls(axes, keepdims=d.flag(), **more, **d.quantizers())


@family((6, 2), (4, 4, 1), (2, 3, 2, 1))
def pooling(d: Draw, shape: Shape) -> Any:
    rank = len(shape) - 1
    if rank < 1:
        return None
    kind = d.of("Max", "Average")
    cls = getattr(hl, f"Q{kind}Pooling{rank}D")
    size = tuple(d.whole(1, min(3, n)) for n in shape[:-1])
    strides = d.of(None, 1, 2)
    padding = d.of("valid", "same")
    return cls(size, strides, padding, **d.quantizers())


@family((5, 2), (3, 2, 2))
def global_pooling(d: Draw, shape: Shape) -> Any:
    rank = len(shape) - 1
    if rank < 1:
        return None
    cls = getattr(hl, f"QGlobal{d.of('Max', 'Average')}Pooling{rank}D")
    return cls(keepdims=d.flag(), **d.quantizers())


# --- tables ----------------------------------------------------------------------------------


def function(d: Draw) -> str:
    return d.of("tanh", "sigmoid", "silu", "softplus", "gelu", "elu", "hard_sigmoid", "exponential")


@family((3,), (2, 2))
def function_table(d: Draw, shape: Shape) -> Any:
    q = {"iq_conf": d.conf("datalane"), "oq_conf": d.conf("table")}
    cls = d.of(hl.QUnaryFunctionLUT, hl.QAffinedUnaryFunctionLUT)
    return cls(function(d), **q)


@family((3,), (2, 2))
def softmax(d: Draw, shape: Shape) -> Any:
    axis = d.of(-1, *([(1, 2), 1] if len(shape) == 2 else []))
    q = d.quantizers()
    return hl.QSoftmax(axis, stable=d.flag(), enable_iq=True, **q)


@family((3,), (2, 2), behind=True)
def dense_table(d: Draw, shape: Shape) -> Any:
    return hl.QDenseT(
        d.whole(1, 3), d.whole(0, 1), 3, d.of("tanh", "relu", "sigmoid"), activation(d),
        batch_norm=d.flag(), toq_conf=d.conf("table"),
        **d.quantizers(),
    )  # fmt: skip


@family((3,), (2, 2))
def quantizer(d: Draw, shape: Shape) -> Any:
    return hl.Quantizer(d.conf("datalane", scaler=d.of(None, 0.5, 4.0)))


# --- Keras's own -----------------------------------------------------------------------------


@family((4,), (2, 3), (2, 2, 2), behind=True)
def stock_shape(d: Draw, shape: Shape) -> Any:
    kl, rank = keras.layers, len(shape)
    choices = [kl.Flatten(), kl.Reshape((-1,)), kl.ReLU(), kl.Dropout(0.5), kl.Identity()]
    if rank == 1:
        choices += [kl.RepeatVector(2)]
    if rank == 2:
        choices += [
            kl.Permute((2, 1)), kl.ZeroPadding1D((1, d.whole(0, 2))), kl.UpSampling1D(2),
            kl.Reshape((shape[1], shape[0])), kl.MaxPooling1D(2, padding="same"),
            kl.LeakyReLU(d.of(0.25, 0.5)),
        ]  # fmt: skip
    if rank == 3:
        choices += [
            kl.Permute(d.of((3, 1, 2), (2, 1, 3))), kl.ZeroPadding2D(d.of(1, ((0, 1), (2, 0)))),
            kl.UpSampling2D((1, 2)), kl.Reshape((shape[0], -1)), kl.GlobalMaxPooling2D(),
        ]  # fmt: skip
    return d.of(*choices)


@family((3,), (2, 2), inputs=2, behind=True)
def stock_merge(d: Draw, shape: Shape) -> Any:
    kl = keras.layers
    concatenate = kl.Concatenate(d.whole(1, len(shape)))
    return d.of(kl.Add(), kl.Subtract(), kl.Multiply(), kl.Maximum(), kl.Minimum(), concatenate)
