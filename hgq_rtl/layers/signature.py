"""An input that is quantized already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from hgq_rtl.quantizers import Quantizer, QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray


@keras.saving.register_keras_serializable(package="hgq_rtl")
class Signature(keras.layers.Layer):
    """Declare that the data are fixed-point numbers, as the layer of HGQ 1; they pass unchanged.

    ``keep_negative``: sign bits, 0 or 1; ``bits``: width without sign; ``int_bits``: integer bits
    without sign, so that values are multiples of 2^(int_bits - bits) from -keep_negative·2^int_bits
    to 2^int_bits less one step. Right behind an Input it defines the port of the hardware. Data
    that break the promise are rounded (half up) and saturated, in Keras as in hardware.
    Raises ConfigError for widths that no such number has.
    """

    def __init__(self, keep_negative: int, bits: int, int_bits: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_negative, self.bits, self.int_bits = int(keep_negative), int(bits), int(int_bits)
        config = QuantizerConfig(
            "kif",
            k0=self.keep_negative,
            i0=self.int_bits,
            f0=self.bits - self.int_bits,
            round_mode="RND",
            overflow_mode="SAT",
            heterogeneous_axis=(),
            trainable=False,
        )
        self.quantizer = Quantizer(config, name="quantizer", dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """Build the quantizer that holds the format."""
        self.quantizer.build(input_shape)

    def call(self, x: Any) -> Any:
        """Return ``x``."""
        return self.quantizer(x)

    def lower(self, x: FixedArray) -> FixedArray:
        """Define the format of the port, or check that of the elements."""
        return self.quantizer.lower(x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        names = ("keep_negative", "bits", "int_bits")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
