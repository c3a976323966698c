"""Which faults the delivered testbenches notice, and what is equivalent of those they do not.

``python -m tests.mutation.campaign [--only DESIGN]`` measures; all designs take 40 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown, replace
from hgq_rtl.design import Design
from hgq_rtl.emit.partition import LIBRARY, library_module
from hgq_rtl.errors import SynthError
from hgq_rtl.project.project import Project
from hgq_rtl.synth import tools
from tests.mutation.designs import DESIGNS
from tests.mutation.faults import Fault, Instrument, choosing, fixed
from tests.mutation.vhdl import draw_faults

Bench = Callable[[Sequence[int]], list[bool]]
"""For numbers of faults, 0 being none: whether the testbench passes."""


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
    """Faults in a copy of a written project; one language and its testbenches.

    ``judged`` gives for each fault number whether the testbench passes; ``netlist`` says how Yosys
    reads the design with a fault.
    """

    def __init__(self, project: Project, work: Path) -> None:
        self.name, self.latency = project.name, project.latency
        self.folder = work / project.name
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(project.path, self.folder)
        self.faults: list[Fault] = []
        self.benches: dict[str, Bench] = {}

    def netlist(self, number: int, side: str, work: Path) -> str:
        """Commands of Yosys that read the design with this fault; files are in ``work``."""
        raise NotImplementedError

    def noticed_by(self, bench: Bench) -> set[int]:
        """The faults that ``bench`` notices; the right design must pass, before and after."""
        numbers = [0, *(fault.number for fault in self.faults), 0]
        passed = bench(numbers)
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
        script = "".join(
            f"{self.netlist(number, side, work)}\nhierarchy -check -top {self.name}_packed\n"
            "proc\nflatten\nmemory\nopt -full\n"
            f"rename {self.name}_packed {side}\ndesign -stash {side}\n"
            for number, side in ((0, "gold"), (fault.number, "gate"))
        )
        steps = self.latency + 2
        script += (
            "design -copy-from gold gold\ndesign -copy-from gate gate\n"
            "miter -equiv -make_assert -flatten gold gate miter\nhierarchy -top miter\n"
            "opt -full\n"
            f"sat -verify -prove-asserts -seq {steps} -prove-skip {steps - 1} miter\n"
        )
        (work / "prove.ys").write_text(script)
        try:
            tools.run("yosys", ["-q", "prove.ys"], work)
        except SynthError as error:
            if "proof did fail" not in str(error):
                raise
            return False
        return True

    def run(self, work: Path) -> Outcome:
        """All faults in all testbenches; what one of them misses is tried to be proven harmless."""
        outcome = Outcome(self.name, self.faults)
        for name, bench in self.benches.items():
            outcome.noticed[name] = self.noticed_by(bench)
        everywhere = set.intersection(*outcome.noticed.values())
        for fault in self.faults:
            if fault.number not in everywhere and self.equivalent(fault, work / "proof"):
                outcome.equivalent.add(fault.number)
        return outcome


class VerilogCampaign(Campaign):
    """All faults in one set of files; a number in a file chooses one at run time."""

    def __init__(self, project: Project, work: Path, seed: int, count: int) -> None:
        super().__init__(project, work)
        self.sim, rtl = self.folder / "sim", self.folder / "rtl"
        self.library = [f"{library_module(project.name, op)}.v" for op in LIBRARY]
        files = {
            path.name: path.read_text()
            for path in sorted(rtl.glob("*.v"))
            if path.name not in self.library and not path.name.endswith("_axis.v")
        }
        instrument = Instrument(seed, count)
        self.mutated = instrument.run(files)
        self.faults = instrument.faults
        self.choice = work / f"{project.name}.hex"
        for name, text in choosing(self.mutated, str(self.choice)).items():
            (rtl / name).write_text(text)
        self.benches = {"cocotb on Verilator": self.cocotb, "Verilog-2001 on Icarus": self.icarus}

    def netlist(self, number: int, side: str, work: Path) -> str:
        """The instrumented files with the choice made."""
        files = fixed(self.mutated, number)
        for name in self.library:
            if (file := self.folder / "rtl" / name).exists():
                files[name] = file.read_text()
        for name, text in files.items():
            (work / f"{side}_{name}").write_text(text)
        return "read_verilog -nosynthesis " + " ".join(f"{side}_{name}" for name in files)

    def icarus(self, numbers: Sequence[int]) -> list[bool]:
        """``make icarus`` for each; but for the first with a compiler that leaves what is there."""
        stub = self.folder / "stub"
        stub.mkdir(exist_ok=True)
        (stub / "iverilog").write_text("#!/bin/sh\nexit 0\n")
        (stub / "iverilog").chmod(0o755)
        passed = []
        for turn, number in enumerate(numbers):
            self.choice.write_text(f"{number:x}\n")
            path = f"{stub}:{os.environ['PATH']}" if turn else os.environ["PATH"]
            passed.append(make(self.sim, "icarus", path))
        return passed

    def cocotb(self, numbers: Sequence[int]) -> list[bool]:
        """``run.py`` for each, in one process, whose runner builds for the first alone."""
        (self.sim / "again.py").write_text(AGAIN)
        done = subprocess.run(
            [sys.executable, "again.py", str(self.choice), ",".join(map(str, numbers))],
            cwd=self.sim, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("@status")]
        assert len(lines) == len(numbers), done.stdout[-2000:] + done.stderr[-2000:]
        assert {line.split()[1] for line in lines} <= {"0", "1"}, "a simulator that does not run"
        return [line == "@status 0" for line in lines]


class VhdlCampaign(Campaign):
    """Each fault in a file of its own: GHDL reads a design in a moment."""

    def __init__(self, project: Project, work: Path, seed: int, count: int) -> None:
        super().__init__(project, work)
        home = self.folder / "vhdl"
        self.files = {path.name: path.read_text() for path in sorted(home.glob("*.vhd"))}
        drawn = draw_faults(self.files, seed, count)
        self.faults = [fault for fault, _ in drawn]
        self.changed = {0: self.files, **{f.number: {f.file: text} for f, text in drawn}}
        self.benches = {"VHDL-2008 on GHDL": self.ghdl}

    def place(self, number: int) -> None:
        """Write the core with this fault and no other."""
        for name, text in {**self.files, **self.changed[number]}.items():
            (self.folder / "vhdl" / name).write_text(text)

    def ghdl(self, numbers: Sequence[int]) -> list[bool]:
        """``make ghdl`` for each. A fault that is no VHDL would be a fault of the test."""
        passed = []
        for number in numbers:
            self.place(number)
            passed.append(make(self.folder / "sim", "ghdl", os.environ["PATH"]))
            assert (self.folder / "sim/junit/ghdl.xml").exists(), self.faults[number - 1]
        return passed

    def netlist(self, number: int, side: str, work: Path) -> str:
        """What GHDL makes of the core as Verilog."""
        self.place(number)
        listed = (self.folder / "sim/sources.mk").read_text()
        order = next(line for line in listed.splitlines() if line.startswith("VHDL"))
        paths = [str(self.folder / "sim" / word) for word in order.split()[2:]]
        paths = [path for path in paths if "/vhdl/" in path]
        build = work / side
        build.mkdir()
        options = ["--std=08", f"--workdir={build}"]
        subprocess.run(["ghdl", "-a", *options, *paths], check=True, capture_output=True)
        done = subprocess.run(
            ["ghdl", "--synth", *options, "--out=verilog", f"{self.name}_packed"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        (work / f"{side}.v").write_text(done.stdout)
        return f"read_verilog {side}.v"


def make(sim: Path, target: str, path: str) -> bool:
    """Whether ``make`` in the sim folder exits with 0."""
    done = subprocess.run(
        ["make", "-C", str(sim), target],
        capture_output=True, check=False, env={**os.environ, "PATH": path},
    )  # fmt: skip
    return done.returncode == 0


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


TITLES = ("design", "testbench", "faults", "equivalent", "noticed", "missed", "share")


def totals(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The sum over all designs for each testbench."""
    found = []
    for bench in dict.fromkeys(row[1] for row in rows):
        sums = [sum(int(row[i]) for row in rows if row[1] == bench) for i in (2, 3, 4, 5)]
        share = f"{100 * sums[2] / (sums[0] - sums[1]):.1f} %"
        found.append(["all", bench, *map(str, sums), share])
    return found


def measure(build: Callable[[], Design], seed: int, count: int) -> dict[str, Any]:
    """One design in both languages: the rows of the table, and every fault that was missed."""
    rows: list[list[str]] = []
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        project = build().write(work / build.__name__)
        for kind in (VerilogCampaign, VhdlCampaign):
            campaign = kind(project, work / "mutated", seed, count)
            outcome = campaign.run(work)
            rows += outcome.rows()
            missed += [f"{b}: {f}" for b in campaign.benches for f in outcome.unnoticed(b)]
    return {"seed": seed, "count": count, "rows": rows, "missed": missed}


def main() -> None:
    """All designs or some; the table in docs/benchmarks.md once all are measured alike."""
    designs = {build.__name__: build for build in DESIGNS}
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200, help="faults per design and language")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=designs, action="append", help="this design (repeatable)")
    parser.add_argument("--json", type=Path, default=Path("build/mutation.json"),
                        help="measurements, kept beside those of other designs")  # fmt: skip
    options = parser.parse_args()
    found = json.loads(options.json.read_text()) if options.json.exists() else {}
    for name in options.only or designs:
        found[name] = measure(designs[name], options.seed, options.count)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")
        print(markdown(TITLES, found[name]["rows"]), *found[name]["missed"], sep="\n", flush=True)
    alike = {(one["seed"], one["count"]) for one in found.values()}
    if set(found) == set(designs) and len(alike) == 1:
        rows = [row for name in designs for row in found[name]["rows"]]
        replace("mutation", markdown(TITLES, rows + totals(rows)))


if __name__ == "__main__":
    main()
