"""A sorter of trigger candidates: the four hardest of eight, with where they are.

Momentum, direction and index travel as one integer, momentum in the upper bits, so that sorting
the integers sorts the candidates. Run it with ``python examples/sorter.py``; the project is written
to build/sorter and proven in a simulator.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import hgq_rtl as hr

CANDIDATES, KEPT = 8, 4
ETA_BITS, PHI_BITS = 5, 6


def hardest(pt, eta, phi):  # type: ignore[no-untyped-def]
    """The hardest candidates in falling order of momentum."""
    offset = 1 << (ETA_BITS - 1)  # makes eta a positive number
    packed = (pt << ETA_BITS + PHI_BITS) | (eta + offset << PHI_BITS) | phi
    best = np.sort(packed)[::-1][:KEPT]
    return {
        "pt": best >> ETA_BITS + PHI_BITS,
        "eta": (best >> PHI_BITS) % (1 << ETA_BITS) - offset,
        "phi": best % (1 << PHI_BITS),
    }


def design(clock_ns: float = 3.0) -> tuple[hr.Design, dict[str, np.ndarray]]:
    """The sorter, and events to check it with."""
    inputs = {
        "pt": hr.FixedInput((CANDIDATES,), (0, 8, 0)),
        "eta": hr.FixedInput((CANDIDATES,), (1, ETA_BITS - 1, 0)),
        "phi": hr.FixedInput((CANDIDATES,), (0, PHI_BITS, 0)),
    }
    rng = np.random.default_rng(1)
    shape = (200, CANDIDATES)
    events = {
        "pt": np.minimum(rng.exponential(40, shape), 255).astype(int),
        "eta": rng.integers(-16, 16, shape),
        "phi": rng.integers(0, 64, shape),
    }
    return hr.trace(hardest, inputs, name="sorter", clock_ns=clock_ns), events


def main() -> None:
    """Compile, write and prove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/sorter"))
    parser.add_argument("--random", type=int, default=1000, help="random vectors to simulate")
    args = parser.parse_args()
    sorter, events = design()
    print(sorter.report())
    print(f"the first event: {sorter.predict(events)['pt'][0]}")
    print(sorter.write(args.out, force=True).verify(events, random=args.random))


if __name__ == "__main__":
    main()
