from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def golden_quantize():
    """x, and for 924 combinations of modes and widths the expected y."""
    with np.load(DATA / "quantize.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
