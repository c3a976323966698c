"""The layers of HGQ 1 under their names."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

import hgq_rtl.layers as q
from hgq_rtl.compat.hgq1.config import quantizer_config
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import Signature as Signature
from hgq_rtl.layers.moments import Moments, pinned
from hgq_rtl.quantizers.exact import floor_log2

register = keras.saving.register_keras_serializable(package="hgq_rtl.compat.hgq1")

_ALIASES = {
    "bops_reg_factor": "beta",
    "kernel_quantizer_config": "kq_conf",
    "pre_activation_quantizer_config": "paq_conf",
}


def _arguments(kwargs: dict[str, Any], parallel: int | None = None) -> dict[str, Any]:
    """HGQ 1's arguments in terms of a QLayer's.

    Quantizers are those of HGQ 1's settings; its activation quantizer sits at the input of the
    layer that reads the activation. ``parallel``: the default of ``parallel_factor``.
    """
    if "iq_conf" in kwargs or "oq_conf" in kwargs:  # when loading: they are this project's already
        return kwargs
    result = {_ALIASES.get(k, k): v for k, v in kwargs.items()}
    result["beta0"] = result.pop("beta", 0.0)
    paq = result.pop("paq_conf", None)
    if paq is not None:
        result.update(oq_conf=quantizer_config("datalane", paq), enable_oq=True)
    result["iq_conf"] = quantizer_config("datalane")
    if parallel is not None:
        result["kq_conf"] = quantizer_config("weight", result.get("kq_conf"))
        result["parallelization_factor"] = result.pop("parallel_factor", parallel)
        if result.get("activation") not in (None, "linear", "relu"):
            raise ConfigError(
                "dense and convolution layers of HGQ 1 have the activations relu and linear",
                received=repr(result["activation"]),
                hint="Put an HActivation after the layer",
            )
    return result


class _Adapted(q.QLayer):
    """A layer whose kernel widths start so that each weight has as many significant bits."""

    def build_weight_quantizers(self, kernel: Any, bias: Any) -> None:
        """Start the fraction bits of each weight from -log2 of its magnitude."""
        fmt, f0 = self.kq.format, self.kq.config["f0"]

        def start(shape: Any, dtype: Any = None) -> Any:
            magnitude = ops.abs(ops.convert_to_tensor(self.kernel))
            axes = [a for a, n in enumerate(shape) if n != magnitude.shape[a]]
            largest = ops.max(magnitude, axis=axes, keepdims=True) if axes else magnitude
            return f0 - floor_log2(ops.maximum(largest, 1e-6), self.compute_dtype) - 1

        if self.kq.overflow_mode == "WRAP" and not fmt.is_fixed:
            fmt.config = self.kq.config.replace(f0=start)
        super().build_weight_quantizers(kernel, bias)


@register
class HDense(_Adapted, q.QDense):
    """QDense with HGQ 1's arguments.

    ``beta`` (or ``bops_reg_factor``): weight of the BOPs in the loss. ``kq_conf, paq_conf``:
    settings of the kernel's quantizer, and of one at the output. ``parallel_factor``.
    """

    def __init__(self, units: int, activation: Any = None, **kwargs: Any) -> None:
        kwargs = _arguments({"activation": activation, **kwargs}, -1)
        super().__init__(units, **kwargs)


@register
class HConv1D(_Adapted, q.QConv1D):
    """QConv1D with HGQ 1's arguments, see HDense; ``parallel_factor`` is 1 by default."""

    def __init__(self, filters: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, *args, **_arguments(kwargs, 1))


@register
class HConv2D(_Adapted, q.QConv2D):
    """QConv2D with HGQ 1's arguments, see HDense; ``parallel_factor`` is 1 by default."""

    def __init__(self, filters: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, *args, **_arguments(kwargs, 1))


class _FoldedAfter(Moments):
    """The batch normalization of a layer's result, along its last axis, folded into the layer.

    The bias is the beta. In training the product is computed twice, as in QEinsumDenseBatchnorm.
    """

    def add_weights(self, kernel: Any, bias: Any) -> None:
        """Create gamma and the moving moments too."""
        if not self.use_bias:
            raise ConfigError("a folded batch normalization needs the bias",
                              received="use_bias=False")  # fmt: skip
        if getattr(self, "data_format", "channels_last") != "channels_last":
            raise ConfigError("a folded batch normalization needs channels last",
                              received="data_format='channels_first'")  # fmt: skip
        self.add_statistics(bias)
        super().add_weights(kernel, bias)

    def folded(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Kernel and bias with the normalization inside."""
        axes = tuple(range(len(self.input_shape_built) - 1))
        kernel = ops.convert_to_tensor(self.kernel)
        mean, s = self.moments(lambda: self.product(x, kernel), axes, training)
        kernel = ops.cast(kernel, "float32") * s
        bias = ops.cast(self.bias, "float32") - pinned(mean * s)
        return tuple(ops.cast(v, self.compute_dtype) for v in (kernel, bias))


@register
class HDenseBatchNorm(_FoldedAfter, HDense):
    """HDense with the batch normalization of its result folded in."""


@register
class HConv1DBatchNorm(_FoldedAfter, HConv1D):
    """HConv1D with the batch normalization of its result folded in."""


@register
class HConv2DBatchNorm(_FoldedAfter, HConv2D):
    """HConv2D with the batch normalization of its result folded in."""


@register
class HQuantize(q.Quantizer):
    """The quantizer of an input. ``beta`` has no effect: the next layer counts the bits."""

    def __init__(self, config: Any = None, **kwargs: Any) -> None:
        if config is None:
            for name in ("beta", "bops_reg_factor"):
                kwargs.pop(name, None)
            paq = kwargs.pop("paq_conf", kwargs.pop("pre_activation_quantizer_config", None))
            config = quantizer_config("datalane", paq)
        shape = kwargs.pop("input_shape", None)
        layer = {k: kwargs.pop(k) for k in ("name", "dtype", "trainable") if k in kwargs}
        super().__init__(config, **layer, **kwargs)
        if shape is not None:
            self._input_shape_arg = (shape,) if isinstance(shape, int) else tuple(shape)


@register
class HAdd(q.QAdd):
    """QAdd with HGQ 1's arguments."""

    def __init__(self, **kwargs: Any) -> None:
        if "iq_confs" not in kwargs:
            kwargs = _arguments(kwargs)
            kwargs["iq_confs"] = kwargs.pop("iq_conf")
        super().__init__(**kwargs)


def HActivation(activation: Any, **kwargs: Any) -> keras.layers.Layer:  # noqa: N802
    """An activation: relu and linear as they are, softmax as QSoftmax, others as a table."""
    name = getattr(keras.activations.get(activation), "__name__", "")
    arguments = _arguments(kwargs)
    if name in ("relu", "linear"):
        if "oq_conf" in arguments:
            raise ConfigError(
                f"the result of {name!r} is quantized where it is read",
                received="paq_conf",
                hint="Put HQuantize(paq_conf=...) after the activation",
            )
        plain = {k: v for k, v in arguments.items() if k not in ("beta0", "iq_conf")}
        return keras.layers.Activation(name, **plain)  # which costs nothing: no use for beta
    if name == "softmax":
        return q.QSoftmax(**arguments)
    if "oq_conf" not in arguments:  # HGQ 1 quantizes the result
        arguments["oq_conf"] = quantizer_config("datalane")
    arguments.pop("enable_oq", None)
    return q.QUnaryFunctionLUT(activation, **arguments)


PMaxPooling1D, PMaxPooling2D = keras.layers.MaxPooling1D, keras.layers.MaxPooling2D
PMaxPool1D, PMaxPool2D = PMaxPooling1D, PMaxPooling2D
PAveragePooling1D, PAveragePooling2D = keras.layers.AveragePooling1D, keras.layers.AveragePooling2D
PAvgPool1D, PAvgPool2D = PAveragePooling1D, PAveragePooling2D
PFlatten, PReshape, PPermute = keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute
PConcatenate, PDropout = keras.layers.Concatenate, keras.layers.Dropout
