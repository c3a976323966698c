"""Quantized layers."""

from __future__ import annotations

from hgq_rtl.layers.config import LayerConfigScope
from hgq_rtl.layers.conv import QConv1D, QConv2D, QConv3D
from hgq_rtl.layers.dense import QDense
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.quantizers import Quantizer

__all__ = [
    "LayerConfigScope",
    "QConv1D",
    "QConv2D",
    "QConv3D",
    "QDense",
    "QLayer",
    "Quantizer",
]
