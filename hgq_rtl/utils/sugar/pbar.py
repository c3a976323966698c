"""One progress bar for a whole training run."""

from __future__ import annotations

from typing import Any

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hgq_rtl.utils.walk import total_ebops


class PBar(keras.callbacks.Callback):  # type: ignore[misc]
    """Show one bar over all epochs, with the metrics and EBOPs of the last one.

    ``template``: a format string of the logs, such as 'loss {loss:.3g} EBOPs {ebops:.0f}'; the
    default shows all. Use with ``verbose=0``.
    """

    def __init__(self, template: str | None = None) -> None:
        super().__init__()
        self.template = template
        self._bar: Progress | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        self._task = self._bar.add_task("", total=self.params["epochs"])
        self._bar.start()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Advance the bar."""
        if self._bar is None:
            return
        values = {"ebops": total_ebops(self.model), **(logs or {})}
        if self.template is not None:
            text = self.template.format(epoch=epoch, **values)
        else:
            text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._bar.update(self._task, advance=1, description=text)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the finished bar in the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
