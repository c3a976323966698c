"""Layers that go over the steps of a sequence, with states.

A layer states one step, once, for floats and for exact symbolic integers::

    def step(self, x, states, weights, on):
        z = x @ weights.kernel + on.quantize(self.sq, states[0]) @ weights.recurrent
        return (on.quantize(self.paq, z),)

where ``on`` is the arithmetic: ``Floats`` in training, ``Integers`` while lowering.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.arithmetic import Floats, Integers
from hgq_rtl.layers.layer import QLayer, exact_products
from hgq_rtl.layers.weighted import known_size, positive
from hgq_rtl.quantizers import Quantizer
from hgq_rtl.quantizers.recording import continuing

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

Step = tuple[Any, ...]


class SequenceLayer(QLayer):
    """A layer that goes over the steps of a sequence (batch, length, features) with states.

    ``return_sequences``: the output of every step, (batch, length, units), else of the last one,
    (batch, units). ``return_state``: also the last states, each (batch, units). ``go_backwards``:
    from the last step to the first; outputs are in this order too. Initial states are zero, or
    ``initial_state=`` of the call, one tensor or a list. ``iq`` and all other quantizers are
    shared by all steps. ``parallelization_factor``: how many of the steps are computed in
    parallel; EBOPs scale with it. -1 is all.

    ``mask`` of the call, (batch, length) booleans, as Keras's: where False, states and output
    stay what they were, the output zero at first. It has no hardware.

    The steps are always unrolled, whatever ``unroll`` says: quantizers that track ranges cannot
    do so inside a compiled loop. ``stateful`` is not supported. Hardware needs a sequence of
    fixed length.
    """

    state_count: ClassVar[int] = 1
    stateful: ClassVar[bool] = False  # what Keras's Bidirectional asks of a layer

    def __init__(
        self,
        units: int,
        *args: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.units = positive("units", units)
        if stateful:
            raise ConfigError(
                "recurrent layers keep no state between calls",
                received="stateful=True",
                hint="Take the state with return_state=True, and give it as initial_state=",
            )
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.unroll = bool(go_backwards), unroll
        self.supports_masking = True

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build the quantizers."""
        if len(sequences_shape) != 3:
            raise ConfigError("a recurrent layer takes (batch, length, features)",
                              received=f"shape {tuple(sequences_shape)}")  # fmt: skip
        super().build(sequences_shape)

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Build ``iq``, for one step."""
        self.iq.build((input_shape[0], known_size(input_shape, -1, "last axis")))

    def build_output_quantizer(self, input_shape: Any) -> None:
        """Build ``oq``, for the output without states."""
        self.oq.build(self._output(input_shape))

    # -- what a layer says -------------------------------------------------------------------------

    def step(self, x: Any, states: Step, weights: Any, on: Any) -> Step:
        """One step; input (..., features) and states (..., units) to the next states.

        The first of them is also the output, unless ``emitted`` says otherwise.
        """
        raise NotImplementedError

    def emitted(self, states: Step) -> Any:
        """The output of a step, from what ``step`` returned."""
        return states[0]

    def quantized_weights(self, training: bool = False) -> Any:
        """What ``step`` takes as ``weights``, in floats."""
        raise NotImplementedError

    def exact_weights(self) -> Any:
        """The same as float64 arrays. Raises LoweringError where hardware has no form of them."""
        raise NotImplementedError

    def step_ebops(self) -> Any:
        """EBOPs of one step."""
        raise NotImplementedError

    # -- the layer ---------------------------------------------------------------------------------

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """Compute the layer in floats."""
        length, features = sequences.shape[1:]
        x = self.iq(ops.reshape(sequences, (-1, features)), training=training)
        x = self.dropped(ops.reshape(x, (-1, length, features)), training)
        states = self._initial(initial_state)
        if not states:
            zeros = ops.zeros((ops.shape(x)[0], self.units), x.dtype)
            states = (zeros,) * self.state_count
        weights, on, outputs = self.quantized_weights(training), Floats(training), []
        for t in self._order(length):
            with continuing(bool(outputs)), exact_products():
                after = self.step(x[:, t], states, weights, on)
            y = self.emitted(after)
            if mask is not None:
                seen = ops.cast(mask[:, t, None], "bool")
                y = ops.where(seen, y, outputs[-1] if outputs else 0.0)
                after = tuple(ops.where(seen, a, b) for a, b in zip(after, states, strict=False))
            states = after[: self.state_count]
            outputs.append(y)
        y = ops.stack(outputs, axis=1) if self.return_sequences else outputs[-1]
        y = self.finish(y, training)
        return (y, *states) if self.return_state else y

    def compute_mask(self, sequences: Any, mask: Any = None) -> Any:
        """The mask of the output: that of the steps, if there is an output of every step."""
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        mask = mask if self.return_sequences else None
        return [mask, *(None,) * self.state_count] if self.return_state else mask

    def lower(self, sequences: FixedArray, initial_state: Any = None, mask: Any = None) -> Any:
        """Unroll the steps in exact symbolic integers."""
        if mask is not None:
            raise LoweringError("a recurrent layer has no mask in hardware",
                                hint="Give all sequences the full length")  # fmt: skip
        x, outputs = sequences, []
        states = self._initial(initial_state) or (
            (x[0].gather(np.full(self.units, -1)),) * self.state_count
        )
        weights, on = self.exact_weights(), Integers()
        for t in self._order(len(x)):
            with x.build.within(f"step_{t}"):
                states = self.step(self.iq.lower(x[t]), states, weights, on)
            outputs.append(self.emitted(states))
        y = outputs[-1]
        if self.return_sequences:
            y = y.like(np.stack([v.elements for v in outputs]))
        y = self.oq.lower(y)
        return (y, *states[: self.state_count]) if self.return_state else y

    def dropped(self, x: Any, training: bool) -> Any:
        """The quantized input, some of it dropped in training."""
        return x

    def _order(self, length: int) -> range:
        return range(length - 1, -1, -1) if self.go_backwards else range(length)

    def _initial(self, given: Any) -> Step:
        states = tuple(given) if isinstance(given, list | tuple) else (given,)
        if given is None or all(s is None for s in states):
            return ()
        if len(states) != self.state_count:
            raise ConfigError(f"initial_state needs {self.state_count} tensors",
                              received=f"{len(states)}")  # fmt: skip
        return states

    def compute_ebops(self) -> Any:
        """EBOPs of all steps, or of the parallel ones."""
        return self.step_ebops() * self.parallel_steps

    @property
    def parallel_steps(self) -> int:
        """How many steps have hardware of their own."""
        parallel = self.parallelization_factor
        return parallel if parallel >= 0 else self.input_shape_built[1] or 1

    def bits(self, q: Quantizer, *shape: int) -> Any:
        """Bits of a quantizer of weights, or of activations without batch axis."""
        full = shape if q.config.get("is_weight") else (1, *shape)
        return ops.reshape(ops.broadcast_to(q.bits(full), full), shape)

    def _output(self, shape: Any) -> tuple[Any, ...]:
        steps = (shape[1],) if self.return_sequences else ()
        return (shape[0], *steps, self.units)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        """Return the shape of the output; with ``return_state``, of the states too."""
        y = self._output(sequences_shape)
        states = ((sequences_shape[0], self.units),) * self.state_count
        return (y, *states) if self.return_state else y

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        plain = "units return_sequences return_state go_backwards unroll"
        return {**super().get_config(), **{name: getattr(self, name) for name in plain.split()}}
