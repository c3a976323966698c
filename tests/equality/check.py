"""Keras, the graph before passes and the graph after passes: the same integers."""

from __future__ import annotations

from typing import Any

from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import Lowered, lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.passes.pipeline import run
from tests.battery.equivalence import assert_equivalent

VECTORS = 96


def assert_equal(model: Any) -> Lowered:
    """Compare on corner and random vectors, inside the input ranges and beyond; no tolerance.

    Returns the lowered model, with its graph optimised.
    """
    lowered = lower(model)
    reference = Reference(model, float64=not all(e.float32 for e in exactness(lowered)))
    assert check_layers(reference, lowered, VECTORS) > 0
    optimized, _ = run(lowered.graph)
    assert_equivalent(lowered.graph, optimized, VECTORS)
    return Lowered(optimized, lowered.interface, lowered.layers)
