"""Our sharing search beside da4ml on random matrices: adders, adder bits, levels, time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from time import process_time

import numpy as np
from rich.console import Console

from benchmarks.tables import machine, markdown, replace
from hgq_rtl.fixed import Fixed
from hgq_rtl.passes.cmvm.da4ml_engine import solve_with_da4ml
from hgq_rtl.passes.cmvm.program import AdderProgram
from hgq_rtl.passes.cmvm.sharing import Pair, Value, paired
from hgq_rtl.passes.cmvm.sharing_engine import solve_by_sharing

SIZES = ((16, 4), (16, 8), (32, 4), (32, 8), (64, 8), (128, 8), (256, 8))
"""Rows and columns, weight bits."""
LARGEST_DA4ML = 64
"""Beyond, its search takes minutes."""
ENGINES = ("da4ml", "ours, 0", "ours, 2")


def once(engine: str, size: int, bits: int) -> dict[str, float]:
    """One matrix in a process of its own; the memory is the process's."""
    rng = np.random.default_rng(1000 * size + bits)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (size, size))
    matrix = tuple(map(tuple, weights.tolist()))
    inputs = [Fixed(-128, 127, 0)] * size
    start = process_time()
    if engine == "da4ml":
        program = solve_with_da4ml(matrix, inputs, extra=2)
    else:
        program = solve_by_sharing(matrix, inputs, extra=int(engine[-1]))
    seconds = process_time() - start
    program.check(matrix)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**shape(program, inputs), "CPU s": seconds, "MiB": memory}


def shape(program: AdderProgram, inputs: list[Fixed]) -> dict[str, float]:
    """Adders, the bits of their results, and levels."""
    values = [Value(t.lo, t.hi, t.exp, 0) for t in inputs]
    width = 0
    for a, b in program.steps:
        total = paired(values, Pair(a.index, b.index, b.shift - a.shift, b.negative))
        values.append(total._replace(lsb=total.lsb + a.shift))
        width += total.top - total.lsb
    levels = max(values[t.index].level for t in program.outputs if t.index >= 0)
    return {"adders": len(program.steps), "bits": width, "levels": levels}


def main() -> None:
    rows: list[list[object]] = []
    with Console(stderr=True).status("") as status:
        for size, bits in SIZES:
            for engine in ENGINES:
                if engine == "da4ml" and size > LARGEST_DA4ML:
                    continue
                status.update(f"{size} x {size}, {bits} bits: {engine}")
                command = [sys.executable, "-m", "benchmarks.solver", engine, str(size), str(bits)]
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, env=dict(os.environ)
                )
                found = json.loads(done.stdout)
                rows.append(
                    [f"{size}×{size}, {bits}", engine]
                    + [f"{found[k]:.0f}" for k in ("adders", "bits", "levels")]
                    + [f"{found['CPU s']:.2f}", f"{found['MiB']:.0f}"]
                )
    replace(
        "solver",
        f"Machine: {machine()}. Random uniform weights, 8-bit signed inputs; `ours, n` may take n "
        "levels more than a balanced tree, weighs pairs by overlap and is checked to keep to it; "
        "da4ml with its default search and `hard_dc=2`.\n\n"
        + markdown(["matrix, bits", "solver", "adders", "bits", "levels", "CPU s", "MiB"], rows),
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        print(json.dumps(once(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
