"""``HGQ.hls4ml_hook``: a name that says what to use instead."""

from __future__ import annotations

from typing import Any

from hgq_rtl.errors import ConversionError


def convert_from_hgq_model(*args: Any, **kwargs: Any) -> Any:
    """Raise ConversionError: there is no HLS in between."""
    raise ConversionError(
        "convert_from_hgq_model of HGQ 1 has no equal here",
        hint="Use hgq_rtl.compile(model, clock_ns=5.0, device='xcvu13p-2')",
    )
