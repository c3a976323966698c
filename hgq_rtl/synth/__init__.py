"""Open tools on a written project: synthesis, place and route, and a check of the netlist."""

from __future__ import annotations

from hgq_rtl.synth.synth import Synthesis, synth

__all__ = ["Synthesis", "synth"]
