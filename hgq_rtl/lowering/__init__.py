"""From Keras models to graphs: replay the forward pass on symbolic integers."""

from __future__ import annotations

# NumPy's functions find their way to a FixedArray through a registry that this import fills.
from hgq_rtl.lowering import functions

__all__ = ["functions"]
