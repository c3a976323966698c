"""Warn of layers that compute with nothing but zeros."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from hgq_rtl.quantizers import Quantizer

_WHAT = {"kq": "weights", "iq": "inputs", "oq": "outputs"}


class CollapseWarning(UserWarning):
    """All weights, or all activations, of some layer are quantized to zero."""


def warn_of_collapse(layers: Iterable[Any], dead: list[Any]) -> None:
    """Warn of the quantizers ``dead``, which put out nothing but zeros, by the names of layers.

    A bias of zeros is no collapse.
    """
    dead = [q for q in dead if q.config.place != "bias"]
    if not dead:
        return
    names = {
        id(part): f"{layer.name!r} (all {_WHAT.get(part.name, part.name)})"
        for layer in layers
        for part in layer._flatten_layers(include_self=False, recursive=False)
        if isinstance(part, Quantizer)
    }
    found = [names.get(id(q), f"{q.name!r} (all values)") for q in dead]
    warnings.warn(
        f"quantized to nothing but zeros: {', '.join(dict.fromkeys(found))}.\n"
        "  These layers no longer see their data. Start from more fraction bits (f0, b0), lower "
        "beta0, or check that the data are not zero.",
        CollapseWarning,
        stacklevel=3,
    )
