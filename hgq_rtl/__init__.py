"""Train high-granularity-quantized networks in Keras and get bit-exact, pipelined Verilog."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # read once, when keras is first imported

from hgq_rtl.design import Design
from hgq_rtl.errors import HgqRtlError
from hgq_rtl.flow import compile
from hgq_rtl.project.project import Project, open_project

__all__ = ["Design", "HgqRtlError", "Project", "compile", "open_project"]
