"""A centroid finder: where a shower hit a row of calorimeter towers, finer than a tower.

The highest tower and its two neighbours give the position: index + (right - left) / sum. Hardware
does not divide, it multiplies by 1/sum from a look-up table. Run it with
``python examples/centroid.py``; the project is written to build/centroid and proven in a simulator.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import hgq_rtl as hr

TOWERS = 12


def centroid(energy):  # type: ignore[no-untyped-def]
    """Position of the shower in units of towers, and its energy."""
    seed = np.argmax(energy)
    padded = np.pad(energy, 1)
    left, center, right = padded[seed], padded[seed + 1], padded[seed + 2]
    total = left + center + right
    inverse = hr.quantize(1 / np.maximum(total, 1), 0, 1, 10, "RND", "SAT")
    position = seed + hr.quantize((right - left) * inverse, 1, 0, 4, "RND", "SAT")
    return {"position": position, "energy": total}


def design(clock_ns: float = 3.0) -> tuple[hr.Design, np.ndarray]:
    """The finder, and showers to check it with."""
    rng = np.random.default_rng(1)
    where = rng.uniform(0, TOWERS - 1, (200, 1))
    shower = 50 * np.exp(-((np.arange(TOWERS) - where) ** 2)) + rng.uniform(0, 3, (200, TOWERS))
    energy = hr.FixedInput((TOWERS,), (0, 6, 0))
    return hr.trace(centroid, energy, clock_ns=clock_ns), np.floor(shower)


def main() -> None:
    """Compile, write and prove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/centroid"))
    parser.add_argument("--random", type=int, default=1000, help="random vectors to simulate")
    args = parser.parse_args()
    finder, showers = design()
    print(finder.report())
    print(f"the first showers: {finder.predict(showers)['position'][:5]}")
    print(finder.write(args.out, force=True).verify(showers, random=args.random))


if __name__ == "__main__":
    main()
