"""Layers converted in several processes, where a design is large enough to pay for them.

Each worker is a fresh interpreter that reads modules as text and writes RTLIL: nothing is forked
(the parent may hold a JAX runtime) and the caller's script is not imported again (it needs no
``__main__`` guard).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hgq_rtl.emit.partition import Module
from hgq_rtl.ir.text import from_text, to_text

MIN_NODES = 6000
"""Below, a worker's start (0.4 s, most of it imports) costs more than it saves."""
MAX_WORKERS = 16

Convert = Callable[[Module], str]


def describe(module: Module) -> str:
    """Everything that a module's text depends on; equal text, equal hardware."""
    names = [module.signals.get(node) for node in module.graph.nodes]
    text = to_text(module.graph)
    marks = [sorted(module.addresses), module.keep_sums]
    return json.dumps([module.name, module.top, text, names, marks])


def rebuild(text: str) -> Module:
    """The module that ``describe`` wrote, as far as conversion needs it."""
    name, top, graph_text, names, _ = json.loads(text)
    graph = from_text(graph_text)
    signals = {n: s for n, s in zip(graph.nodes, names, strict=True) if s is not None}
    return Module(name, "", graph, signals=signals, top=top)


def convert_all(modules: Sequence[Module], texts: Sequence[str], convert: Convert) -> list[str]:
    """``convert`` of every module, spread over processes where that is faster."""
    sizes = [len(module.graph.nodes) for module in modules]
    workers = min(len(modules), _cpus(), MAX_WORKERS)
    if workers < 2 or sum(sizes) < MIN_NODES:
        return [convert(module) for module in modules]
    shares: list[list[int]] = [[] for _ in range(workers)]
    load = [0] * workers
    for index in sorted(range(len(modules)), key=lambda i: -sizes[i]):
        lightest = load.index(min(load))
        shares[lightest].append(index)
        load[lightest] += sizes[index]
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(_run, [[texts[i] for i in share] for share in shares]))
    results = [""] * len(modules)
    for share, answer in zip(shares, answers, strict=True):
        for position, index in enumerate(share):
            # A worker that could not run is no reason to fail: the work is done here instead,
            # and an error of the module itself then shows where the user can see it.
            results[index] = answer[position] if answer else convert(modules[index])
    return results


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _run(texts: list[str]) -> list[str] | None:
    command = [sys.executable, "-m", "hgq_rtl.emit.workers"]
    try:
        done = subprocess.run(
            command, input=json.dumps(texts), capture_output=True, encoding="utf-8", check=True
        )
        answer: list[str] = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError):
        return None
    return answer


def main() -> None:
    """Read descriptions of modules from stdin, write their RTLIL to stdout."""
    from hgq_rtl.emit.amaranth import to_rtlil

    texts = json.load(sys.stdin)
    json.dump([to_rtlil(rebuild(text)) for text in texts], sys.stdout)


if __name__ == "__main__":
    main()
