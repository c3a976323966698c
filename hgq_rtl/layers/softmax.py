"""Softmax of two tables: the exponential and the reciprocal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from hgq_rtl.errors import ConfigError, LoweringError
from hgq_rtl.layers.config import checked_parallel, layer_default
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.lut import QUnaryFunctionLUT, shared
from hgq_rtl.quantizers import QuantizerConfig

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

EPSILON = 1e-7
"""Added to the sum of exponentials, which can be zero once they are quantized."""


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSoftmax(QLayer):
    """Softmax over one axis or several, of quantized exponentials and reciprocals.

    With x the quantized input, s = ``input_scaler`` and sums and maxima over ``axis``::

        d = max(x) - x,  e = Q(exp(-s·Q(d)))  if ``stable``,  else  e = Q(exp(s·Q(x)))
        y = e·Q(1/(Q(sum(e)) + 1e-7))

    ``axis``: an axis or several, the batch axis counted; ``axes`` is another name for it.
    ``exp_iq_conf, exp_oq_conf, inv_iq_conf, inv_oq_conf``: input and output quantizers of the two
    tables. Outputs are made unsigned, saturating and rounded to even (the values are positive and
    a wrapped one would be far off), and inputs get one width each, unless
    ``allow_heterogeneous_table``. ``parallelization_factor``: how many of the N softmaxes are
    computed in parallel; it scales EBOPs by its ratio to N. Further arguments: those of QLayer;
    ``enable_iq`` is False by default, since the tables have quantizers of their own.

    ``mask`` of the call: booleans that broadcast to the input; where False, the output is 0 and
    the element takes no part. A constant one costs no hardware; one that is an input of the model
    or computed must be made of bits there.

    Small outputs become exactly 0: train on a loss of logits, not on the logarithm of this.
    EBOPs: the bits of the subtraction, the sums and the products, and both tables.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        *,
        axes: int | Sequence[int] | None = None,
        stable: bool = True,
        exp_iq_conf: QuantizerConfig | None = None,
        exp_oq_conf: QuantizerConfig | None = None,
        inv_iq_conf: QuantizerConfig | None = None,
        inv_oq_conf: QuantizerConfig | None = None,
        allow_heterogeneous_table: bool = False,
        input_scaler: float = 1.0,
        parallelization_factor: int = -1,
        enable_iq: bool | None = False,
        enable_ebops: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(enable_iq=enable_iq, **kwargs)
        # Unlike in other layers, EBOPs need no input quantizer here.
        self.enable_ebops = layer_default("enable_ebops", enable_ebops)
        self.supports_masking = True  # Keras warns otherwise
        axis = axis if axes is None else axes
        self.axis = (axis,) if isinstance(axis, int) else tuple(int(a) for a in axis)
        self.stable = stable
        self.allow_heterogeneous_table = allow_heterogeneous_table
        self.input_scaler = float(input_scaler)
        self.parallelization_factor = checked_parallel(parallelization_factor)
        scale = -self.input_scaler if stable else self.input_scaler
        self.exp_table = self._table(
            "exp_table", lambda x: ops.exp(scale * x), exp_iq_conf, exp_oq_conf
        )
        self.inv_table = self._table(
            "inv_table", lambda x: 1.0 / (x + EPSILON), inv_iq_conf, inv_oq_conf
        )

    def _table(self, name: str, function: Any, iq: Any, oq: Any) -> QUnaryFunctionLUT:
        allow = self.allow_heterogeneous_table
        oq = shared(oq, "table", allow)
        forced = {"k0": 0, "overflow_mode": "SAT", "round_mode": "RND_CONV"}
        # This layer counts the EBOPs of its tables.
        return QUnaryFunctionLUT(
            function, iq_conf=shared(iq, "datalane", allow),
            oq_conf=oq.replace(**{k: v for k, v in forced.items() if k in oq}),
            enable_ebops=False, name=name, dtype=self.dtype_policy,
        )  # fmt: skip

    def positive_axes(self, rank: int) -> tuple[int, ...]:
        """The axes, counted from the front; ConfigError for the batch axis and unknown ones."""
        if any(not -rank < a < rank or a == 0 for a in self.axis):
            raise ConfigError(
                "axes must be axes of the input other than the batch axis",
                received=f"axes {self.axis} of an input with {rank} axes",
            )
        return tuple(sorted({a % rank for a in self.axis}))

    def _reduced(self, shape: Any) -> tuple[Any, ...]:
        """A shape, batch axis included, with 1 for the axes."""
        axes = self.positive_axes(len(shape))
        return tuple(1 if a in axes else n for a, n in enumerate(shape))

    def build(self, input_shape: Any) -> None:
        """Build both tables."""
        self.exp_table.build(input_shape)
        self.inv_table.build(self._reduced(input_shape))
        super().build(input_shape)

    def call(self, x: Any, mask: Any = None, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.iq(x, training=training)
        axes = self.positive_axes(len(x.shape))
        mask = None if mask is None else ops.cast(mask, "bool")
        if self.stable:
            kept = x if mask is None else ops.where(mask, x, -1e9)
            x = ops.max(kept, axis=axes, keepdims=True) - x
        if mask is not None:
            x = ops.where(mask, x, 0.0)  # so that what is masked counts for no range
        e = self.exp_table(x, training=training)
        if mask is not None:
            e = ops.where(mask, e, 0.0)
        r = self.inv_table(ops.sum(e, axis=axes, keepdims=True), training=training)
        return self.finish(e * r, training)

    def lower(self, x: FixedArray, mask: Any = None) -> FixedArray:
        """Compute the layer in exact symbolic integers; ``mask`` may be a list of several."""
        x = self.iq.lower(x)
        masks = mask if isinstance(mask, list) else [] if mask is None else [mask]
        fixed = [self._fixed_mask(m, x.shape) for m in masks if not hasattr(m, "elements")]
        keep = np.logical_and.reduce(fixed) if fixed else None
        bits = [self._bits_of_mask(m, x) for m in masks if hasattr(m, "elements")]
        if self.stable:
            x = self._largest(x, keep, bits).reshape(self._reduced((1, *x.shape))[1:]) - x
        factors = bits if keep is None else [keep, *bits]
        x = reduce(lambda a, m: a * m, factors, x)
        e = reduce(lambda a, m: a * m, factors, self.exp_table.lower(x))
        sums = self._groups(e).sum(axis=-1).reshape(self._reduced((1, *x.shape))[1:])
        return self.oq.lower(e * self.inv_table.lower(sums))

    def _largest(self, x: FixedArray, keep: Any, bits: list[FixedArray]) -> FixedArray:
        """The largest element of each softmax that no mask takes out; anything if there is none."""
        groups = self._groups(x)
        for bit in bits:
            lowest = np.vectorize(lambda n: math.ldexp(n.type.lo, n.type.exp))(groups.elements)
            lowest = lowest.min(-1, keepdims=True, initial=0.0)
            groups = (groups - lowest) * self._groups(bit) + lowest
        if keep is not None:
            # What is masked becomes a copy of another element: it decides no maximum.
            rows = self._groups(keep)
            index = np.where(rows, np.arange(rows.shape[-1]), rows.argmax(-1)[..., None])
            groups = x.like(np.take_along_axis(groups.elements, index, -1))
        return groups.max(axis=-1)

    def _groups(self, x: Any) -> Any:
        """An array without batch axis with all elements of one softmax on the last axis."""
        axes = [a - 1 for a in self.positive_axes(x.ndim + 1)]
        kept = [a for a in range(x.ndim) if a not in axes]
        return x.transpose(*kept, *axes).reshape([*(x.shape[a] for a in kept), -1])

    def _bits_of_mask(self, mask: FixedArray, x: FixedArray) -> FixedArray:
        """A mask that is computed, as bits of the shape of ``x``."""
        mask = mask + 0  # an error for what has no width yet
        for node in mask.elements.flat:
            if node.type.lo < 0 or node.type.hi > 1 or node.type.exp != 0 < node.type.hi:
                raise LoweringError(
                    "a mask in hardware is made of bits",
                    received=f"values of type {node.type}",
                    hint="Put Quantizer('kif', k0=0, i0=1, f0=0, trainable=False) before it, or "
                    "declare the format (0, 1, 0) of an input with inputs=",
                )
        elements = mask.elements if mask.ndim <= x.ndim else mask.elements[0]
        return x.like(np.broadcast_to(elements, x.shape))

    def _fixed_mask(self, mask: Any, shape: tuple[int, ...]) -> Any:
        mask = np.asarray(ops.convert_to_numpy(mask)).astype(bool)
        if mask.ndim > len(shape):
            if mask.shape[0] != 1:
                raise LoweringError("a mask must be the same for all samples",
                                    received=f"shape {mask.shape}")  # fmt: skip
            mask = mask[0]
        return np.broadcast_to(mask, shape)

    def compute_ebops(self) -> Any:
        """Subtraction, sums, products and tables, times the parallel share."""
        return self._cost(lambda table: table.compute_ebops())

    def compute_luts(self) -> Any:
        """The same, with the LUTs of the tables."""
        return self._cost(lambda table: table.compute_luts())

    def _cost(self, of: Callable[[QLayer], Any]) -> Any:
        shape = (1, *(n or 1 for n in self.input_shape_built[1:]))
        axes = self.positive_axes(len(shape))
        e = ops.broadcast_to(self.exp_table.oq.bits(shape), shape)
        r = self.inv_table.oq.bits(self._reduced(shape))
        ebops = ops.sum(e) - ops.sum(ops.min(e, axis=axes)) + ops.sum(e * r)
        ebops = ebops + of(self.exp_table) + of(self.inv_table)
        if self.stable:
            bits = self.iq if self.enable_iq else self.exp_table.iq
            ebops = ebops + ops.sum(ops.broadcast_to(bits.bits(shape), shape))
        parallel = self.parallelization_factor
        return ebops * (1.0 if parallel < 0 else parallel / math.prod(self._reduced(shape)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: the mask ends here, as zeros of the output."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "stable": self.stable,
            "exp_iq_conf": self.saved_conf(self.exp_table.iq),
            "exp_oq_conf": self.saved_conf(self.exp_table.oq),
            "inv_iq_conf": self.saved_conf(self.inv_table.iq),
            "inv_oq_conf": self.saved_conf(self.inv_table.oq),
            "allow_heterogeneous_table": self.allow_heterogeneous_table,
            "input_scaler": self.input_scaler,
            "parallelization_factor": self.parallelization_factor,
        }
