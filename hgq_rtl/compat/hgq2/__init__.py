"""Models trained with HGQ 2 (the package ``HGQ2`` on PyPI, version 0.2.0)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras

from hgq_rtl.compat.hgq2.architecture import construct, translate
from hgq_rtl.compat.hgq2.archive import read
from hgq_rtl.compat.hgq2.folding import check_averages
from hgq_rtl.compat.hgq2.variables import assign
from hgq_rtl.errors import ConversionError

__all__ = ["from_hgq2"]


def from_hgq2(model: Any, *, reciprocal_bits: int | None = None) -> keras.Model:
    """A model trained with HGQ 2 as one of this project's layers, with the same outputs.

    ``model``: the path of a .keras file, for which HGQ 2 need not be installed, or a live model.
    The result has the names, weights, widths and traced ranges of the original, and is not
    compiled for training; plain Keras layers stay what they are.

    ``reciprocal_bits``: what to do about average pooling of windows whose size is no power of
    two, which HGQ 2 divides in floating point, so that no hardware can equal it. None refuses
    them; a number gives the reciprocal so many significant bits, see ``layers.reciprocal``.

    Tables hold the function in double precision, correctly rounded, where HGQ 2 has float32: an
    entry can differ where the two lie on either side of a rounding boundary.

    Raises ConversionError, which names the layer, for what has no equal here.
    """
    if isinstance(model, str | Path):
        config, saved = read(Path(model))
    elif isinstance(model, keras.Model):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            model.save(path)
            config, saved = read(path)
    else:
        raise ConversionError("from_hgq2 takes the path of a .keras file or a Keras model",
                              received=type(model).__name__)  # fmt: skip
    translated, originals = translate(config, saved, reciprocal_bits)
    converted = construct(translated)
    assign(converted, saved, originals)
    if reciprocal_bits is None:
        check_averages(converted)
    return converted
