"""The gradient of convolutions of few channels, against that of XLA's convolution."""

import functools

import keras
import numpy as np
import pytest

from hgq_rtl.layers import QConv1D, QConv2D, conv_gradient
from hgq_rtl.quantizers import QuantizerConfig

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX only")


@pytest.mark.parametrize(
    ("layer", "shape", "arguments"),
    [
        (QConv2D, (5, 6, 1), {"kernel_size": 3}),
        (QConv2D, (5, 6, 2), {"kernel_size": (2, 3), "strides": (2, 1), "padding": "same"}),
        (QConv2D, (7, 6, 1), {"kernel_size": (2, 3), "strides": (2, 3)}),
        (QConv1D, (9, 2), {"kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
        (QConv1D, (9, 2), {"kernel_size": 3, "padding": "same", "dilation_rate": 2}),
    ],
)
def test_gradients(layer, shape, arguments):
    """On small integers, whose sums are exact in any order."""
    import jax

    made = layer(4, **arguments, **{f"{q}_conf": QuantizerConfig("dummy") for q in ("iq", "kq")})
    made.build((None, *shape))
    assert conv_gradient.pays(made.kernel.shape[-2], 4)
    rng = np.random.default_rng(0)
    x, kernel = (
        rng.integers(-4, 5, s).astype(np.float32) for s in ((3, *shape), made.kernel.shape)
    )
    y, back = jax.vjp(made.product, x, kernel)
    plain, plain_back = jax.vjp(functools.partial(made.convolve, keras.ops.conv), x, kernel)
    assert np.array_equal(y, plain)
    upstream = rng.integers(-4, 5, y.shape).astype(np.float32)
    for ours, theirs in zip(back(upstream), plain_back(upstream), strict=True):
        assert np.array_equal(ours, theirs)
        assert np.any(ours)
