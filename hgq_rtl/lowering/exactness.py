"""Is Keras's float arithmetic exact for this model? Proven per layer, for every possible input.

A float with p significant bits holds every integer up to 2^p. A sum of terms n_j·2^e is exact in
any order if the sum of all magnitudes stays below 2^p units of 2^e, because then so does every
partial sum (Higham, Accuracy and Stability of Numerical Algorithms, §2.1 and §4.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import DOT, ROUND, dot_terms
from hgq_rtl.lowering.elements import Pending
from hgq_rtl.lowering.model import Lowered, LoweredLayer

FLOAT32_BITS = 24
FLOAT64_BITS = 53


@dataclass(frozen=True)
class LayerExactness:
    """Significant bits that one layer's arithmetic needs in the worst case."""

    path: str
    kind: str
    bits: int
    function: bool = False
    """Whether the layer's results are those of a function, such as tanh, in floats."""

    @property
    def float32(self) -> bool:
        """Whether float32 computes this layer exactly for every input."""
        return self.bits <= FLOAT32_BITS and not self.function

    @property
    def float64(self) -> bool:
        """Whether float64 does."""
        return self.bits <= FLOAT64_BITS

    def __str__(self) -> str:
        if self.function:
            return f"{self.path}: a function of floats, tabulated and verified in float64"
        if self.float32:
            verdict = "float32 is exact for every input"
        elif self.float64:
            verdict = "float32 can round; verified in float64, which is exact"
        else:
            verdict = "neither float32 nor float64 is exact for every input"
        return f"{self.path}: needs {self.bits} significant bits, {verdict}"


def exactness(lowered: Lowered) -> list[LayerExactness]:
    """One entry per layer call, in order of computation. Linear in the size of the graph."""
    bits: dict[str, int] = {layer.path: 0 for layer in lowered.layers}
    paths = set(bits)
    for node in lowered.graph.nodes:
        path = _layer_of(lowered.graph.origin(node), paths)
        if path is not None:
            bits[path] = max(bits[path], significant_bits(node))
    return [
        LayerExactness(layer.path, layer.kind, bits[layer.path], _is_function(layer))
        for layer in lowered.layers
    ]


def _is_function(layer: LoweredLayer) -> bool:
    return any(isinstance(x, Pending) for array in layer.outputs for x in array.flat)


def _layer_of(origin: str, paths: set[str]) -> str | None:
    """The layer whose path is a prefix of a node's origin."""
    while origin and origin not in paths:
        origin = origin.rpartition("/")[0]
    return origin or None


def significant_bits(node: Node) -> int:
    """Bits of the largest integer that occurs while floats compute this node, partial sums too."""
    if node.op is DOT:
        types = tuple(arg.type for arg in node.args)
        _, coefficients, bias = dot_terms(types, node.attrs)
        total = abs(bias) + sum(
            abs(c) * max(abs(t.lo), abs(t.hi)) for c, t in zip(coefficients, types, strict=True)
        )
        return total.bit_length()
    if node.op is ROUND:
        # Half an LSB of the result is added before the floor.
        (arg,), (exp, _) = node.args, node.attrs
        return _magnitude(arg.type.at(min(arg.type.exp, exp - 1))).bit_length() + 1
    return _magnitude(node.type).bit_length()


def _magnitude(t: Fixed) -> int:
    return max(abs(t.lo), abs(t.hi))
