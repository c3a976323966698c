"""sharing.cc, compiled on first need with the C++ compiler that the simulator needs too."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from hgq_rtl import cache as disk
from hgq_rtl.fixed import Ints
from hgq_rtl.passes.cmvm.sharing import DEEPEST, WEIGHS, Pair, Sharing, paired

SOURCE = Path(__file__).with_name("sharing.cc")
FLAGS = ("-O2", "-std=c++17", "-shared", "-fPIC")
INT64_BITS = 62
"""Widest value that the compiled search handles."""

Function = Callable[..., int]


@cache
def function() -> Function | None:
    """The compiled search; None where no compiler works."""
    wanted = (os.environ.get("CXX", ""), "c++", "clang++")
    compiler = next((found for name in wanted if name and (found := shutil.which(name))), None)
    if compiler is None:
        return None
    name = disk.digest(SOURCE.read_bytes(), " ".join(FLAGS), platform.platform(), compiler) + ".so"
    kept = disk.find("native", name)
    if kept is not None and (loaded := _load(kept)) is not None:
        return loaded
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / name
        command = [compiler, *FLAGS, "-o", str(library), str(SOURCE)]
        if subprocess.run(command, capture_output=True).returncode:
            return None
        disk.put("native", name, library.read_bytes())
        return _load(library)


def _load(library: Path) -> Function | None:
    try:
        found: Function = ctypes.CDLL(str(library)).hgq_share
    except (OSError, AttributeError):
        return None
    found.restype = ctypes.c_int64  # type: ignore[attr-defined]
    return found


def can_share(sharing: Sharing) -> bool:
    """Whether ``share`` can be used: no sum leaves 62 bits, and there is a compiler."""
    low = min((v.lsb for v in sharing.values), default=0)
    size = [max(abs(v.lo), abs(v.hi)) << (v.lsb - low) for v in sharing.values]
    largest = max(
        sum(size[v] << s for v, shifts in row.items() for s in shifts) for row in sharing.rows
    )
    fits = largest.bit_length() < INT64_BITS and max(sharing.limits) <= DEEPEST
    return fits and function() is not None


def share(sharing: Sharing, weigh: str) -> None:
    """As ``sharing.share``, compiled."""
    search = function()
    assert search is not None
    values = np.array(sharing.values, dtype=np.int64)
    sizes = np.array([sum(map(len, row.values())) for row in sharing.rows], dtype=np.int32)
    digits = np.array(
        [(v, s, n) for row in sharing.rows for v, at in row.items() for s, n in at.items()],
        dtype=np.int32,
    ).reshape(-1, 3)
    limits = np.array(sharing.limits, dtype=np.int32)
    pairs = np.zeros((len(digits) + 1, 4), dtype=np.int32)
    count = search(
        _pointer(values), ctypes.c_int64(len(values)), _pointer(digits), _pointer(sizes),
        _pointer(limits), ctypes.c_int64(len(sizes)), ctypes.c_int(WEIGHS.index(weigh)),
        _pointer(pairs),
    )  # fmt: skip
    for a, b, shift, sub in pairs[:count].tolist():
        pair = Pair(a, b, shift, bool(sub))
        sharing.values.append(paired(sharing.values, pair))
        sharing.pairs.append(pair)
    left = iter(digits.tolist())
    for row, size in zip(sharing.rows, sizes.tolist(), strict=True):
        row.clear()
        for _ in range(size):
            v, s, negative = next(left)
            row.setdefault(v, {})[s] = bool(negative)


def _pointer(array: Ints) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)
