"""Seeded choices: options of layers, quantizers of every mode and granularity, values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hgq_rtl.fixed import OVERFLOWS, ROUNDINGS
from hgq_rtl.quantizers import QuantizerConfig
from hgq_rtl.quantizers.fixed_point import FixedPoint
from hgq_rtl.quantizers.parametrizations import KIF


class Draw:
    """A source of choices; the same seed gives the same network, whatever else was drawn before."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.rng = np.random.default_rng(seed)

    def of(self, *choices: Any) -> Any:
        """One of ``choices``."""
        return choices[self.rng.integers(len(choices))]

    def whole(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high, endpoint=True))

    def flag(self, probability: float = 0.5) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def conf(self, place: str, **more: Any) -> QuantizerConfig:
        """A quantizer of any type, rounding, overflow mode and granularity."""
        weight = place in ("weight", "bias")
        if self.flag():
            axes = {"heterogeneous_axis": ()}
        else:
            axes = {"homogeneous_axis": () if weight else (0,)}
        params = {
            "round_mode": self.of(*ROUNDINGS),
            "overflow_mode": self.of(*OVERFLOWS),
            "k0": 1 if weight else self.whole(0, 1),
            **axes,
        }
        return QuantizerConfig(self.of("kbi", "kif"), place, **{**params, **more})

    def quantizers(self, *names: str, oq: float = 0.5) -> dict[str, Any]:
        """Arguments: input quantizer, those in ``names``, at times an output quantizer."""
        places = {"iq": "datalane", "kq": "weight", "bq": "bias", "pq": "weight", "mq": "datalane"}
        found = {f"{name}_conf": self.conf(places[name]) for name in ("iq", *names)}
        if self.flag(oq):
            found |= {"enable_oq": True, "oq_conf": self.conf("datalane")}
        return found


def fill(layer: Any, draw: Draw) -> None:
    """Widths as after training, zero and negative ones among them; random weights and moments."""
    for sub in layer._flatten_layers():
        if isinstance(sub, FixedPoint):
            _fill_widths(sub, draw)
    for v in layer.weights:
        parts = v.path.split("/")
        if parts[-2] == "format" or not v.dtype.startswith("float"):
            continue
        if parts[-1] in ("beta", "ebops") and not v.trainable:
            continue
        if "variance" in parts[-1]:
            v.assign(draw.rng.uniform(0.1, 4.0, v.shape))
        else:
            v.assign(draw.rng.normal(0, 1, v.shape))


def _fill_widths(q: FixedPoint, draw: Draw) -> None:
    if isinstance(q, KIF):
        q._f.assign(draw.rng.integers(-2, 5, q._f.shape, endpoint=True))
    else:
        q._b.assign(draw.rng.integers(0, 6, q._b.shape, endpoint=True))
    if not q.is_wrap:  # otherwise derived from weights or traced from data
        q._i.assign(draw.rng.integers(-2, 3, q._i.shape, endpoint=True))
