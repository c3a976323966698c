"""A .keras file as plain data: nothing of the library that wrote it is imported or run."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hgq_rtl.errors import ConversionError


@dataclass
class Saved:
    """What Keras saved of one object: its name, its variables in their order, its parts."""

    name: str
    variables: list[NDArray[Any]] = field(default_factory=list)
    parts: dict[str, Saved] = field(default_factory=dict)


def read(path: Path) -> tuple[dict[str, Any], Saved]:
    """The architecture (the parsed ``config.json``) and the variables of a .keras file.

    Raises ConversionError if the file is missing or no such archive.
    """
    if not path.is_file():
        raise ConversionError("there is no such model file", received=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(weights), "r") as file:
            saved = _read_group(file)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError) as error:
        raise ConversionError(
            f"the model file '{path.name}' cannot be read",
            received=f"{type(error).__name__}: {error}",
            hint="It must be a .keras file, as model.save('name.keras') writes it",
        ) from None
    return config, saved


def _read_group(root: Any) -> Saved:
    """A tree of HDF5 groups, in memory; links to other files are refused."""
    result = Saved("")
    stack = [(result, root)]
    while stack:
        saved, group = stack.pop()
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ValueError(f"a link to another place under {group.name}/{key}")
            item = group[key]
            if key == "vars" and isinstance(item, h5py.Group):
                saved.name = str(item.attrs.get("name", ""))
                saved.variables = [np.asarray(item[str(n)]) for n in range(len(item))]
            elif isinstance(item, h5py.Group):
                part = saved.parts[key] = Saved(key)
                stack.append((part, item))
    return result


def listed(saved: Saved) -> list[Saved]:
    """The parts of a list, which Keras saves as "dense", "dense_1", "dense_2", ..."""

    def position(name: str) -> int:
        match = re.search(r"_(\d+)$", name)
        return int(match[1]) if match else 0

    return [saved.parts[name] for name in sorted(saved.parts, key=position)]


def fitting(value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
    """``value`` in ``shape`` if the two differ in axes of length 1 only, else None."""
    same = [n for n in shape if n != 1] == [n for n in value.shape if n != 1]
    return value.reshape(shape) if same else None


def put(variable: Any, value: NDArray[Any], name: str) -> None:
    """Assign ``value`` to a Keras variable; axes of length 1 may differ."""
    fitted = fitting(value, tuple(variable.shape))
    if fitted is None:
        raise ConversionError(f"the shape of {name} does not fit",
                              received=f"{value.shape} instead of {variable.shape}")  # fmt: skip
    variable.assign(fitted)
