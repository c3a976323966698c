"""Table layers: the small networks behind the tables, which HGQ 2 saves as Keras layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from hgq_rtl.compat.hgq2.archive import Saved, listed, put
from hgq_rtl.errors import ConversionError


def load_table(layer: Any, parts: dict[str, Saved]) -> None:
    """Load the networks and the batch normalization of a QDenseT or QConvT."""
    load_einsum_table(layer, parts)
    if layer.batch_norm:
        values = parts.pop("bn_module", Saved("")).variables
        names = ["gamma"] * layer.bn_scale + ["beta_bn"] * layer.bn_center + ["mean", "variance"]
        for name, value in zip(names, values, strict=True):
            put(getattr(layer, name), value, name)


def load_einsum_table(layer: Any, parts: dict[str, Saved]) -> None:
    """Load the networks alone; those of a normalized QEinsumDenseT have no biases in HGQ 2."""
    network = parts.pop("module", Saved("")).parts.get("layers", Saved(""))
    dense = [part for part in listed(network) if part.variables]
    if len(dense) != len(layer.kernels):
        raise ConversionError("the networks of the tables have another depth",
                              received=f"{len(dense)} layers")  # fmt: skip
    for n, part in enumerate(dense):
        kernel = part.variables[0]
        if n == 0 and kernel.ndim == layer.kernels[0].ndim and kernel.shape[-2] > 1:
            # QEinsumDenseT makes room for d_hl inputs, and gives each of them the only one.
            kernel = kernel.astype(np.float64).sum(axis=-2, keepdims=True)
        put(layer.kernels[n], kernel, f"kernel {n} of the tables")
        for value in part.variables[1:]:
            put(layer.biases[n], value, f"bias {n} of the tables")
