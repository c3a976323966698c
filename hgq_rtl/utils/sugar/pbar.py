"""One progress bar for a whole training run."""

from __future__ import annotations

from typing import Any

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hgq_rtl.errors import ConfigError
from hgq_rtl.utils.walk import total_ebops


class PBar(keras.callbacks.Callback):  # type: ignore[misc]
    """Show one bar over all epochs, with the metrics and EBOPs of the last one.

    ``metric``: a format string of the logs, such as 'loss {loss:.3g}/{val_loss:.3g}', to which
    EBOPs are added if it does not name them; the default shows all logs. ``disable_ebops``: add
    no EBOPs. Use with ``verbose=0``. Raises ConfigError for a string that names what the logs
    lack.
    """

    _shown: Progress | None = None  # of any PBar: a terminal shows one at a time

    def __init__(self, metric: str | None = None, disable_ebops: bool = False) -> None:
        super().__init__()
        self.template, self.disable_ebops = metric, disable_ebops
        self._bar: Progress | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        if PBar._shown is not None:  # of a run that was interrupted
            PBar._shown.stop()
        self._bar = PBar._shown = Progress(
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
        values = dict(logs or {})
        if not self.disable_ebops:
            values = {"ebops": total_ebops(self.model), **values}
        # Not an increment: fit(initial_epoch=...) starts in the middle.
        self._bar.update(self._task, completed=epoch + 1, description=self._text(epoch, values))

    def _text(self, epoch: int, values: dict[str, Any]) -> str:
        if self.template is None:
            return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        more = "" if self.disable_ebops or "{ebops" in self.template else "  {ebops:.0f} EBOPs"
        try:
            return (self.template + more).format(epoch=epoch, **values)
        except KeyError as error:
            self.on_train_end()
            raise ConfigError(f"the metric names {error}, which is not in the logs",
                              received=repr(self.template),
                              hint=f"Known: epoch, {', '.join(values)}") from None  # fmt: skip

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the finished bar in the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = PBar._shown = None
