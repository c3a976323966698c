"""NumPy's functions on FixedArrays, by family; importing this package fills the registry."""

from __future__ import annotations

from hgq_rtl.lowering.functions import (
    elementwise,
    indexing,
    products,
    reductions,
    shapes,
    sorting,
)

__all__ = ["elementwise", "indexing", "products", "reductions", "shapes", "sorting"]
