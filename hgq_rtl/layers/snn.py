"""Spiking layers: integrate and fire, without and with leak.

One step, for input x, membrane state m, threshold t, leak β and spike height g, all quantized::

    u = β·m + Q(x)                    (β = 1 in QSimpleSNN)
    spike = u > t
    m' = sq(u - spike·t)              (reset "subtract"; "zero": 0 where it spikes; "none": u)
    y = spike·g

The step function has the surrogate gradient of the arctangent, 1/(1 + π²(u - t)²) (Fang et al.
2021, Incorporating Learnable Membrane Time Constant, with α = 2).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.arithmetic import Floats
from hgq_rtl.layers.config import checked_parallel, layer_default
from hgq_rtl.layers.sequence import SequenceLayer, Step
from hgq_rtl.layers.weighted import known_size
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.gradients import straight_through

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

RESETS = ("subtract", "zero", "none")
ADDER = 0.65
"""EBOPs of one bit of an addition or comparison, as of QAdd."""


def arctangent(u: Any) -> Any:
    """The derivative of arctan(π·u)/π."""
    return 1.0 / (1.0 + ops.square(math.pi * u))


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSimpleSNN(SequenceLayer):
    """Integrate and fire: (batch, length, units) to spikes, (batch, length, units); see the module.

    ``threshold``: t, trained if ``learn_threshold``; ``graded_spikes_factor``: g, trained if
    ``learn_graded_spikes_factor``; one number each, for all units. ``reset_mechanism``: subtract,
    zero or none; ``detach_reset``: no gradient through the spike in it. ``inhibition``: only the
    unit with the largest u may spike, the first one of several. ``spike_grad``: surrogate
    derivative, a function of u - t; default: the arctangent's. ``surrogate_disable``: no gradient.
    ``sq_conf``: of the state, used with ``enable_sq``; ``threshold_q_conf,
    graded_spikes_factor_q_conf``: of t and of g, place weight.

    EBOPs per unit and step, with an accumulator of one bit more than input or state (without
    ``sq``, of ceil(log2 length) bits more than the input): 0.65 per bit for the sum, the
    comparison and a reset by subtraction; 1 per bit for a reset to zero; and the bits of g.
    Further arguments: see SequenceLayer.
    """

    def __init__(
        self,
        units: int,
        threshold: float = 1.0,
        spike_grad: Any = None,
        surrogate_disable: bool = False,
        inhibition: bool = False,
        learn_threshold: bool = False,
        reset_mechanism: str = "subtract",
        detach_reset: bool = True,
        graded_spikes_factor: float = 1.0,
        learn_graded_spikes_factor: bool = False,
        *,
        sq_conf: QuantizerConfig | None = None,
        threshold_q_conf: QuantizerConfig | None = None,
        graded_spikes_factor_q_conf: QuantizerConfig | None = None,
        enable_sq: bool | None = None,
        parallelization_factor: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        if reset_mechanism not in RESETS:
            raise ConfigError("unknown reset_mechanism", received=repr(reset_mechanism),
                              hint=f"Known: {', '.join(RESETS)}")  # fmt: skip
        self.numbers: dict[str, tuple[float, bool]] = {
            "threshold": (float(threshold), bool(learn_threshold)),
            "graded_spikes_factor": (float(graded_spikes_factor), bool(learn_graded_spikes_factor)),
        }
        self.number_quantizers: dict[str, Quantizer] = {}
        self.spike_grad = keras.activations.get(spike_grad) if spike_grad else None
        self.surrogate_disable, self.inhibition = bool(surrogate_disable), bool(inhibition)
        self.reset_mechanism, self.detach_reset = reset_mechanism, bool(detach_reset)
        self.enable_sq = layer_default("enable_sq", enable_sq)
        self.parallelization_factor = checked_parallel(parallelization_factor)
        self.sq = self.quantizer("sq", sq_conf, "datalane", self.enable_sq)
        self.threshold_q = self.quantizer("threshold_q", threshold_q_conf, "weight")
        self.graded_spikes_factor_q = self.quantizer(
            "graded_spikes_factor_q", graded_spikes_factor_q_conf, "weight"
        )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Create the numbers and their quantizers."""
        features = known_size(sequences_shape, -1, "last axis")
        if features != self.units:
            raise ConfigError(
                "a spiking layer has one unit per feature",
                received=f"{self.units} units for {features} features",
                hint="Put a QDense before it",
            )
        for name, (value, learned) in self.numbers.items():
            weight = self.add_weight(
                (),
                keras.initializers.Constant(value),
                trainable=learned,
                name="leak" if name == "beta" else name,  # every layer has a beta of EBOPs
            )
            self.number_quantizers[name] = getattr(self, f"{name}_q")
            self.number_quantizers[name].build(())
            setattr(self, f"{name}_weight", weight)
        self.sq.build((sequences_shape[0], features))
        super().build(sequences_shape, initial_state_shape)

    def quantized_weights(self, training: bool = False) -> dict[str, Any]:
        """The quantized numbers by name."""
        return {
            name: q(ops.convert_to_tensor(getattr(self, f"{name}_weight")), training=training)
            for name, q in self.number_quantizers.items()
        }

    def exact_weights(self) -> dict[str, Any]:
        """The quantized numbers as floats."""
        numbers = self.evaluated(self.quantized_weights)
        return {name: float(self.exact(v, name)) for name, v in numbers.items()}

    def integrate(self, x: Any, state: Any, weights: dict[str, Any]) -> Any:
        """The potential of this step."""
        return state + x

    def step(self, x: Any, states: Step, weights: dict[str, Any], on: Any) -> Step:
        """One step; the next state, and the output."""
        u = self.integrate(x, states[0], weights)
        arithmetic = _Spikes if isinstance(on, Floats) else _Bits
        spike = arithmetic.spike(self, u, weights["threshold"])
        if self.reset_mechanism == "subtract":
            u = u - arithmetic.where(arithmetic.detached(self, spike), weights["threshold"])
        elif self.reset_mechanism == "zero":
            u = arithmetic.unless(arithmetic.detached(self, spike), u)
        y = arithmetic.where(spike, weights["graded_spikes_factor"])
        return on.quantize(self.sq, u), y

    def emitted(self, states: Step) -> Any:
        """The spikes."""
        return states[1]

    def state_bits(self) -> Any:
        """Bits of the state; without ``sq``, of a sum over all steps."""
        if self.enable_sq:
            return self.bits(self.sq, self.units)
        return self.bits(self.iq, self.units) + math.ceil(math.log2(self.input_shape_built[1] or 1))

    def step_ebops(self) -> Any:
        """The formula of the class."""
        x, state = self.bits(self.iq, self.units), self.state_bits()
        accumulator = ops.maximum(x, state) + 1 if self.enable_sq else state
        per_bit = 2 * ADDER + {"subtract": ADDER, "zero": 1.0, "none": 0.0}[self.reset_mechanism]
        spikes = self.units * self.bits(self.graded_spikes_factor_q)
        return per_bit * ops.sum(accumulator) + spikes

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        for name, (value, learned) in self.numbers.items():
            config |= {name: value, f"learn_{name}": learned}
            config[f"{name}_q_conf"] = self.saved_conf(getattr(self, f"{name}_q"))
        plain = (
            "surrogate_disable inhibition reset_mechanism detach_reset enable_sq "
            "parallelization_factor"
        )
        return {
            **config,
            **{name: getattr(self, name) for name in plain.split()},
            "spike_grad": self.spike_grad and keras.activations.serialize(self.spike_grad),
            "sq_conf": self.saved_conf(self.sq),
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QLIF(QSimpleSNN):
    """Leaky integrate and fire: as QSimpleSNN, with a leak of the state.

    ``beta``: the leak β, trained if ``learn_beta``; ``beta_q_conf``: its quantizer, place weight.
    (The attribute ``beta`` is the weight of EBOPs in the loss, as in every layer.) EBOPs: also the
    product of the state's bits and those of β.
    """

    def __init__(
        self,
        units: int,
        beta: float = 0.5,
        *args: Any,
        learn_beta: bool = False,
        beta_q_conf: QuantizerConfig | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, *args, **kwargs)
        self.numbers["beta"] = (float(beta), bool(learn_beta))
        self.beta_q = self.quantizer("beta_q", beta_q_conf, "weight")

    def integrate(self, x: Any, state: Any, weights: dict[str, Any]) -> Any:
        """The potential of this step."""
        return state * weights["beta"] + x

    def step_ebops(self) -> Any:
        """As QSimpleSNN, and the leak."""
        return super().step_ebops() + ops.sum(self.state_bits()) * self.bits(self.beta_q)


class _Spikes:
    """Spikes of float potentials, with surrogate gradient."""

    @staticmethod
    def spike(layer: QSimpleSNN, u: Any, threshold: Any) -> Any:
        above = u - threshold
        y = ops.cast(above > 0, u.dtype)
        if layer.inhibition:
            y = y * ops.one_hot(ops.argmax(u, axis=-1), layer.units, dtype=u.dtype)
        if layer.surrogate_disable:
            return y
        slope = (layer.spike_grad or arctangent)(ops.stop_gradient(above))
        return straight_through(y, above * slope)

    @staticmethod
    def detached(layer: QSimpleSNN, spike: Any) -> Any:
        return ops.stop_gradient(spike) if layer.detach_reset else spike

    @staticmethod
    def where(spike: Any, value: Any) -> Any:
        return spike * value

    @staticmethod
    def unless(spike: Any, value: Any) -> Any:
        return value * (1 - spike)


class _Bits:
    """Spikes of exact potentials, as truth values."""

    @staticmethod
    def spike(layer: QSimpleSNN, u: FixedArray, threshold: float) -> FixedArray:
        y = u > threshold
        if not layer.inhibition:
            return y
        bits = [y[j] for j in range(layer.units)]
        for first in range(layer.units):
            for j in range(first + 1, layer.units):
                later = u[j] > u[first]
                bits[first] = np.logical_and(bits[first], np.logical_not(later))
                bits[j] = np.logical_and(bits[j], later)
        return np.stack(bits)

    @staticmethod
    def detached(layer: QSimpleSNN, spike: FixedArray) -> FixedArray:
        return spike

    @staticmethod
    def where(spike: FixedArray, value: float) -> FixedArray:
        return np.where(spike, value, 0.0)

    @staticmethod
    def unless(spike: FixedArray, value: FixedArray) -> FixedArray:
        return np.where(spike, 0.0, value)
