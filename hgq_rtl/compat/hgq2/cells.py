"""Recurrent and spiking layers, whose variables HGQ 2 keeps in a cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hgq_rtl.compat.hgq2 import quantizers
from hgq_rtl.compat.hgq2.archive import Saved, put
from hgq_rtl.errors import ConversionError


def cell(variables: str, quantizer_names: str) -> Callable[[Any, dict[str, Saved]], None]:
    """A function that loads the part "cell" of a layer: these attributes, these quantizers.

    What is trained comes first in the file, the rest after it, each in the order given.
    """

    def load(layer: Any, parts: dict[str, Saved]) -> None:
        part = parts.pop("cell", Saved(""))
        targets = [v for name in variables.split() if (v := getattr(layer, name, None)) is not None]
        targets.sort(key=lambda v: not v.trainable)
        if len(targets) != len(part.variables):
            raise ConversionError(
                "the cell has other variables than HGQ 2 0.2.0 saves",
                received=f"{len(part.variables)} instead of {len(targets)}",
            )
        for target, value in zip(targets, part.variables, strict=True):
            put(target, value, target.name)
        for name in quantizer_names.split():
            quantizers.assign(getattr(layer, name), part.parts.pop(name, Saved(name)))
        parts.update(part.parts)

    return load
