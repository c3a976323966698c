"""The pipeline as one tuple, and the driver that verifies, dumps, skips, bisects and counts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from hgq_rtl.errors import IRError, PassError, writing
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import restrict
from hgq_rtl.ir.text import to_text
from hgq_rtl.ir.verify import LOWERED, NATIVE, verify
from hgq_rtl.passes.clamps import clamps
from hgq_rtl.passes.cmvm import cmvm
from hgq_rtl.passes.expand import expand, is_expanded
from hgq_rtl.passes.lookups import lookups
from hgq_rtl.passes.narrow import narrow
from hgq_rtl.passes.products import products
from hgq_rtl.passes.relus import relus
from hgq_rtl.passes.round_first import round_first
from hgq_rtl.passes.simplify import simplify
from hgq_rtl.passes.target import Pass, Target, anywhere, default_target
from hgq_rtl.passes.ternary import by_threes

DEFAULT: tuple[tuple[str, Pass], ...] = (
    ("simplify", anywhere(simplify)),
    # Rounding constants join the biases while these are still attributes of the neurons.
    ("round-first", anywhere(round_first)),
    ("simplify-2", anywhere(simplify)),
    # Matrices are solved while the neurons are still whole linear forms.
    ("cmvm", cmvm),
    # Rounding becomes adders before widths are cut, so that these are cut too.
    ("expand", anywhere(expand)),
    ("simplify-3", anywhere(simplify)),
    ("narrow", anywhere(narrow)),
    # Narrowing leaves casts of casts.
    ("simplify-4", anywhere(simplify)),
    # Once ranges are as narrow as they will be.
    ("clamps", clamps),
    ("products", products),
    # The other passes know sums of two. The last ones ``design`` runs by themselves, for it depends
    # on the clock how late the sums and the results of tables may be.
    ("ternary", by_threes),
    ("relus", relus),
    ("lookups", lookups),
)
"""Every pass in order. The last graph holds native ops only."""
TIMED = ("ternary", "relus", "lookups")
"""The last passes, which save area and may take time."""


@dataclass(frozen=True)
class PassRecord:
    """What one pass did: its name, the number of nodes after it, and its time."""

    name: str
    nodes: int
    seconds: float


def run(
    graph: Graph,
    *,
    target: Target | None = None,
    passes: tuple[tuple[str, Pass], ...] = DEFAULT,
    skip: Collection[str] = (),
    stop_after: int | None = None,
    dump: Path | None = None,
    first: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> tuple[Graph, list[PassRecord]]:
    """The graph after all passes, verified between every two; no output wider than before.

    ``target``: what the graph is for (``default_target()`` if not given).
    ``skip`` names passes to leave out; ``expand`` cannot be. ``stop_after`` runs only the first
    so many passes (and then what a backend needs), to bisect a wrong result. ``dump`` is a
    folder that receives the graph's text after each pass; ``first`` the number of the first of
    these files. Raises ConfigError where that folder cannot be written.
    """
    check_names(passes, skip)
    target = target or default_target()
    verify(graph, LOWERED)
    types = [node.type for node in graph.outputs]
    records = [PassRecord("lower", len(graph.nodes), 0.0)]
    if first == 1:
        _dump(dump, 0, "lower", graph)
    for number, (name, function) in enumerate(passes, start=first):
        beyond = stop_after is not None and number >= first + stop_after
        if name in skip or (beyond and name != "expand"):
            continue
        progress(name)
        start = perf_counter()
        graph = function(graph, target)
        records.append(PassRecord(name, len(graph.nodes), perf_counter() - start))
        try:
            verify(graph, LOWERED)
        except IRError as error:
            raise PassError(
                f"pass '{name}' made a broken graph: {error.what}",
                received=error.received,
                where=error.where,
                hint="This is a defect of hgq_rtl; please report it with the model",
            ) from error
        _dump(dump, number, name, graph)
    graph = graph.with_outputs(
        _restricted(graph, node, t) for node, t in zip(graph.outputs, types, strict=True)
    )
    if is_expanded(graph):
        verify(graph, NATIVE)
    return graph, records


def _restricted(graph: Graph, node: Node, t: Fixed) -> Node:
    with graph.builder.at(graph.origin(node)):
        return restrict(graph.builder, node, t)


def bisect(
    graph: Graph,
    is_wrong: Callable[[Graph], bool],
    passes: tuple[tuple[str, Pass], ...] = DEFAULT,
) -> str | None:
    """The name of the first pass after which ``is_wrong`` holds; None if it never does."""
    low, high = 0, len(passes)
    if not is_wrong(run(graph, passes=passes)[0]):
        return None
    while low < high:
        middle = (low + high) // 2
        if is_wrong(run(graph, passes=passes, stop_after=middle)[0]):
            high = middle
        else:
            low = middle + 1
    return passes[low - 1][0] if low else "lower"


def check_names(passes: tuple[tuple[str, Pass], ...], skip: Collection[str]) -> None:
    """Raise PassError for a name in ``skip`` that is no pass, or none that can be left out."""
    names = [name for name, _ in passes]
    for name in skip:
        if name not in names:
            raise PassError("unknown pass", received=repr(name), hint=f"Passes: {', '.join(names)}")
    if "expand" in skip:
        raise PassError(
            "pass 'expand' cannot be skipped", hint="No backend emits what it would leave"
        )


def _dump(folder: Path | None, number: int, name: str, graph: Graph) -> None:
    if folder is not None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:02d}-{name}.ir").write_text(to_text(graph))
