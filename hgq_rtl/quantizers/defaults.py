"""The default configuration of every quantizer type in every place.

Places: ``weight`` (kernels), ``bias``, ``table`` (outputs of function tables), ``datalane``
(activations). Types: ``kbi`` and ``kif`` fixed point, ``float`` minifloat, ``dummy`` (no
quantization).
"""

from __future__ import annotations

import math
from typing import Any

from hgq_rtl.quantizers.constraints import MinMax, MonoL1

PLACES = ("weight", "bias", "table", "datalane")
Q_TYPES = ("kbi", "kif", "float", "dummy")
DEFAULT_Q_TYPE = {"weight": "kbi", "bias": "kbi", "table": "kbi", "datalane": "kif"}

WRAPPER: dict[str, Any] = {"scaler": None, "affine": None, "qnoise_factor": None}
"""Keys of every type: what ``Quantizer`` does around the number format."""

_FIXED: dict[str, Any] = {
    "k0": 1,
    "i0": 2,
    "round_mode": "RND",
    "trainable": True,
    "bw_mapper": None,
    **WRAPPER,
}
_TYPE: dict[str, dict[str, Any]] = {
    "kbi": {
        **_FIXED,
        "b0": 8,
        "bc": MinMax(0, 24),
        "ic": None,
        "br": MonoL1(1e-8),
        "ir": None,
    },
    "kif": {
        **_FIXED,
        "f0": 6,
        "ic": MinMax(-23, 23),
        "fc": MinMax(-24, 24),
        "ir": MonoL1(1e-8),
        "fr": MonoL1(1e-8),
    },
    "float": {
        "m0": 2,
        "e0": 4,
        "e00": 0,
        "mc": MinMax(-1, 8),
        "ec": MinMax(0, 4),
        "e0c": MinMax(-16, 16),
        "mr": MonoL1(1e-8),
        "er": MonoL1(1e-8),
        "e0r": None,
        "trainable": True,
        "bw_mapper": None,
        **WRAPPER,
    },
    "dummy": dict(WRAPPER),
}
_FLOAT_AXES: dict[str, dict[str, Any]] = {
    place: {
        "homogeneous_axis": () if place in ("weight", "bias") else None,
        "heterogeneous_axis": None if place in ("weight", "bias") else (),
    }
    for place in PLACES
}
_PLACE: dict[str, dict[str, Any]] = {
    "weight": {
        "overflow_mode": "SAT_SYM",
        "i_decay_speed": math.inf,
        "homogeneous_axis": (),
        "heterogeneous_axis": None,
        "is_weight": True,
    },
    "bias": {
        "overflow_mode": "WRAP",
        "i_decay_speed": 0.01,
        "homogeneous_axis": (),
        "heterogeneous_axis": None,
        # A bias is known completely, so it never wraps.
        "is_weight": True,
    },
    "table": {
        "overflow_mode": "SAT_SYM",
        "i_decay_speed": math.inf,
        "homogeneous_axis": None,
        "heterogeneous_axis": (),
        "is_weight": False,
    },
    "datalane": {
        "overflow_mode": "WRAP",
        "i_decay_speed": 0.01,
        "homogeneous_axis": (0,),
        "heterogeneous_axis": None,
        "is_weight": False,
    },
}


def factory_defaults(q_type: str, place: str) -> dict[str, Any]:
    """A fresh copy of the defaults, before any scope."""
    if q_type == "dummy":
        return dict(_TYPE["dummy"])
    if q_type == "float":
        return {**_TYPE["float"], **_FLOAT_AXES[place]}
    params = {**_TYPE[q_type], **_PLACE[place]}
    if q_type == "kbi" and place in ("weight", "table"):
        params["bc"] = MinMax(0, 23)
    return params
