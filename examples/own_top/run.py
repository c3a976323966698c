"""Write the core, build the trigger around it with Verilator, and run its regression.

``python examples/own_top/run.py``; everything is written below build/own_top.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from core import write

from hgq_rtl.cosim import simulate
from hgq_rtl.errors import HgqRtlError

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Compile and simulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/own_top"))
    parser.add_argument("--top", type=Path, default=HERE / "trigger.v", help="another trigger.v")
    args = parser.parse_args()
    project = write(args.out / "jets")
    os.environ["JETS_PROJECT"] = str(project.path)
    sources = [*project.verilog, args.top]
    passed = simulate(
        HERE / "test_trigger.py", top="trigger", sources=sources, work=args.out / "sim"
    )
    print(f"{passed} tests passed")


if __name__ == "__main__":
    try:
        main()
    except HgqRtlError as error:  # a tool is missing, a test failed
        sys.exit(str(error))
