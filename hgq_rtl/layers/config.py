"""Defaults of layer arguments, and the scope that sets them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers.checks import is_number
from hgq_rtl.quantizers.scope import Scope

_FACTORY: dict[str, Any] = {
    "beta0": 1e-5,
    "enable_ebops": True,
    "enable_iq": True,
    "enable_oq": False,
    "enable_sq": True,
    "resource": "ebops",
}


def _checked(key: str, value: Any) -> Any:
    """``value`` of the layer argument ``key``; ConfigError if it cannot be one."""
    if key == "resource":
        if value not in ("ebops", "luts"):
            raise ConfigError("unknown resource", received=repr(value), hint="Known: ebops, luts")
        return value
    if key == "beta0":
        if not is_number(value):
            raise ConfigError("beta0 must be a finite number", received=repr(value))
        return float(value)
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{key} must be True or False", received=repr(value))
    return bool(value)


def checked_parallel(value: Any) -> int:
    """``value`` if it is a ``parallelization_factor``: -1 or a positive integer; ConfigError."""
    if not isinstance(value, int | np.integer) or (value < 1 and value != -1):
        raise ConfigError("parallelization_factor must be -1 (all) or a positive integer",
                          received=repr(value))  # fmt: skip
    return int(value)


def layer_default(key: str, given: Any = None) -> Any:
    """``given``, or the value of the innermost scope that sets ``key`` where it is None.

    Raises ConfigError for a value that ``key`` cannot have.
    """
    if given is not None:
        return _checked(key, given)
    for setting in reversed(LayerConfigScope.settings()):
        if key in setting:
            return setting[key]
    return _FACTORY[key]


class LayerConfigScope(Scope):
    """Set defaults of layer arguments for layers made inside a ``with`` block.

    ``beta0``: initial weight of the cost in the loss; ``enable_ebops``: whether layers count them;
    ``enable_iq, enable_oq, enable_sq``: whether layers quantize inputs, outputs, states;
    ``resource``: the cost in the loss, "ebops", or "luts" for an estimate of LUT6s.
    The innermost scope wins, key by key. Raises ConfigError for an unknown key and for a value
    that is no number (beta0), no known resource or no bool (the others).
    """

    def __init__(self, **params: Any) -> None:
        for key in params:
            if key not in _FACTORY:
                raise ConfigError(f"layers have no default {key!r}",
                                  hint=f"Known: {', '.join(_FACTORY)}")  # fmt: skip
        super().__init__({key: _checked(key, value) for key, value in params.items()})
