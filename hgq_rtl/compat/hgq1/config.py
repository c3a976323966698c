"""Quantizer settings of HGQ 1 in terms of this project's.

HGQ 1 has one kind of quantizer: the fraction bits are trained, sign and integer bits are read off
the values. That is a kif quantizer in WRAP mode: of a weight, whose integer bits follow from the
weight itself, or of an activation, whose range is tracked in training and set by tracing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers import MinMax, MonoL1

_ROUNDING = {
    "standard_round": "RND",
    "stochastic_round": "S_RND",
    "floor": "TRN",
    "auto": "RND",
    0: "RND",
    1: "S_RND",
    3: "TRN",
}
_SHARED: dict[Any, dict[str, Any]] = {
    None: {"homogeneous_axis": ()},
    "none": {"homogeneous_axis": ()},
    "batch": {"homogeneous_axis": (0,)},
    "all": {"heterogeneous_axis": ()},
    "except_last": {"heterogeneous_axis": (-1,)},
    "except_1st": {"heterogeneous_axis": (0,)},
}
_COMMON: dict[str, Any] = {
    "init_bw": 2,
    "skip_dims": None,
    "rnd_strategy": "standard_round",
    "exact_q_value": True,
    "dtype": None,
    "bw_clip": (-23, 23),
    "trainable": True,
    "regularizer": MonoL1(1e-6),
}
_defaults: dict[str, dict[str, Any]] = {
    "weight": dict(_COMMON),
    "datalane": {**_COMMON, "skip_dims": (0,), "minmax_record": True},
}


def set_default_kernel_quantizer_config(config: Mapping[str, Any]) -> None:
    """Set what kernel quantizers made from now on have, in this process."""
    _defaults["weight"] = _checked("weight", config)


def set_default_pre_activation_quantizer_config(config: Mapping[str, Any]) -> None:
    """Set what activation quantizers made from now on have, in this process."""
    _defaults["datalane"] = _checked("datalane", config)


def get_default_kernel_quantizer_config() -> dict[str, Any]:
    """Return a copy of the settings of kernel quantizers."""
    return dict(_defaults["weight"])


def get_default_pre_activation_quantizer_config() -> dict[str, Any]:
    """Return a copy of the settings of activation quantizers."""
    return dict(_defaults["datalane"])


set_default_kq_conf = set_default_kernel_quantizer_config
set_default_paq_conf = set_default_pre_activation_quantizer_config
get_default_kq_conf = get_default_kernel_quantizer_config
get_default_paq_conf = get_default_pre_activation_quantizer_config


def _checked(place: str, config: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**_defaults[place], **config}
    quantizer_config(place, merged)
    return merged


def quantizer_config(place: str, config: Any = None) -> QuantizerConfig:
    """The QuantizerConfig of HGQ 1's settings ``config``, completed with the present defaults.

    ``place``: weight or datalane. Raises ConfigError for unknown settings and for those that
    mean nothing here. ``exact_q_value`` is accepted: widths are always used as integers.
    """
    if isinstance(config, QuantizerConfig):
        return config
    known = _defaults[place]
    c = {**known, **(config or {})}
    unknown = sorted(set(c) - set(known))
    if unknown:
        raise ConfigError(f"quantizers of HGQ 1 have no setting {unknown[0]!r}",
                          hint=f"Known: {', '.join(known)}")  # fmt: skip
    if c["dtype"] is not None:
        raise ConfigError("quantizers have the dtype of their layer", received=f"{c['dtype']!r}",
                          hint="Leave it out, and give the layer a dtype")  # fmt: skip
    if not c.get("minmax_record", True):
        raise ConfigError(
            "ranges of activations are always recorded",
            received="minmax_record=False",
            hint="A quantizer of fixed range is QuantizerConfig(..., overflow_mode='SAT')",
        )
    if c["rnd_strategy"] not in _ROUNDING:
        raise ConfigError(
            "this rounding does not exist here",
            received=f"rnd_strategy={c['rnd_strategy']!r}",
            hint="Use 'standard_round', 'stochastic_round' or 'floor'",
        )
    skip = c["skip_dims"]
    if isinstance(skip, str) and skip not in _SHARED:
        raise ConfigError(
            "unknown skip_dims",
            received=repr(skip),
            hint="Known: all, batch, none, except_last, except_1st, or a tuple of axes",
        )
    shared = skip is None or isinstance(skip, str)
    axes = _SHARED[skip] if shared else {"homogeneous_axis": tuple(skip)}
    return QuantizerConfig(
        "kif", place, f0=c["init_bw"], i0=max(2, -c["init_bw"]), overflow_mode="WRAP",
        round_mode=_ROUNDING[c["rnd_strategy"]], fc=MinMax(*c["bw_clip"]), ic=None,
        fr=keras.regularizers.get(c["regularizer"]), ir=None, trainable=c["trainable"],
        i_decay_speed=0.0 if place == "datalane" else float("inf"), **axes,
    )  # fmt: skip
