"""Golden vectors: inputs, the outputs they must have, and what they cover."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hgq_rtl.cosim.coverage import Coverage
from hgq_rtl.cosim.directed import directed_vectors
from hgq_rtl.cosim.vectors import corner_vectors, input_types, random_vectors
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Ints
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface

RANDOM = 1000
"""Random vectors, unless somebody asks for another number."""


@dataclass(frozen=True)
class Golden:
    """Port integers (vectors, all elements); data, corner, random, directed vectors in this order.

    ``directed`` are those that reach what the others miss.
    """

    inputs: Ints
    outputs: Ints
    data: int
    corner: int
    random: int
    directed: int
    coverage: Coverage

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many vectors of each sort."""
        return {
            "data": self.data,
            "corner": self.corner,
            "random": self.random,
            "directed": self.directed,
        }


def golden_vectors(
    graph: Graph,
    interface: Interface,
    data: Ints | None = None,
    random: int = RANDOM,
    seed: int = 0,
) -> Golden:
    """The vectors for a graph. ``data``: port integers of the user's own samples.

    Raises CosimError if there are data, but no sample, or a number or seed is negative.
    """
    types = input_types(interface)
    for what, number in (("number of random vectors", random), ("seed", seed)):
        if number < 0:
            raise CosimError(f"the {what} must not be negative", received=str(number))
    if data is not None and not len(data):
        raise CosimError(
            "the data hold no sample", received="0 samples", hint="Leave them out, or pass some"
        )
    if data is None:
        data = np.empty((0, len(types)), dtype=np.int64)
    corner, drawn = corner_vectors(types), random_vectors(types, random, seed)
    inputs = np.concatenate([data, corner, drawn])
    coverage = Coverage(graph, interface)
    outputs = coverage.add(inputs)
    directed = directed_vectors(coverage, types, seed)
    if len(directed):
        inputs = np.concatenate([inputs, directed])
        outputs = np.concatenate([outputs, output_integers(graph, interface, directed)])
    return Golden(inputs, outputs, len(data), len(corner), len(drawn), len(directed), coverage)
