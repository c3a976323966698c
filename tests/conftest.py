import os
from pathlib import Path

import numpy as np
import pytest

# Workers and later runs share what XLA compiled: most of the time of these tests.
CACHE = Path(__file__).resolve().parents[1] / "build" / "xla"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import hgq_rtl  # noqa: E402, F401  picks the Keras backend before any test imports keras

if os.environ["KERAS_BACKEND"] == "torch":
    import torch

    # NumPy reads the tensors of the other backends whether they have a gradient or not.
    torch.Tensor.__array__ = lambda self, dtype=None, copy=None: (
        self.detach().numpy().astype(dtype or self.detach().numpy().dtype)
    )

DATA = Path(__file__).parent / "data"
# A program for an environment with HGQ 2, and one for the inside of a simulator.
collect_ignore = ["compat/make_hgq2_models.py", "cosim/pair.py"]


def pytest_addoption(parser):
    parser.addoption(
        "--models",
        type=Path,
        metavar="DIR",
        help="also check the models DIR/*.keras of HGQ 2 against DIR/*.npz (x, y_keras)",
    )


def pytest_generate_tests(metafunc):
    """One test per model of --models, for those that ask for ``hgq2_model``."""
    if "hgq2_model" in metafunc.fixturenames:
        folder = metafunc.config.getoption("--models")
        paths = sorted(folder.glob("*.keras")) if folder else []
        reason = f"no *.keras in {folder}" if folder else "needs --models=DIR"
        cases = paths or [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
        ids = [path.stem for path in paths] or ["none"]
        metafunc.parametrize("hgq2_model", cases, ids=ids)


@pytest.fixture(scope="session")
def golden_quantize():
    """x, and for 924 combinations of modes and widths the expected y."""
    with np.load(DATA / "quantize.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
