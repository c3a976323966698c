"""Quantizers and core layers on TensorFlow and PyTorch: the tests of JAX, in another process."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = [
    "tests/quantizers",
    *(f"tests/layers/test_{name}.py" for name in ("dense", "conv", "conv_2d", "merge")),
    *(f"tests/layers/test_{name}.py" for name in ("batchnorm", "einsum", "luts")),
]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_backend(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; run make test-backends")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=short", *TESTS],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-4000:]
