"""Defaults of layer arguments, and the scope that sets them."""

from __future__ import annotations

from typing import Any

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


def checked_resource(value: str) -> str:
    """``value`` if layers know this cost; else ConfigError."""
    if value not in ("ebops", "luts"):
        raise ConfigError("unknown resource", received=repr(value), hint="Known: ebops, luts")
    return value


def layer_default(key: str, given: Any = None) -> Any:
    """``given``, or the value of the innermost scope that sets ``key`` where it is None."""
    if given is not None:
        return given
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
        for key, value in params.items():
            if key not in _FACTORY:
                raise ConfigError(f"layers have no default {key!r}",
                                  hint=f"Known: {', '.join(_FACTORY)}")  # fmt: skip
            if key == "resource":
                checked_resource(value)
            elif not (is_number(value) if key == "beta0" else isinstance(value, bool)):
                kind = "a finite number" if key == "beta0" else "True or False"
                raise ConfigError(f"{key} must be {kind}", received=repr(value))
        super().__init__(dict(params))
