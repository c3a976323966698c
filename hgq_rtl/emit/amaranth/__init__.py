"""The door to Amaranth: layer modules and stream components. Nothing else imports it."""

from __future__ import annotations

from hgq_rtl.emit.amaranth.layers import BACKEND, MAX_BITS, to_rtlil

__all__ = ["BACKEND", "MAX_BITS", "to_rtlil"]
