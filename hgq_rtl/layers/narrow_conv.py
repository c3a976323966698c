"""Convolutions over few channels, for JAX on CPUs.

XLA's own convolution is slow there for the few channels that networks for FPGAs have. Gathering
the cells of each window and multiplying matrices takes about half the time (training step of a
3x3 convolution, 8 to 16 channels); for a single channel, a sum over the cells takes a third, if
the gradient of the kernel remains XLA's. From 32 channels on XLA is as fast. The sums are the same
in another order, which changes nothing as long as they are exact (see lowering.exactness).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from hgq_rtl.layers.windows import Windows

_MOST_CHANNELS = 16


def is_narrow(channels: int) -> bool:
    """Whether ``narrow_conv`` is the faster one here."""
    if keras.backend.backend() != "jax" or channels > _MOST_CHANNELS:
        return False
    import jax

    return jax.default_backend() == "cpu"


def narrow_conv(x: Any, kernel: Any, windows: Windows) -> Any:
    """Convolve ``x`` (batch, *spatial, channels) with ``kernel`` (*size, channels, filters)."""
    import jax.numpy as jnp

    x = jnp.pad(x, [(0, 0), *windows.pads(x.shape[1:-1]), (0, 0)])
    geometry = windows.strides, windows.dilation
    if x.shape[-1] == 1:
        return _single_channel()(x, kernel, *geometry)
    cells = jnp.concatenate(_cells(x, kernel.shape, *geometry), axis=-1)
    return cells @ kernel.reshape(-1, kernel.shape[-1])


def _cells(
    x: Any, kernel: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...]
) -> list[Any]:
    """For each cell of the window, in the order of the kernel, its value in all windows."""
    import numpy as np
    from jax import lax

    size = kernel[:-2]
    reach = [(n - (k - 1) * d - 1) for n, k, d in zip(x.shape[1:-1], size, dilation, strict=True)]
    parts = []
    for index in np.ndindex(*size):
        start = [n * d for n, d in zip(index, dilation, strict=True)]
        stop = [a + r + 1 for a, r in zip(start, reach, strict=True)]
        parts.append(
            lax.slice(x, (0, *start, 0), (x.shape[0], *stop, x.shape[-1]), (1, *strides, 1))
        )
    return parts


@functools.cache
def _single_channel() -> Callable[..., Any]:
    import jax

    def summed(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
        cells = _cells(x, kernel.shape, strides, dilation)
        rows = kernel.reshape(-1, kernel.shape[-1])
        return sum(cell * row for cell, row in zip(cells, rows, strict=True))

    def convolved(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
        letters = "DHW"[3 - len(strides) :]
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            strides,
            "VALID",
            rhs_dilation=dilation,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        )

    single = jax.custom_vjp(summed, nondiff_argnums=(2, 3))

    def forward(x: Any, kernel: Any, strides: Any, dilation: Any) -> Any:
        return summed(x, kernel, strides, dilation), (x, kernel)

    def backward(strides: Any, dilation: Any, kept: Any, upstream: Any) -> Any:
        x, kernel = kept
        (d_x,) = jax.vjp(lambda v: summed(v, kernel, strides, dilation), x)[1](upstream)
        (d_kernel,) = jax.vjp(lambda v: convolved(x, v, strides, dilation), kernel)[1](upstream)
        return d_x, d_kernel

    single.defvjp(forward, backward)
    return single
