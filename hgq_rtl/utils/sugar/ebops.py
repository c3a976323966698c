"""Log the EBOPs of the model."""

from __future__ import annotations

from typing import Any

import keras

from hgq_rtl.utils.walk import total_ebops


class FreeEBOPs(keras.callbacks.Callback):  # type: ignore[misc]
    """Add ``ebops``, the total over all layers, to the logs of every epoch.

    It costs nothing: the training step has counted them already.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write ``logs['ebops']``."""
        if logs is not None:
            logs["ebops"] = total_ebops(self.model)
