"""Steer the weight of EBOPs in the loss towards a resource budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.utils.walk import quantized_layers, total_ebops

_LEAST_RATIO = 1e-6
"""A model of no cost at all counts as a millionth of the target: its logarithm stays finite."""


class BetaPID(keras.callbacks.Callback):  # type: ignore[misc]
    """PID controller of ``beta`` (the same for all layers) towards ``target_ebops``.

    After ``warmup`` epochs, at the start of every epoch, with c the cost of the model::

        err  = log10(c / target)           (log=True), or c / target - 1 (log=False)
        beta = 10^(u0 + p·err + i·sum(err) + d·(err - previous err))

    where sum(err) counts this epoch too, and u0 makes the first controlled beta equal to the
    present one, whatever p and i. Then beta·(1 - ``damp_beta_on_target``) where c is at or below
    the target, and beta is clipped to [``min_beta``, ``max_beta``]. While it is clipped, an error
    that pushes further out is not added to the sum, so that beta comes back at once (anti-windup;
    Åström and Hägglund, Advanced PID Control, §3.5).

    ``init_beta``: beta of all layers until then; None keeps theirs (control starts from their
    mean). ``metric``: a function of the model that gives the cost, such as an estimate of LUTs,
    in whose unit ``target_ebops`` is then given; default: the EBOPs. Layers that count no EBOPs
    have no beta and are left alone. Logs ``beta`` and ``ebops``.

    Raises ConfigError for impossible arguments; TrainingError if no layer counts EBOPs, the
    present beta is zero, or the cost is negative, NaN or infinite.
    """

    def __init__(
        self,
        target_ebops: float,
        init_beta: float | None = None,
        p: float = 1.0,
        i: float = 2e-3,
        d: float = 0.0,
        warmup: int = 10,
        log: bool = True,
        max_beta: float = math.inf,
        min_beta: float = 0.0,
        damp_beta_on_target: float = 0.0,
        metric: Callable[[Any], float] | None = None,
    ) -> None:
        super().__init__()
        if not 0 < target_ebops < math.inf:
            raise ConfigError("target_ebops must be positive", received=repr(target_ebops))
        if init_beta is not None and not 0 < init_beta < math.inf:
            raise ConfigError("init_beta must be positive", received=repr(init_beta))
        if not 0 <= min_beta <= max_beta:
            raise ConfigError("0 <= min_beta <= max_beta must hold",
                              received=f"min_beta={min_beta}, max_beta={max_beta}")  # fmt: skip
        if not 0 <= damp_beta_on_target <= 1:
            raise ConfigError("damp_beta_on_target must lie in [0, 1]",
                              received=repr(damp_beta_on_target))  # fmt: skip
        self.target = float(target_ebops)
        self.init_beta, self.warmup, self.log = init_beta, warmup, log
        self.p, self.i, self.d = p, i, d
        self.min_beta, self.max_beta, self.damp = min_beta, max_beta, damp_beta_on_target
        self.metric = metric or total_ebops
        self._sum = 0.0
        self._previous: float | None = None
        self._offset = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the layers, and forget an earlier run."""
        self._layers = [layer for layer in quantized_layers(self.model) if layer.enable_ebops]
        if not self._layers:
            raise TrainingError("no layer of this model counts EBOPs, so there is no beta to set",
                                hint="Set enable_ebops=True and enable_iq=True")  # fmt: skip
        self._sum, self._previous = 0.0, None
        if self.init_beta is not None:
            self._set(self.init_beta)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set ``beta``."""
        # A model that was never trained nor traced has no EBOPs yet: nothing to compare.
        if epoch < self.warmup or (self._previous is None and total_ebops(self.model) == 0):
            return
        err, cost = self._error()
        if self._previous is None:
            self._offset = self._present() - self.p * err - self.i * err
            self._previous = err
        total = self._sum + err
        u = self._offset + self.p * err + self.i * total + self.d * (err - self._previous)
        beta = _power(u)
        if not (beta > self.max_beta and self.i * err > 0) and not (
            beta < self.min_beta and self.i * err < 0
        ):
            self._sum = total
        if cost <= self.target:
            beta *= 1 - self.damp
        self._previous = err
        self._set(min(max(beta, self.min_beta), self.max_beta))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write ``logs['beta']`` and ``logs['ebops']``."""
        if logs is not None:
            logs["beta"] = self._mean_beta()
            logs["ebops"] = total_ebops(self.model)

    def _error(self) -> tuple[float, float]:
        cost = float(self.metric(self.model))
        if not 0 <= cost < math.inf:
            raise TrainingError(
                "the cost of the model is not a number of zero or more",
                received=repr(cost),
                hint="The training has diverged; go back to an earlier checkpoint",
            )
        ratio = max(cost / self.target, _LEAST_RATIO)
        return (math.log10(ratio) if self.log else ratio - 1), cost

    def _present(self) -> float:
        beta = self._mean_beta()
        if beta <= 0:
            raise TrainingError("the controller cannot start from a beta of zero",
                                received=f"beta={beta}",
                                hint="Give init_beta, or layers a positive beta0")  # fmt: skip
        return math.log10(beta)

    def _mean_beta(self) -> float:
        return sum(float(layer.beta) for layer in self._layers) / len(self._layers)

    def _set(self, beta: float) -> None:
        for layer in self._layers:
            layer.beta = beta


def _power(u: float) -> float:
    """10^u, within the range of floats."""
    return math.pow(10.0, min(max(u, -300.0), 300.0))
