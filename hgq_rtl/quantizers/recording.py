"""What a calibration run sees: the extreme values at every WRAP quantizer.

While a recorder is active, WRAP quantizers round but do not wrap, and report their extrema
instead of changing state. The run is therefore a pure function that can be compiled, and the
new widths are set once, from everything seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Records = list[tuple[Any, Any, Any]]
"""Triples (quantizer, minimum, maximum) in call order; a shared quantizer occurs several times."""

_active: ContextVar[Records | None] = ContextVar("hgq_rtl_recording", default=None)


@contextmanager
def recording() -> Iterator[Records]:
    """Collect the extrema of every WRAP quantizer called inside."""
    records: Records = []
    token = _active.set(records)
    try:
        yield records
    finally:
        _active.reset(token)


def active_records() -> Records | None:
    """The list to append to, or None outside of ``recording``."""
    return _active.get()
