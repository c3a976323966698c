"""Constraints of bit widths under HGQ 2's name of the module; see ``hgq_rtl.quantizers``."""

from __future__ import annotations

from hgq_rtl.quantizers import Constant, Max, Min, MinMax

__all__ = ["Constant", "Max", "Min", "MinMax"]
