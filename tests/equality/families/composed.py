"""Layers made of several computations: attention, recurrent and spiking layers, tables per edge."""

from __future__ import annotations

from typing import Any

from hgq_rtl import layers as hl
from tests.equality.draw import Draw
from tests.equality.families.registry import Shape, family

# --- attention -------------------------------------------------------------------------------


def attention(d: Draw, **options: Any) -> dict[str, Any]:
    q = {f"qkvo_{q}_conf": d.conf(place) for q, place in (("kq", "weight"), ("bq", "bias"))}
    if d.flag():
        q["qkvo_iq_conf"] = d.conf("datalane")
    if d.flag(0.3):
        q |= {"enable_oq": True, "oq_conf": d.conf("datalane")}
    heads, size = d.whole(1, 2), d.whole(1, 2)
    return {"num_heads": heads, "key_dim": size, "stable_softmax": d.flag(), **options, **q}


@family((3, 2), behind=True, call=lambda layer, x: layer(x[0], x[0]))
def self_attention(d: Draw, shape: Shape) -> Any:
    options = attention(d, fuse=d.of("none", "qkv"), use_bias=d.flag())
    return hl.QMultiHeadAttention(**options)


@family((2, 2), inputs=2, behind=True, call=lambda layer, x: layer(*x, use_causal_mask=True))
def causal_attention(d: Draw, shape: Shape) -> Any:
    return hl.QMultiHeadAttention(**attention(d, fuse=d.of("none", "kv")))


@family((3, 2), behind=True, call=lambda layer, x: layer(x[0], x[0]))
def linformer(d: Draw, shape: Shape) -> Any:
    return hl.QLinformerAttention(
        lin_kv_proj_dim=d.whole(1, 2), share_kv_proj=d.flag(), **attention(d)
    )


# --- sequences -------------------------------------------------------------------------------


def recurrent(d: Draw, cls: type, **more: Any) -> Any:
    return cls(
        d.whole(1, 2), return_sequences=d.flag(), go_backwards=d.flag(), use_bias=d.flag(0.7),
        enable_sq=d.flag(), **more, **d.quantizers("kq", "bq", oq=0.3),
    )  # fmt: skip


@family((3, 2))
def simple_rnn(d: Draw, shape: Shape) -> Any:
    return recurrent(d, hl.QSimpleRNN)


@family((3, 2))
def gru(d: Draw, shape: Shape) -> Any:
    return recurrent(d, hl.QGRU, reset_after=d.flag())


@family((3, 2))
def lstm(d: Draw, shape: Shape) -> Any:
    return recurrent(d, hl.QLSTM)


def spiking(d: Draw, cls: type, shape: Shape, *more: Any) -> Any:
    return cls(
        shape[-1], *more, threshold=d.of(0.5, 1.0, 1.3), return_sequences=d.flag(),
        reset_mechanism=d.of("subtract", "zero", "none"), enable_sq=d.flag(),
        graded_spikes_factor=d.of(1.0, 0.7), **d.quantizers(oq=0.3),
    )  # fmt: skip


@family((3, 2))
def snn(d: Draw, shape: Shape) -> Any:
    return spiking(d, hl.QSimpleSNN, shape)


@family((3, 2))
def lif(d: Draw, shape: Shape) -> Any:
    return spiking(d, hl.QLIF, shape, d.of(0.5, 0.9))


# --- one table per connection ----------------------------------------------------------------


def tables(d: Draw) -> dict[str, Any]:
    return {
        "n_hl": d.whole(0, 1),
        "d_hl": 3,
        "subnn_activation": d.of("tanh", "relu", "sigmoid"),
        "activation": d.of(None, "relu"),
        "batch_norm": d.flag(),
        "toq_conf": d.conf("table"),
        **d.quantizers(oq=0.3),
    }


@family((2, 3), behind=True)
def einsum_table(d: Draw, shape: Shape) -> Any:
    if len(shape) != 2:
        return None
    equation, out = d.of(("abc,cd->abd", (shape[0], 2)), ("abc,bd->adc", (2, shape[1])))
    return hl.QEinsumDenseT(equation, out, bias_axes=equation[-1], **tables(d))


@family((4, 2), behind=True)
def conv_table_1d(d: Draw, shape: Shape) -> Any:
    size = min(2, shape[0])
    return hl.QConvT1D(d.whole(1, 2), size, d.whole(1, 2), d.of("valid", "same"), **tables(d))


@family((3, 3, 1), behind=True)
def conv_table_2d(d: Draw, shape: Shape) -> Any:
    size = tuple(min(2, n) for n in shape[:2])
    return hl.QConvT2D(d.whole(1, 2), size, d.whole(1, 2), d.of("valid", "same"), **tables(d))
