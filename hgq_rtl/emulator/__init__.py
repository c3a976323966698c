"""The C++ emulator: one header that computes what the hardware computes, bit for bit."""

from __future__ import annotations

from hgq_rtl.emulator.header import header, identifier
from hgq_rtl.emulator.native import Native, load

__all__ = ["Native", "header", "identifier", "load"]
