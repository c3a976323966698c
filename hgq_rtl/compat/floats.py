"""Plain Keras models as the start of fine-tuning: the same network of quantized layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import hgq_rtl.layers as q
from hgq_rtl.errors import ConversionError, HgqRtlError
from hgq_rtl.layers.reciprocal import reciprocal
from hgq_rtl.quantizers import Quantizer, QuantizerConfig
from hgq_rtl.quantizers.exact import to_numpy
from hgq_rtl.utils import trace_minmax

Rule = Callable[[Any], list[Any]]
RULES: dict[type, Rule] = {}
"""For a class of Keras, the layers that take the place of one: the first gets its weights."""

_PLAIN = ("linear", "relu")
"""Activations that dense and convolution layers have in hardware; others become tables."""
_WEIGHTS = {
    "kernel": ("depthwise_kernel", "kernel"),
    "pointwise": ("pointwise_kernel",),
    "recurrent_kernel": ("recurrent_kernel",),
    "bias": ("bias",),
    "gamma": ("gamma",),
    "bn_beta": ("beta",),
    "moving_mean": ("moving_mean",),
    "moving_variance": ("moving_variance",),
}
"""Variables here, and what Keras calls them."""
_PARTS: dict[type, tuple[str, ...]] = {
    q.QMultiHeadAttention: ("query_dense", "key_dense", "value_dense", "output_dense"),
    keras.layers.TimeDistributed: ("layer",),
    keras.layers.Bidirectional: ("forward_layer", "backward_layer"),
}
"""Layers inside of layers, which have the weights."""
_DROPPED = ("quantization_config", "lora_rank", "lora_alpha", "renorm", "renorm_clipping",
            "renorm_momentum", "registered_name")  # fmt: skip


def quantize_model(model: keras.Model, data: Any = None) -> keras.Model:
    """A float model of Keras layers as one of this project's layers, with the same weights.

    Dense, EinsumDense, convolutions, batch normalizations and attention become the layer of the
    same name with a Q; activations other than relu become tables or a QSoftmax, in a layer of
    their own where need be; means over a number of values that is no power of two become their Q
    layers. Recurrent layers get hard tanh and sigmoid, of which quantizers are made, in place of
    the smooth ones, and no dropout; TimeDistributed and Bidirectional wrap what takes the place of
    their layers. A LeakyReLU or ELU that is a table gets a Quantizer in front. Other layers without
    weights stay what they are, and names stay.

    Quantizers are those of the scope that is active here. Saturating kernel quantizers start with
    as many integer bits as the largest weight of the kernel needs. ``data``: inputs to calibrate
    with, as for ``trace_minmax``; None leaves that to you, after the fine-tuning. The result is
    not compiled for training.

    Raises ConversionError, which names the layer, for a layer with weights that has no quantized
    form, and for a model that is not functional, not Sequential or not built.
    """
    result = _Cloning().clone(model, "")
    if data is not None:
        trace_minmax(result, data)
    return result


class _Cloning:
    """One conversion. A layer that is called several times is converted once."""

    def __init__(self) -> None:
        self._made: dict[int, list[Any]] = {}

    def clone(self, model: Any, path: str) -> keras.Model:
        where = f"model '{path or getattr(model, 'name', type(model).__name__)}'"
        if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
            raise ConversionError(
                "only functional and Sequential models with known inputs can be converted",
                received=type(model).__name__,
                where=where,
                hint="Start a Sequential model with keras.Input, or build it",
            )
        inputs = [
            keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t._keras_history.operation.name)
            for t in model.inputs
        ]
        if isinstance(model, keras.Sequential):
            parts = [new for layer in model.layers for new in self._layers(layer, path)]
            result = keras.Sequential([*inputs, *parts], name=model.name)
            pairs = list(model.layers)
        else:
            known = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
            pairs = self._replay(model, known, path)
            outputs = keras.tree.map_structure(lambda t: known[id(t)], model._outputs_struct)
            structure = keras.tree.pack_sequence_as(model._inputs_struct, inputs)
            result = keras.Model(structure, outputs, name=model.name)
        for layer in pairs:
            if not isinstance(layer, keras.Model):
                _copy(layer, self._made[id(layer)][0])
        return result

    def _replay(self, model: Any, known: dict[int, Any], path: str) -> list[Any]:
        """Call the new layers as the old ones were; the old ones, each once."""

        def new(value: Any) -> Any:
            return known[id(value)] if isinstance(value, keras.KerasTensor) else value

        seen: dict[int, Any] = {}
        nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True)
                 for node in model._nodes_by_depth[depth] if not node.is_input]  # fmt: skip
        for node in nodes:
            args = keras.tree.map_structure(new, node.arguments.args)
            kwargs = keras.tree.map_structure(new, node.arguments.kwargs)
            operation = node.operation
            if isinstance(operation, keras.layers.Layer):
                first, *rest = self._layers(operation, path)
                given = {k: v for k, v in kwargs.items() if v is not None}
                y = first(*args, **given)
                for layer in rest:
                    y = layer(y)
                seen[id(operation)] = operation
            else:
                y = operation(*args, **kwargs)
            for old, made in zip(node.outputs, keras.tree.flatten(y), strict=True):
                known[id(old)] = made
        return list(seen.values())

    def _layers(self, layer: Any, path: str) -> list[Any]:
        if id(layer) not in self._made:
            here = f"{path}/{layer.name}" if path else layer.name
            if isinstance(layer, keras.Model):
                self._made[id(layer)] = [self.clone(layer, here)]
            else:
                try:
                    self._made[id(layer)] = _converted(layer)
                except HgqRtlError as error:
                    raise ConversionError(
                        error.what, received=error.received, hint=error.hint,
                        where=f"layer '{here}' ({type(layer).__name__})",
                    ) from None  # fmt: skip
        return self._made[id(layer)]


def _converted(layer: Any) -> list[Any]:
    rule = RULES.get(type(layer))
    if rule is not None:
        return rule(layer)
    if isinstance(layer, keras.layers.Lambda):
        raise ConversionError(
            "a Lambda layer hides its computation in Python code",
            hint="Write the computation with keras.ops in the functional model",
        )
    foreign = isinstance(layer, q.QLayer | Quantizer) or hasattr(layer, "lower")
    if layer.trainable_variables and not foreign:
        known = ", ".join(sorted(cls.__name__ for cls in RULES))
        raise ConversionError("this layer has weights and no quantized form",
                              hint=f"Layers that have: {known}")  # fmt: skip
    return [type(layer).from_config(layer.get_config())]


def _copy(old: Any, new: Any) -> None:
    """Give a built layer the weights of the old one, and its kernel quantizer their range."""
    parts = next((parts for cls, parts in _PARTS.items() if isinstance(new, cls)), ())
    for name in parts:
        _copy(getattr(old, name), getattr(new, name))
    if parts:
        return
    if type(new) is type(old):
        new.set_weights(old.get_weights())
        return
    old = getattr(old, "cell", old)
    for name, sources in _WEIGHTS.items():
        target = getattr(new, name, None)
        source = next((v for s in sources if (v := getattr(old, s, None)) is not None), None)
        if isinstance(target, keras.Variable) and source is not None:
            target.assign(to_numpy(source).reshape(target.shape))
    for name, kernel in (("kq", "kernel"), ("pq", "pointwise"), ("rkq", "recurrent_kernel")):
        quantizer = getattr(new, name, None)
        if quantizer is not None and not quantizer.is_dummy:
            folded = name == "kq" and hasattr(new, "folded")
            values = new.folded(None, False)[0] if folded else getattr(new, kernel)
            _fit(quantizer, to_numpy(values))


def _fit(quantizer: Quantizer, values: np.ndarray[Any, Any]) -> None:
    """The integer bits of a saturating fixed-point quantizer, from the largest magnitude."""
    fmt, config = quantizer.format, quantizer.config
    if "overflow_mode" not in config or config["overflow_mode"] == "WRAP" or fmt.is_fixed:
        return
    i = float(np.frexp(np.abs(values).max(initial=0.0))[1])
    shift = i - to_numpy(fmt._i)
    if config.q_type == "kif":  # the width stays, as it does for kbi by itself
        fmt._f.assign(to_numpy(fmt._f) - shift)
    fmt._i.assign(to_numpy(fmt._i) + shift)


# -- rules -----------------------------------------------------------------------------------------


def quantizes(*classes: type) -> Callable[[Rule], Rule]:
    """Register a rule for classes of Keras."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(classes, rule))
        return rule

    return register


def _config(layer: Any) -> dict[str, Any]:
    return {k: v for k, v in copy.deepcopy(layer.get_config()).items() if k not in _DROPPED}


def _activation(layer: Any) -> str:
    function = layer.activation
    return getattr(function, "__name__", type(function).__name__)


def _table(layer: Any, name: str) -> Any:
    """The activation of ``layer`` as a layer."""
    if _activation(layer) == "softmax":
        return q.QSoftmax(name=name, dtype=layer.dtype_policy)
    return q.QUnaryFunctionLUT(layer.activation, name=name, dtype=layer.dtype_policy)


@quantizes(
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
def _weighted(layer: Any) -> list[Any]:
    cls, config = getattr(q, f"Q{type(layer).__name__}"), _config(layer)
    for name in _MEANINGLESS.get(type(layer).__name__[:-2], ()):
        config.pop(name, None)
    if _activation(layer) in _PLAIN:
        return [cls(**config)]
    bare = cls(**{**config, "activation": None})
    return [bare, _table(layer, f"{layer.name}_{_activation(layer)}")]


_OF_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups")
_MEANINGLESS = {"DepthwiseConv": ("filters", *_OF_KERNEL), "SeparableConv": _OF_KERNEL}
"""Arguments that Keras saves for reasons of inheritance alone."""


@quantizes(keras.layers.BatchNormalization)
def _batch_normalization(layer: Any) -> list[Any]:
    return [q.QBatchNormalization(**_config(layer))]


@quantizes(keras.layers.MultiHeadAttention)
def _attention(layer: Any) -> list[Any]:
    return [q.QMultiHeadAttention(**_config(layer))]


@quantizes(keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM)
def _recurrent(layer: Any) -> list[Any]:
    """Hard functions, which quantizers are, in place of tanh and sigmoid."""
    config, hard = _config(layer), {"activation": "tanh", "recurrent_activation": "sigmoid"}
    for name, soft in hard.items():
        if name in config and config[name] not in (soft, "linear", "relu"):
            raise ConversionError(f"{name} must be {soft}, relu or linear",
                                  received=str(config[name]))  # fmt: skip
        if config.get(name) == soft:
            config[name] = "linear"
    for name in ("dropout", "recurrent_dropout", "seed", "zero_output_for_mask"):
        config.pop(name, None)
    return [getattr(q, f"Q{type(layer).__name__}")(**config)]


@quantizes(keras.layers.TimeDistributed)
def _time_distributed(layer: Any) -> list[Any]:
    first, *rest = _converted(layer.layer)
    return [keras.layers.TimeDistributed(first, name=layer.name), *rest]


@quantizes(keras.layers.Bidirectional)
def _bidirectional(layer: Any) -> list[Any]:
    forward, backward = (_converted(x)[0] for x in (layer.forward_layer, layer.backward_layer))
    return [
        keras.layers.Bidirectional(
            forward, layer.merge_mode, backward_layer=backward, name=layer.name
        )
    ]


@quantizes(keras.layers.LeakyReLU, keras.layers.ELU)
def _rectifier(layer: Any) -> list[Any]:
    """A table, which needs a short argument, unless the slope is a power of two."""
    kept = type(layer).from_config(layer.get_config())
    slope = getattr(layer, "negative_slope", None)
    if slope is not None and abs(np.frexp(slope)[0]) in (0, 0.5):
        return [kept]
    config = QuantizerConfig(place="datalane")
    return [Quantizer(config, name=f"{layer.name}_quantizer", dtype=layer.dtype_policy), kept]


@quantizes(keras.layers.Activation)
def _function(layer: Any) -> list[Any]:
    if _activation(layer) in _PLAIN:
        return [type(layer).from_config(layer.get_config())]
    return [_table(layer, layer.name)]


@quantizes(keras.layers.Softmax)
def _softmax(layer: Any) -> list[Any]:
    return [q.QSoftmax(layer.axis, name=layer.name, dtype=layer.dtype_policy)]


@quantizes(
    keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D
)
def _average(layer: Any) -> list[Any]:
    """Windows of a power of two cells are exact as they are, if none reaches into the padding."""
    size = int(np.prod(layer.pool_size))
    if size == 1 / reciprocal(size) and layer.padding == "valid":
        return [type(layer).from_config(layer.get_config())]
    return [getattr(q, f"Q{type(layer).__name__}")(**_config(layer))]


@quantizes(
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)
def _global_average(layer: Any) -> list[Any]:
    return [getattr(q, f"Q{type(layer).__name__}")(**_config(layer))]
