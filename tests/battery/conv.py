"""The battery of convolutions."""

import keras
import numpy as np

from tests.battery.layer import LayerBattery
from tests.layers.spatial import correlate


class ConvBattery(LayerBattery):
    tolerance = 1e-5  # sums of floats in another order than Keras

    def maths(self, layer, x):
        w = layer.windows
        first = not layer.is_channels_last
        kernel = self.quantized(layer.kq, layer.kernel)
        x = np.moveaxis(x, 1, -1) if first else x
        y = correlate(x, kernel, w.strides, w.dilation, w.padding, layer.groups)
        if layer.use_bias:
            y = y + self.quantized(layer.bq, layer.bias)
        y = np.moveaxis(y, -1, 1) if first else y
        return y if layer.activation is keras.activations.linear else np.maximum(y, 0)
