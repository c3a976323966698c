"""Plain statements of convolution and windows, element by element, for the tests of layers."""

import itertools

import numpy as np


def windows(shape, size, strides, dilation, padding):
    """For each output position, its cells: (position, [(tap, place)]), padding left out."""
    axes = []
    for n, k, s, d in zip(shape, size, strides, dilation, strict=True):
        reach = (k - 1) * d
        if padding == "same":
            out = -(-n // s)
            before = max((out - 1) * s + reach + 1 - n, 0) // 2
        else:
            before = reach if padding == "causal" else 0
            out = (n + before - reach - 1) // s + 1
        axes.append(
            [
                [(t, p * s + t * d - before) for t in range(k) if 0 <= p * s + t * d - before < n]
                for p in range(out)
            ]
        )
    for position in itertools.product(*(range(len(a)) for a in axes)):
        cells = itertools.product(*(a[p] for a, p in zip(axes, position, strict=True)))
        yield position, [tuple(zip(*cell, strict=True)) for cell in cells]


def lengths(shape, size, strides, dilation, padding):
    return tuple(np.array([p for p, _ in windows(shape, size, strides, dilation, padding)])[-1] + 1)


def correlate(x, kernel, strides, dilation, padding, groups=1):
    """Convolution of channels-last ``x`` in the sense of Keras."""
    rank = x.ndim - 2
    spatial, size = x.shape[1:-1], kernel.shape[:rank]
    channels, filters = kernel.shape[-2], kernel.shape[-1] // groups
    out = lengths(spatial, size, strides, dilation, padding)
    y = np.zeros((len(x), *out, kernel.shape[-1]))
    for position, cells in windows(spatial, size, strides, dilation, padding):
        for tap, place in cells:
            for g in range(groups):
                part = x[(slice(None), *place, slice(g * channels, (g + 1) * channels))]
                block = slice(g * filters, (g + 1) * filters)
                y[(slice(None), *position, block)] += part @ kernel[tap][:, block]
    return y
