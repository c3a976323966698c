"""Constant matrix-vector products as shared adders."""

from hgq_rtl.passes.cmvm.matrices import cmvm

__all__ = ["cmvm"]
