"""Quantizer configurations and widths of HGQ 2 in terms of this project's.

The number formats are the same, and so is what they do at inference, with one exception: weights
in WRAP mode. HGQ 2 rounds them and never wraps them (a kbi quantizer only with rounding RND),
with the integer bits of its last training step. This project derives the integer bits from the
weights on every call. For kif that gives the same values. For kbi it would move the grid, so such
a weight becomes one whose stored range is used as it is.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.compat.hgq2.archive import Saved, fitting, put
from hgq_rtl.errors import ConversionError
from hgq_rtl.quantizers import Quantizer
from hgq_rtl.quantizers.config import FORMAT_VERSION

_CONSTRAINTS = ("MinMax", "Min", "Max", "Constant", "MonoL1")
_ORDER = {"kbi": ("b", "i"), "kif": ("i", "f")}
"""The trainable widths of each type, in the order in which HGQ 2 creates them."""


def is_hgq(node: dict[str, Any]) -> bool:
    """Whether a serialized object is one of a class of HGQ 2."""
    return (node.get("registered_name") or "").startswith(("hgq>", "hgq2>"))


def leaf(node: dict[str, Any]) -> dict[str, Any]:
    """A serialized object that is no layer, with HGQ 2's replaced; for ``json``'s object hook."""
    if not is_hgq(node):
        return node
    name = node["class_name"]
    if name == "QuantizerConfig":
        return _quantizer(node["config"])
    if name in ("HardTanhConfig", "HardSigmoidConfig"):
        return _quantizer(_preset(name, node["config"]))
    if name == "DefaultBitwidthMapper":
        return dict(node["config"])  # read by _quantizer, which is called after
    if name in _CONSTRAINTS:
        return _ours(name, "hgq_rtl.quantizers.constraints", node["config"])
    raise ConversionError(f"{name} of HGQ 2 has no equal here")


def _preset(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a hard tanh or hard sigmoid has whatever was saved."""
    symmetric = config.get("symmetric", False)
    given = {k: v for k, v in config.items() if k != "symmetric"}
    i0, affine = (0, None) if name == "HardTanhConfig" else (1, (0.25, 0.5))
    held = _ours("Constant", "hgq_rtl.quantizers.constraints", {"value": float(i0)})
    overflow = "SAT_SYM" if symmetric else "SAT"
    fixed = {"k0": 1, "i0": i0, "ic": held, "affine": affine, "overflow_mode": overflow}
    return {**given, **fixed}


def _ours(name: str, module: str, config: dict[str, Any]) -> dict[str, Any]:
    registered = f"hgq_rtl>{name}"
    return {
        "module": module, "class_name": name, "config": config, "registered_name": registered
    }  # fmt: skip


def _quantizer(config: dict[str, Any]) -> dict[str, Any]:
    params = {k: v for k, v in config.items() if k not in ("q_type", "place", "seed")}
    q_type, place = config["q_type"], config["place"]
    if q_type not in ("kbi", "kif", "dummy"):
        raise ConversionError(
            f"quantizers of type {q_type!r} cannot be converted",
            hint="HGQ 2 has no working minifloat layers; kif and kbi convert",
        )
    if params.get("overflow_mode") == "WRAP_SM":
        raise ConversionError(
            "the overflow mode WRAP_SM has no equal here",
            hint="Train with WRAP, SAT or SAT_SYM",
        )
    mapper = params.pop("bw_mapper", None)
    if mapper is not None:
        if set(mapper) - {"heterogeneous_axis", "homogeneous_axis", "_shape_inferenced"}:
            raise ConversionError("a custom bw_mapper cannot be converted", received=str(mapper))
        params.update({k: v for k, v in mapper.items() if k != "_shape_inferenced"})
        if params["homogeneous_axis"] is not None:  # HGQ 2 fills in the other one when it builds
            params["heterogeneous_axis"] = None
    if q_type != "dummy":
        params["bw_mapper"] = None
        params["k0"] = int(params["k0"]) if isinstance(params["k0"], bool) else params["k0"]
        if params["overflow_mode"] == "WRAP":
            derived = params["is_weight"] and q_type == "kif" and params["trainable"]
            params["is_weight"] = bool(derived)
    return _config(q_type, place, params)


def _config(q_type: str, place: str, params: dict[str, Any]) -> dict[str, Any]:
    config = {"version": FORMAT_VERSION, "q_type": q_type, "place": place, "params": params}
    return _ours("QuantizerConfig", "hgq_rtl.quantizers.config", config)


def dummy() -> dict[str, Any]:
    """The serialized configuration of a quantizer that passes everything."""
    return _config("dummy", "datalane", {})


def is_rounded_only(config: dict[str, Any]) -> bool:
    """Whether HGQ 2 rounds with this (its own) configuration and never wraps, unlike ours."""
    return bool(
        config["q_type"] == "kbi"
        and config["overflow_mode"] == "WRAP"
        and config["is_weight"]
        and config["trainable"]
        and config["round_mode"].removeprefix("S_") == "RND"
    )


def assign(quantizer: Quantizer, saved: Saved) -> None:
    """Give a built quantizer the widths that HGQ 2 saved. Raises ConversionError if they differ."""
    if quantizer.is_dummy:
        return
    inner = saved.parts.get("quantizer", Saved(""))
    fmt, config = quantizer.format, quantizer.config
    wrap = config["overflow_mode"] == "WRAP"
    trained = [n for n in _ORDER[config.q_type] if not (wrap and n == "i")]
    names = [*trained, "k", *(["i", "decay"] if wrap else [])]
    if len(inner.variables) != len(names):
        raise ConversionError(
            f"the quantizer '{quantizer.name}' has other widths than HGQ 2 0.2.0 saves",
            received=f"{len(inner.variables)} variables instead of {len(names)}",
        )
    widths = dict(zip(names, inner.variables, strict=True))
    k = fitting(widths["k"], fmt.width_shape)
    if k is None or k.dtype != np.uint8:
        found = widths["k"]
        raise ConversionError(
            f"the widths of the quantizer '{quantizer.name}' do not fit",
            received=f"sign bits {found.dtype} {found.shape}, not uint8 {fmt.width_shape}",
        )
    for name in ("b", "i", "f"):
        if name in widths:
            put(getattr(fmt, f"_{name}"), widths[name], name)
    if isinstance(fmt._k, keras.Variable):
        fmt._k.assign(k)
    elif (k != fmt._k).any():
        raise ConversionError(
            f"the sign bits of '{quantizer.name}' are not those of its configuration",
            received=f"{np.unique(k)} instead of {fmt._k}",
        )
    if wrap and not fmt.is_weight and not fmt.is_fixed:
        # HGQ 2 does not say whether a model was traced, but tracing leaves integers behind, and
        # a training step fractions of bits.
        fmt.traced.assign(int((widths["i"] == np.round(widths["i"])).all()))


def widen(quantizer: Quantizer, values: NDArray[Any]) -> None:
    """Give a quantizer of WRAP mode the range that ``values`` need once rounded, on its grid."""
    fmt = quantizer.format
    k, i, f = (np.broadcast_to(w, fmt.width_shape) for w in fmt.frozen())
    shared = tuple(a for a, n in enumerate(fmt.width_shape) if n == 1 and values.shape[a] != 1)
    units = np.floor(values.astype(np.float64) * 2.0**f + 0.5)
    low = units.min(axis=shared, keepdims=True)
    top = np.maximum(units.max(axis=shared, keepdims=True), -low - 1)
    # frexp gives the bit length of a nonnegative integer.
    needed = np.frexp(np.maximum(top, 0))[1] - f
    more = np.maximum(needed - i, 0)
    fmt._i.assign(i + more)
    fmt._b.assign(i + more + f)
    fmt._k.assign(np.maximum(k, low < 0).astype(np.uint8))
