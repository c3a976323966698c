"""Batch normalization: alone, folded into a dense layer, folded into an einsum layer.

With batch moments in training and moving ones otherwise, s = gamma / sqrt(variance + epsilon):

=====================  ==============================  ===================================
layer                  equals, without quantization    computed as
=====================  ==============================  ===================================
QBatchNormalization    BatchNormalization              x·Q(s) + Q(beta - mean·s)
QBatchNormDense        BatchNormalization of x with    x @ Q(s·kernel)
                       center=False, then Dense        + Q(bias - (mean·s) @ kernel)
QEinsumDenseBatchNorm  EinsumDense without bias, then  einsum(x, Q(s·kernel))
                       BatchNormalization, its beta    + Q(bias - mean·s)
                       being the bias
=====================  ==============================  ===================================
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.dense import QDense
from hgq_rtl.layers.einsum_dense import QEinsumDense
from hgq_rtl.layers.layer import exact_products
from hgq_rtl.layers.moments import Moments, pinned
from hgq_rtl.layers.weighted import QWeighted, known_size, reshaped


def _is_of_kernel(name: str) -> bool:
    """Whether an argument of QWeighted means nothing without a kernel."""
    return name.startswith(("kernel_", "bias_")) or name in ("activation", "use_bias")


def _renamed(arguments: dict[str, Any], theirs: str, ours: str) -> dict[str, Any]:
    """``arguments``, those that begin with ``theirs`` under the names that begin with ``ours``."""
    renamed = {}
    for name, value in arguments.items():
        name = ours + name.removeprefix(theirs) if name.startswith(theirs) else name
        if name in renamed:
            raise ConfigError(f"{name!r} is given twice",
                              received=f"also as {theirs}{name.removeprefix(ours)}")  # fmt: skip
        renamed[name] = value
    return renamed


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QBatchNormalization(Moments, QWeighted):
    """x·Q(s) + Q(beta - mean·s) along ``axis``, as ``keras.layers.BatchNormalization``.

    ``center``: whether there is a beta. ``kq_conf, bq_conf``: configs of the quantizers of s and
    of the offset, one value per channel. Further arguments: see Moments and QLayer.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        beta_regularizer: Any = None,
        beta_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        for name in kwargs:
            if _is_of_kernel(name):
                raise ConfigError(f"QBatchNormalization has no argument {name!r}")
        super().__init__(momentum=momentum, epsilon=epsilon, scale=scale, **kwargs)
        self.axis, self.center = int(axis), bool(center)
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma, beta and the moving moments, one value per channel."""
        if not -len(input_shape) < self.axis < len(input_shape) or self.axis == 0:
            raise ConfigError("axis must be an axis of the input other than the batch axis",
                              received=f"axis={self.axis} of {tuple(input_shape)}")  # fmt: skip
        channels = known_size(input_shape, self.axis, "normalized axis")
        self.add_statistics((channels,))
        if self.center:
            self.bn_beta = self.add_weight(  # `beta` is the weight of EBOPs in the loss
                (channels,),
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="bn_beta",
            )
        self.rank = len(input_shape)
        self.build_weight_quantizers((channels,), (channels,))
        super().build(input_shape)

    def folded(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Scale and offset."""
        axes = tuple(a for a in range(self.rank) if a != self.axis % self.rank)
        mean, s = self.moments(lambda: x, axes, training)
        offset = -pinned(mean * s)
        if self.center:
            offset = offset + self._single(self.bn_beta)
        return tuple(ops.cast(v, self.compute_dtype) for v in (s, offset))

    def product(self, x: Any, kernel: Any) -> Any:
        """Scale."""
        return x * self.spread(kernel)

    def lower_product(self, x: Any, kernel: Any) -> Any:
        """Scale."""
        return x * self.spread(kernel)

    def product_bits(self, x: Any, kernel: Any) -> Any:
        """Sum of the products of widths."""
        return ops.sum(x * self.spread(kernel))

    def spread(self, bias: Any) -> Any:
        """Align values per channel with the input."""
        after = self.rank - 1 - self.axis % self.rank
        return reshaped(bias, (-1, *(1,) * after))

    @property
    def positions(self) -> int:
        """Elements per channel."""
        shape = self.input_shape_built
        return math.prod(n or 1 for n in shape[1:]) // self.bias_shape[0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        config = super().get_config()
        return {
            **{name: value for name, value in config.items() if not _is_of_kernel(name)},
            **self.saved("axis", "center"),
            **self.saved("beta_initializer", "beta_regularizer", "beta_constraint"),
        }


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QBatchNormDense(Moments, QDense):
    """A batch normalization of the input, folded into the dense layer that follows it.

    Equals ``BatchNormalization(center=False)`` on the last axis, then ``Dense``; a beta would say
    the same as the bias, so the bias cannot be left out. Arguments: see QDense and Moments, whose
    ``gamma_initializer, gamma_regularizer, gamma_constraint`` HGQ 2 calls ``bn_gamma_...``: both
    are accepted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **_renamed(kwargs, "bn_gamma_", "gamma_"))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma and moving moments (n,), kernel (n, units) and bias (units,)."""
        if not self.use_bias:
            raise ConfigError("a folded batch normalization needs the bias",
                              received="use_bias=False")  # fmt: skip
        self.add_statistics((known_size(input_shape, -1, "last axis"),))
        super().build(input_shape)

    def folded(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Kernel and bias with the normalization inside."""
        axes = tuple(range(len(self.input_shape_built) - 1))
        mean, s = self.moments(lambda: x, axes, training)
        kernel = self._single(self.kernel)
        with exact_products():
            shift = ops.matmul(pinned(mean * s), kernel)
        bias = self._single(self.bias) - pinned(shift)
        return tuple(ops.cast(v, self.compute_dtype) for v in (s[:, None] * kernel, bias))


@keras.saving.register_keras_serializable(package="hgq_rtl")
class QEinsumDenseBatchnorm(Moments, QEinsumDense):
    """An einsum layer without bias, and the batch normalization of its result folded into it.

    Equals ``EinsumDense`` (no bias), then ``BatchNormalization`` along ``normalize_axes`` with
    the bias as beta. ``normalize_axes``: letters of kernel and result; default ``bias_axes``.
    ``center``: whether there is a bias, whose ``bias_initializer, bias_regularizer,
    bias_constraint`` may also be called ``beta_...``, as in HGQ 2. In training the product is
    computed twice: with the float kernel for the moments, then with the quantized one. Further
    arguments: see QEinsumDense and Moments.
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        *,
        normalize_axes: str | None = None,
        center: bool = True,
        **kwargs: Any,
    ) -> None:
        axes = normalize_axes or bias_axes
        if not axes:
            raise ConfigError("bias_axes or normalize_axes must say what is normalized",
                              received="None for both")  # fmt: skip
        kwargs = _renamed(kwargs, "beta_", "bias_")
        super().__init__(equation, output_shape, activation, bias_axes or axes, **kwargs)
        self.normalize_axes, self.center = axes, bool(center)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma and moving moments along the normalized axes, kernel and bias."""
        equation, sizes = self.resolve(input_shape)
        for letter in self.normalize_axes:
            if letter not in equation.right or letter not in equation.out:
                raise ConfigError(
                    f"the normalized axis {letter!r} must be one of the kernel and of the result",
                    received=repr(self.equation),
                )
        self.add_statistics(tuple(sizes[c] for c in self._along(equation.out)))
        super().build(input_shape)

    def _along(self, letters: str) -> list[str]:
        return [c for c in letters if c in self.normalize_axes]

    def add_weights(self, kernel: tuple[int, ...], bias: tuple[int, ...]) -> None:
        """Create the bias only if there is one; the offset that is added has more axes."""
        self.kernel = self.weight("kernel", kernel)
        if self.center:
            self.bias = self.weight("bias", bias)
        sizes = dict(zip(self.resolved.right, kernel, strict=True))
        moments = [sizes[c] if c in self.normalize_axes else 1 for c in self.resolved.out[1:]]
        bias = (1,) * (len(moments) - len(bias)) + bias
        offset = tuple(max(a, b) for a, b in zip(moments, bias, strict=True))
        self.build_weight_quantizers(kernel, offset)

    def folded(self, x: Any, training: bool) -> tuple[Any, Any]:
        """Kernel and bias with the normalization inside."""
        equation, out = self.resolved, self.resolved.out
        axes = tuple(a for a, c in enumerate(out) if c not in self.normalize_axes)
        mean, s = self.moments(lambda: self.product(x, self.kernel), axes, training)
        sizes = dict(zip(self._along(out), s.shape, strict=True))
        order = self._along(equation.right)
        per_kernel = ops.transpose(s, [self._along(out).index(c) for c in order])
        per_kernel = ops.reshape(per_kernel, [sizes.get(c, 1) for c in equation.right])
        per_out = [sizes.get(c, 1) for c in out[1:]]
        offset = -ops.reshape(pinned(mean * s), per_out)
        offset = ops.broadcast_to(offset, self.bias_shape)
        if self.center:
            offset = offset + self._single(self.bias)
        kernel = self._single(self.kernel) * per_kernel
        return tuple(ops.cast(v, self.compute_dtype) for v in (kernel, offset))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().get_config(), **self.saved("normalize_axes", "center")}


QEinsumDenseBatchNorm = QEinsumDenseBatchnorm
