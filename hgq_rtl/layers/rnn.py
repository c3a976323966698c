"""Simple recurrent, GRU and LSTM layers.

With Q(x), Q(h) the quantized input and state, and quantized weights:

==========  ======================================================================================
QSimpleRNN  h' = act(paq(Q(x)·K + b + Q(h)·R))
QGRU        z, r = praq(rec_act(Q(x)·K + b + Q(h)·R)) on their parts,
            c = paq(act(Q(x)·K + b + r·rhq(Q(h)·R + b_R))) on the third part (``reset_after``), or
            c = paq(act(Q(x)·K + b + rhq(r·Q(h))·R)),
            h' = z·Q(h) + (1 - z)·c
QLSTM       i, f, o = praq(rec_act(Q(x)·K + b + Q(h)·R)) on their parts,
            g = paq(act(...)) on the third of four parts,
            s' = f·cq(s) + i·g,   h' = o·caq(act(s'))
==========  ======================================================================================
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hgq_rtl.layers.recurrent import QRecurrent, Weights
from hgq_rtl.layers.sequence import Step
from hgq_rtl.layers.weighted import check_activation
from hgq_rtl.quantizers import QuantizerConfig
from hgq_rtl.quantizers.presets import HardSigmoidConfig, HardTanhConfig


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSimpleRNN(QRecurrent):
    """As ``keras.layers.SimpleRNN``, quantized; see QRecurrent and the module.

    ``paq`` puts the state on a grid, so ``enable_sq`` is off by default.
    """

    gates = 1

    def __init__(self, *args: Any, enable_sq: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, enable_sq=enable_sq, **kwargs)

    def step(self, x: Any, states: Step, weights: Weights, on: Any) -> Step:
        """One step."""
        h = weights.remember(on.quantize(self.sq, states[0]))
        z = on.products(x, weights.kernel, h, weights.recurrent, weights.bias)
        return (on.activate(self.activation, on.quantize(self.paq, z)),)

    def step_ebops(self) -> Any:
        """Products and biases."""
        return self.product_ebops()


class _Gated(QRecurrent):
    """``recurrent_activation, praq_conf`` of the gates; linear, with a hard sigmoid to follow."""

    def __init__(
        self,
        units: int,
        activation: Any = "linear",
        recurrent_activation: Any = "linear",
        use_bias: bool = True,
        *,
        praq_conf: QuantizerConfig | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.praq = self.quantizer("praq", praq_conf or HardSigmoidConfig(), "datalane")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Create weights and quantizers."""
        self.praq.build((sequences_shape[0], (self.gates - 1) * self.units))
        super().build(sequences_shape, initial_state_shape)

    def check_activations(self) -> None:
        """Raise LoweringError for activations that have no hardware form."""
        super().check_activations()
        check_activation(
            self.recurrent_activation,
            "Use recurrent_activation='linear': praq_conf=HardSigmoidConfig() is a hard sigmoid",
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("recurrent_activation"),
            "praq_conf": self.saved_conf(self.praq),
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QGRU(_Gated):
    """As ``keras.layers.GRU``, quantized; see QRecurrent and the module.

    ``reset_after``: whether the reset gate r acts after the recurrent kernel (which then has a
    bias of its own) or before. ``rhq_conf``: of what it acts on, or of its result. Parts are in
    the order z, r, c.
    """

    gates = 3

    def __init__(
        self,
        *args: Any,
        reset_after: bool = True,
        rhq_conf: QuantizerConfig | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.reset_after = bool(reset_after)
        self.rhq = self.quantizer("rhq", rhq_conf, "datalane")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Create weights and quantizers."""
        self.rhq.build((sequences_shape[0], self.units))
        super().build(sequences_shape, initial_state_shape)

    def bias_built_shape(self) -> tuple[int, ...]:
        """One bias, or one of each kernel."""
        width = self.gates * self.units
        return (2, width) if self.reset_after else (width,)

    def step(self, x: Any, states: Step, weights: Weights, on: Any) -> Step:
        """One step."""
        n, bias, recurrent = self.units, weights.bias, weights.recurrent
        state = on.quantize(self.sq, states[0])
        h, k = weights.remember(state), x @ weights.kernel
        if self.reset_after:
            r = h @ recurrent
            if bias is not None:
                k, r = k + bias[0], r + bias[1]
        else:
            k = k if bias is None else k + bias
            r = h @ recurrent[:, : 2 * n]
        gates = on.activate(self.recurrent_activation, k[..., : 2 * n] + r[..., : 2 * n])
        gates = on.quantize(self.praq, gates)
        update, reset = gates[..., :n], gates[..., n:]
        if self.reset_after:
            past = reset * on.quantize(self.rhq, r[..., 2 * n :])
        else:
            past = on.quantize(self.rhq, reset * h) @ recurrent[:, 2 * n :]
        c = on.quantize(self.paq, on.activate(self.activation, k[..., 2 * n :] + past))
        return (on.mix(update, state, c),)

    def step_ebops(self) -> Any:
        """Products with weights and biases, reset·past, update·state and (1 - update)·c."""
        n = self.units
        gates, past = self.bits(self.praq, 2 * n), self.bits(self.rhq, n)
        update, reset, h = gates[:n], gates[n:], self.state_bits()
        ebops = self.product_ebops() + ops.sum(update * (h + self.bits(self.paq, n)))
        if self.reset_after:
            return ebops + ops.sum(reset * past)
        kernel = self.bits(self.rkq, *self.recurrent_shape)[:, 2 * n :]
        return ebops + ops.sum(reset * h) + ops.sum(ops.matmul(past - h, kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("reset_after"),
            "rhq_conf": self.saved_conf(self.rhq),
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QLSTM(_Gated):
    """As ``keras.layers.LSTM``, quantized; see QRecurrent and the module.

    ``cq_conf``: of the carry state s as the step reads it, used with ``enable_sq``. ``caq_conf``:
    behind its activation, default HardTanhConfig. ``unit_forget_bias``: start the bias of the
    forget gate f at one. States are [h, s]; parts are in the order i, f, g, o.
    """

    gates = 4
    state_count = 2

    def __init__(
        self,
        *args: Any,
        unit_forget_bias: bool = True,
        cq_conf: QuantizerConfig | None = None,
        caq_conf: QuantizerConfig | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.cq = self.quantizer("cq", cq_conf, "datalane", self.enable_sq)
        self.caq = self.quantizer("caq", caq_conf or HardTanhConfig(), "datalane")

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Create weights and quantizers."""
        for q in (self.cq, self.caq):
            q.build((sequences_shape[0], self.units))
        super().build(sequences_shape, initial_state_shape)
        if self.use_bias and self.unit_forget_bias:
            n = self.units
            bias = ops.convert_to_tensor(self.bias)
            self.bias.assign(ops.concatenate([bias[:n], ops.ones_like(bias[:n]), bias[2 * n :]]))

    def step(self, x: Any, states: Step, weights: Weights, on: Any) -> Step:
        """One step."""
        n = self.units
        h, s = on.quantize(self.sq, states[0]), on.quantize(self.cq, states[1])
        z = on.products(x, weights.kernel, weights.remember(h), weights.recurrent)
        if weights.bias is not None:
            z = z + weights.bias
        gates = on.activate(self.recurrent_activation, on.join(z[..., : 2 * n], z[..., 3 * n :]))
        gates = on.quantize(self.praq, gates)
        i, f, o = gates[..., :n], gates[..., n : 2 * n], gates[..., 2 * n :]
        g = on.quantize(self.paq, on.activate(self.activation, z[..., 2 * n : 3 * n]))
        s = f * s + i * g
        return o * on.quantize(self.caq, on.activate(self.activation, s)), s

    def step_ebops(self) -> Any:
        """Products with weights and biases, f·s, i·g and o·act(s')."""
        n = self.units
        gates = self.bits(self.praq, 3 * n)
        kept = self.bits(self.cq if self.enable_sq else self.paq, n)
        ebops = self.product_ebops() + ops.sum(gates[:n] * self.bits(self.paq, n))
        ebops = ebops + ops.sum(gates[n : 2 * n] * kept)
        return ebops + ops.sum(gates[2 * n :] * self.bits(self.caq, n))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("unit_forget_bias"),
            "cq_conf": self.saved_conf(self.cq),
            "caq_conf": self.saved_conf(self.caq),
        }
