"""Synthesis with Yosys: cells by module, and the netlist."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hgq_rtl.errors import SynthError
from hgq_rtl.project.tools.yosys import script
from hgq_rtl.synth.tools import place_files, run

MODELS = {
    "xilinx": "+/xilinx/cells_sim.v",
    "ecp5": "+/ecp5/common_sim.vh +/ecp5/ccu2c_sim.vh",
}
"""The vendors' cells as simulation models. Of ECP5 without memories and pads, which our netlists do
not have and on which YoWASP's Yosys 0.70 stops without a message.
"""

_LUT = re.compile(r"LUT[1-6](_2)?|LUT4|PFUMX|L6MUX21")
_FLIP_FLOP = re.compile(r"FD[RSCP]E(_1)?|TRELLIS_FF")
_CARRY = re.compile(r"CARRY[48]|CCU2C")
_SHIFT = re.compile(r"SRL(16|C32)E")


@dataclass(frozen=True)
class Cells:
    """What a netlist is made of. ``luts`` counts LUT1 to LUT6 and LUT6_2 as one each.

    On ECP5 a carry cell holds two LUTs, which are counted; the multiplexers that join LUTs are
    not. Inverters are not counted: they vanish into LUTs.
    """

    luts: int
    flip_flops: int
    carries: int
    shift_registers: int
    by_type: Mapping[str, int]


def count(by_type: Mapping[str, int]) -> Cells:
    """Cells by kind from cells by type."""

    def total(pattern: re.Pattern[str]) -> int:
        return sum(n for name, n in by_type.items() if pattern.fullmatch(name))

    luts = total(_LUT) - by_type.get("PFUMX", 0) - by_type.get("L6MUX21", 0)
    return Cells(
        luts + 2 * by_type.get("CCU2C", 0),
        total(_FLIP_FLOP),
        total(_CARRY),
        total(_SHIFT),
        dict(sorted(by_type.items())),
    )


def synthesize(
    files: Mapping[str, str],
    top: str,
    folder: Path,
    *,
    architecture: str = "xilinx",
    family: str = "xcup",
    keep: Collection[str] = (),
    defer: bool = False,
    timeout: float | None = None,
) -> dict[str, Cells]:
    """Cells of every module that is left, by module name; one module unless ``keep`` names some.

    ``files``: Verilog by file name. ``keep``: modules that are not flattened into their parent.
    ``defer``: elaborate modules only with the parameters they are used with. ``timeout``: seconds
    after which SynthError is raised. Leaves ``netlist.v``, ``netlist.json`` and the log in
    ``folder``.
    """
    place_files(folder, files)
    text = script(list(files), top, architecture, family, keep=keep, defer=defer)
    place_files(folder, {"synth.ys": text})
    log = run("yosys", ["synth.ys"], folder, timeout)
    place_files(folder, {"synth.log": log})
    modules = json.loads((folder / "stat.json").read_text())["modules"]
    found = {
        name.removeprefix("\\"): count(
            {
                cell.removeprefix("\\"): n
                for cell, n in facts["num_cells_by_type"].items()
                if cell.removeprefix("\\") not in keep
            }
        )
        for name, facts in modules.items()
    }
    if top not in found:
        raise SynthError(f"Yosys left no module '{top}'", received=", ".join(found))
    return found


def as_gates(folder: Path, module: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    """A module of the vendor's cells as gates and flip-flops, through the vendor's cell models.

    Both are as Yosys writes modules to JSON; the ports stay. ``folder``: for Yosys's files.
    """
    commands = [
        "read_json cells.json",
        f"read_verilog {MODELS[architecture]}",
        "hierarchy -check -top piece",
        "proc",
        "flatten",
        "opt_clean",
        "opt_expr",
        "memory -nomap",
        "memory_map",
        "techmap",
        # The models select from a LUT's table bit by bit; most of that is constant.
        "opt_expr",
        "opt_merge",
        "opt_clean",
        "dffunmap",
        "opt_dff -simple-dffe",
        "dffunmap",
        "aigmap",
        "opt_clean -purge",
        "delete t:$scopeinfo",  # notes on what was flattened
        "write_json gates.json",
    ]
    cells = json.dumps({"modules": {"piece": module}})
    place_files(folder, {"cells.json": cells, "gates.ys": "\n".join(commands) + "\n"})
    run("yosys", ["gates.ys"], folder)
    gates: dict[str, Any] = json.loads((folder / "gates.json").read_text())["modules"]["piece"]
    return gates
