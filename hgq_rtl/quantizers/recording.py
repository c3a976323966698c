"""What a calibration run sees: extreme values at WRAP quantizers, and where only zeros pass.

While a recorder is active, WRAP quantizers round but do not wrap, and report their extrema
instead of changing state. The run is therefore a pure function that can be compiled, and the
new widths are set once, from everything seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Records(list[tuple[Any, Any, Any]]):
    """Triples (number format, minimum, maximum) of WRAP quantizers, in call order.

    A shared quantizer occurs several times. ``live``: pairs (quantizer, whether any value that
    it put out is not zero), for all types and modes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live: list[tuple[Any, Any]] = []


_active: ContextVar[Records | None] = ContextVar("hgq_rtl_recording", default=None)


@contextmanager
def recording() -> Iterator[Records]:
    """Collect what every quantizer called inside sees."""
    records = Records()
    token = _active.set(records)
    try:
        yield records
    finally:
        _active.reset(token)


def active_records() -> Records | None:
    """The records to append to, or None outside of ``recording``."""
    return _active.get()


_continuing: ContextVar[bool] = ContextVar("hgq_rtl_continuing", default=False)


@contextmanager
def continuing(on: bool = True) -> Iterator[None]:
    """If ``on``, calls of a quantizer inside see more of the batch that it has seen already.

    Tracked ranges then only grow: they decay once per batch, however many steps a recurrence has.
    """
    token = _continuing.set(on)
    try:
        yield
    finally:
        _continuing.reset(token)


def is_continuing() -> bool:
    """Whether the present call is inside ``continuing``."""
    return _continuing.get()
