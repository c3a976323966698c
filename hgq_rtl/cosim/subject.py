"""What is simulated, and what it must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Node


@dataclass(frozen=True)
class Signal:
    """Where a node is in the Verilog, below the packed top, and in which pipeline stage."""

    path: str
    stage: int


@dataclass(frozen=True)
class Subject:
    """A written design: its ``sim`` folder, and the scheduled graph that is the reference."""

    name: str
    sim: Path
    graph: Graph
    interface: Interface
    latency: int
    signals: Mapping[Node, Signal]
    reference: str = "Keras"
    """What computed the expected outputs that come with data."""
