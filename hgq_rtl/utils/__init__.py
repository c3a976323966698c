"""Tools around training: calibration and counting."""

from __future__ import annotations

from hgq_rtl.utils.trace import trace_minmax
from hgq_rtl.utils.walk import quantized_layers, total_ebops

__all__ = ["quantized_layers", "total_ebops", "trace_minmax"]
