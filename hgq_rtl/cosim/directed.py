"""Vectors for what random ones miss: enumerated, or found by walking towards the target.

A hole whose values depend on few bits is settled by trying all of them: one of them is the vector,
or none can be, which is a proof. Towards the others a search walks in steps that get closer, on the
part of the graph that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from hgq_rtl.cosim.coverage import Coverage
from hgq_rtl.cosim.places import UNSEEN, Distances, Indices, Place
from hgq_rtl.fixed import INT64_BITS, Fixed, Ints
from hgq_rtl.ir.evaluate import evaluate_nodes
from hgq_rtl.ir.graph import toposort
from hgq_rtl.ir.node import Node
from hgq_rtl.ir.ops import INPUT

EFFORT = 30_000_000
"""Node evaluations, times vectors, that the search may take: about a second."""
CALL = 256
"""A node costs at least as much as on so many vectors."""
EXHAUSTIVE = 1 << 14
"""Combinations that are tried one and all."""
WIDEST = 64
"""Nodes of a cut, beyond which it is not opened further."""
MOST = 2000
"""Vectors that are added at most."""
MIXED, POOL, TRIES, ROUNDS = 2048, 128, 32, 200


class Search:
    """Adds vectors to a coverage until nothing is missed or the effort is spent."""

    def __init__(self, coverage: Coverage, types: Sequence[Fixed], seed: int, effort: int) -> None:
        self.coverage, self.effort = coverage, effort
        self.low = np.array([t.lo for t in types], dtype=np.int64)
        self.high = np.array([t.hi for t in types], dtype=np.int64)
        self.column = {node: j for j, node in enumerate(coverage.graph.inputs)}
        self.rng = np.random.default_rng(seed)
        self.found: list[Ints] = []
        self.none: Ints = np.empty((0, len(types)), dtype=np.int64)
        self.base = np.clip(np.zeros(len(types), dtype=np.int64), self.low, self.high)

    def run(self) -> Ints:
        """The further vectors, counted in the coverage already."""
        nodes = len(self.coverage.graph.nodes)
        if self._missed() and nodes * MIXED <= self.effort // 2:
            self.effort -= nodes * MIXED
            self._keep(self._mixed(MIXED))
        order = sorted(range(len(self.coverage.places)), key=self._bits_last)
        order = [number for number in order if len(self.coverage.holes(number))]
        pending: list[Ints] = []
        for turn, number in enumerate(order):
            holes = self.coverage.holes(number)
            if self.effort <= 0 or sum(map(len, self.found)) >= MOST:
                break
            if len(holes):
                share = max(self.effort // (len(order) - turn), 0)
                pending.append(self._towards(number, holes, share))
            # Counting goes through the whole graph, so it is done for many at once.
            if sum(map(len, pending)) >= CALL:
                self._keep(np.concatenate(pending))
                pending = []
        self._keep(np.concatenate([self.none, *pending]))
        return np.concatenate([self.none, *self.found])

    def _bits_last(self, number: int) -> bool:
        """Output bits come after what is inside, whose parts of the graph are smaller."""
        return self.coverage.places[number].kind == "output bits"

    def _missed(self) -> bool:
        return any((first == UNSEEN).any() for first in self.coverage.first)

    def _keep(self, vectors: Ints) -> None:
        """Add those that reach something first."""
        if not len(vectors):
            return
        self.effort -= 2 * len(self.coverage.graph.nodes) * max(len(vectors), CALL)
        useful = self.coverage.useful(vectors)[: MOST - sum(map(len, self.found))]
        if len(useful):
            self.coverage.add(vectors[useful])
            self.found.append(vectors[useful])

    def _mixed(self, count: int) -> Ints:
        """Random vectors of all magnitudes, around zero and around the ends."""
        shape = (count, len(self.low))
        small = self.rng.integers(self.low, self.high, size=shape, endpoint=True)
        small >>= self.rng.integers(0, 63, size=(count, 1)) % 24
        anchors = np.stack([np.zeros_like(self.low), self.low, self.high])
        which = self.rng.integers(0, 3, size=(count, 1))
        at = anchors[np.broadcast_to(which, shape), np.arange(shape[1])]
        return np.asarray(np.clip(at + small, self.low, self.high))

    def _towards(self, number: int, holes: Indices, share: int) -> Ints:
        """Vectors for holes of one place; what cannot be is entered in the coverage."""
        place = self.coverage.places[number]
        cone = toposort(place.probes)
        self.effort -= CALL * len(cone)
        cut = cheap_cut(place.probes, cone)
        if cut is not None:
            values = self._all_values(cut)
            hits = place.hits(self._probe(place, dict(zip(cut, values.T, strict=True)), cone))
            reached = hits if hits.ndim == 2 else hits[:, None]
            impossible = holes[~np.isin(holes, reached)]
            self.coverage.exclude(number, impossible)
            holes = np.setdiff1d(holes, impossible)
            if all(node.op is INPUT for node in cut):
                rows = [int(np.argmax((reached == hole).any(axis=1))) for hole in holes]
                vectors: Ints = np.repeat(self.base[None], len(holes), axis=0)
                vectors[:, [self.column[node] for node in cut]] = values[rows]
                return vectors
        return self._walk(place, holes, cone, share) if len(holes) else self.none

    def _all_values(self, nodes: Sequence[Node]) -> Ints:
        """All combinations of the values of some nodes, one per row."""
        grids = np.meshgrid(
            *[np.arange(n.type.lo, n.type.hi + 1, dtype=np.int64) for n in nodes], indexing="ij"
        )
        return np.stack([grid.reshape(-1) for grid in grids], axis=1)

    def _probe(self, place: Place, feeds: dict[Node, Ints], cone: Sequence[Node]) -> list[Ints]:
        rows = len(next(iter(feeds.values())))
        self.effort -= len(cone) * max(rows, CALL)
        found = evaluate_nodes(feeds, [n for n in place.probes if n not in feeds])
        return [feeds[n] if n in feeds else found[n] for n in place.probes]

    def _walk(self, place: Place, holes: Indices, cone: Sequence[Node], share: int) -> Ints:
        """For each hole a vector that comes closer step by step; those that arrive."""
        inputs = [node for node in cone if node.op is INPUT]
        columns = np.array([self.column[node] for node in inputs], dtype=np.int64)
        if not len(columns):
            return self.none
        stop = self.effort - share

        def away(vectors: Ints, points: Indices) -> Distances:
            feeds = {node: vectors[:, j] for node, j in zip(inputs, columns, strict=True)}
            return place.distance(points, self._probe(place, feeds, cone))

        pool = self._mixed(POOL)
        pool[: POOL // 2] = self.rng.integers(
            self.low, self.high, size=pool[: POOL // 2].shape, endpoint=True
        )
        # As many holes at once as a batch of reasonable size holds.
        holes = holes[: max(1, share // (len(cone) * TRIES * 4))]
        apart = away(np.tile(pool, (len(holes), 1)), np.repeat(holes, POOL))
        apart = apart.reshape(len(holes), POOL)
        best = apart.argmin(axis=1)
        now, distance = pool[best], apart.min(axis=1)
        for _ in range(ROUNDS):
            (far,) = np.nonzero(distance > 0)
            if not len(far) or self.effort <= stop:
                break
            tried = self._stepped(np.repeat(now[far], TRIES, axis=0), columns)
            d = away(tried, np.repeat(holes[far], TRIES)).reshape(len(far), TRIES)
            choice = d.argmin(axis=1)
            closer = d.min(axis=1) <= distance[far]
            rows = far[closer]
            picked = tried.reshape(len(far), TRIES, -1)[np.arange(len(far)), choice]
            now[rows], distance[rows] = picked[closer], d.min(axis=1)[closer]
        arrived: Ints = now[distance == 0]
        return arrived

    def _stepped(self, vectors: Ints, columns: Indices) -> Ints:
        """Each vector with one to three of its inputs changed: a little, a lot, or to an end."""
        rows = np.arange(len(vectors))
        for turn in range(3):
            moving = rows if turn == 0 else rows[self.rng.random(len(rows)) < 0.5]
            j = columns[self.rng.integers(0, len(columns), size=len(moving))]
            low, high = self.low[j], self.high[j]
            span = np.maximum(high - low, 1)
            # A power of two up to the range, so that steps of all sizes are as likely.
            power = (self.rng.random(len(moving)) * np.log2(2.0 * span)).astype(np.int64)
            step = np.where(self.rng.random(len(moving)) < 0.5, -1, 1) << power
            fresh = self.rng.integers(low, high, endpoint=True)
            ends = np.where(self.rng.random(len(moving)) < 0.5, low, high)
            kind = self.rng.random(len(moving))
            value = np.where(kind < 0.7, vectors[moving, j] + step, fresh)
            value = np.where(kind > 0.9, ends, value)
            vectors[moving, j] = np.clip(value, low, high)
        return vectors


def cheap_cut(probes: Sequence[Node], cone: Sequence[Node]) -> list[Node] | None:
    """Nodes near the inputs that decide ``probes`` and have few combinations of values.

    What no combination of their values does, nothing does; the converse holds if they are inputs.
    """
    order = {node: place for place, node in enumerate(cone)}
    cut = {node for node in probes if not node.type.is_const}
    best: list[Node] | None = None
    while cut:
        if prod(n.type.hi - n.type.lo + 1 for n in cut) <= EXHAUSTIVE:
            best = sorted(cut, key=order.__getitem__)
        inner = [node for node in cut if node.op is not INPUT]
        if not inner or len(cut) > WIDEST:
            break
        opened = max(inner, key=order.__getitem__)
        cut.remove(opened)
        cut |= {arg for arg in opened.args if not arg.type.is_const}
    return best


def directed_vectors(
    coverage: Coverage, types: Sequence[Fixed], seed: int, effort: int = EFFORT
) -> Ints:
    """Further vectors of input integers, counted in ``coverage``; at most 2000.

    ``types``: the intervals of the inputs. The same arguments give the same vectors.
    """
    wide = any(node.type.width > INT64_BITS for node in coverage.graph.nodes)
    if wide or not types:
        return np.empty((0, len(types)), dtype=np.int64)
    return Search(coverage, types, seed, effort).run()
