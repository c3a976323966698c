"""Build the design with Verilator and run the testbench. Needs cocotb and Verilator, no more.

    python run.py [--vectors FOLDER] [--work FOLDER] [--probe VECTOR]

Exit status: 0 all vectors agree, 1 a difference, 2 the build or the simulator failed,
3 a tool is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import simulator

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Simulate the design against its vectors.")
    parser.add_argument("--vectors", type=Path, default=HERE / "vectors")
    parser.add_argument("--work", type=Path, default=HERE / "sim_build")
    parser.add_argument("--probe", type=int, help="hold this vector and read all named signals")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args()
    if lacking := simulator.missing():
        print("\n".join(f"missing {line}" for line in lacking), file=sys.stderr)
        return 3
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    result = work / ("result.json" if options.probe is None else "probe.json")
    result.unlink(missing_ok=True)
    environment = {
        "HGQ_RTL_BENCH": str(HERE / "bench.json"),
        "HGQ_RTL_SIGNALS": str(HERE.parent / "signals.json"),
        "HGQ_RTL_VECTORS": str(options.vectors.resolve()),
        "HGQ_RTL_RESULT": str(result),
    }
    if options.probe is not None:
        environment["HGQ_RTL_PROBE"] = str(options.probe)
    try:
        simulate(work, environment, options.probe is not None, options.jobs)
    except (Exception, SystemExit) as error:  # cocotb's runner leaves by SystemExit too
        print(f"error: {error}", file=sys.stderr)
        return 2
    return judge(result, options.probe is not None)


def simulate(work: Path, environment: dict[str, str], probe: bool, jobs: int) -> None:
    """Build if anything changed, and run once."""
    found = simulator.find_verilator()
    assert found is not None, "simulator.missing() found one"
    os.environ.update(found.environment())
    # An outer make's own flags (its job server among them) are not for the simulator's build.
    os.environ["MAKEFLAGS"] = f"{found.make_variables} {compiler_flags(probe)}".strip()
    os.environ["COCOTB_MAX_PARALLEL_BUILD_JOBS"] = str(jobs)
    # Set, these make cocotb's runner believe that it runs inside somebody else's pytest.
    for name in ("PYTEST_CURRENT_TEST", "COCOTB_TEST_FILTER", "COCOTB_TESTCASE"):
        os.environ.pop(name, None)
    from cocotb_tools import runner

    class Quiet(runner.Verilator):
        """Verilator with only the ports of the top module open to the testbench.

        cocotb asks for access to every signal, which keeps Verilator from optimising across
        them. Only a probe run needs it.
        """

        def _build_command(self) -> list[list[str]]:
            commands = super()._build_command()
            if not probe:
                commands[0] = [word for word in commands[0] if word != "--public-flat-rw"]
            return [list(command) for command in commands]

    bench = json.loads((HERE / "bench.json").read_text())
    build = work / ("probe" if probe else "build")
    build.mkdir(parents=True, exist_ok=True)
    sources: list[Path] = [HERE / name for name in bench["sources"]]
    if not probe:
        control = build / "access.vlt"
        text = f'`verilator_config\npublic_flat_rw -module "{bench["top"]}" -var "*"\n'
        if not control.exists() or control.read_text() != text:
            control.write_text(text)
        sources.insert(0, control)
    print(f"@build {bench['top']}", flush=True)
    tool = Quiet()
    tool.build(
        sources=sources,
        hdl_toplevel=bench["top"],
        build_dir=build,
        build_args=arguments(),
        timescale=("1ns", "1ps"),
    )
    print("@run", flush=True)
    tool.test(
        test_module="probe" if probe else "testbench",
        hdl_toplevel=bench["top"],
        hdl_toplevel_lang="verilog",
        seed=1,
        test_args=["+verilator+rand+reset+2", "+verilator+seed+1"],
        build_dir=build,
        test_dir=build,
        results_xml=str(build / "results.xml"),
        extra_env=environment,
    )


def arguments() -> list[str]:
    """Verilator's options. The design starts in a random state, as hardware without reset does."""
    return [
        "-Wno-fatal",
        "-Wno-lint",
        "-Wno-style",
        "--x-initial",
        "unique",
        "--x-assign",
        "unique",
        "--output-split",
        "20000",
        "--output-split-cfuncs",
        "1000",
    ]


def compiler_flags(probe: bool) -> str:
    """Variables of Verilator's makefile. Compiling takes most of the time, so only what runs at
    every clock is optimised."""
    return f"OPT_FAST={'-O0' if probe else '-O1'} OPT_SLOW=-O0 OPT_GLOBAL=-O0"


def judge(result: Path, probe: bool) -> int:
    """The exit status. No result, or a result of no vector, is a failure."""
    if not result.exists():
        print("error: the simulator ended without a result", file=sys.stderr)
        return 2
    if probe:
        return 0
    found = json.loads(result.read_text())
    passes = found["passes"]
    for name, one in passes.items():
        print(
            f"{name}: {one['vectors']} vectors, {one['mismatches']} wrong, "
            f"{one['valid_errors']} wrong valid_out"
        )
    good = len(passes) == 2 and all(
        one["vectors"] > 0 and one["mismatches"] == 0 and one["valid_errors"] == 0
        for one in passes.values()
    )
    print("PASS" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    # The testbench modules are found through sys.path, which cocotb's runner hands on.
    sys.path.insert(0, str(HERE))
    sys.exit(main())
