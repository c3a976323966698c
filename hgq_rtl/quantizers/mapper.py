"""How bit widths are shared between the elements of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from hgq_rtl.errors import ConfigError


@keras.saving.register_keras_serializable(package="hgq_rtl")
class AxisMapper:
    """Share one width along the homogeneous axes; every other axis has its own entries.

    Exactly one of the two arguments is given (as axes, negative ones allowed), the other is None.
    ``()`` is meaningful: no homogeneous axis is one width per element, no heterogeneous axis is
    one width per tensor. A first axis of unknown size (the batch) is always shared.

    To share widths in another way, pass any object with the methods of this class as the
    ``bw_mapper`` of a QuantizerConfig; register it with Keras if the model is to be saved.
    """

    def __init__(
        self,
        homogeneous_axis: Sequence[int] | None = None,
        heterogeneous_axis: Sequence[int] | None = None,
    ) -> None:
        if (homogeneous_axis is None) == (heterogeneous_axis is None):
            raise ConfigError(
                "give exactly one of homogeneous_axis and heterogeneous_axis",
                received=f"homogeneous_axis={homogeneous_axis}, "
                f"heterogeneous_axis={heterogeneous_axis}",
                hint="Give one, and leave the other one None",
            )
        self.homogeneous_axis = None if homogeneous_axis is None else tuple(homogeneous_axis)
        self.heterogeneous_axis = None if heterogeneous_axis is None else tuple(heterogeneous_axis)

    def width_shape(self, shape: Sequence[int | None]) -> tuple[int, ...]:
        """Shape of the width tensors for a tensor of ``shape`` (batch axis included, if any)."""
        shape, rank = tuple(shape), len(shape)
        given = self.homogeneous_axis if self.heterogeneous_axis is None else None
        axes = set()
        for axis in given if given is not None else self.heterogeneous_axis or ():
            if not -rank <= axis < rank:
                raise ConfigError(f"axis {axis} does not exist", received=f"a tensor of {shape}")
            axes.add(axis % rank)
        shared = axes if given is not None else set(range(rank)) - axes
        if rank and shape[0] is None:
            shared = shared | {0}
        unknown = [a for a in range(rank) if a not in shared and shape[a] is None]
        if unknown:
            raise ConfigError(
                f"axis {unknown[0]} has widths of its own but no known size",
                received=f"a tensor of {shape}",
                hint="Give the input a fixed shape, or name the axis in homogeneous_axis",
            )
        return tuple(1 if a in shared else int(shape[a]) for a in range(rank))

    def to_tensor(self, widths: Any, shape: Sequence[int]) -> Any:
        """Expand ``widths`` so that they broadcast against a tensor of ``shape``.

        Raises ConfigError if they are those of a tensor of another shape.
        """
        _check_shape(tuple(widths.shape), tuple(shape))
        return widths

    def extrema(self, x: Any, width_shape: Sequence[int]) -> tuple[Any, Any]:
        """Minimum and maximum of ``x`` over the elements that share a width.

        Raises ConfigError if the widths are those of a tensor of another shape.
        """
        _check_shape(tuple(width_shape), tuple(x.shape))
        axes = tuple(
            a
            for a, (n, w) in enumerate(zip(x.shape, width_shape, strict=True))
            if w == 1 and n != 1
        )
        if not axes:
            return x, x
        return ops.min(x, axes, keepdims=True), ops.max(x, axes, keepdims=True)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {
            "homogeneous_axis": self.homogeneous_axis,
            "heterogeneous_axis": self.heterogeneous_axis,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AxisMapper:
        """Inverse of ``get_config``."""
        return cls(**config)


def _check_shape(widths: tuple[int, ...], shape: tuple[int | None, ...]) -> None:
    if not widths:  # one number, of a sign that is a constant
        return
    if len(widths) != len(shape) or any(
        w != n and w != 1 and n not in (1, None) for w, n in zip(widths, shape, strict=True)
    ):
        raise ConfigError(
            "a quantizer was built for a tensor of another shape",
            received=f"shape {shape}, with widths of shape {widths}",
            hint="Give it what the layer was built for, or build the layer anew",
        )
