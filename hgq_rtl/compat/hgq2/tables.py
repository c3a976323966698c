"""Table layers: the small networks behind the tables, which HGQ 2 saves as Keras layers."""

from __future__ import annotations

from typing import Any

from hgq_rtl.compat.hgq2.archive import Saved, listed, put
from hgq_rtl.errors import ConversionError


def load_table(layer: Any, parts: dict[str, Saved]) -> None:
    """Load the networks and the batch normalization of a QDenseT."""
    network = parts.pop("module", Saved("")).parts.get("layers", Saved(""))
    dense = [part for part in listed(network) if part.variables]
    targets = [layer.kernels, layer.biases] if layer.biases else [layer.kernels]
    if len(dense) != len(layer.kernels):
        raise ConversionError("the networks of the tables have another depth",
                              received=f"{len(dense)} layers")  # fmt: skip
    for n, part in enumerate(dense):
        for variables, value in zip(targets, part.variables, strict=True):
            put(variables[n], value, f"layer {n} of the tables")
    if layer.batch_norm:
        values = list(parts.pop("bn_module", Saved("")).variables)
        names = ["gamma"] * layer.bn_scale + ["beta_bn"] * layer.bn_center + ["mean", "variance"]
        for name, value in zip(names, values, strict=True):
            put(getattr(layer, name), value, name)
