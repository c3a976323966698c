"""Find the quantized layers of a model."""

from __future__ import annotations

from typing import Any

from hgq_rtl.layers.layer import QLayer


def quantized_layers(model: Any) -> list[Any]:
    """Every QLayer in ``model``, itself included, each once, at any depth of nesting."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, QLayer)]
    return list({id(layer): layer for layer in found}.values())


def total_ebops(model: Any) -> float:
    """Sum of the EBOPs of all layers, as of the last training step or trace."""
    return float(sum(layer.ebops for layer in quantized_layers(model)))
