"""Counting, calibration and callbacks of HGQ 1 under their names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from hgq_rtl.errors import ConversionError
from hgq_rtl.quantizers import Quantizer
from hgq_rtl.utils import quantized_layers, total_ebops
from hgq_rtl.utils import trace_minmax as _trace


class FreeBOPs(keras.callbacks.Callback):  # type: ignore[misc]
    """Add ``bops``, the total over all layers, to the logs of every epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write ``logs['bops']``."""
        if logs is not None:
            logs["bops"] = total_ebops(self.model)


class ResetMinMax(keras.callbacks.Callback):  # type: ignore[misc]
    """Forget the recorded ranges of all activations when an epoch begins."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the integer bits to the fewest, from which the first batch raises them."""
        for layer in self.model._flatten_layers():
            recorded = getattr(layer, "is_wrap", False) and not layer.is_weight
            if recorded and layer.built and not layer.is_fixed:
                layer._i.assign(np.full(layer.width_shape, -23.0))
                layer._k.assign(np.zeros(layer.width_shape))


def trace_minmax(
    model: keras.Model,
    data: Any,
    bsz: int = 16384,
    cover_factor: float = 1.0,
    rst: bool = True,
    verbose: bool = False,
) -> float:
    """``hgq_rtl.utils.trace_minmax`` with HGQ 1's arguments; the total BOPs."""
    return float(
        _trace(model, data, reset=rst, batch_size=bsz, verbose=verbose, cover_factor=cover_factor)
    )


def compute_bops(model: keras.Model, dataset: Any, bsz: int = 16384, **kwargs: Any) -> float:
    """``trace_minmax``, under its name in the first versions."""
    return trace_minmax(model, dataset, bsz=bsz, **kwargs)


def to_proxy_model(model: keras.Model, aggressive: bool = True, **kwargs: Any) -> keras.Model:
    """``model`` itself, which is what ``hgq_rtl.compile`` takes.

    HGQ 1 needed a second model, since its layers did not overflow in Keras as in hardware; here
    they do. Raises ConversionError for an untraced model and for settings without meaning.
    """
    if not aggressive:
        raise ConversionError(
            "a traced range wraps, and cannot be made to saturate afterwards",
            received="aggressive=False",
            hint="Train with QuantizerConfig(..., overflow_mode='SAT') for what shall saturate",
        )
    for name in kwargs:
        raise ConversionError(f"to_proxy_model has no argument {name!r} here",
                              hint="Hardware is exact without it; see hgq_rtl.compile")  # fmt: skip
    for layer in quantized_layers(model):
        quantizers = [q for q in layer._flatten_layers() if isinstance(q, Quantizer)]
        if not all(q.is_settled for q in quantizers):
            raise ConversionError(
                "the range of an activation is not known",
                where=f"layer '{layer.name}' ({type(layer).__name__})",
                hint="Call trace_minmax(model, data) first",
            )
    return model
