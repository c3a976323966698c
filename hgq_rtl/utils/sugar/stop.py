"""Stop training early, but not too early."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.utils.walk import total_ebops


class EarlyStoppingWithEbopsThres(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """``keras.callbacks.EarlyStopping`` among the epochs that keep to ``ebops_threshold``.

    An epoch that ends with more EBOPs does not count: it uses up no patience, and it is never
    the best one, so ``restore_best_weights`` gives a model within the budget. Further arguments
    are those of EarlyStopping.
    """

    def __init__(self, ebops_threshold: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not ebops_threshold > 0:
            raise ConfigError("ebops_threshold must be positive", received=repr(ebops_threshold))
        self.ebops_threshold = float(ebops_threshold)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the epoch if it is within the budget."""
        if total_ebops(self.model) <= self.ebops_threshold:
            super().on_epoch_end(epoch, logs)


class StopIf(keras.callbacks.Callback):  # type: ignore[misc]
    """Stop after more than ``patience_epochs`` consecutive epochs of ``stop_condition``.

    ``stop_condition``: a function of the logs, or of the logs and the model, whose result is true
    or not. With ``patience_steps`` it is asked after every batch too, and more than that many
    consecutive batches stop training; it is not asked at the end of epochs if
    ``patience_epochs`` is None. ``verbose``: 1 says so when training is stopped. ``stopped``
    tells afterwards.
    """

    def __init__(
        self,
        stop_condition: Callable[..., Any],
        patience_epochs: int | None = 0,
        patience_steps: int | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__()
        for name, patience in (
            ("patience_epochs", patience_epochs),
            ("patience_steps", patience_steps),
        ):
            if patience is not None and (not isinstance(patience, int) or patience < 0):
                raise ConfigError(f"{name} must be an integer of zero or more",
                                  received=repr(patience))  # fmt: skip
        self._cond = _two_arguments(stop_condition)
        self.patience_epochs, self.patience_steps = patience_epochs, patience_steps
        self.verbose = verbose
        self._epochs = self._steps = 0
        self.stopped = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget an earlier run."""
        self._epochs = self._steps = 0
        self.stopped = False

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask ``stop_condition`` if steps count."""
        if self.patience_steps is not None:
            self._steps = self._steps + 1 if self._cond(logs or {}, self.model) else 0
            self._stop(self._steps, self.patience_steps, "steps")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask ``stop_condition`` if epochs count."""
        if self.patience_epochs is None:
            return
        logs = dict(logs or {})
        logs.setdefault("ebops", total_ebops(self.model))
        self._epochs = self._epochs + 1 if self._cond(logs, self.model) else 0
        self._stop(self._epochs, self.patience_epochs, "epochs")

    def _stop(self, count: int, patience: int, what: str) -> None:
        if count > patience:
            if self.verbose and not self.stopped:
                print(f"training stops: the condition held for {count} consecutive {what}")
            self.stopped = True
            self.model.stop_training = True


class RaiseOnNaN(keras.callbacks.Callback):  # type: ignore[misc]
    """Raise TrainingError at the end of an epoch whose loss is NaN or infinite.

    The error names the first variable of the model that is not finite.
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Check ``logs['loss']``."""
        loss = float((logs or {}).get("loss", 0.0))
        if loss - loss == 0:
            return
        bad = [v.path for v in self.model.variables if _is_bad(v)]
        raise TrainingError(
            "the loss is NaN or infinite",
            received=f"{loss} in epoch {epoch}"
            + (f", with values that are not finite in {bad[0]!r}" if bad else ""),
            hint="Go back to an earlier checkpoint and lower the learning rate or beta",
        )


def _is_bad(variable: Any) -> bool:
    if not keras.backend.is_float_dtype(variable.dtype):
        return False
    return not bool(keras.ops.all(keras.ops.isfinite(variable)))


def _two_arguments(cond: Callable[..., Any]) -> Callable[[dict[str, Any], Any], Any]:
    """``cond`` as a function of logs and model."""
    try:
        inspect.signature(cond).bind(None, None)
    except TypeError:
        return lambda logs, model: cond(logs)
    except ValueError:  # a builtin that does not tell
        return lambda logs, model: cond(logs)
    return cond
