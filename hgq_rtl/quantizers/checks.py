"""Checks of quantizer parameters, at the place where the user wrote them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import ConfigError
from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS

AXES = ("homogeneous_axis", "heterogeneous_axis")
STOCHASTIC = ("S_RND", "S_RND_CONV")
"""Rounding modes that are random in training; at inference they are what follows ``S_``."""
_WIDTHS = ("k0", "i0", "b0", "f0", "m0", "e0", "e00")
_MAPPER_METHODS = ("width_shape", "to_tensor", "extrema")


def choice(name: str, value: Any, known: Iterable[str]) -> str:
    """``value`` if it is one of ``known``; else ConfigError."""
    if value not in known:
        raise ConfigError(f"unknown {name}", received=repr(value),
                          hint=f"Known: {', '.join(known)}")  # fmt: skip
    return str(value)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite real number, not an array of one."""
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and math.isfinite(value)


def check_params(params: dict[str, Any], widths: bool = True) -> None:
    """Normalize ``params`` in place and raise ConfigError for impossible values.

    ``widths``: whether initial widths must fit together; a scope may set one of them alone.
    """
    _check_wrapper(params)
    if "trainable" not in params:
        return  # a dummy
    _check_sharing(params)
    for name in _WIDTHS:
        if name in params:
            params[name] = _width(name, params[name])
        for end, kind in (("c", keras.constraints), ("r", keras.regularizers)):
            key = name.removesuffix("0") + end  # e0c goes with e00
            if key in params:
                params[key] = _keras_object(key, params[key], kind)
    if "k0" in params:
        _check_fixed(params, widths)
    else:
        for name, least in (("m0", -1), ("e0", 0)):
            if is_number(params[name]) and params[name] < least:
                raise ConfigError(f"{name} must be {least} or more", received=repr(params[name]))


def _check_wrapper(params: dict[str, Any]) -> None:
    scaler, affine, q = (params[name] for name in ("scaler", "affine", "qnoise_factor"))
    if scaler is not None and (not is_number(scaler) or scaler == 0):
        if is_number(scaler):
            raise ConfigError("scaler must not be zero", received=repr(scaler))
        raise ConfigError("scaler must be a finite number", received=repr(scaler))
    if affine is not None:
        pair = tuple(affine) if isinstance(affine, tuple | list) else ()
        if len(pair) != 2 or not all(map(is_number, pair)) or pair[0] == 0:
            raise ConfigError("affine must be a pair of numbers (scale, shift), scale not zero",
                              received=repr(affine))  # fmt: skip
        params["affine"] = pair
    if q is not None and not (is_number(q) and 0 <= q <= 1):
        raise ConfigError("qnoise_factor must lie in [0, 1]", received=repr(q))


def _check_sharing(params: dict[str, Any]) -> None:
    for name in AXES:
        axes = params[name]
        if isinstance(axes, int | np.integer):
            axes = (axes,)
        if axes is not None:
            if not all(isinstance(a, int | np.integer) for a in axes):
                raise ConfigError(f"{name} must be a tuple of axes", received=repr(axes))
            params[name] = tuple(int(a) for a in axes)
    mapper = params["bw_mapper"]
    if mapper is None:
        if all(params[name] is None for name in AXES):
            raise ConfigError("one of homogeneous_axis and heterogeneous_axis must be given",
                              received="None for both")  # fmt: skip
        return
    missing = [m for m in _MAPPER_METHODS if not callable(getattr(mapper, m, None))]
    if missing:
        raise ConfigError(
            f"a bw_mapper needs a method {missing[0]!r}",
            received=repr(mapper),
            hint="hgq_rtl.quantizers.AxisMapper has all of them: "
            f"{', '.join(_MAPPER_METHODS)}, get_config",
        )


def _width(name: str, value: Any) -> Any:
    """An initial width: a finite number, or what Keras takes as an initializer."""
    if isinstance(value, int | float | np.integer | np.floating):
        if not math.isfinite(value):
            raise ConfigError(f"{name} must be finite", received=repr(value))
        return value.item() if isinstance(value, np.generic) else value
    try:
        keras.initializers.get(value)
    except (ValueError, TypeError):
        value_known = False
    else:
        value_known = value is not None
    if not value_known:
        raise ConfigError(f"{name} must be a number or a Keras initializer", received=repr(value))
    return value


def _keras_object(name: str, value: Any, kind: Any) -> Any:
    """A constraint or regularizer, which Keras also knows by names."""
    try:
        return kind.get(value)
    except (ValueError, TypeError, AttributeError):
        what = kind.__name__.rpartition(".")[2].removesuffix("s")
        raise ConfigError(f"{name} must be a {what}, the name of one in Keras, or None",
                          received=repr(value)) from None  # fmt: skip


def _check_fixed(params: dict[str, Any], widths: bool) -> None:
    for name, known in (("round_mode", (*ROUNDINGS, *STOCHASTIC)), ("overflow_mode", OVERFLOWS)):
        params[name] = choice(name, str(params[name]).upper(), known)
    k0, i0 = params["k0"], params["i0"]
    if isinstance(k0, int | float):
        if k0 not in (0, 1):
            raise ConfigError("k0, the number of sign bits, must be 0 or 1", received=repr(k0))
        params["k0"] = int(k0)
    if is_number(params.get("b0")) and params["b0"] < 0:
        raise ConfigError("b0 must not be negative", received=repr(params["b0"]))
    f0 = params.get("f0")
    if widths and is_number(i0) and is_number(f0) and i0 + f0 < 0:
        raise ConfigError("i0 + f0 must not be negative", received=f"i0={i0}, f0={f0}")
    decay = params["i_decay_speed"]
    if not isinstance(decay, int | float) or not decay >= 0:
        raise ConfigError("i_decay_speed must be a number of zero or more", received=repr(decay))


def complete_widths(params: dict[str, Any]) -> dict[str, Any]:
    """Derive the third of i0, f0 and b0 = i0 + f0 from two numbers."""
    i0, f0, b0 = (params.get(name) for name in ("i0", "f0", "b0"))
    numbers = [is_number(v) for v in (i0, f0, b0)]
    if all(numbers) and b0 != i0 + f0:
        raise ConfigError("b0 must be i0 + f0", received=f"i0={i0}, f0={f0}, b0={b0}")
    if numbers == [True, True, False] and b0 is None:
        params["b0"] = i0 + f0
    elif numbers == [True, False, True] and f0 is None:
        params["f0"] = b0 - i0
    elif numbers == [False, True, True] and i0 is None:
        params["i0"] = b0 - f0
    return params
