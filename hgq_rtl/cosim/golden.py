"""Golden vectors: inputs, the outputs they must have, and what they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np

from hgq_rtl import cache
from hgq_rtl.cosim.coverage import Coverage
from hgq_rtl.cosim.directed import directed_vectors
from hgq_rtl.cosim.vectors import corner_vectors, input_types, random_vectors
from hgq_rtl.errors import CosimError
from hgq_rtl.fixed import Fixed, Ints
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.text import to_text

KIND = "vectors"
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
    coverage = Coverage(graph, interface)
    name = _entry(graph, interface, data, random, seed)
    stored = cache.read(KIND, name)
    if stored is not None:
        return _decode(stored, coverage)
    found = _made(coverage, types, data, random, seed)
    if found.inputs.dtype == found.outputs.dtype == np.int64:
        cache.write(KIND, name, _encode(found))
    return found


def _made(coverage: Coverage, types: Sequence[Fixed], data: Ints, random: int, seed: int) -> Golden:
    corner, drawn = corner_vectors(types), random_vectors(types, random, seed)
    inputs = np.concatenate([data, corner, drawn])
    outputs = coverage.add(inputs)
    directed = directed_vectors(coverage, types, seed)
    if len(directed):
        inputs = np.concatenate([inputs, directed])
        more = output_integers(coverage.graph, coverage.interface, directed)
        outputs = np.concatenate([outputs, more])
    return Golden(inputs, outputs, len(data), len(corner), len(drawn), len(directed), coverage)


# --- stored: the search for directed vectors takes a second or two ----------------------------


def _entry(graph: Graph, interface: Interface, data: Ints, random: int, seed: int) -> str:
    given = (repr(interface), str(data.dtype), str(data.tolist()), str(random), str(seed))
    return cache.digest(cache.code("numpy"), to_text(graph), *given)


def _encode(golden: Golden) -> bytes:
    out = BytesIO()
    arrays: dict[str, Any] = {
        "inputs": golden.inputs,
        "outputs": golden.outputs,
        "counts": np.array(list(golden.counts.values())),
        **{f"first_{j}": one for j, one in enumerate(golden.coverage.first)},
    }
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _decode(stored: bytes, coverage: Coverage) -> Golden:
    found = np.load(BytesIO(stored), allow_pickle=False)
    inputs, outputs = found["inputs"], found["outputs"]
    coverage.first = [found[f"first_{j}"] for j in range(len(coverage.first))]
    coverage.vectors = len(inputs)
    data, corner, random, directed = found["counts"].tolist()
    return Golden(inputs, outputs, data, corner, random, directed, coverage)
