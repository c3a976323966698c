"""From a Keras model, or the file of one, to a lowered graph and what it must equal.

What a file lowers to is kept on disk under a hash of its bytes: a second compilation, for another
clock or device, needs neither Keras nor the comparison of layers again.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl import cache
from hgq_rtl.errors import LoweringError
from hgq_rtl.garbage import no_collection
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.text import from_text, to_text
from hgq_rtl.project import ports

KIND = "lowered"
Array = NDArray[np.float64]
Progress = Callable[[str], None]
Formats = Mapping[str, tuple[int, int, int]]
_KNOWN = ("keras", "hgq_rtl", "hgq")
"""Packages whose layers are defined by their version: what a file needs beside its bytes."""
_REGISTERED = re.compile(r"(\w+)>\w+")
"""How Keras names an object that some package registered."""
_LIBRARIES = ("keras", "numpy", "jax", "jaxlib", "tensorflow", "torch")
"""What lowering computes with, tables of functions above all."""


@dataclass(frozen=True)
class Source:
    """A lowered model. ``notes``: what is known of it, for the report."""

    name: str
    graph: Graph
    interface: Interface
    notes: Mapping[str, Any]
    reference: Callable[[list[Any]], list[Array]]
    """The outputs of the Keras model for inputs."""


@no_collection()
def lower(model: Any, inputs: Formats | None, check_samples: int, progress: Progress) -> Source:
    """The graph of a Keras model or a ``.keras`` file (also one that HGQ 2 saved).

    ``inputs``, ``check_samples`` and ``progress``: see ``compile``. Raises LoweringError or
    ConversionError, naming the layer.
    """
    progress("load")
    if not isinstance(model, str | os.PathLike):
        return _lower(model, inputs, check_samples, progress)
    path = Path(model)
    entry = _entry(path, inputs, check_samples)
    if entry is not None and (stored := _read(path, entry)) is not None:
        return stored
    source = _lower(load(path), inputs, check_samples, progress)
    if entry is not None:
        _write(entry, source)
    return source


def load(path: Path) -> Any:
    """The Keras model of a ``.keras`` file of this project or of HGQ 2."""
    from hgq_rtl.lowering import model as models  # Keras is imported here

    if any(module.startswith("hgq.") for module in _modules(path) or ()):
        from hgq_rtl.compat.hgq2 import from_hgq2

        return from_hgq2(path)
    return models.load(path)


def _lower(model: Any, inputs: Formats | None, check_samples: int, progress: Progress) -> Source:
    progress("lower")
    from hgq_rtl.lowering import exactness, reference
    from hgq_rtl.lowering import model as models
    from hgq_rtl.lowering.naming import identifier

    lowered = models.lower(model, inputs)
    layers = exactness.exactness(lowered)
    keras_reference = reference.Reference(model, float64=not all(e.float32 for e in layers))
    notes: dict[str, Any] = {
        "exactness": {
            "arithmetic": "float64" if keras_reference.float64 else "float32",
            "proven": all(e.float64 if keras_reference.float64 else e.float32 for e in layers),
            "layers": {e.path: e.bits for e in layers if e.bits},
        },
        "ebops": models.ebops(lowered),
        **models.history(model),
    }
    if check_samples:
        progress("compare with Keras")
        notes["exactness"]["values_compared"] = reference.check_layers(
            keras_reference, lowered, check_samples
        )
    name = identifier(model.name)
    return Source(name, lowered.graph, lowered.interface, notes, keras_reference)


@dataclass(frozen=True)
class FileReference:
    """The model of a file as the reference, loaded when it is first asked."""

    path: Path
    sha256: str
    float64: bool

    def __call__(self, inputs: list[Any]) -> list[Array]:
        """Outputs for input arrays of shape (samples, ...), one array per model output."""
        outputs: list[Array] = self._reference(inputs)
        return outputs

    @cached_property
    def _reference(self) -> Any:
        if not self.path.is_file() or cache.digest(self.path.read_bytes()) != self.sha256:
            raise LoweringError(
                "the model file has changed since it was compiled",
                received=str(self.path),
                hint="Compile it again",
            )
        from hgq_rtl.lowering import reference

        return reference.Reference(load(self.path), float64=self.float64)


# --- what is kept on disk ---------------------------------------------------------------------


def _entry(path: Path, inputs: Formats | None, check_samples: int) -> str | None:
    """The name of a file's entry; None where more than the file decides what its layers mean."""
    modules = _modules(path)
    if modules is None or any(m.partition(".")[0] not in _KNOWN for m in modules):
        return None
    asked = json.dumps([sorted((inputs or {}).items()), check_samples])
    backend = os.environ.get("KERAS_BACKEND", "")
    return cache.digest(cache.code(*_LIBRARIES), backend, asked, path.read_bytes())


def _modules(path: Path) -> set[str] | None:
    """Modules, and packages of registered names, of all objects in a ``.keras`` file.

    Functions of Keras itself have neither. None where it is no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stack: list[Any] = [json.loads(archive.read("config.json"))]
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile):
        return None
    found: set[str] = set()
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if value.get("class_name") and value.get("module") not in (None, "builtins"):
                found.add(str(value["module"]))
            stack += value.values()
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, str) and (match := _REGISTERED.fullmatch(value)):
            found.add(match[1])
    return found


def _write(entry: str, source: Source) -> None:
    text = json.dumps(
        {
            "name": source.name,
            "graph": to_text(source.graph),
            "interface": ports.to_json(source.interface, {}),
            "notes": source.notes,
        }
    ).encode()
    cache.write(KIND, entry, text)


def _read(path: Path, entry: str) -> Source | None:
    """What was stored under an entry; None if there is nothing."""
    text = cache.read(KIND, entry)
    if text is None:
        return None
    data = json.loads(text)
    graph, interface = from_text(data["graph"]), ports.from_json(data["interface"])
    double = data["notes"]["exactness"]["arithmetic"] == "float64"
    reference = FileReference(path.absolute(), cache.digest(path.read_bytes()), double)
    return Source(data["name"], graph, interface, data["notes"], reference)
