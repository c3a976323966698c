"""Defaults of layer arguments, and the scope that sets them."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from hgq_rtl.errors import ConfigError

_FACTORY: dict[str, Any] = {
    "beta0": 1e-5,
    "enable_ebops": True,
    "enable_iq": True,
    "enable_oq": False,
    "enable_sq": True,
}

_scopes: ContextVar[tuple[dict[str, Any], ...]] = ContextVar("hgq_rtl_layer_scopes", default=())
_permanent: list[dict[str, Any]] = []
_permanent_lock = threading.Lock()


def layer_default(key: str, given: Any = None) -> Any:
    """``given``, or the value of the innermost scope that sets ``key`` where it is None."""
    if given is not None:
        return given
    for setting in reversed((*_permanent, *_scopes.get())):
        if key in setting:
            return setting[key]
    return _FACTORY[key]


class LayerConfigScope:
    """Set defaults of layer arguments for layers made inside a ``with`` block.

    ``beta0``: initial weight of EBOPs in the loss; ``enable_ebops``: whether layers count them;
    ``enable_iq, enable_oq, enable_sq``: whether layers quantize inputs, outputs, states.
    The innermost scope wins, key by key. May be re-entered and shared between threads.
    Raises ConfigError for an unknown key.
    """

    def __init__(self, **params: Any) -> None:
        for key in params:
            if key not in _FACTORY:
                raise ConfigError(f"layers have no default {key!r}",
                                  hint=f"Known: {', '.join(_FACTORY)}")  # fmt: skip
        self._params = dict(params)

    def __enter__(self) -> LayerConfigScope:
        _scopes.set((*_scopes.get(), self._params))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _scopes.set(_scopes.get()[:-1])

    def override(self) -> None:
        """Make the defaults permanent for the whole process, under all scopes."""
        with _permanent_lock:
            _permanent.append(self._params)
