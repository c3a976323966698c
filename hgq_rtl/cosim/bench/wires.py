"""Which signals of a design under test carry a project's samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hgq_rtl.cosim.bench.handshake import Lanes
from hgq_rtl.errors import CosimError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port


class Model(Protocol):
    """What a bench needs to know of a design: a ``Project`` is one."""

    @property
    def name(self) -> str:
        """Of the design."""

    @property
    def graph(self) -> Graph:
        """What it computes."""

    @property
    def interface(self) -> Interface:
        """Its ports."""


Signals = Mapping[str, Any]
"""Signals, or their names in the design under test, by the name of a port or an element."""


def signal(dut: Any, which: Any) -> Any:
    """A signal by its name in ``dut``; a signal itself is returned as it is."""
    if not isinstance(which, str):
        return which
    found = getattr(dut, which, None)
    if found is None:
        raise CosimError(f"the design under test has no signal '{which}'", received=str(dut))
    return found


def lanes(dut: Any, ports: Sequence[Port], data: Signals | None) -> Lanes:
    """The signals of all ports: for each a bus, or else one signal per element that has bits."""
    given, unused = dict(data or {}), set(data or {})
    signals = []
    for port in ports:
        bus = _found(dut, port.name, given) if port.width else None
        wanted = [(port.name, port.width)]
        if bus is None:
            names = [(port.element_name(i), t.width) for i, t in enumerate(port.types)]
            wanted = [(name, width) for name, width in names if width]
        for name, width in wanted:
            one = _found(dut, name, given)
            unused.discard(name)
            if one is None or len(one) != width:
                raise CosimError(
                    f"the design under test has no signal of {width} bits for '{name}'",
                    received="none" if one is None else f"{one._path} has {len(one)} bits",
                    where=f"port '{port.name}'",
                    hint=f"Name it with data={{'{port.name}': ...}}, or one signal per element",
                )
            signals.append(one)
    if unused:
        raise CosimError(
            "there are no ports or elements of these names",
            received=", ".join(sorted(unused)),
            hint=f"Ports: {', '.join(port.name for port in ports)}",
        )
    return Lanes(signals)


def _found(dut: Any, name: str, given: dict[str, Any]) -> Any:
    if name in given:
        return signal(dut, given[name])
    return None if given else getattr(dut, name, None)
