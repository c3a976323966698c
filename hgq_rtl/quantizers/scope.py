"""Scopes: settings that hold inside of a ``with`` block, per thread and per task."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, Self

from hgq_rtl.errors import ConfigError


class Scope:
    """A setting for what is made inside a ``with`` block; each subclass is a stack of its own.

    A scope may be entered again inside itself, shared between threads, and left out of order:
    each exit takes back the last entry of this scope and no other. A new thread starts outside of
    all scopes. An asynchronous task keeps those it was started in.
    """

    _active: ClassVar[ContextVar[tuple[Any, ...]]]
    _permanent: ClassVar[tuple[Any, ...]]

    def __init_subclass__(cls) -> None:
        cls._active = ContextVar(cls.__name__, default=())
        cls._permanent = ()

    def __init__(self, setting: Any) -> None:
        self._setting = setting

    @classmethod
    def settings(cls) -> tuple[Any, ...]:
        """All settings that hold here, outermost first."""
        return cls._permanent + cls._active.get()

    def __enter__(self) -> Self:
        self._active.set((*self._active.get(), self._setting))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        active = self._active.get()
        entries = [n for n, setting in enumerate(active) if setting is self._setting]
        if not entries:
            raise ConfigError(
                f"a {type(self).__name__} is left where it was not entered",
                hint="Enter and leave a scope in the same thread, best with 'with'",
            )
        self._active.set(active[: entries[-1]] + active[entries[-1] + 1 :])

    def override(self) -> None:
        """Make the setting permanent for the whole process, under all scopes."""
        cls = type(self)
        cls._permanent = (*cls._permanent, self._setting)
