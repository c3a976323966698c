"""Steer the weight of EBOPs in the loss towards a resource budget."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.errors import ConfigError, TrainingError
from hgq_rtl.utils.calibration import total_luts
from hgq_rtl.utils.walk import quantized_layers, total_ebops

_LEAST_RATIO = 1e-6
"""A model of no cost at all counts as a millionth of the target: its logarithm stays finite."""


class BetaPID(keras.callbacks.Callback):  # type: ignore[misc]
    """PID controller of ``beta`` (the same for all layers) towards a budget.

    The budget is ``target_ebops``, or ``target_luts`` in estimated LUTs, best with layers whose
    ``resource`` is "luts" as well.

    After ``warmup`` epochs, at the start of every epoch, with c the cost of the model::

        err  = log10(c / target)           (log=True), or c / target - 1 (log=False)
        beta = 10^(u0 + p·err + i·sum(err) + d·(err - previous err))

    where sum(err) counts this epoch too, and u0 makes the first controlled beta equal to the
    present one, whatever p and i. Then beta·(1 - ``damp_beta_on_target``) where c is at or below
    the target, and beta is clipped to [``min_beta``, ``max_beta``]. While it is clipped, an error
    that pushes further out is not added to the sum, so that beta comes back at once (anti-windup;
    Åström and Hägglund, Advanced PID Control, §3.5).

    ``init_beta``: beta of all layers until then; None keeps theirs (control starts from their
    mean). ``metric``: a function of the model that gives another cost, in whose unit
    ``target_ebops`` is then given. Layers that count no EBOPs have no beta and are left alone.
    Logs ``beta``, and the cost as ``ebops`` or ``luts``.

    Raises ConfigError for impossible arguments; TrainingError if no layer counts EBOPs, the
    present beta is zero, or the cost is negative, NaN or infinite.
    """

    def __init__(
        self,
        target_ebops: float | None = None,
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
        *,
        target_luts: float | None = None,
    ) -> None:
        super().__init__()
        if (target_ebops is None) == (target_luts is None):
            raise ConfigError("give exactly one of target_ebops and target_luts",
                              received=f"target_ebops={target_ebops}, "
                              f"target_luts={target_luts}")  # fmt: skip
        name = "target_ebops" if target_luts is None else "target_luts"
        target = target_ebops if target_luts is None else target_luts
        if target is None or not 0 < target < math.inf:
            raise ConfigError(f"{name} must be positive", received=repr(target))
        if metric is not None and target_luts is not None:
            raise ConfigError("a metric has its budget in target_ebops",
                              received=f"target_luts={target_luts}")  # fmt: skip
        if init_beta is not None and not 0 < init_beta < math.inf:
            raise ConfigError("init_beta must be positive", received=repr(init_beta))
        if not 0 <= min_beta <= max_beta:
            raise ConfigError("0 <= min_beta <= max_beta must hold",
                              received=f"min_beta={min_beta}, max_beta={max_beta}")  # fmt: skip
        if not 0 <= damp_beta_on_target <= 1:
            raise ConfigError("damp_beta_on_target must lie in [0, 1]",
                              received=repr(damp_beta_on_target))  # fmt: skip
        self.target = float(target)
        self.init_beta, self.warmup, self.log = init_beta, warmup, log
        self.p, self.i, self.d = p, i, d
        self.min_beta, self.max_beta, self.damp = min_beta, max_beta, damp_beta_on_target
        self._logged = name.removeprefix("target_")
        self.metric = metric or (total_ebops if target_luts is None else total_luts)
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
        """Write ``logs['beta']`` and the cost."""
        if logs is not None:
            logs["beta"] = self._mean_beta()
            total = total_ebops if self._logged == "ebops" else total_luts
            logs[self._logged] = total(self.model)

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
