from pathlib import Path

import numpy as np
import pytest

import hgq_rtl  # noqa: F401  picks the Keras backend before any test imports keras

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def golden_quantize():
    """x, and for 924 combinations of modes and widths the expected y."""
    with np.load(DATA / "quantize.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
