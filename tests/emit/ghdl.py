"""Run an emitted design in GHDL: vectors in a file, results in another."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hgq_rtl.emit.backend import Emitted

BENCH = """
library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity bench is
end entity bench;

architecture test of bench is
  signal clk, valid_in : std_logic := '0';
  signal valid_out : std_logic;
  signal x : std_logic_vector({ins} - 1 downto 0) := (others => '0');
  signal y : std_logic_vector({outs} - 1 downto 0);
begin
  dut : entity work.{top}_packed
    port map (clk => clk, valid_in => valid_in, {x} => x, valid_out => valid_out, {y} => y);

  process
    file inputs : text open read_mode is "in.hex";
    file outputs : text open write_mode is "out.hex";
    variable row : line;
    variable bus_in : std_logic_vector({digits} * 4 - 1 downto 0);
  begin
    for i in 0 to {count} + {latency} - 1 loop
      valid_in <= '0';
      if i < {count} then
        readline(inputs, row);
        hread(row, bus_in);
        x <= bus_in({ins} - 1 downto 0);
        valid_in <= '1';
      end if;
      wait for 1 ns;
      if valid_out = '1' then
        hwrite(row, y);
        writeline(outputs, row);
      end if;
      clk <= '1';
      wait for 1 ns;
      clk <= '0';
    end loop;
    std.env.finish;
    wait;
  end process;
end architecture test;
"""


def ghdl(folder: Path, *words: str) -> str:
    """Run a command of GHDL that must succeed, without a word of warning."""
    done = subprocess.run(
        ["ghdl", words[0], "--std=08", *words[1:]],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    return done.stdout


def write(emitted: Emitted, folder: Path) -> list[str]:
    """Write the files; their names, in order of compilation."""
    for name, text in emitted.files.items():
        (folder / name).write_text(text)
    return list(emitted.files)


def simulate(
    emitted: Emitted, ins: int, outs: int, latency: int, buses: list[int], folder: Path
) -> list[int]:
    """Output buses of the packed top, one sample per clock; ``ins``/``outs``: bus widths."""
    digits = -(-ins // 4)
    values = {"ins": ins, "outs": outs, "digits": digits, "top": emitted.top}
    values |= {"x": emitted.packed["x"], "y": emitted.packed["y"]}
    values |= {"count": len(buses), "latency": latency}
    (folder / "bench.vhd").write_text(BENCH.format(**values))
    (folder / "in.hex").write_text("".join(f"{bus:0{digits}x}\n" for bus in buses))
    ghdl(folder, "-a", *write(emitted, folder), "bench.vhd")
    ghdl(folder, "--elab-run", "bench", "--ieee-asserts=disable")
    return [int(line, 16) for line in (folder / "out.hex").read_text().split()]
