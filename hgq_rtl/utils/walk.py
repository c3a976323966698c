"""Find the quantized layers of a model, and run functions of a model compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.layers.layer import QLayer


def quantized_layers(model: Any) -> list[Any]:
    """Every QLayer in ``model``, itself included, each once, at any depth of nesting."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, QLayer)]
    return list({id(layer): layer for layer in found}.values())


def total_ebops(model: Any) -> float:
    """Sum of the EBOPs of all layers, as of the last training step or trace."""
    return float(sum(layer.ebops for layer in quantized_layers(model)))


def compiled(function: Callable[..., Any], variables: list[Any]) -> Callable[..., Any]:
    """``function`` of tensors, compiled where the backend can do so from outside.

    ``variables``: what the function reads; their values are passed in at every call, and
    assignments inside are discarded. Backends other than JAX run it eagerly.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    def run(values: list[Any], *args: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*args)

    jitted = jax.jit(run)
    return lambda *args: jitted([v.value for v in variables], *args)
