"""Build the header with the C++ compiler of this machine and call it from Python."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hgq_rtl import cache
from hgq_rtl.emit.backend import CoreInfo
from hgq_rtl.emulator.header import has_floats, header, identifier
from hgq_rtl.emulator.lanes import LANES, lane
from hgq_rtl.errors import EmulatorError
from hgq_rtl.fixed import INT64_BITS, Fixed, Ints
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface

COMPILERS = ("g++", "clang++", "c++")
FLAGS = ("-std=c++17", "-O3", "-fno-trapping-math", "-fPIC", "-shared")
NATIVE = "-march=native"
"""For the vectors of this processor; left out where the compiler does not know it."""
NAME = "emulated"
"""Of every design here: equal networks are compiled once, whatever they are called."""
KIND = "emulator"
"""The name of the folder in the cache."""


@dataclass(frozen=True)
class Native:
    """A compiled emulator. ``interface`` is that of the design."""

    interface: Interface
    library: ctypes.CDLL

    def predict(self, x: Any) -> list[Any] | None:
        """The outputs, one float64 array per port, of float inputs in any structure they have.

        None if the inputs are not all numbers that their ports can take, or have wrong shapes:
        ``Interface.input_integers`` then says which.
        """
        arrays = [np.asarray(a) for a in self.interface.arrays(x)]
        ports = self.interface.inputs
        shapes = [a.shape[1:] == port.shape for a, port in zip(arrays, ports, strict=True)]
        if (
            not hasattr(self.library, "floats")
            or not all(shapes)
            or len({len(a) for a in arrays}) != 1
        ):
            return None
        single = all(a.dtype == np.float32 for a in arrays)
        dtype, entry = (np.float32, "floats") if single else (np.float64, "doubles")
        samples = len(arrays[0])
        flat = [a.reshape(samples, -1) for a in arrays]
        rows = np.ascontiguousarray(flat[0] if len(flat) == 1 else np.hstack(flat), dtype=dtype)
        y = np.empty((samples, sum(port.size for port in self.interface.outputs)))
        if not getattr(self.library, entry)(*map(_address, (rows, y)), samples):
            return None
        found, start = [], 0
        for port in self.interface.outputs:
            columns = y[:, start : start + port.size]
            found.append(columns.reshape(samples, *port.shape))
            start += port.size
        return found

    @property
    def input_dtype(self) -> Any:
        """The integers that ``integers`` takes without a conversion (int64 pairs above 64 bits)."""
        inputs = _types(self.interface.inputs)
        return np.dtype(f"i{min(lane(*inputs) if inputs else LANES[0], 64) // 8}")

    def integers(self, n: Ints) -> Ints:
        """Output port integers (samples, outputs) of input port integers (samples, inputs)."""
        inputs = _types(self.interface.inputs)
        outputs = _types(self.interface.outputs)
        rows = _encode(n, lane(*inputs) if inputs else LANES[0])
        bits = lane(*outputs) if outputs else LANES[0]
        y = _empty(len(n), len(outputs), bits)
        self.library.integers(_address(rows), _address(y), len(n))
        return _decode(y, bits, wide=any(t.width > INT64_BITS for t in outputs))


def _types(ports: Sequence[Any]) -> list[Fixed]:
    return [t for port in ports for t in port.types]


def _address(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _empty(samples: int, elements: int, bits: int) -> Any:
    # A 128-bit integer is two of 64, the low one first.
    shape = (samples, elements) if bits <= 64 else (samples, elements, 2)
    return np.empty(shape, dtype=f"i{min(bits, 64) // 8}")


def _encode(n: Ints, bits: int) -> Any:
    if bits <= 64:
        return np.ascontiguousarray(n, dtype=f"i{bits // 8}")
    n = n.astype(object)
    low = (n & ((1 << 64) - 1)).astype(np.uint64).view(np.int64)
    return np.ascontiguousarray(np.stack([low, (n >> 64).astype(np.int64)], axis=-1))


def _decode(y: Any, bits: int, wide: bool) -> Ints:
    if bits <= 64:
        return np.asarray(y.astype(object if wide else np.int64))
    low, high = np.ascontiguousarray(y[..., 0]).view(np.uint64), y[..., 1]
    whole = high.astype(object) * (1 << 64) + low.astype(object)
    return np.asarray(whole if wide else whole.astype(np.int64))


def load(graph: Graph, interface: Interface) -> Native:
    """The emulator of a graph, compiled now or taken from the cache.

    Raises EmulatorError where there is no C++ compiler or the graph needs too wide integers.
    """
    # Neither clock nor device: the same network is compiled once for all of them.
    info = CoreInfo(NAME, "", "", 1.0, 0, "any device")
    text = header(graph, interface, info)
    return Native(interface, _library(text, has_floats(interface)))


def compiler() -> str:
    """The path of the C++ compiler: CXX if set, else the usual names."""
    for known in (os.environ.get("CXX", ""), *COMPILERS):
        if known and (path := shutil.which(known)):
            return path
    raise EmulatorError(
        "there is no C++ compiler",
        received=f"none of {', '.join(COMPILERS)} is on the PATH, and CXX names none",
        hint="Install one (the Debian package g++), or predict with engine='graph'",
    )


def _source(text: str, floats: bool) -> str:
    name = identifier(NAME)
    lines = [
        text,
        'extern "C" void integers(const void* x, void* y, std::size_t n) {',
        f"  using namespace {name};",
        "  Network::predict(static_cast<const input_t*>(x), static_cast<output_t*>(y), n);",
        "}",
    ]
    for entry, kind in (("floats", "float"), ("doubles", "double")) if floats else ():
        lines += [
            f'extern "C" int {entry}(const {kind}* x, double* y, std::size_t n) {{',
            f"  return {name}::Network::predict(x, y, n);",
            "}",
        ]
    return "\n".join([*lines, ""])


@lru_cache(maxsize=64)
def _library(text: str, floats: bool) -> ctypes.CDLL:
    source, program = _source(text, floats), compiler()
    name = cache.digest(source, " ".join(FLAGS), _target(program))
    kept = cache.find(KIND, name)
    if kept is not None:
        try:
            return _declared(ctypes.CDLL(str(kept)))
        except OSError:
            pass  # not for this machine, or a file system that holds no programs: build again
    with tempfile.TemporaryDirectory(prefix="hgq_rtl_") as folder:
        built = _compile(program, source, Path(folder))
        library = _declared(ctypes.CDLL(str(built)))
        cache.put(KIND, name, built.read_bytes())
    return library


def _target(program: str) -> str:
    """What the compiler makes of our flags: its version, and the processor it found."""
    done = subprocess.run(
        [program, "-###", NATIVE, "-std=c++17", "-E", "-x", "c++", os.devnull],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    return done.stderr


def _compile(program: str, source: str, folder: Path) -> Path:
    """The library, built in ``folder``."""
    (folder / "network.cpp").write_text(source)
    errors = ""
    for flags in ((NATIVE, *FLAGS), FLAGS):
        done = subprocess.run(
            [program, *flags, "network.cpp", "-o", "network.so"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return folder / "network.so"
        errors = done.stderr or errors
    told = [line for line in errors.splitlines() if "error" in line] or errors.splitlines()
    raise EmulatorError(
        "the C++ compiler could not build the emulator",
        received=f"{program}: {told[0] if told else f'status {done.returncode}'}"[:300],
        hint="C++17 is needed; predict with engine='graph' does without a compiler",
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    for entry in ("integers", "floats", "doubles"):
        if hasattr(library, entry):
            function = getattr(library, entry)
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
            function.restype = None if entry == "integers" else ctypes.c_int
    return library
