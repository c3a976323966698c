"""Train high-granularity-quantized networks in Keras and get bit-exact, pipelined Verilog."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "jax")  # read once, when keras is first imported

if TYPE_CHECKING:
    from hgq_rtl.compat.floats import quantize_model
    from hgq_rtl.design import Design
    from hgq_rtl.errors import HgqRtlError
    from hgq_rtl.flow import compile, trace
    from hgq_rtl.lowering.apply import as_function, lookup, quantize
    from hgq_rtl.lowering.trace import FixedInput
    from hgq_rtl.project.delivery import Delivery
    from hgq_rtl.project.project import Project, open_project

__all__ = [
    "Delivery",
    "Design",
    "FixedInput",
    "HgqRtlError",
    "Project",
    "as_function",
    "compile",
    "lookup",
    "open_project",
    "quantize",
    "quantize_model",
    "trace",
]

_HOMES = {
    "Delivery": "hgq_rtl.project.delivery",
    "Design": "hgq_rtl.design",
    "FixedInput": "hgq_rtl.lowering.trace",
    "HgqRtlError": "hgq_rtl.errors",
    "Project": "hgq_rtl.project.project",
    "as_function": "hgq_rtl.lowering.apply",
    "compile": "hgq_rtl.flow",
    "lookup": "hgq_rtl.lowering.apply",
    "open_project": "hgq_rtl.project.project",
    "quantize": "hgq_rtl.lowering.apply",
    "quantize_model": "hgq_rtl.compat.floats",
    "trace": "hgq_rtl.flow",
}


def __getattr__(name: str) -> Any:
    """Import on first use: training needs no compiler, and emission workers need no Keras."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hgq_rtl' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
