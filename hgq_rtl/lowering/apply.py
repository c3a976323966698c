"""What traced functions call beside NumPy: quantize, lookup, and Keras models as functions.

Each works on FixedArrays in a trace and on NumPy arrays outside, with the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from hgq_rtl.errors import LoweringError
from hgq_rtl.fixed import quantize_float
from hgq_rtl.lowering.array import FixedArray, as_elements
from hgq_rtl.lowering.checks import check_model
from hgq_rtl.lowering.functions.elementwise import unary
from hgq_rtl.lowering.reference import Reference
from hgq_rtl.lowering.trace import active_walk


def quantize(
    x: Any,
    k: ArrayLike,
    i: ArrayLike,
    f: ArrayLike,
    rounding: str = "TRN",
    overflow: str = "WRAP",
) -> Any:
    """``x`` in ``k`` sign, ``i`` integer and ``f`` fraction bits.

    ``x``: FixedArray, array or number. ``k``, ``i``, ``f``: integers that broadcast against it.
    ``rounding``, ``overflow``: modes of ``hgq_rtl.fixed``. Numbers give float64 arrays, or int64
    where no ``f`` is above 0. A function such as ``numpy.tanh(x)`` becomes a look-up table here.

    >>> quantize([0.3, -2.6], 1, 2, 1, "RND", "SAT")
    array([ 0.5, -2.5])
    """
    if isinstance(x, FixedArray):
        return x.quantize(k, i, f, rounding, overflow)
    n = quantize_float(x, k, i, f, rounding, overflow)
    values = np.ldexp(n.astype(np.float64), -np.asarray(f))
    return values.astype(np.int64) if (np.asarray(f) <= 0).all() else values


def lookup(function: Callable[[Any], Any], x: Any) -> Any:
    """``function`` of every element of ``x`` as a look-up table.

    ``function``: any Python function from one number (int where the elements are integers, else
    float) to one number. Where its results fit no fixed-point format of 32 bits, they need a
    ``quantize`` behind. Tables have up to 2^16 entries.

    >>> lookup(lambda n: n.bit_count(), np.array([1, 6, 7]))
    array([1, 2, 3])
    """
    if not isinstance(x, FixedArray):
        x = np.asarray(x)
        values = [function(value.item()) for value in x.ravel()]
        return np.array(values).reshape(x.shape)
    whole = x.dtype.kind in "ib"

    def run(v: Any) -> Any:
        found = []
        for n in v:
            argument = int(n) if whole else float(n)
            try:
                found.append(float(function(argument)))
            except Exception as error:
                raise LoweringError(
                    f"the function of a lookup failed for {argument}",
                    received=f"{type(error).__name__}: {error}",
                    hint="It must give a number for every value that the argument can have",
                ) from error
        return np.array(found)

    return unary(getattr(function, "__name__", "lookup").replace("<lambda>", "lookup"), run, x)


def as_function(model: keras.Model) -> ModelFunction:
    """A Keras model as a function of arrays without batch axis, to be called in a traced function.

    In a trace its layers lower as they do in ``compile``. On NumPy arrays it computes one sample
    in double precision, which is exact wherever the hardware is proven to equal Keras.
    Raises LoweringError unless the model has known, fixed shapes.
    """
    return ModelFunction(model)


class ModelFunction:
    """See ``as_function``. Takes and returns arrays in the containers that the model has."""

    def __init__(self, model: keras.Model) -> None:
        check_model(model)
        self.model = model

    def __call__(self, *inputs: Any) -> Any:
        """The model's outputs for its inputs, as arguments or in one container."""
        arrays = keras.tree.flatten(inputs[0] if len(inputs) == 1 else list(inputs))
        shapes = [tuple(tensor.shape[1:]) for tensor in self.model.inputs]
        if [np.shape(x) for x in arrays] != shapes:
            raise LoweringError(
                "the model is called with arrays of other shapes",
                received=f"{', '.join(str(np.shape(x)) for x in arrays)} for inputs of shapes "
                f"{', '.join(map(str, shapes))}",
                where=f"model '{self.model.name}'",
                hint="There is no batch axis here: one call is one sample",
            )
        traced = [x for x in arrays if isinstance(x, FixedArray)]
        if traced:
            build = traced[0].build
            arrays = [FixedArray(build, as_elements(build, x, "a model")) for x in arrays]
            outputs = active_walk(build).run(self.model, arrays, "")
        else:
            outputs = self._numbers(arrays)
        structure = getattr(self.model, "_outputs_struct", None)
        if structure is None:
            return outputs[0] if len(outputs) == 1 else outputs
        return keras.tree.pack_sequence_as(structure, outputs)

    def _numbers(self, arrays: list[Any]) -> list[Any]:
        samples = [np.asarray(x, dtype=np.float64)[None] for x in arrays]
        return [y[0] for y in self._reference.one_batch(samples)]

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self.model, float64=True)
