"""Where HGQ 2 computes in another order than this project: make the rounded results the same.

A folded batch normalization is computed in float32, and its last bit depends on the order of the
operations. Where a weight lies on a rounding boundary, that bit decides. What HGQ 2 computes,
operation by operation, is therefore the target: where our rounded weight differs, the float
weight behind it moves, by about its last bit, to the other side.

HGQ 2's QBatchNormDense leaves the scale out of its offset: with s the scale, it adds
bias - mean @ kernel, where a batch normalization has bias - (mean·s) @ kernel. The bias of the
converted layer makes up for it, so that it computes the same now, and learns as it should.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.compat.hgq2.quantizers import is_rounded_only, widen
from hgq_rtl.errors import ConversionError
from hgq_rtl.quantizers.exact import to_numpy

_FOLDED = ("QBatchNormalization", "QBatchNormDense", "QEinsumDenseBatchnorm")


def settle(layer: Any, kind: str, original: dict[str, Any]) -> None:
    """Make the quantized weights of a loaded layer those of HGQ 2."""
    if kind == "QBatchNormalization" and not original["center"]:
        layer.bn_beta.assign(np.ones_like(to_numpy(layer.bn_beta)))
    weights = _reference(layer, kind) if kind in _FOLDED else _weights(layer)
    for quantizer, values in zip(("kq", "bq"), weights, strict=True):
        config = original.get(f"{quantizer}_conf")
        if values is not None and config and is_rounded_only(config["config"]):
            widen(getattr(layer, quantizer), values)
    if kind in _FOLDED:
        _match(layer, kind, *weights)


def _weights(layer: Any) -> list[Any]:
    values = (getattr(layer, name, None) for name in ("kernel", "bias"))
    return [None if value is None else to_numpy(value) for value in values]


def _reference(layer: Any, kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Kernel and bias before rounding, as HGQ 2 computes them, one float32 operation at a time."""
    mean, variance = to_numpy(layer.moving_mean), to_numpy(layer.moving_variance)
    gamma = to_numpy(layer.gamma) if layer.scale else np.float32(1)
    s = gamma / np.sqrt(variance + np.float32(layer.epsilon))
    if kind == "QBatchNormalization":
        return s, to_numpy(layer.bn_beta) - mean * s
    kernel = to_numpy(layer.kernel)
    if kind == "QBatchNormDense":
        return s[:, None] * kernel, to_numpy(layer.bias) - np.dot(mean, kernel)
    equation = layer.resolved
    letters = [c for c in equation.out if c in layer.normalize_axes]
    sizes = dict(zip(letters, s.shape, strict=True))
    order = [c for c in equation.right if c in sizes]
    scale = s.transpose([letters.index(c) for c in order])
    scale = scale.reshape([sizes.get(c, 1) for c in equation.right])
    offset = -(mean * s).reshape([sizes.get(c, 1) for c in equation.out[1:]])
    return kernel * scale, np.broadcast_to(to_numpy(layer.bias) + offset, layer.bias_shape)


def _match(layer: Any, kind: str, kernel: NDArray[Any], bias: NDArray[Any]) -> None:
    wanted = [
        to_numpy(q.evaluate(v)) for q, v in ((layer.kq, kernel), (layer.bq, bias))
    ]  # fmt: skip
    folded = _folded(layer)[0]
    wrong = to_numpy(layer.kq.evaluate(folded)) != wanted[0]
    if wrong.any():
        _move_kernel(layer, kind, np.where(wrong & (folded != 0), wanted[0] / folded, 1.0))
    if kind == "QBatchNormDense":
        _add_to_bias(layer, kind, bias - _folded(layer)[1])
    folded = _folded(layer)[1]
    wrong = to_numpy(layer.bq.evaluate(folded)) != wanted[1]
    if wrong.any():
        _add_to_bias(layer, kind, np.where(wrong, wanted[1] - folded, 0.0))
    for name, quantizer, value, want in zip(
        ("kernel", "bias"), (layer.kq, layer.bq), _folded(layer), wanted, strict=True
    ):
        if (to_numpy(quantizer.evaluate(value)) != want).any():
            raise ConversionError(
                f"a folded {name} lies on a rounding boundary, and cannot be moved off it",
                hint="Fold it by hand: a QDense with the weights qkernel and qbias of HGQ 2",
            )


def _folded(layer: Any) -> list[NDArray[Any]]:
    return [to_numpy(v) for v in layer.evaluated(lambda: layer.folded(None, False))]


def _move_kernel(layer: Any, kind: str, factor: NDArray[Any]) -> None:
    """Multiply the folded kernel."""
    if kind != "QBatchNormalization":
        layer.kernel.assign(to_numpy(layer.kernel) * factor)
    elif layer.scale:
        layer.gamma.assign(to_numpy(layer.gamma) * factor)
    else:
        variance = to_numpy(layer.moving_variance) + layer.epsilon
        layer.moving_variance.assign(variance / factor**2 - layer.epsilon)


def _add_to_bias(layer: Any, kind: str, shift: NDArray[Any]) -> None:
    variable = layer.bn_beta if kind == "QBatchNormalization" else layer.bias
    variable.assign(to_numpy(variable) + shift.reshape(variable.shape))


def check_averages(model: keras.Model) -> None:
    """Raise ConversionError for an average over a number of values that is no power of two."""
    for layer in model._flatten_layers():
        kind = type(layer).__name__
        if "AveragePooling" not in kind or not hasattr(layer, "reciprocal_bits"):
            continue
        shape = layer.spatial(layer.input_shape_built)
        factors = layer.factor(shape) if "Global" in kind else layer.factors(shape)
        if (np.frexp(factors)[0] != 0.5).any():
            raise ConversionError(
                "the mean of a number of values that is no power of two has no exact equal here",
                received=f"{layer.name} on an input of shape {layer.input_shape_built}",
                where=f"layer '{layer.name}' ({kind})",
                hint="from_hgq2(..., reciprocal_bits=16) multiplies by a rounded reciprocal",
            )
