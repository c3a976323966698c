"""Ready-made quantizers that are activation functions: hard tanh and hard sigmoid."""

from __future__ import annotations

from typing import Any

import keras

from hgq_rtl.errors import ConfigError
from hgq_rtl.quantizers.config import QuantizerConfig
from hgq_rtl.quantizers.constraints import Constant


class _Preset(QuantizerConfig):
    """A config with some parameters that the caller cannot give; the rest as QuantizerConfig."""

    def __init__(
        self, q_type: str, place: str, fixed: dict[str, Any], given: dict[str, Any]
    ) -> None:
        name = type(self).__name__
        for key in given:
            if key in fixed:
                raise ConfigError(f"{name} sets {key!r} itself", received=f"{key}={given[key]!r}",
                                  hint="Use QuantizerConfig for another function")  # fmt: skip
        if q_type == "default":
            q_type = QuantizerConfig(place=place).q_type
        if q_type not in ("kbi", "kif"):
            raise ConfigError(f"{name} is a fixed-point quantizer, kbi or kif",
                              received=f"q_type {q_type!r}")  # fmt: skip
        super().__init__(q_type, place, **fixed, **given)


def _fixed(i: int, overflow: str, affine: tuple[float, float] | None) -> dict[str, Any]:
    # Constant holds i while everything else trains; a regularizer on it would have no effect.
    own = {"k0": 1, "i0": i, "ic": Constant(i), "ir": None, "overflow_mode": overflow}
    return {**own, "scaler": None, "affine": affine}


@keras.saving.register_keras_serializable(package="hgq_rtl")
class HardTanhConfig(_Preset):
    """clip(x, -1, 1) on the grid 2^-f: the values [-1, 1 - 2^-f], or ±(1 - 2^-f) if symmetric.

    One sign bit, integer bits held at 0, overflow SAT or SAT_SYM; the fraction is trained.
    ``q_type``: kif, kbi, or default, the type that the scope around gives to ``place``. Further
    parameters are those of QuantizerConfig. Raises ConfigError for those set here.
    """

    def __init__(
        self,
        q_type: str = "kif",
        place: str = "datalane",
        symmetric: bool = False,
        **params: Any,
    ) -> None:
        super().__init__(q_type, place, _fixed(0, "SAT_SYM" if symmetric else "SAT", None), params)


@keras.saving.register_keras_serializable(package="hgq_rtl")
class HardSigmoidConfig(_Preset):
    """clip(x, -2, 2)/4 + 1/2 on the grid 2^-(f+2): the values [0, 1 - 2^-(f+2)].

    One sign bit, integer bits held at 1, overflow SAT, affine (1/4, 1/2); the fraction is trained.
    Further parameters are those of QuantizerConfig. Raises ConfigError for those set here.
    """

    def __init__(self, q_type: str = "kif", place: str = "datalane", **params: Any) -> None:
        super().__init__(q_type, place, _fixed(1, "SAT", (0.25, 0.5)), params)
