"""How Keras's own layers and operations lower: one small function each, by family."""

from __future__ import annotations

from hgq_rtl.lowering.stock import (
    arithmetic,
    elementwise,
    operations,
    pooling,
    reductions,
    shapes,
    wrappers,
)
from hgq_rtl.lowering.stock.missing import no_lowering, supported
from hgq_rtl.lowering.stock.rules import RULES, Rule, lowering_of, lowers

__all__ = [
    "RULES",
    "Rule",
    "arithmetic",
    "elementwise",
    "lowering_of",
    "lowers",
    "no_lowering",
    "operations",
    "pooling",
    "reductions",
    "shapes",
    "supported",
    "wrappers",
]
