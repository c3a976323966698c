"""How Keras's own layers and operations lower: one small function each, by family."""

from __future__ import annotations

from hgq_rtl.lowering.stock import (
    arithmetic,
    elementwise,
    operations,
    pooling,
    reductions,
    shapes,
)
from hgq_rtl.lowering.stock.rules import RULES, Rule, lowers

__all__ = [
    "RULES",
    "Rule",
    "arithmetic",
    "elementwise",
    "lowers",
    "operations",
    "pooling",
    "reductions",
    "shapes",
]
