"""Write a self-contained project folder, open it again, and verify its Verilog."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from hgq_rtl import cache
from hgq_rtl.cosim import Signal, Subject, VerifyResult
from hgq_rtl.cosim import verify as cosim_verify
from hgq_rtl.cosim.verify import Data
from hgq_rtl.errors import HgqRtlError, ProjectError
from hgq_rtl.ir import words
from hgq_rtl.ir.evaluate import output_integers
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.nested import flattened
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.text import from_text, node_ids
from hgq_rtl.project import emp, manifest
from hgq_rtl.project.contents import contents
from hgq_rtl.project.core import Core
from hgq_rtl.project.ports import from_json
from hgq_rtl.project.tools import TOOLS

KIND = "projects"
"""The part of the cache where the files of whole folders are."""
SHOWN = 5
"""Changed files that an error names."""


@dataclass(frozen=True)
class Project:
    """A folder on disk and the graph that its Verilog must agree with."""

    path: Path
    name: str
    graph: Graph
    interface: Interface
    latency: int
    clock_ns: float
    device: str
    signals: Mapping[Node, Signal]
    report: Mapping[str, Any]
    reference: Callable[[list[Any]], list[Any]] | None = None
    """Outputs of the model or function for input arrays, while it is at hand; not stored."""

    @property
    def verilog(self) -> list[Path]:
        """The Verilog files: layers, tops and the AXI4-Stream shell."""
        return sorted((self.path / "rtl").glob("*.v"))

    def predict(self, x: Data) -> Any:
        """The outputs of the hardware for float inputs, exactly, as ``Design.predict`` gives them.

        From the graph in the folder: no Keras, no simulator.
        """
        n = output_integers(self.graph, self.interface, self.interface.input_integers(x))
        return self.interface.output_structure(self.interface.output_floats(n))

    def pack(self, x: Data) -> list[int]:
        """Float inputs as bus words, one per sample: what the beats of the AXI4-Stream shell carry.

        The buses of all input ports, the first at the least significant end. Raises NumberError as
        ``Design.predict`` does.
        """
        return words.pack(self.interface.inputs, self.interface.input_integers(x))

    def unpack(self, bits: Sequence[int]) -> Any:
        """The float outputs, as ``Design.predict`` gives them, of output words, one per sample."""
        n = words.unpack(self.interface.outputs, bits)
        return self.interface.output_structure(self.interface.output_floats(n))

    def source(self, x: Data, links: Sequence[int] = (0,), board: str = "hgq_rtl") -> str:
        """Float inputs as the text of a ``source.txt`` of the CMS EMP framework, a packet each."""
        width = words.bits_of(self.interface.inputs)
        return emp.write_emp(self.pack(x), width, links, board)

    def sink(self, text: str, links: Sequence[int] | None = None) -> Any:
        """The float outputs in a captured ``sink.txt`` of the CMS EMP framework.

        ``links``: those that carry them, in order; by default all columns of the file.
        """
        return self.unpack(emp.read_emp(text, words.bits_of(self.interface.outputs), links))

    def hex(self, x: Data) -> str:
        """Float inputs as words in hexadecimal, one line per sample, for ``$readmemh``."""
        return words.hex_text(self.pack(x), words.bits_of(self.interface.inputs))

    def verify(
        self,
        x: Data | None = None,
        *,
        y_expected: Data | None = None,
        random: int = 1000,
        seed: int = 0,
        axis: bool = False,
        work: str | os.PathLike[str] | None = None,
        console: Console | None = None,
    ) -> VerifyResult:
        """Simulate the Verilog with data, corner and random vectors; every bit is compared.

        ``x``: float inputs in the structure that ``predict`` takes; ``y_expected``: the outputs
        for them of Keras, or of a traced function on NumPy arrays, compared as exact integers.
        ``random``, ``seed``: how many random vectors, and of which seed. ``console``: where
        progress is shown. ``axis``: through the AXI4-Stream shell as well. ``work``: a folder for
        the simulator and the logs instead of ``sim/sim_build``. Raises CosimError at the first
        difference, saying where the fault is.
        """
        if x is not None and y_expected is None and self.reference is not None:
            y_expected = self.reference(self.interface.arrays(x))
        elif y_expected is not None and self.interface.output_tree is not None:
            y_expected = flattened(y_expected, self.interface.output_tree, "y_expected")
        subject = Subject(
            self.name,
            self.path / "sim",
            self.graph,
            self.interface,
            self.latency,
            self.signals,
            reference=getattr(self.reference, "name", "Keras"),
        )
        return cosim_verify(
            subject,
            x,
            y_expected=y_expected,
            random=random,
            seed=seed,
            axis=axis,
            work=None if work is None else Path(work).resolve(),
            console=console,
        )


def write_project(core: Core, out: str | os.PathLike[str], force: bool = False) -> Project:
    """Write the folder ``out``, whole or not at all; one that is the same already is left alone.

    A project that was written before is replaced, with what tools left in it. Raises ProjectError
    if ``out`` is anything else, or, without ``force``, if somebody changed or added files in it.
    """
    return _write(lambda: contents(core), core.graph, out, force)


def write_once(
    name: str,
    core: Callable[[], Core],
    graph: Graph,
    out: str | os.PathLike[str],
    force: bool = False,
) -> Project:
    """``write_project`` for a folder that may have been made before: it is kept on disk.

    ``name``: a hash of all that the files follow from (``manifest.request_hash``). ``graph``: that
    of the core.
    """
    files = partial(cache.texts, KIND, name, lambda: contents(core()))
    return _write(files, graph, out, force)


def _write(
    made: Callable[[], Mapping[str, str]], graph: Graph, out: str | os.PathLike[str], force: bool
) -> Project:
    path = Path(out).absolute()
    check_replaceable(path, force)
    files = made()
    try:
        if force or not _is_current(path, files):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(files, path, os.path.lexists(path))
    except OSError as error:
        raise ProjectError(f"'{path}' cannot be written", received=str(error)) from error
    return _project(path, json.loads(files[manifest.FILE]), graph, files)


def check_replaceable(out: str | os.PathLike[str], force: bool = False) -> None:
    """Raise ProjectError unless ``write_project`` may write the folder ``out``."""
    path = Path(out).absolute()
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not manifest.is_project(path):
        raise ProjectError(
            f"'{path}' exists and is not a project folder, so it is not replaced",
            hint=f"Only a folder with our {manifest.FILE} is; choose another one",
        )
    if force:
        return
    facts = manifest.read_manifest(path)
    outputs = [pattern for tool in TOOLS for pattern in tool.outputs]
    edits = manifest.changes(path, facts, outputs)
    if edits:
        more = f" and {len(edits) - SHOWN} more" if len(edits) > SHOWN else ""
        raise ProjectError(
            f"'{path}' holds changes that would be lost",
            received=", ".join(edits[:SHOWN]) + more,
            hint="Choose another folder, or replace it all the same with force=True (--force)",
        )


def current_project(out: str | os.PathLike[str], inputs: Mapping[str, Any]) -> Project | None:
    """The project in ``out`` if it was written from these inputs and is as it was written."""
    path = Path(out).absolute()
    if not manifest.is_project(path) or path.is_symlink():
        return None
    try:
        facts = manifest.read_manifest(path)
        return open_project(path) if facts.get("inputs") == dict(inputs) else None
    except ProjectError:
        return None


def _is_current(path: Path, files: Mapping[str, str]) -> bool:
    """Whether the folder holds exactly these files, as they were written."""
    try:
        same = (path / manifest.FILE).read_bytes() == files[manifest.FILE].encode()
        return same and not manifest.changes(path, json.loads(files[manifest.FILE]), ["*"])
    except OSError:
        return False


def _write_whole(files: Mapping[str, str], path: Path, replace: bool) -> None:
    """Write beside ``path``, then rename: a reader sees the old folder, none, or the new one."""
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fresh = temporary / "new"
        for name, text in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(text.encode())
        if replace:
            path.rename(temporary / "old")
        try:
            fresh.rename(path)
        except BaseException:
            if replace:
                (temporary / "old").rename(path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_project(path: str | os.PathLike[str], check: bool = True) -> Project:
    """The project in a folder that was written before.

    Raises ProjectError if anything is missing or unreadable, or, with ``check``, if any file
    has changed since.
    """
    folder = Path(path).absolute()
    facts = manifest.read_manifest(folder)
    if check:
        manifest.check_files(folder, facts)
    try:
        names = ("graph.ir", "ports.json", "signals.json", "report.json")
        files = {name: (folder / name).read_text() for name in names}
        return _project(folder, facts, from_text(files["graph.ir"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, HgqRtlError) as error:
        what = error.what if isinstance(error, HgqRtlError) else f"{type(error).__name__}: {error}"
        raise ProjectError(
            f"the project '{folder}' cannot be read", received=what, hint="Write it again"
        ) from None


def _project(path: Path, facts: dict[str, Any], graph: Graph, files: Mapping[str, str]) -> Project:
    signals = json.loads(files["signals.json"])
    ids = node_ids(graph)
    return Project(
        path=path,
        name=str(facts["name"]),
        graph=graph,
        interface=from_json(json.loads(files["ports.json"])),
        latency=int(facts["latency"]),
        clock_ns=float(facts["clock_ns"]),
        device=str(facts["device"]),
        signals={
            node: Signal(str(signals[name]["path"]), int(signals[name]["stage"]))
            for node, name in ids.items()
            if name in signals
        },
        report=json.loads(files["report.json"]),
    )
