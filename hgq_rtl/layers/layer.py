"""The base class of quantized layers: input and output quantizers, EBOPs, lowering helpers.

A layer writes ``call`` (training) and ``lower`` (integers) one below the other::

    def call(self, x, training=False):
        x = self.iq(x, training=training)
        with exact_products():
            y = ...
        return self.finish(y, training)


    def lower(self, x):
        x = self.iq.lower(x)
        y = ...
        return self.oq.lower(y)

and ``compute_ebops``. Inputs are quantized by the consumer, so the last layer of a network wants
``enable_oq=True``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import LoweringError
from hgq_rtl.layers import inputs
from hgq_rtl.layers.compiled import Program
from hgq_rtl.layers.config import layer_default
from hgq_rtl.layers.luts import LIMIT
from hgq_rtl.quantizers import Quantizer, QuantizerConfig, as_config
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.quantizers.noise import Noisy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hgq_rtl.lowering.array import FixedArray


def exact_products() -> AbstractContextManager[Any]:
    """Multiply at full float precision inside: accelerators default to 10-bit mantissas."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    import jax

    return jax.default_matmul_precision("float32")


class QLayer(Noisy):
    """A layer with one quantized input.

    ``iq_conf, oq_conf``: configs of the input and output quantizer (default: place datalane).
    ``enable_iq, enable_oq, enable_ebops, beta0``: None takes the value of LayerConfigScope.
    ``resource``: "ebops", or "luts", an estimate of LUT6s: the cost that training lowers; None
    takes the value of LayerConfigScope. ``ebops_factor``: multiplies both costs of this layer.

    A disabled quantizer is a dummy one, so ``iq`` and ``oq`` always exist. In training, each call
    adds ``beta`` times the cost to the loss. Both costs need an input quantizer.
    """

    luts_per_ebop: ClassVar[float] = 1.0
    """LUTs per EBOP, for layers without an estimate of their own."""

    def __init__(
        self,
        *,
        iq_conf: QuantizerConfig | None = None,
        oq_conf: QuantizerConfig | None = None,
        enable_iq: bool | None = None,
        enable_oq: bool | None = None,
        enable_ebops: bool | None = None,
        beta0: float | None = None,
        resource: str | None = None,
        ebops_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.enable_iq = layer_default("enable_iq", enable_iq)
        self.enable_oq = layer_default("enable_oq", enable_oq)
        self.enable_ebops = layer_default("enable_ebops", enable_ebops) and self.enable_iq
        self.beta0 = layer_default("beta0", beta0)
        self.resource = layer_default("resource", resource)
        self.ebops_factor = float(ebops_factor)
        self.make_input_quantizers(iq_conf)
        self.oq = self.quantizer("oq", oq_conf, "datalane", self.enable_oq)

    def quantizer(
        self, name: str, conf: QuantizerConfig | None, place: str, enabled: bool = True
    ) -> Quantizer:
        """Make a quantizer of this layer; assign it to the attribute ``name``.

        ``conf`` may be a quantizer of another layer, which then is shared.
        """
        if isinstance(conf, Quantizer):
            return conf
        if not enabled:
            conf = QuantizerConfig("dummy", place)
        return Quantizer(as_config(conf, place), name=name, dtype=self.dtype_policy)

    # These differ for layers of several inputs or outputs; see merge.py and recurrent.py.

    def make_input_quantizers(self, conf: Any) -> None:
        """Make ``iq``."""
        self.iq = self.quantizer("iq", conf, "datalane", self.enable_iq)

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Build ``iq``, unless it is shared with a layer that has built it."""
        if not self.iq.built:
            self.iq.build(input_shape)

    def build_output_quantizer(self, input_shape: Any) -> None:
        """Build ``oq``."""
        self.oq.build(self.compute_output_shape(input_shape))

    def input_config(self) -> dict[str, Any]:
        """Return the constructor argument of ``make_input_quantizers``."""
        return {"iq_conf": self.saved_conf(self.iq)}

    def build(self, input_shape: Any) -> None:
        """Build the quantizers of input and output, and the variables of EBOPs."""
        self.input_shape_built = tuple(input_shape)
        self.build_input_quantizers(input_shape)
        self.build_output_quantizer(input_shape)
        if self.enable_ebops:
            self._beta = self._scalar("beta", self.beta0)
            # A float: an integer would overflow at 2^32 and lose the parts of cheap operations.
            self._ebops = self._scalar("ebops", 0.0)

    def _scalar(self, name: str, value: float) -> Any:
        return self.add_weight(
            (),
            lambda shape, dtype=None: np.full(shape, value, dtype),
            "float32",
            trainable=False,
            name=name,
        )

    # -- training ----------------------------------------------------------------------------------

    def compute_ebops(self) -> Any:
        """EBOPs of one inference from the present widths, as a scalar with gradients."""
        raise NotImplementedError

    def compute_luts(self) -> Any:
        """An estimate of the LUT6s of one copy of the layer, as a scalar with gradients."""
        return self.luts_per_ebop * self.compute_ebops()

    def signal_bits(self) -> Any:
        """Bits of the input in hardware, with gradients, of its shape with batch size 1."""
        return self.hardware_bits(0, self.iq, self.input_shape_built)

    def hardware_bits(self, n: int, quantizer: Quantizer, input_shape: Any) -> Any:
        """The same for the ``n``-th of several inputs. Behind ReLU there is no sign."""
        shape = (1, *(size or 1 for size in input_shape[1:]))
        return ops.broadcast_to(quantizer.true_bits(shape, inputs.is_relu(self, n)), shape)

    def front_luts(self, n: int = 0, quantizer: Quantizer | None = None, shape: Any = None) -> Any:
        """LUTs in front of the ``n``-th input: saturation, a ReLU, or the table of an activation.

        A ReLU is shared by all that read it. What quantizes a model's input is the host.
        """
        quantizer = quantizer or self.iq
        if quantizer.is_dummy or inputs.is_from_host(self, n):
            return 0.0
        bits = self.hardware_bits(n, quantizer, shape or self.input_shape_built)
        maker = inputs.tabulated(self, n)
        if maker is not None:
            return maker.activation_luts(bits)  # it rounds and saturates its entries
        each = LIMIT
        if not quantizer.config.get("overflow_mode", "").startswith("SAT"):
            if not inputs.is_relu(self, n):
                return 0.0
            each /= inputs.readers(self, n)
        return each * ops.sum(bits)

    def finish(self, y: Any, training: bool) -> Any:
        """Quantize the output ``y``; in training also add the cost of the layer to the loss."""
        y = self.oq(y, training=training)
        if training and self.enable_ebops:
            cost = self.update_ebops()
            if self.resource == "luts":
                cost = self.ebops_factor * self.compute_luts()
            self.add_loss(ops.cast(self._beta, cost.dtype) * cost)
        return y

    def update_ebops(self) -> Any:
        """Store the EBOPs of the present widths and return them, with gradients."""
        ebops = self.ebops_factor * self.compute_ebops()
        self._ebops.assign(ops.cast(ops.stop_gradient(ebops), "float32"))
        return ebops

    @property
    def ebops(self) -> float:
        """EBOPs at the last training step or trace; 0 where they are not counted."""
        if not (self.built and self.enable_ebops):
            return 0.0
        return float(to_numpy(self._ebops))

    @property
    def luts(self) -> float:
        """Estimated LUTs at the present widths and weights; 0 where no cost is counted."""
        if not (self.built and self.enable_ebops):
            return 0.0
        return self.ebops_factor * float(to_numpy(self.evaluated(self.compute_luts)))

    @property
    def beta(self) -> float:
        """Weight of EBOPs in the loss; assignable."""
        if not (self.built and self.enable_ebops):
            return self.beta0
        return float(to_numpy(self._beta))

    @beta.setter
    def beta(self, value: float) -> None:
        if self.built and self.enable_ebops:
            self._beta.assign(value)
        else:
            self.beta0 = float(value)

    def quantized_input_bits(self) -> Any:
        """Bits of the quantized input, expanded to the input shape with batch size 1."""
        shape = (1, *(n or 1 for n in self.input_shape_built[1:]))
        return ops.broadcast_to(self.iq.bits(shape), shape)

    # -- saving ------------------------------------------------------------------------------------

    def __dir__(self) -> list[str]:
        # Keras saves and loads what dir() lists, and evaluates every property on the way: here
        # that would quantize all weights, which takes longer than all the rest.
        return [
            name
            for name in super().__dir__()
            if not isinstance(getattr(type(self), name, None), property)
        ]

    # -- lowering ----------------------------------------------------------------------------------

    def lower(self, x: FixedArray) -> FixedArray:
        """The same computation on exact symbolic integers, without batch axis."""
        raise LoweringError(f"layers of type {type(self).__name__} have no hardware form yet")

    def evaluated(self, function: Callable[[], Any]) -> Any:
        """``function()``, of variables of this layer, compiled as a whole.

        Run one by one, the operations of a quantizer would each be compiled for each new shape.
        """
        return Program(function, self.variables)()

    def exact(self, tensor: Any, what: str) -> NDArray[np.float64]:
        """``tensor`` as float64, exactly. Raises LoweringError for NaN and infinity."""
        values = to_numpy(tensor).astype(np.float64)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            index = tuple(int(n) for n in bad[0])
            raise LoweringError(
                f"the {what} has values that are not finite",
                received=f"{values[index]} at index {index}",
                hint="The training has diverged; go back to an earlier checkpoint",
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, independent of scopes."""
        return {
            **super().get_config(),
            **self.input_config(),
            "oq_conf": self.saved_conf(self.oq),
            "enable_iq": self.enable_iq,
            "enable_oq": self.enable_oq,
            "enable_ebops": self.enable_ebops,
            "beta0": self.beta0,
            "resource": self.resource,
            "ebops_factor": self.ebops_factor,
        }

    @staticmethod
    def saved_conf(quantizer: Quantizer) -> dict[str, Any]:
        """The serialized config of a quantizer of this layer; a preset as what it stands for."""
        return keras.saving.serialize_keras_object(quantizer.plain_config)
