"""``HGQ.proxy``: the name that scripts import from there."""

from __future__ import annotations

from hgq_rtl.compat.hgq1.bops import to_proxy_model

__all__ = ["to_proxy_model"]
