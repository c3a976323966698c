"""The layers of HGQ 2: what their arguments are called here, and what they save in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hgq_rtl.compat.hgq2.archive import Saved
from hgq_rtl.compat.hgq2.cells import cell
from hgq_rtl.compat.hgq2.quantizers import dummy
from hgq_rtl.compat.hgq2.tables import load_einsum_table, load_table
from hgq_rtl.errors import ConversionError

Config = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One layer class of HGQ 2, which has the same name here.

    ``variables``: attributes here of its own variables, in the order HGQ 2 saves them, or a
    function from a layer here to these; those that the layer does not have are left out.
    ``quantizers``: attributes that are quantizers, in both. ``parts``: attributes that are layers,
    with their classes; HGQ 2 may have an underscore before their names, and ``part_names`` has
    what they are called here where that is different.
    ``renamed``, ``dropped``: arguments. ``adapt`` changes what is left, in place, and sees what
    was saved of the layer. ``load`` takes the layer here and the parts not loaded yet, and removes
    those it loads.
    """

    variables: str | Callable[[Any], str] = ""
    quantizers: str = "iq oq"
    parts: dict[str, str] = field(default_factory=dict)
    part_names: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    dropped: str = ""
    adapt: Callable[[Config, Saved], None] | None = None
    load: Callable[[Any, dict[str, Saved]], None] | None = None

    def kept(self, config: Config) -> Config:
        """The arguments that HGQ 2 saved, without those that mean nothing here."""
        dropped = {"quantization_config", "lora_rank", "lora_alpha", *self.dropped.split()}
        return {k: v for k, v in config.items() if k not in dropped}

    def arguments(self, config: Config, saved: Saved) -> Config:
        """The constructor arguments here, from those ``kept`` (leaves translated)."""
        result = {self.renamed.get(k, k): v for k, v in config.items()}
        if result.pop("synchronized", False):
            raise ConversionError("batch moments cannot be synchronized between devices here",
                                  received="synchronized=True")  # fmt: skip
        if isinstance(result.get("beta0"), dict):
            result["beta0"] = result["beta0"]["config"].get("value", 0.0)
        if self.adapt is not None:
            self.adapt(result, saved)
        return result


def _without_offset(config: Config, saved: Saved) -> None:
    """HGQ 2 adds 1 where there is no beta; here that is a beta of 1."""
    if not config["center"]:
        config["center"] = True


def _softmax(config: Config, saved: Saved) -> None:
    if not config["stable"]:  # its exponential table has no input quantizer but that of the layer
        config["exp_iq_conf"] = dummy()


def _einsum_batchnorm(config: Config, saved: Saved) -> None:
    """HGQ 2 saves none of the arguments of its normalization, and adds Keras's epsilon always."""
    floats = [v for v in saved.variables if v.dtype != np.uint32]
    # kernel, bias, gamma, beta, moving mean, moving variance
    counts = len(floats) - int(config["enable_ebops"])
    config.update(epsilon=1e-7, scale=counts == 5, normalize_axes=config["bias_axes"])


def _attention(config: Config, saved: Saved) -> None:
    """The scores are not quantized in HGQ 2, although there is an argument for it."""
    config["softmax_iq_conf"] = None
    if not config["stable_softmax"]:
        config["softmax_exp_iq_conf"] = dummy()


def _recurrent(config: Config, saved: Saved) -> None:
    for name in ("dropout", "recurrent_dropout", "zero_output_for_mask", "seed"):
        value = config.pop(name, None)
        if value and name != "seed":
            raise ConversionError(f"recurrent layers have no {name} here", received=repr(value))
    config["enable_sq"] = config["sq_conf"] is not None


def _spiking(config: Config, saved: Saved) -> None:
    """HGQ 2 compares with the threshold as it is."""
    _recurrent({**config}, saved)
    for name in ("zero_output_for_mask", "seed"):
        config.pop(name, None)
    config["threshold_q_conf"] = dummy()


def _convolution_of_tables(config: Config, saved: Saved) -> None:
    if config["data_format"] == "channels_first":
        raise ConversionError("HGQ 2 has no working table convolution with channels first",
                              received="data_format='channels_first'")  # fmt: skip


def _of_einsum_tables(layer: Any) -> str:
    if not layer.batch_norm:
        return "beta ebops"
    names = ("gamma", layer.bn_scale), ("beta_bn", layer.bn_center), ("mean variance", True)
    return " ".join([name for name, saved in names if saved] + ["beta ebops"])


_RNN, _SNN = "unroll", "unroll cell"
_NUMBERS = "threshold_weight graded_spikes_factor_weight"
_WEIGHTED = Rule("kernel bias beta ebops", "iq kq bq oq")
_ATTENTION = {
    **dict.fromkeys(("query_dense", "key_dense", "value_dense", "output_dense"), "QEinsumDense"),
    "softmax": "QSoftmax",
}
_MERGE = Rule("beta ebops")
_POOLING = Rule("beta ebops")
_BN = {f"bn_gamma_{s}": f"gamma_{s}" for s in ("initializer", "regularizer", "constraint")}

RULES: dict[str, Rule] = {
    "Quantizer": Rule(quantizers=""),
    "QDense": _WEIGHTED,
    "QEinsumDense": _WEIGHTED,
    "QBatchNormDense": Rule(
        "kernel bias gamma beta ebops moving_mean moving_variance", "iq kq bq oq", renamed=_BN
    ),
    "QEinsumDenseBatchnorm": Rule(
        "kernel bias gamma beta ebops moving_mean moving_variance", "iq kq bq oq",
        adapt=_einsum_batchnorm,
    ),
    "QBatchNormalization": Rule(
        "gamma bn_beta moving_mean moving_variance beta ebops", "iq kq bq oq",
        dropped="renorm renorm_clipping renorm_momentum", adapt=_without_offset,
    ),
    **{f"QConv{n}D": _WEIGHTED for n in (1, 2, 3)},
    **dict.fromkeys(("QAdd", "QSubtract", "QMultiply", "QMaximum", "QMinimum"), _MERGE),
    **dict.fromkeys(("QAveragePow2", "QDot", "QEinsum"), _MERGE),
    "QSum": _MERGE,
    "QMeanPow2": _MERGE,
    **{
        f"Q{scope}{kind}Pooling{n}D": _POOLING
        for scope in ("", "Global") for kind in ("Max", "Average") for n in (1, 2, 3)
    },
    "QUnaryFunctionLUT": Rule("beta ebops"),
    "QAffinedUnaryFunctionLUT": Rule("scale bias beta ebops"),
    "QSoftmax": Rule(
        "beta ebops",
        parts={"exp_table": "QUnaryFunctionLUT", "inv_table": "QUnaryFunctionLUT"},
        adapt=_softmax,
    ),
    "QDenseT": Rule("beta ebops", "iq toq oq", load=load_table),
    "QEinsumDenseT": Rule(_of_einsum_tables, "iq toq oq", load=load_einsum_table),
    **dict.fromkeys(("QConvT1D", "QConvT2D"), Rule(
        "beta ebops", "iq toq oq", adapt=_convolution_of_tables, load=load_table,
    )),
    "QSimpleRNN": Rule(
        "beta ebops", "oq", dropped=_RNN, adapt=_recurrent,
        load=cell("kernel recurrent_kernel bias", "iq sq kq rkq bq paq"),
    ),
    "QGRU": Rule(
        "beta ebops", "oq", dropped=_RNN, adapt=_recurrent,
        load=cell("kernel recurrent_kernel bias", "iq sq kq rkq bq paq praq rhq"),
    ),
    "QSimpleSNN": Rule(
        "beta ebops", "oq", dropped=_SNN, adapt=_spiking,
        load=cell(_NUMBERS, "iq sq graded_spikes_factor_q"),
    ),
    "QLIF": Rule(
        "beta ebops", "oq", dropped=_SNN, adapt=_spiking,
        load=cell(f"beta_weight {_NUMBERS}", "iq sq graded_spikes_factor_q beta_q"),
    ),
    "QLinformerAttention": Rule(
        "beta ebops", "oq",
        {**_ATTENTION, "lin_k_proj": "QEinsumDense", "lin_v_proj": "QEinsumDense"},
        {"lin_k_proj": "key_length", "lin_v_proj": "value_length"}, adapt=_attention,
    ),
    "QMultiHeadAttention": Rule("beta ebops", "oq", _ATTENTION, adapt=_attention),
}  # fmt: skip
