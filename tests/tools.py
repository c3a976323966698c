"""Tools that only some tests need: run the test, or skip it and say how to get the tool."""

import shutil

import pytest

GET = {
    "iverilog": "Icarus Verilog, the Debian package iverilog",
    "ghdl": "GHDL, the Debian package ghdl",
    "tclsh": "Tcl, the Debian package tcl",
}


def needs(program):
    """A mark that skips a test where ``program`` is not on the path."""
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"needs {program}: install {GET[program]}"
    )
