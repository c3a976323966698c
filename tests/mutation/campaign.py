"""Which faults the delivered testbenches notice, and what is equivalent of those they do not.

``python -m tests.mutation.campaign [--count N]`` prints the table; it takes some minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.tables import markdown, replace
from hgq_rtl.errors import SynthError
from hgq_rtl.project.project import Project
from hgq_rtl.synth import tools
from tests.mutation.designs import DESIGNS
from tests.mutation.faults import Fault, Instrument, choosing, fixed

Bench = Callable[[Path, Path, Sequence[int]], list[bool]]
"""For the sim folder, the file that chooses the fault, and its numbers: whether each passes."""
UNTOUCHED = ("ternary_adder.v",)


@dataclass
class Outcome:
    """What a design's testbenches said, by name of the testbench."""

    name: str
    faults: list[Fault]
    noticed: dict[str, set[int]] = field(default_factory=dict)
    equivalent: set[int] = field(default_factory=set)

    def unnoticed(self, bench: str) -> list[Fault]:
        """The faults that a testbench missed, without the equivalent ones."""
        return [
            fault
            for fault in self.faults
            if fault.number not in self.noticed[bench] | self.equivalent
        ]

    def rows(self) -> list[list[str]]:
        """Testbench, faults, equivalent, noticed, missed, share."""
        rows = []
        for bench, noticed in self.noticed.items():
            assert not noticed & self.equivalent, "proven equivalent, and noticed"
            real = len(self.faults) - len(self.equivalent)
            share = f"{100 * len(noticed) / real:.1f} %"
            rows.append(
                [self.name, bench, *map(str, (len(self.faults), len(self.equivalent))),
                 str(len(noticed)), str(len(self.unnoticed(bench))), share]
            )  # fmt: skip
        return rows


class Campaign:
    """A written project with faults in a copy of its Verilog."""

    def __init__(self, project: Project, work: Path, seed: int, count: int) -> None:
        self.original, self.name = project.path, project.name
        self.folder = work / project.name
        shutil.copytree(project.path, self.folder)
        names = [
            name
            for name in sorted(p.name for p in (self.folder / "rtl").glob("*.v"))
            if name not in UNTOUCHED and not name.endswith("_axis.v")
        ]
        instrument = Instrument(seed, count)
        self.latency = project.latency
        self.sources = {n: (self.folder / "rtl" / n).read_text() for n in names}
        self.mutated = instrument.run(self.sources)
        self.faults = instrument.faults
        self.choice = work / f"{project.name}.hex"
        for name, text in choosing(self.mutated, str(self.choice)).items():
            (self.folder / "rtl" / name).write_text(text)

    def noticed_by(self, bench: Bench) -> set[int]:
        """The faults that ``bench`` notices; the right design must pass, before and after."""
        numbers = [0, *(fault.number for fault in self.faults), 0]
        passed = bench(self.folder / "sim", self.choice, numbers)
        assert len(passed) == len(numbers)
        assert passed[0], "the right design fails"
        assert passed[-1], "the right design fails at the end"
        return {n for n, good in zip(numbers, passed, strict=True) if not good}

    def equivalent(self, fault: Fault, work: Path) -> bool:
        """Whether Yosys proves that the fault shows at no output, whatever came in before.

        Both pipelines start in any state, and are compared once that has left them.
        """
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        script = []
        primitive = self.folder / "rtl/ternary_adder.v"
        for side, files in (("gold", fixed(self.mutated, 0)),
                            ("gate", fixed(self.mutated, fault.number))):  # fmt: skip
            if primitive.exists():
                files["ternary_adder.v"] = primitive.read_text()
            for name, text in files.items():
                (work / f"{side}_{name}").write_text(text)
            names = " ".join(f"{side}_{name}" for name in files)
            script.append(
                f"read_verilog -nosynthesis {names}\nhierarchy -check -top {self.name}_packed\nproc\nflatten\n"
                f"opt -full\nrename {self.name}_packed {side}\ndesign -stash {side}\n"
            )
        steps = self.latency + 2
        script.append(
            "design -copy-from gold gold\ndesign -copy-from gate gate\n"
            "miter -equiv -make_assert -flatten gold gate miter\nhierarchy -top miter\n"
            f"opt -full\nsat -verify -prove-asserts -seq {steps} -prove-skip {steps - 1} miter\n"
        )
        (work / "prove.ys").write_text("".join(script))
        try:
            tools.run("yosys", ["-q", "prove.ys"], work)
        except SynthError as error:
            if "proof did fail" not in str(error):
                raise
            return False
        return True

    def run(self, benches: dict[str, Bench], work: Path) -> Outcome:
        """All faults in all testbenches; what all of them miss is tried to be proven harmless."""
        outcome = Outcome(self.name, self.faults)
        for name, bench in benches.items():
            outcome.noticed[name] = self.noticed_by(bench)
        everywhere = set.intersection(*outcome.noticed.values())
        for fault in self.faults:
            if fault.number not in everywhere and self.equivalent(fault, work / "proof"):
                outcome.equivalent.add(fault.number)
        return outcome


STUB = "#!/bin/sh\nexit 0\n"
AGAIN = """
import sys
from pathlib import Path
import run, simulator

make, runs = simulator.make_runner, 0

def runner(**options):
    global runs
    tool, runs = make(**options), runs + 1
    if runs > 1:
        tool._build_command = lambda: []  # the simulator is there already
    return tool

simulator.make_runner = runner
choice = Path(sys.argv.pop(1))
numbers = sys.argv.pop(1)
for number in numbers.split(","):
    choice.write_text(f"{int(number):x}\\n")
    print("@status", run.main(), flush=True)
"""


def icarus(sim: Path, choice: Path, numbers: Sequence[int]) -> list[bool]:
    """``make icarus`` for each; but for the first with a compiler that leaves what is there."""
    stub = sim.parent / "stub"
    stub.mkdir(exist_ok=True)
    (stub / "iverilog").write_text(STUB)
    (stub / "iverilog").chmod(0o755)
    passed = []
    for turn, number in enumerate(numbers):
        choice.write_text(f"{number:x}\n")
        path = f"{stub}:{os.environ['PATH']}" if turn else os.environ["PATH"]
        done = subprocess.run(
            ["make", "-C", str(sim), "icarus"],
            capture_output=True, check=False, env={**os.environ, "PATH": path},
        )  # fmt: skip
        passed.append(done.returncode == 0)
    return passed


def cocotb(sim: Path, choice: Path, numbers: Sequence[int]) -> list[bool]:
    """``run.py`` for each, in one process, whose runner builds for the first alone."""
    (sim / "again.py").write_text(AGAIN)
    done = subprocess.run(
        [sys.executable, "again.py", str(choice), ",".join(map(str, numbers))],
        cwd=sim, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("@status")]
    assert len(lines) == len(numbers), done.stdout[-2000:] + done.stderr[-2000:]
    assert {line.split()[1] for line in lines} <= {"0", "1"}, "a simulator that does not run"
    return [line == "@status 0" for line in lines]


BENCHES: dict[str, Bench] = {"cocotb, Verilator": cocotb, "Verilog-2001, Icarus": icarus}
TITLES = ("design", "testbench", "faults", "equivalent", "noticed", "missed", "share")


def main() -> None:
    """All designs, all testbenches; the table in docs/benchmarks.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=70, help="faults per design")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        for make in DESIGNS:
            project = make().write(work / make.__name__)
            outcome = Campaign(project, work / "mutated", options.seed, options.count).run(
                BENCHES, work
            )
            rows += outcome.rows()
            for bench in BENCHES:
                for fault in outcome.unnoticed(bench):
                    print(f"missed by {bench}: {fault}", flush=True)
            print(markdown(TITLES, rows), flush=True)
    replace("mutation", markdown(TITLES, rows))


if __name__ == "__main__":
    main()
