"""Quantizers with trainable widths, and their configuration."""

from __future__ import annotations

from hgq_rtl.quantizers.config import QuantizerConfig, QuantizerConfigScope, as_config
from hgq_rtl.quantizers.constraints import Constant, Max, Min, MinMax, MonoL1
from hgq_rtl.quantizers.mapper import AxisMapper
from hgq_rtl.quantizers.presets import HardSigmoidConfig, HardTanhConfig
from hgq_rtl.quantizers.quantizer import Quantizer
from hgq_rtl.quantizers.recording import recording

__all__ = [
    "AxisMapper",
    "Constant",
    "HardSigmoidConfig",
    "HardTanhConfig",
    "Max",
    "Min",
    "MinMax",
    "MonoL1",
    "Quantizer",
    "QuantizerConfig",
    "QuantizerConfigScope",
    "as_config",
    "recording",
]
