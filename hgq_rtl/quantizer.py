"""Quantizers under HGQ 2's name of the module; see ``hgq_rtl.quantizers``."""

from __future__ import annotations

from hgq_rtl.quantizers import Quantizer, QuantizerConfig

__all__ = ["Quantizer", "QuantizerConfig"]
