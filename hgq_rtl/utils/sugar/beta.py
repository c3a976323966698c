"""Change the weight of EBOPs in the loss during training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.utils.walk import quantized_layers


class BetaScheduler(keras.callbacks.Callback):  # type: ignore[misc]
    """Set ``beta`` of every layer to ``beta_fn(epoch)`` at the start of each epoch, and log it."""

    def __init__(self, beta_fn: Callable[[int], float]) -> None:
        super().__init__()
        self.beta_fn = beta_fn
        self._beta = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set ``beta``."""
        self._beta = float(self.beta_fn(epoch))
        for layer in quantized_layers(self.model):
            layer.beta = self._beta

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write ``logs['beta']``."""
        if logs is not None:
            logs["beta"] = self._beta
