"""Build the design with Verilator and run the testbench. Needs cocotb and Verilator, no more.

    python run.py [--vectors FOLDER] [--work FOLDER] [--axis | --waves | --probe VECTOR]

Leaves junit/core.xml, or junit/axis.xml; with --work, in that folder.
Exit status: 0 all vectors agree, 1 a difference, 2 the build or the simulator failed,
3 a tool is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import judge
import simulator

HERE = Path(__file__).resolve().parent
ARGUMENTS = (
    *("-Wno-fatal", "-Wno-lint", "-Wno-style"),
    # The design starts in a random state, as hardware without a reset does.
    *("--x-initial", "unique", "--x-assign", "unique"),
    # Large designs in several files, for a compiler on each core.
    *("--output-split", "20000", "--output-split-cfuncs", "1000"),
)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Simulate the design against its vectors.")
    parser.add_argument("--vectors", type=Path, default=HERE / "vectors")
    parser.add_argument("--work", type=Path, default=HERE / "sim_build")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--axis", action="store_true", help="the AXI4-Stream shell instead")
    other.add_argument("--waves", action="store_true", help="write WORK/waves/dump.vcd")
    other.add_argument("--probe", type=int, help="hold this vector and read all named signals")
    options = parser.parse_args()
    kind = "axis" if options.axis else "waves" if options.waves else "build"
    kind = kind if options.probe is None else "probe"
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    result = work / {"probe": "probe.json", "axis": "axis.json"}.get(kind, "result.json")
    result.unlink(missing_ok=True)
    home = HERE if work == HERE / "sim_build" else work
    junit = home / "junit" / ("axis.xml" if options.axis else "core.xml")
    junit.unlink(missing_ok=True)
    if lacking := simulator.missing():
        print("\n".join(f"missing {line}" for line in lacking), file=sys.stderr)
        return 3
    environment = {
        "HGQ_RTL_BENCH": str(HERE / "bench.json"),
        "HGQ_RTL_SIGNALS": str(HERE.parent / "signals.json"),
        "HGQ_RTL_VECTORS": str(options.vectors.resolve()),
        "HGQ_RTL_RESULT": str(result),
        "HGQ_RTL_PROBE": str(options.probe),
    }
    try:
        with without_spaces(work / kind) as build:
            simulate(kind, build, environment, options.jobs)
            if kind == "waves" and build != work / kind:
                shutil.copy2(build / "dump.vcd", work / kind)
    except (Exception, SystemExit) as error:  # cocotb's runner leaves by SystemExit too
        judge.broken(junit, str(error))
        return 2
    if not result.exists():
        judge.broken(junit, "the simulator ended without a result")
        return 2
    return 0 if kind == "probe" else judge.judge(result, options.axis, options.vectors, junit)


@contextlib.contextmanager
def without_spaces(build: Path) -> Iterator[Path]:
    """``build``, or a passing folder elsewhere: make cannot build below a name with a space."""
    build.mkdir(parents=True, exist_ok=True)
    if not any(c.isspace() for c in str(build)):
        yield build
        return
    with tempfile.TemporaryDirectory(prefix="hgq_rtl_") as folder:
        yield Path(folder).resolve()


def simulate(kind: str, build: Path, environment: dict[str, str], jobs: int) -> None:
    """Build if anything changed, and run once. ``kind``: build, axis, waves or probe."""
    simulator.prepare(jobs)
    bench = json.loads((HERE / "bench.json").read_text())
    top: str = bench["axis"]["top"] if kind == "axis" else bench["top"]
    sources = [HERE / name for name in bench["sources"]]
    if kind == "axis":
        sources.append(HERE / bench["axis"]["source"])
    if kind in ("build", "axis"):
        sources.insert(0, access_file(build, top))
    if kind in ("probe", "axis"):
        # Verilator's own library is the same: no need to compile it twice.
        for object_file in (build.parent / "build").glob("verilated*.o"):
            if not (build / object_file.name).exists():
                shutil.copy2(object_file, build)
    tool = simulator.make_runner(all_signals=kind in ("probe", "waves"))
    waves = kind == "waves"
    print(f"@build {top}", flush=True)
    tool.build(
        sources=sources,
        hdl_toplevel=top,
        build_dir=build,
        build_args=ARGUMENTS,
        timescale=("1ns", "1ps"),
        waves=waves,
    )
    print("@run", flush=True)
    tool.test(
        test_module=kind if kind in ("probe", "axis") else "testbench",
        hdl_toplevel=top,
        hdl_toplevel_lang="verilog",
        seed=1,
        test_args=["+verilator+rand+reset+2", "+verilator+seed+1"],
        build_dir=build,
        test_dir=build,
        results_xml=str(build / "results.xml"),
        extra_env=environment,
        waves=waves,
    )


def access_file(build: Path, top: str) -> Path:
    """A control file that opens the ports of the top module to the testbench."""
    control = build / "access.vlt"
    text = f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n'
    # Written only if it differs, for a new file means a new build.
    if not control.exists() or control.read_text() != text:
        control.write_text(text)
    return control


if __name__ == "__main__":
    # The testbench modules are found through sys.path, which cocotb's runner hands on.
    sys.path.insert(0, str(HERE))
    sys.exit(main())
