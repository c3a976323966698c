"""Convolutions of few channels against XLA's own, in values and gradients, on integers."""

import numpy as np
import pytest
from jax import lax, vjp

from hgq_rtl.layers.narrow_conv import is_narrow, narrow_conv
from hgq_rtl.layers.windows import Windows

GEOMETRIES = [
    ((3,), (1,), (2,), "causal"),
    ((2,), (2,), (1,), "same"),
    ((3, 2), (2, 1), (1, 2), "same"),
    ((3, 3), (1, 2), (1, 1), "valid"),
    ((2, 1, 2), (1, 1, 2), (1, 1, 1), "valid"),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_values_and_gradients(geometry, channels):
    windows = Windows(*geometry)
    size, rank = windows.size, len(windows.size)
    rng = np.random.default_rng(1)

    def integers(*shape):
        return rng.integers(-4, 5, shape).astype(np.float32)

    x = integers(2, *(7, 6, 5)[:rank], channels)
    kernel = integers(*size, channels, 4)
    letters = "DHW"[3 - rank :]

    def plain(x, kernel):
        return lax.conv_general_dilated(
            x,
            kernel,
            windows.strides,
            windows.pads(x.shape[1:-1]),
            rhs_dilation=windows.dilation,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        )

    want, backward = vjp(plain, x, kernel)
    got, ours = vjp(lambda x, kernel: narrow_conv(x, kernel, windows), x, kernel)
    assert np.array_equal(got, want)
    upstream = integers(*want.shape)
    assert all(map(np.array_equal, ours(upstream), backward(upstream)))


def test_many_channels_are_left_to_xla():
    assert is_narrow(16)
    assert not is_narrow(17)
