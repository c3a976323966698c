"""A convolution's gradient by its input, for few channels on CPUs.

XLA computes it as a convolution with as many filters as there are channels, of which a CPU's
vectors and matrix routines use little: for one channel it took a quarter of a training step. Here
it is one matrix product, from the filters of every output position to the cells of its window, and
a sum of shifted tensors. It pays while there are fewer channels than filters (docs/rationale.md).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras

from hgq_rtl.layers.layer import exact_products
from hgq_rtl.layers.windows import Windows


def pays(channels: int, filters: int) -> bool:
    """Whether ``convolve`` is worth it for such a convolution, on what runs it."""
    if keras.backend.backend() != "jax" or 2 * channels > filters:
        return False
    import jax

    return jax.default_backend() == "cpu"


def convolve(operation: Callable[[Any, Any], Any], windows: Windows, x: Any, kernel: Any) -> Any:
    """``operation(x, kernel)``, a convolution with channels last, without groups.

    ``windows``: its geometry, with padding "valid" or "same". Only the gradient is another one,
    and that up to the order of its sums.
    """
    import jax

    @jax.custom_vjp
    def convolved(x: Any, kernel: Any) -> Any:
        return operation(x, kernel)

    def forward(x: Any, kernel: Any) -> Any:
        return operation(x, kernel), (x, kernel)

    def backward(kept: Any, upstream: Any) -> Any:
        x, kernel = kept
        _, by_kernel = jax.vjp(lambda k: operation(x, k), kernel)
        return scattered(windows, upstream, kernel, x.shape), *by_kernel(upstream)

    convolved.defvjp(forward, backward)
    return convolved(x, kernel)


def scattered(windows: Windows, upstream: Any, kernel: Any, shape: Sequence[int]) -> Any:
    """The gradient by the input, of ``shape``: each cell's sum over the windows it is in."""
    import jax.numpy as jnp
    from jax import lax

    *size, channels, filters = kernel.shape
    cells = math.prod(size)
    with exact_products():
        columns = jnp.matmul(upstream, kernel.reshape(cells * channels, filters).T)
    columns = columns.reshape(*upstream.shape[:-1], cells, channels)
    before = [low for low, _ in windows.pads(shape[1:-1])]
    total = jnp.zeros(shape, upstream.dtype)
    for number, cell in enumerate(itertools.product(*map(range, size))):
        edges = [(0, 0, 0)]
        for axis, offset in enumerate(cell):
            stride = windows.strides[axis]
            low = offset * windows.dilation[axis] - before[axis]
            reach = (upstream.shape[axis + 1] - 1) * stride + 1
            edges.append((low, shape[axis + 1] - reach - low, stride - 1))
        part = columns[..., number, :]
        total = total + lax.pad(part, jnp.zeros((), part.dtype), [*edges, (0, 0, 0)])
    return total
