"""Tool: one family of files in a project folder, and the paragraph that says how to use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import to_json


@dataclass(frozen=True)
class Tool:
    """``files`` gives text by path in the folder; ``guide`` is Markdown for its README.

    ``outputs``: patterns of paths that running the files leaves in the folder. They vanish when
    the project is written again, and do not count as a user's own files.
    """

    name: str
    files: Callable[[Core], Mapping[str, str]]
    guide: Callable[[Core], str]
    outputs: tuple[str, ...] = ()


def values(core: Core) -> dict[str, Any]:
    """What templates may name; see the fields of Core."""
    ports = to_json(core.interface, core.emitted.packed)
    return {
        "name": core.name,
        "top": core.emitted.top,
        "version": core.info.version,
        "model_hash": core.model_hash,
        "clock_ns": f"{core.clock_ns:.6g}",
        "device": core.device,
        "part": core.part,
        "target": core.target,
        "latency": core.latency,
        "nodes": len(core.graph.nodes),
        "inputs": ports["inputs"],
        "outputs": ports["outputs"],
        "sources": list(core.emitted.files),
        "axis": core.axis,
        "delivery": core.delivery,
        "instances": core.emitted.instances,
    }
