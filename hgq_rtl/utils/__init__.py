"""Tools around training: calibration and counting."""

from __future__ import annotations

from hgq_rtl.utils.calibration import total_luts
from hgq_rtl.utils.collapse import CollapseWarning
from hgq_rtl.utils.trace import trace_minmax
from hgq_rtl.utils.walk import quantized_layers, total_ebops

__all__ = ["CollapseWarning", "quantized_layers", "total_ebops", "total_luts", "trace_minmax"]
