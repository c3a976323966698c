"""ports.json: the interface of a design as data, with the place of each element on its bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port, Quantization


def to_json(interface: Interface, packed: Mapping[str, str]) -> dict[str, Any]:
    """Both directions, as plain lists and dictionaries. ``packed``: bus by port name."""
    return {
        "inputs": [_port(port, packed.get(port.name)) for port in interface.inputs],
        "outputs": [_port(port, packed.get(port.name)) for port in interface.outputs],
        "structure": {"inputs": interface.input_tree, "outputs": interface.output_tree},
    }


def _port(port: Port, bus: str | None) -> dict[str, Any]:
    elements, lsb = [], 0
    for index, t in enumerate(port.types):
        name = port.element_name(index)
        elements.append(
            {"name": name, "lo": t.lo, "hi": t.hi, "exp": t.exp, "width": t.width, "lsb": lsb}
        )
        lsb += t.width
    return {
        "name": port.name,
        "bus": bus,
        "shape": list(port.shape),
        "width": port.width,
        "quantization": None if port.quantization is None else asdict(port.quantization),
        "elements": elements,
    }


def from_json(data: dict[str, Any]) -> Interface:
    """The interface that ``to_json`` wrote. Any malformed part raises an ordinary exception."""
    return Interface(
        tuple(_read(port) for port in data["inputs"]),
        tuple(_read(port) for port in data["outputs"]),
        input_tree=data["structure"]["inputs"],
        output_tree=data["structure"]["outputs"],
    )


def _read(data: dict[str, Any]) -> Port:
    types = tuple(Fixed(int(e["lo"]), int(e["hi"]), int(e["exp"])) for e in data["elements"])
    quantization = None
    if (q := data["quantization"]) is not None:
        k, i, f = (tuple(int(v) for v in q[name]) for name in "kif")
        quantization = Quantization(k, i, f, str(q["rounding"]), str(q["overflow"]))
    return Port(str(data["name"]), tuple(int(n) for n in data["shape"]), types, quantization)


def buses(ports: tuple[Port, ...], packed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Name and width of the packed bus of each port that has one."""
    return [{"bus": packed[port.name], "width": port.width} for port in ports if port.width]
