"""The battery of layers of look-up tables."""

import numpy as np

from hgq_rtl.config import QuantizerConfig
from tests.battery.layer import LayerBattery

PER_EDGE = QuantizerConfig("kif", "table", homogeneous_axis=(0,))


def weight(v):
    return np.asarray(v.value).astype(np.float64)


class TableBattery(LayerBattery):
    """Subclasses give the ``equation`` of connections, in which letters of tables are i and j."""

    quantizers = ("iq", "toq")
    equation = "...ij"

    def connected(self, layer, x):
        """The input of every connection, in the order of the layer's quantizers."""
        raise NotImplementedError

    def result(self, layer, t):
        """The sum over the tables of every output."""
        return t.sum(-2)

    def expected(self, layer, x):
        at = self.equation
        h = self.quantized(layer.iq, self.connected(layer, x))[..., None]
        for n, kernel in enumerate(layer.kernels):
            h = np.einsum(f"{at}k,ijkl->{at}l", h, weight(kernel))
            if layer.use_bias:
                h = h + np.einsum(
                    f"{at},ijl->{at}l", np.ones(h.shape[:-1]), weight(layer.biases[n])
                )
            if n < layer.n_hl:
                silu = layer.subnn_activation.__name__ == "silu"
                h = h / (1 + np.exp(-h)) if silu else np.tanh(h)
        h = h[..., 0]
        if layer.batch_norm:
            scale = weight(layer.gamma) / np.sqrt(weight(layer.variance) + layer.bn_epsilon)
            mean, beta = (self.spread(weight(v)) for v in (layer.mean, layer.beta_bn))
            h = ((h - mean) * self.spread(scale) + beta) / np.sqrt(self.count(layer))
        y = self.result(layer, self.quantized(layer.toq, h.astype(np.float32)))
        return np.maximum(y, 0) if layer.activation.__name__ == "relu" else y

    def spread(self, v):
        """A vector of moments, aligned with connections."""
        return v

    def count(self, layer):
        """How many tables are summed."""
        return layer.kernels[0].shape[0]

    def test_without_quantization_it_is_the_keras_layer(self):
        """Keras has none: without quantizers and hidden layers it is linear."""
        off = {f"{q}_conf": QuantizerConfig("dummy") for q in self.quantizers}
        more = {"n_hl": 0, "batch_norm": False, "activation": None}
        for case in self.cases[-1:]:
            model, layer = self.model(case, **off, **more)
            plain = self.plain(**self.plain_arguments(case))
            x = self.data(case)
            plain.build(case.built)
            plain.kernel.assign(np.reshape(weight(layer.kernels[0]), plain.kernel.shape))
            y = np.asarray(model(x)) - np.asarray(model(0 * x))  # without the biases of tables
            assert np.allclose(y, plain(x), rtol=0, atol=1e-5)
