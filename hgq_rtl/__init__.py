"""Train high-granularity-quantized networks in Keras and get bit-exact, pipelined Verilog."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")  # read once, when keras is first imported
