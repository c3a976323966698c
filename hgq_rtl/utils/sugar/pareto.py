"""Keep the checkpoints that are best in some trade-off between metrics."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.utils.walk import total_ebops

INDEX = "pareto.json"
_FORMAT = 1
_WEIGHTS = ".weights.h5"


class ParetoFront(keras.callbacks.Callback):  # type: ignore[misc]
    """Save a checkpoint per epoch that no saved one equals or beats in every metric.

    ``path``: a folder. ``metrics``: names of logs, ``ebops`` included. ``sides``: for each, 1
    where more is better, -1 where less is. A checkpoint that the new one beats in every metric is
    deleted. ``fname_format``: a format string over ``epoch`` and the logs, such as
    ``'{epoch}-{val_accuracy:.3f}-{ebops:.0f}.keras'``; a name that ends in ``.weights.h5``
    saves the weights alone. What a file name cannot hold becomes ``_``, and a name that is taken
    gets a number. ``enable_if``: a function of the logs that says whether an epoch counts.

    The front is remembered in ``pareto.json`` beside the checkpoints, so a run that is started
    again goes on with it; files that have gone in between are forgotten. Epochs with NaN or
    infinite metrics never count.

    Raises ConfigError for arguments that do not fit together or a folder of other metrics, and
    TrainingError for a metric that is not in the logs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        metrics: Sequence[str],
        sides: Sequence[int],
        fname_format: str | None = None,
        enable_if: Callable[[dict[str, Any]], bool] | None = None,
    ) -> None:
        super().__init__()
        self.path, self.metrics, self.sides = Path(path), list(metrics), list(sides)
        if isinstance(metrics, str) or not self.metrics or len(self.metrics) != len(self.sides):
            raise ConfigError("metrics and sides must be lists of one length",
                              received=f"metrics={metrics!r}, sides={sides!r}")  # fmt: skip
        if not all(s in (1, -1) for s in self.sides):
            raise ConfigError("a side is 1 (more is better) or -1 (less is better)",
                              received=repr(self.sides))  # fmt: skip
        if fname_format is not None and not fname_format.endswith((".keras", _WEIGHTS)):
            raise ConfigError("checkpoints are .keras or .weights.h5 files",
                              received=repr(fname_format))  # fmt: skip
        self.fname_format = fname_format
        self.enable_if = enable_if
        self.front: list[dict[str, Any]] = []
        """The saved checkpoints: ``file`` (name), ``epoch`` and ``values`` (one per metric)."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Read the index of an earlier run."""
        self.path.mkdir(parents=True, exist_ok=True)
        index = self.path / INDEX
        if not index.exists():
            return
        try:
            saved = json.loads(index.read_text())
            told = {"format": saved["format"], "metrics": saved["metrics"], "sides": saved["sides"]}
            entries = [{k: e[k] for k in ("file", "epoch", "values")} for e in saved["front"]]
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{index} is not the index of a Pareto front",
                              hint="Give another folder, or remove the file") from None  # fmt: skip
        mine = {"format": _FORMAT, "metrics": self.metrics, "sides": self.sides}
        if told != mine:
            raise ConfigError(f"{self.path} holds a front of other metrics",
                              received=f"{told}, and now {mine}",
                              hint="Give another folder")  # fmt: skip
        names = {p.name for p in self.path.iterdir()}
        self.front = [e for e in entries if e["file"] in names]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save the model if no saved one is as good, and delete those it beats."""
        logs = dict(logs or {})
        logs.setdefault("ebops", total_ebops(self.model))
        if self.enable_if is not None and not self.enable_if(logs):
            return
        validated = any(name.startswith("val_") for name in logs)
        missing = [m for m in self.metrics if m not in logs]
        if missing and missing[0].startswith("val_") and not validated:
            return  # an epoch without validation, as with validation_freq
        if missing:
            raise TrainingError(f"the metric {missing[0]!r} is not in the logs",
                                hint=f"Known: {', '.join(sorted(logs))}")  # fmt: skip
        values = [float(logs[m]) for m in self.metrics]
        new = [s * v for s, v in zip(self.sides, values, strict=True)]
        if not all(map(math.isfinite, new)):
            return
        scores = [[s * v for s, v in zip(self.sides, e["values"], strict=True)] for e in self.front]
        if any(all(a >= b for a, b in zip(old, new, strict=True)) for old in scores):
            return
        beaten = [all(a < b for a, b in zip(old, new, strict=True)) for old in scores]
        removed = [e for e, gone in zip(self.front, beaten, strict=True) if gone]
        name = self._name(epoch, logs)
        self._save(name)
        self.front = [e for e in self.front if e not in removed]
        self.front.append({"file": name, "epoch": epoch, "values": values})
        # The order matters where a run is killed: at worst a file stays that no index names.
        self._write_index()
        for entry in removed:
            (self.path / entry["file"]).unlink(missing_ok=True)

    def _name(self, epoch: int, logs: dict[str, Any]) -> str:
        if self.fname_format is None:
            parts = [f"epoch={epoch}", *(f"{m}={logs[m]:.5g}" for m in self.metrics)]
            name = "-".join(parts) + ".keras"
        else:
            try:
                name = self.fname_format.format(**{**logs, "epoch": epoch})
            except (KeyError, IndexError, ValueError, AttributeError) as error:
                raise ConfigError(
                    f"fname_format cannot be filled in: {error!r}",
                    received=repr(self.fname_format),
                    hint=f"Known: epoch, {', '.join(sorted(logs))}",
                ) from None
        # Logs have names such as 'metrics/acc'; none may lead out of the folder.
        name = re.sub(r"[^\w.,=+-]", "_", name).lstrip(".") or "_"
        ending = _WEIGHTS if name.endswith(_WEIGHTS) else ".keras"
        stem, n = name.removesuffix(ending), 1
        while (self.path / name).exists():
            n += 1
            name = f"{stem}-{n}{ending}"
        return name

    def _save(self, name: str) -> None:
        if name.endswith(_WEIGHTS):
            self.model.save_weights(self.path / name)
        else:
            self.model.save(self.path / name)

    def _write_index(self) -> None:
        index = {"format": _FORMAT, "metrics": self.metrics, "sides": self.sides}
        text = json.dumps({**index, "front": self.front}, indent=1)
        partial = self.path / (INDEX + ".new")
        partial.write_text(text + "\n")
        partial.replace(self.path / INDEX)  # at once: never half an index
