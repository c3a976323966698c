"""Constraints and the regularizer of bit widths."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError

register = keras.saving.register_keras_serializable(package="hgq_rtl")


@register
class MinMax(keras.constraints.Constraint):
    """Clip to [min_value, max_value]. Raises ConfigError for an empty interval."""

    def __init__(self, min_value: float, max_value: float) -> None:
        if not min_value <= max_value:
            raise ConfigError("min_value must not be greater than max_value",
                              received=f"{min_value}, {max_value}")  # fmt: skip
        self.min_value, self.max_value = min_value, max_value

    def __call__(self, w: Any) -> Any:
        """Return ``w`` clipped."""
        return ops.clip(w, self.min_value, self.max_value)

    def get_config(self) -> dict[str, float]:
        """Return the constructor arguments."""
        return {"min_value": self.min_value, "max_value": self.max_value}


@register
class Min(keras.constraints.Constraint):
    """Keep at ``min_value`` or above."""

    def __init__(self, min_value: float) -> None:
        self.min_value = min_value

    def __call__(self, w: Any) -> Any:
        """Return ``w`` clipped from below."""
        return ops.maximum(w, self.min_value)

    def get_config(self) -> dict[str, float]:
        """Return the constructor arguments."""
        return {"min_value": self.min_value}


@register
class Max(keras.constraints.Constraint):
    """Keep at ``max_value`` or below."""

    def __init__(self, max_value: float) -> None:
        self.max_value = max_value

    def __call__(self, w: Any) -> Any:
        """Return ``w`` clipped from above."""
        return ops.minimum(w, self.max_value)

    def get_config(self) -> dict[str, float]:
        """Return the constructor arguments."""
        return {"max_value": self.max_value}


@register
class Constant(keras.constraints.Constraint):
    """Hold at ``value``."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, w: Any) -> Any:
        """Return ``value`` in the shape of ``w``."""
        return ops.full_like(ops.convert_to_tensor(w), self.value)

    def get_config(self) -> dict[str, float]:
        """Return the constructor arguments."""
        return {"value": self.value}


@register
class MonoL1(keras.regularizers.Regularizer):
    """l·sum(w), signed: it keeps pushing widths down below zero, where L1 would turn round."""

    def __init__(self, l1: float = 1e-8) -> None:
        self.l1 = l1

    def __call__(self, x: Any) -> Any:
        """Return the loss of ``x``."""
        return self.l1 * ops.sum(x)

    def get_config(self) -> dict[str, float]:
        """Return the constructor arguments."""
        return {"l1": self.l1}
