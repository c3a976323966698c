"""Quantizer and layer configuration: one import for what a model script needs."""

from __future__ import annotations

from hgq_rtl.layers.config import LayerConfigScope
from hgq_rtl.quantizers.config import QuantizerConfig, QuantizerConfigScope
from hgq_rtl.quantizers.presets import HardSigmoidConfig, HardTanhConfig

__all__ = [
    "HardSigmoidConfig",
    "HardTanhConfig",
    "LayerConfigScope",
    "QuantizerConfig",
    "QuantizerConfigScope",
]
