"""The core: the summed momentum of central jets, and whether it is worth keeping.

Stands for your trained network: ``hr.compile(model, ...).write("build/own_top/jets")``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import hgq_rtl as hr

FOLDER = Path("build/own_top/jets")
JETS = 3


def jets(pt, eta):  # type: ignore[no-untyped-def]
    """Momenta of 6 bits, pseudorapidities in steps of 1/4 from -8 to 7.75."""
    score = np.sum(np.where(np.abs(eta) < 2.5, pt, 0))
    return {"score": score, "accept": score > 20}


def write(folder: Path = FOLDER) -> hr.Project:
    """Compile, and write the project folder."""
    inputs = {
        "pt": hr.FixedInput((JETS,), (0, 6, 0)),
        "eta": hr.FixedInput((JETS,), (1, 3, 2)),
    }
    return hr.trace(jets, inputs, clock_ns=3.0).write(folder)
