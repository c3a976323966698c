"""The statistics of a batch normalization, and the scale that they give.

What is folded outside of training must come out the same wherever it is computed, or a width
could be rounded differently in hardware. It is therefore computed in float32 under every dtype
policy, with each intermediate result pinned: compilers rewrite a / sqrt(b), and fuse products
into sums, and would change the last bit (observed on CPU in a third of all values).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.layer import QLayer


def pinned(x: Any) -> Any:
    """``x`` rounded to 23 significant bits, in a way that no compiler fuses or rewrites."""
    if keras.backend.backend() != "jax":
        return x
    import jax

    return jax.lax.reduce_precision(x, 8, 22)


class Moments(QLayer):
    """Statistics of a batch normalization, with the arguments of Keras.

    ``momentum``: of the moving moments. ``epsilon``: added to the variance. ``scale``: whether
    there is a gamma. Synchronized moments over several devices do not exist here.
    """

    def __init__(
        self,
        *args: Any,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        scale: bool = True,
        gamma_initializer: Any = "ones",
        gamma_regularizer: Any = None,
        gamma_constraint: Any = None,
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if synchronized:
            raise ConfigError("batch moments cannot be synchronized between devices",
                              received="synchronized=True")  # fmt: skip
        self.momentum, self.epsilon, self.scale = float(momentum), float(epsilon), bool(scale)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.moving_mean_initializer = keras.initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = keras.initializers.get(moving_variance_initializer)

    def add_statistics(self, shape: tuple[int, ...]) -> None:
        """Create gamma and the moving moments."""
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def moments(self, x: Any, axes: tuple[int, ...], training: bool) -> tuple[Any, Any]:
        """Mean of ``x`` over ``axes`` and the scale s; in training, of this batch, and tracked.

        ``x`` is called only in training.
        """
        if not (training and self.trainable):
            mean, variance = self._single(self.moving_mean), self._single(self.moving_variance)
        else:
            mean, variance = ops.moments(x(), axes=axes)
            mean = ops.reshape(mean, self.moving_mean.shape)
            variance = ops.reshape(variance, mean.shape)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                keep = self.momentum
                moving.assign(moving * keep + ops.stop_gradient(now) * (1.0 - keep))
        s = 1.0 / pinned(ops.sqrt(pinned(variance + self.epsilon)))
        if self.scale:
            s = pinned(s) * self._single(self.gamma)
        return mean, pinned(s)

    def _single(self, v: Any) -> Any:
        return ops.cast(v, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            **self.saved("momentum", "epsilon", "scale"),
            **self.saved("gamma_initializer", "gamma_regularizer", "gamma_constraint"),
            **self.saved("moving_mean_initializer", "moving_variance_initializer"),
        }
