"""Results on disk, by content: what was computed once for equal inputs is read back.

``HGQ_RTL_CACHE`` is a folder to use instead of the platform's own for caches, or ``off``. Every
entry carries its own hash, so that what is read is what was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from platformdirs import user_cache_path

from hgq_rtl.assets import PACKAGE, asset_folder

VARIABLE = "HGQ_RTL_CACHE"
LARGEST = 256 << 20
"""Bytes that the cache may take; the entries unused for longest go first."""
_CHECK_EVERY = 16 << 20
"""Bytes that this process writes between two looks at the size."""

_unseen = _CHECK_EVERY
"""Bytes written since the last look; the first entry looks as well."""


def folder() -> Path | None:
    """Where entries are; None where the user switched the cache off."""
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() == "off":
        return None
    return Path(chosen) if chosen else user_cache_path("hgq_rtl", appauthor=False)


def digest(*parts: str | bytes) -> str:
    """The name of an entry: a hash of everything that its value depends on."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "little") + data)
    return sha.hexdigest()[:40]


@once
def code(*libraries: str) -> str:
    """A hash of all files of this package and the versions of libraries: others may give others."""
    parts: list[str | bytes] = [*map(_version, libraries)]
    for home in (PACKAGE, asset_folder("rtl_templates"), asset_folder("sim")):
        for file in sorted(file for file in home.rglob("*") if file.is_file()):
            if "__pycache__" not in file.parts:
                parts += [str(file.relative_to(home)), file.read_bytes()]
    return digest(*parts)


def _version(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"no {library}"


def path(kind: str, name: str) -> Path | None:
    """The file of an entry, whether it exists or not."""
    where = folder()
    return None if where is None else where / kind / name[:2] / name


def read(kind: str, name: str) -> bytes | None:
    """The entry; None if there is none, or not all of it. Its file is marked as used."""
    file = find(kind, name)
    if file is None:
        return None
    try:
        check, _, data = file.read_bytes().partition(b"\n")
    except OSError:
        return None
    return data if digest(data).encode() == check else None


def write(kind: str, name: str, data: bytes) -> None:
    """Store an entry whole or not at all; a folder that cannot be written to is no error.

    Safe beside other processes: a file appears under its name only when it is complete.
    """
    put(kind, name, digest(data).encode() + b"\n" + data)


def texts(kind: str, name: str, compute: Callable[[], Mapping[str, str]]) -> dict[str, str]:
    """Texts by file name: those stored under a name, or else what is computed and stored now."""
    stored = read(kind, name)
    if stored is not None:
        found: dict[str, str] = json.loads(stored)
        return found
    fresh = dict(compute())
    write(kind, name, json.dumps(fresh).encode())
    return fresh


def find(kind: str, name: str) -> Path | None:
    """The file of an entry if there is one; it is marked as used."""
    file = path(kind, name)
    try:
        if file is not None:
            os.utime(file)
    except FileNotFoundError:
        return None
    except OSError:
        pass  # in a folder that is only read
    return file


def put(kind: str, name: str, data: bytes) -> None:
    """As ``write``, a file of just these bytes, for others to open at its ``path``."""
    global _unseen
    file = path(kind, name)
    if file is None:
        return
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
        _unseen += len(data)
        if _unseen >= _CHECK_EVERY:
            _unseen = 0
            trim()


def trim(largest: int = LARGEST) -> None:
    """Delete the entries unused for longest until at most ``largest`` bytes are left."""
    where = folder()
    if where is None:
        return
    entries = []
    for file in where.glob("*/*/*"):
        with contextlib.suppress(OSError):
            stat = file.stat()
            entries.append((stat.st_mtime_ns, str(file), stat.st_size))
    total = sum(size for _, _, size in entries)
    for _, name, size in sorted(entries):
        if total <= largest:
            return
        with contextlib.suppress(OSError):
            os.unlink(name)
            total -= size
