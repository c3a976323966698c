"""Log the cost of the model."""

from __future__ import annotations

from typing import Any

import keras

from hgq_rtl.utils.calibration import total_luts
from hgq_rtl.utils.walk import total_ebops


class FreeEBOPs(keras.callbacks.Callback):  # type: ignore[misc]
    """Add ``ebops`` and ``luts``, totals over all layers, to the logs of every epoch.

    EBOPs are those of the last training step. LUTs are estimated from the weights as they are now,
    by a function that is compiled at the end of the first epoch.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write ``logs['ebops']`` and ``logs['luts']``."""
        if logs is not None:
            logs["ebops"] = total_ebops(self.model)
            logs["luts"] = total_luts(self.model)
