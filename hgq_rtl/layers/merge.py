"""Elementwise merges of several inputs, each with a quantizer of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import luts
from hgq_rtl.layers.layer import QLayer
from hgq_rtl.layers.reciprocal import RECIPROCAL_BITS, nearest_power, reciprocal
from hgq_rtl.layers.weighted import positive
from hgq_rtl.quantizers import as_config

if TYPE_CHECKING:
    from hgq_rtl.lowering.array import FixedArray

ADDER = 0.65
"""EBOPs of adding one bit: what the peers count, relative to multiplying one bit by one."""


class QMultiInput(QLayer):
    """A layer of several inputs, given as one list.

    ``iq_confs``: config of the input quantizers; a list has one for each, a single config (or
    None, the default of place datalane) serves all. The quantizers are ``iqs``. Further
    arguments: those of QLayer but for ``iq_conf``.
    """

    inputs: ClassVar[int | None] = None
    """How many inputs the layer takes; None is two or more."""

    def __init__(self, *, iq_confs: Any = None, **kwargs: Any) -> None:
        super().__init__(iq_conf=iq_confs, **kwargs)

    def make_input_quantizers(self, conf: Any) -> None:
        """Capture the configs; the quantizers follow when the number of inputs is known."""
        several = isinstance(conf, list | tuple)
        self.iq_confs = [as_config(c, "datalane") for c in (conf if several else [conf])]
        self._is_one_conf = not several
        self.iqs: list[Any] = []

    def build_input_quantizers(self, input_shape: Any) -> None:
        """Make and build ``iqs``."""
        confs = self.iq_confs * (len(input_shape) if self._is_one_conf else 1)
        if len(confs) != len(input_shape):
            raise ConfigError("iq_confs needs one config per input",
                              received=f"{len(confs)} for {len(input_shape)} inputs")  # fmt: skip
        for n, (conf, shape) in enumerate(zip(confs, input_shape, strict=True)):
            iq = self.quantizer(f"iq_{n}", conf, "datalane", self.enable_iq)
            iq.build(shape)
            self.iqs.append(iq)

    def input_config(self) -> dict[str, Any]:
        """Return ``iq_confs``."""
        saved = [keras.saving.serialize_keras_object(c) for c in self.iq_confs]
        return {"iq_confs": saved[0] if self._is_one_conf else saved}

    def build(self, input_shape: Any) -> None:
        """Build one quantizer per input."""
        nested = isinstance(input_shape, list | tuple) and all(
            isinstance(s, list | tuple) for s in input_shape
        )
        count = len(input_shape) if nested else 1
        if count < 2 or self.inputs not in (None, count):
            raise ConfigError(
                f"{type(self).__name__} needs a list of {self.inputs or 'two or more'} inputs",
                received=f"{count}",
            )
        super().build([tuple(shape) for shape in input_shape])

    def quantized_inputs(self, inputs: Any, training: bool) -> list[Any]:
        """All inputs, each quantized."""
        return [iq(x, training=training) for iq, x in zip(self.iqs, inputs, strict=True)]

    def lowered_inputs(self, inputs: Sequence[FixedArray]) -> list[FixedArray]:
        """All inputs, each quantized symbolically."""
        return [iq.lower(x) for iq, x in zip(self.iqs, inputs, strict=True)]

    def input_bits(self) -> list[Any]:
        """Bits of each input, expanded to its shape with batch size 1."""
        shapes = [(1, *(n or 1 for n in shape[1:])) for shape in self.input_shape_built]
        return [
            ops.broadcast_to(iq.bits(shape), shape)
            for iq, shape in zip(self.iqs, shapes, strict=True)
        ]


class _QMerge(QMultiInput):
    """An elementwise function of all inputs, which broadcast as in Keras: batch axes first."""

    def merge(self, x: list[Any]) -> Any:
        """Merge floats or FixedArrays, which share the operators and methods used."""
        raise NotImplementedError

    def cost(self, bits: list[Any]) -> Any:
        """EBOPs per output element, from the bits of all inputs."""
        raise NotImplementedError

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Compute the layer in floats."""
        x = self.quantized_inputs(inputs, training)
        return self.finish(self.merge(_aligned(x)), training)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """What no input's mask hides; None unless all have one, as in Keras."""
        if mask is None or any(m is None for m in mask):
            return None
        return reduce(ops.logical_and, mask)

    def lower(self, inputs: Sequence[FixedArray]) -> FixedArray:
        """Compute the layer in exact symbolic integers."""
        return self.oq.lower(self.lower_merge(self.lowered_inputs(inputs)))

    def lower_merge(self, x: list[FixedArray]) -> FixedArray:
        """Merge symbolic integers; by default as floats."""
        return self.merge(x)

    def compute_ebops(self) -> Any:
        """Sum the cost over all output elements."""
        out = self.compute_output_shape(self.input_shape_built)
        shape = (1, *(n or 1 for n in out[1:]))
        return ops.sum(self.cost([ops.broadcast_to(b, shape) for b in _aligned(self.input_bits())]))

    def compute_luts(self) -> Any:
        """The merge, and what stands in front of it."""
        pairs = zip(self.iqs, self.input_shape_built, strict=True)
        fronts = [self.front_luts(n, iq, shape) for n, (iq, shape) in enumerate(pairs)]
        return super().compute_luts() + sum(fronts)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the broadcast shape."""
        rank = max(len(shape) for shape in input_shape)
        padded = [(s[0], *(1,) * (rank - len(s)), *s[1:]) for s in input_shape]
        out = []
        for sizes in zip(*padded, strict=True):
            known = {n for n in sizes if n != 1}
            if len(known - {None}) > 1:
                raise ConfigError(
                    "the shapes of the inputs do not broadcast",
                    received=", ".join(str(tuple(shape)) for shape in input_shape),
                )
            out.append(None if None in known else max(known, default=1))
        return tuple(out)


def _aligned(x: list[Any]) -> list[Any]:
    """Tensors of one rank; missing axes follow the batch axis, as in Keras."""
    rank = max(len(v.shape) for v in x)
    return [
        v if len(v.shape) == rank
        else ops.expand_dims(v, tuple(range(1, 1 + rank - len(v.shape))))
        for v in x
    ]  # fmt: skip


def _balanced(function: Any, x: list[Any]) -> Any:
    """Combine in pairs, and pairs of pairs: the shallowest tree."""
    while len(x) > 1:
        pairs = [function(a, b) for a, b in zip(x[::2], x[1::2], strict=False)]
        x = pairs + x[len(pairs) * 2 :]
    return x[0]


def _all_but_least(bits: list[Any]) -> Any:
    """The bits of all inputs but the narrowest: those that meet another bit."""
    return reduce(ops.add, bits) - reduce(ops.minimum, bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QAdd(_QMerge):
    """The sum of Q(x) over all inputs."""

    luts_per_ebop = luts.ADDER / ADDER

    def merge(self, x: list[Any]) -> Any:
        """Add up."""
        return _balanced(lambda a, b: a + b, x)

    def cost(self, bits: list[Any]) -> Any:
        """Adders over all inputs but the narrowest."""
        return ADDER * _all_but_least(bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QSubtract(_QMerge):
    """Q(first input) - Q(second input)."""

    inputs = 2

    def merge(self, x: list[Any]) -> Any:
        """Subtract."""
        return x[0] - x[1]

    def cost(self, bits: list[Any]) -> Any:
        """The wider input."""
        return ops.maximum(*bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMultiply(_QMerge):
    """The product of Q(x) over all inputs."""

    def merge(self, x: list[Any]) -> Any:
        """Multiply."""
        return _balanced(lambda a, b: a * b, x)

    def cost(self, bits: list[Any]) -> Any:
        """The product of all widths."""
        return reduce(ops.multiply, bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMaximum(_QMerge):
    """The elementwise largest Q(x)."""

    luts_per_ebop = luts.EXTREMUM

    def merge(self, x: list[Any]) -> Any:
        """Take the largest."""
        return _balanced(ops.maximum, x)

    def lower_merge(self, x: list[FixedArray]) -> FixedArray:
        """Take the largest."""
        return _balanced(lambda a, b: a.maximum(b), x)

    def cost(self, bits: list[Any]) -> Any:
        """All inputs but the narrowest are compared."""
        return _all_but_least(bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QMinimum(_QMerge):
    """The elementwise smallest Q(x)."""

    luts_per_ebop = luts.EXTREMUM

    def merge(self, x: list[Any]) -> Any:
        """Take the smallest."""
        return _balanced(ops.minimum, x)

    def lower_merge(self, x: list[FixedArray]) -> FixedArray:
        """Take the smallest."""
        return _balanced(lambda a, b: a.minimum(b), x)

    def cost(self, bits: list[Any]) -> Any:
        """All inputs but the narrowest are compared."""
        return _all_but_least(bits)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QAverage(QAdd):
    """The mean of Q(x): the sum times 1/n, rounded to ``reciprocal_bits`` significant bits.

    Exact for two, four, eight ... inputs; see the rule in reciprocal.py.
    """

    def __init__(self, *, reciprocal_bits: int = RECIPROCAL_BITS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reciprocal_bits = positive("reciprocal_bits", reciprocal_bits)

    def merge(self, x: list[Any]) -> Any:
        """Add up, then scale."""
        return super().merge(x) * reciprocal(len(x), self.reciprocal_bits)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), "reciprocal_bits": self.reciprocal_bits}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QAveragePow2(QAdd):
    """The sum of Q(x) times the power of two nearest (in exponent) to 1/n: no multiplication."""

    def merge(self, x: list[Any]) -> Any:
        """Add up, then shift."""
        return super().merge(x) * nearest_power(len(x))
