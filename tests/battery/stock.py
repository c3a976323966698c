"""What every rule for Keras's own layers must satisfy: Keras == graph == graph after passes.

A new rule adds a case: a name, a function that makes layers from Keras tensors, and their shapes.
Many cases in one model: compiling a model takes longer than anything else here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.lowering.exactness import exactness
from hgq_rtl.lowering.model import Lowered, lower
from hgq_rtl.lowering.reference import Reference, check_layers
from hgq_rtl.passes.pipeline import run
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from tests.battery.equivalence import assert_equivalent


def quantizer(i: int = 2, f: int = 2, k: int = 1, name: str | None = None) -> Quantizer:
    """Fixed-point format of one width, without training; saturating."""
    return Quantizer(
        QuantizerConfig("kif", k0=k, i0=i, f0=f, overflow_mode="SAT", round_mode="RND",
                        heterogeneous_axis=(), homogeneous_axis=None, trainable=False),
        name=name,
    )  # fmt: skip


def network(function: Callable[..., Any], *shapes: tuple[int, ...]) -> keras.Model:
    """A model that quantizes its inputs and applies ``function``."""
    inputs = [keras.Input(shape) for shape in shapes]
    outputs = function(*(quantizer()(x) for x in inputs))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)


def matches(function: Callable[..., Any], *shapes: tuple[int, ...], samples: int = 32) -> Lowered:
    """Compare all three on every layer; the lowered model."""
    model = network(function, *shapes)
    lowered = lower(model)
    reference = Reference(model, float64=not all(e.float32 for e in exactness(lowered)))
    assert check_layers(reference, lowered, samples) > 0
    assert_equivalent(lowered.graph, run(lowered.graph)[0], 50)
    return lowered


class StockBattery:
    """The test; a class names its cases."""

    cases: dict[str, tuple[Any, ...]]

    def test_keras_equals_the_graph_before_and_after_passes(self) -> None:
        for name, case in self.cases.items():
            try:
                matches(*case)
            except Exception as error:
                error.add_note(f"case '{name}'")
                raise
