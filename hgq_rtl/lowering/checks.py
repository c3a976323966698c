"""Models that cannot become hardware: each refused with its place and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from hgq_rtl.errors import HgqRtlError, LoweringError
from hgq_rtl.ir.interface import Port
from hgq_rtl.lowering.naming import calls, identifier, input_names


@contextmanager
def located(where: str) -> Iterator[None]:
    """Errors from inside that name no place come from ``where``, as LoweringErrors."""
    try:
        yield
    except HgqRtlError as error:
        if error.where:
            raise
        raise LoweringError(
            error.what, received=error.received, where=where, hint=error.hint
        ) from None


def check_model(model: Any) -> None:
    """Raise LoweringError unless the model is a functional one of known shapes."""
    if not isinstance(model, keras.Model):
        raise LoweringError("a Keras model is needed", received=type(model).__name__)
    where = f"model '{model.name}'"
    if not getattr(model, "inputs", None) or not hasattr(model, "outputs"):
        raise LoweringError(
            "the model has no known input shape",
            received=type(model).__name__,
            where=where,
            hint="Use a functional or Sequential model, and start it with keras.Input(shape) "
            "or call model.build((None, ...))",
        )
    for tensor in model.inputs:
        if any(n is None for n in tensor.shape[1:]):
            raise LoweringError(
                "hardware needs fixed shapes",
                received=f"input '{tensor.name}' of shape {tuple(tensor.shape)}",
                where=where,
                hint=_fix_of_shape(model, tensor),
            )


def _fix_of_shape(model: keras.Model, tensor: Any) -> str:
    """What to do about an input of unknown shape; names a recurrent layer that it reaches first."""
    from hgq_rtl.layers.sequence import SequenceLayer

    reached = {id(tensor)}
    for operation, node in calls(model):
        if not any(id(t) in reached for t in node.input_tensors):
            continue
        if isinstance(operation, SequenceLayer):
            return (
                f"Layer '{identifier(operation.name)}' ({type(operation).__name__}) is unrolled "
                "over the length of its sequence: give keras.Input (length, features)"
            )
        reached |= {id(t) for t in node.output_tensors}
    return "Give keras.Input the full shape"


def check_inputs_used(model: keras.Model) -> None:
    """Raise LoweringError for an input that no output depends on."""
    read = {id(tensor) for _, node in calls(model) for tensor in node.input_tensors}
    read |= {id(tensor) for tensor in model.outputs}
    for name, tensor in zip(input_names(model), model.inputs, strict=True):
        if id(tensor) not in read:
            raise LoweringError(
                f"no output depends on input '{name}'",
                where=f"model '{model.name}'",
                hint="Make a model without it: keras.Model(inputs, outputs)",
            )


def check_dtype(port: Port, dtype: str) -> None:
    """Raise LoweringError for fractions in an input of integers: Keras would cut them off."""
    if dtype.startswith("float") or all(t.exp >= 0 for t in port.types):
        return
    raise LoweringError(
        f"input '{port.name}' is an integer in Keras, but its quantizer keeps fractions",
        received=f"dtype {dtype}, and {-min(t.exp for t in port.types)} fraction bits",
        hint="Make it keras.Input(shape) of floats, or declare its format with "
        f"inputs={{'{port.name}': (k, i, 0)}}",
    )


REFUSED: dict[type, tuple[str, str]] = {
    keras.layers.Lambda: (
        "a Lambda layer hides its computation in Python code",
        "Write the computation with keras.ops in the functional model, or as a layer with call "
        "and lower",
    ),
    keras.layers.Masking: (
        "a mask that depends on the data has no hardware form",
        "Give all sequences the full length, or multiply by a tensor of zeros and ones",
    ),
}
"""Layers that can never be lowered: why, and what to do instead."""


def check_layer(operation: Any, where: str) -> None:
    """Raise LoweringError for a layer of ``REFUSED``."""
    for cls, (what, hint) in REFUSED.items():
        if isinstance(operation, cls):
            raise LoweringError(what, received=type(operation).__name__, where=where, hint=hint)


def check_name(operation: Any, path: str, known: dict[str, Any]) -> None:
    """Raise LoweringError if another layer has this path; ``known`` remembers layers by path."""
    other = known.setdefault(path, operation)
    if other is not operation:
        raise LoweringError(
            "two layers have the same name",
            received=f"'{other.name}' ({type(other).__name__}) and "
            f"'{operation.name}' ({type(operation).__name__}), both '{path}' in hardware",
            where=f"layer '{path}'",
            hint="Give one of them another name; hardware knows letters, digits and _ only",
        )
