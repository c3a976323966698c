"""Several functions of seven to nine bits as two levels of LUTs with six inputs.

A function f is g(S, h(K)) for six bits K of the address, some bits h of these alone, and S that
leaves room for h: Ashenhurst's and Curtis's decomposition. The bits of a table change at the same
places, so that one h often serves all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hgq_rtl.ir.ops.lookup import LUT_INPUTS, SHARED_AT, UNUSED, Lut

Words = NDArray[np.uint64]
Constraint = tuple[int, int]
"""Points of h, as a mask, and those of them at which it is 1, or else those at which it is 0."""

Bits = NDArray[np.uint8]
"""A truth table, an element for each address."""
POINTS = 1 << LUT_INPUTS
MOST_SHARED = UNUSED - SHARED_AT
AT_ONCE = 3
"""Shared bits that one LUT may read if they are there anyway."""
ONE = np.uint64(1)


def two_levels(bits: NDArray[Any], n: int) -> tuple[tuple[Lut, ...], tuple[Lut, ...]] | None:
    """LUTs for the rows of ``bits``, the truth tables of functions of n bits, or None.

    First the bits that are shared, then one LUT for each row. See ``hgq_rtl.ir.ops.lookup``.
    """
    search = _Search(bits, n)
    while search.left:
        search.reuse()
        if not search.left:
            break
        if len(search.shared) - search.direct >= MOST_SHARED or not (
            search.share_one() or search.share_two()
        ):
            return None
    return search.luts()


class _Search:
    """``left``: rows without a LUT yet. ``pins``: what the LUT of each other row reads.

    Bit j of the address is number j, and ``shared[i]`` number ``SHARED_AT`` + i: the truth table of
    a bit that may be shared, and the bits of the address that it reads.
    """

    def __init__(self, bits: NDArray[Any], n: int) -> None:
        self.bits, self.n = np.asarray(bits, dtype=np.uint8), n
        minterms = np.arange(1 << n)
        self.address = [(minterms >> j & 1).astype(np.uint8) for j in range(n)]
        self.pins: dict[int, tuple[int, ...]] = {}
        self.shared: list[tuple[Bits, tuple[int, ...]]] = []
        self.left: list[int] = []
        self.tried = 0
        """Shared bits that ``reuse`` knows."""
        for k, f in enumerate(self.bits):
            support = tuple(j for j in range(n) if (f != f[minterms ^ (1 << j)]).any())
            if len(support) > LUT_INPUTS:
                self.left.append(k)
                continue
            self.pins[k] = support
            if len(support) > 1:
                self.shared.append((f, support))
        self.direct = len(self.shared)
        """Rows that are shared bits themselves."""

    def reuse(self) -> None:
        """Find the rows that shared bits, a new one among them, and bits of the address tell."""
        choices = [
            kept + tuple(SHARED_AT + i for i in some)
            for several in range(1, min(AT_ONCE, len(self.shared)) + 1)
            for some in combinations(range(len(self.shared)), several)
            if some[-1] >= self.tried
            for kept in combinations(range(self.n), LUT_INPUTS - several)
        ]
        self.tried = len(self.shared)
        if not choices:
            return
        wires = np.zeros((SHARED_AT + len(self.shared), 1 << self.n), dtype=np.int64)
        wires[: self.n] = self.address
        wires[SHARED_AT:] = [bit for bit, _ in self.shared]
        cell = np.arange(len(choices))[:, None] * POINTS
        for k, pins in enumerate(np.array(choices).T):
            cell = cell + (wires[pins] << k)
        size = len(choices) * POINTS
        every = np.bincount(cell.ravel(), minlength=size)
        for k in list(self.left):
            ones = np.bincount(cell[:, np.flatnonzero(self.bits[k])].ravel(), minlength=size)
            told = ((ones == 0) | (ones == every)).reshape(-1, POINTS).all(axis=1)
            if told.any():
                self.pins[k] = choices[int(told.argmax())]
                self.left.remove(k)

    def share_one(self) -> bool:
        """Share the bit that serves most rows, each with five bits of the address, if any."""
        best: dict[int, tuple[int, ...]] = {}
        chosen: tuple[list[Constraint], _Split] | None = None
        groups, masks = _cells(LUT_INPUTS - 1 - (self.n - LUT_INPUTS))
        found = [
            (split, *_columns(self.bits[self.left], split, masks)) for split in _splits(self.n)
        ]
        found.sort(key=lambda each: -int(each[2].any(axis=1).sum()))
        for split, patterns, possible in found:
            if possible.any(axis=1).sum() <= len(best):
                break
            parts: list[Constraint] = []
            served: dict[int, tuple[int, ...]] = {}
            for row in np.argsort(possible.sum(axis=1), kind="stable"):
                candidates = np.flatnonzero(possible[row])
                needs = (patterns[row, candidates] != 0).sum(axis=1)
                for group in candidates[np.argsort(needs, kind="stable")]:
                    pairs = zip(masks[group], patterns[row, group], strict=True)
                    joined = _joined(parts, [(int(m), int(v)) for m, v in pairs if v])
                    if joined is not None:
                        parts = joined
                        kept = tuple(split.kept[j] for j in groups[group])
                        served[self.left[row]] = kept + split.out
                        break
            if len(served) > len(best):
                best, chosen = served, (parts, split)
        if chosen is None:
            return False
        number = self._share(sum(value for _, value in chosen[0]), chosen[1])
        for k, pins in best.items():
            self.pins[k] = (*pins, number)
            self.left.remove(k)
        return True

    def share_two(self) -> bool:
        """Share two bits that serve one row, with four bits of the address, if any do."""
        groups, points = _members(LUT_INPUTS - 2 - (self.n - LUT_INPUTS))
        for k in self.left:
            for split in _splits(self.n):
                weights = 1 << np.arange(len(split.order))
                kinds = weights @ self.bits[k][split.order]
                order = np.sort(kinds[points], axis=2)
                few = ((np.diff(order, axis=2) != 0).sum(axis=2) < 4).all(axis=1)
                if few.any():
                    group = int(few.argmax())
                    numbers = tuple(
                        self._share(value, split) for value in _codes(kinds, points[group])
                    )
                    kept = tuple(split.kept[j] for j in groups[group])
                    self.pins[k] = kept + split.out + numbers
                    self.left.remove(k)
                    return True
        return False

    def _share(self, value: int, split: _Split) -> int:
        """The number of a new shared bit, by its values for the bits kept."""
        bit = np.zeros(1 << self.n, dtype=np.uint8)
        bit[split.order] = [value >> point & 1 for point in range(POINTS)]
        self.shared.append((bit, split.kept))
        return SHARED_AT + len(self.shared) - 1

    def luts(self) -> tuple[tuple[Lut, ...], tuple[Lut, ...]] | None:
        """The LUTs that were found; None if more bits are shared than can be numbered."""
        used = sorted({pin for pins in self.pins.values() for pin in pins if pin >= SHARED_AT})
        if len(used) > MOST_SHARED:
            return None
        first = [self._lut(*self.shared[pin - SHARED_AT]) for pin in used]
        number = {pin: SHARED_AT + i for i, pin in enumerate(used)}
        wires = {self.shared[pin - SHARED_AT][0].tobytes(): number[pin] for pin in used}
        second: list[Lut] = []
        for k, f in enumerate(self.bits):
            if f.tobytes() in wires:
                second.append(((wires[f.tobytes()],), 0b10))
                continue
            pins, truth = self._lut(f, self.pins[k])
            second.append((tuple([number.get(pin, pin) for pin in pins]), truth))
        return tuple(first), tuple(second)

    def _lut(self, bit: Bits, pins: tuple[int, ...]) -> Lut:
        index = np.zeros(1 << self.n, dtype=np.int64)
        for k, pin in enumerate(pins):
            wire = self.address[pin] if pin < SHARED_AT else self.shared[pin - SHARED_AT][0]
            index |= wire.astype(np.int64) << k
        return pins, sum(1 << int(i) for i in np.unique(index[bit.astype(bool)]))


# --- bits of the address, left out and kept ---------------------------------------------------


class _Split:
    """Six bits of the address ``kept`` for h, and those left ``out``.

    ``order``: the truth table's index for each value of the latter and of the former.
    """

    def __init__(self, n: int, out: tuple[int, ...]) -> None:
        self.out = out
        self.kept = tuple(j for j in range(n) if j not in out)
        self.order = (_spread(out)[:, None] | _spread(self.kept)[None, :]).astype(np.int64)


def _spread(places: Sequence[int]) -> NDArray[Any]:
    """All numbers of as many bits, their bits moved to these places."""
    n = np.arange(1 << len(places))
    return np.asarray(sum(((n >> k & 1) << j for k, j in enumerate(places)), np.zeros_like(n)))


@lru_cache(maxsize=8)
def _splits(n: int) -> list[_Split]:
    return [_Split(n, out) for out in combinations(range(n), n - LUT_INPUTS)]


@lru_cache(maxsize=8)
def _cells(size: int) -> tuple[list[tuple[int, ...]], Words]:
    """Each group of so many of six bits, and for each of its values the mask of points with it."""
    groups = list(combinations(range(LUT_INPUTS), size))
    points = np.arange(POINTS)
    masks = np.zeros((len(groups), 1 << size), dtype=np.uint64)
    for g, group in enumerate(groups):
        value = sum(((points >> j & 1) << k for k, j in enumerate(group)), np.zeros_like(points))
        for v in range(1 << size):
            masks[g, v] = _packed(value == v)
    return groups, masks


@lru_cache(maxsize=8)
def _members(size: int) -> tuple[list[tuple[int, ...]], NDArray[Any]]:
    """The groups of ``_cells``, and the points of each cell instead of their mask."""
    groups, masks = _cells(size)
    inside = masks[:, :, None] >> np.arange(POINTS, dtype=np.uint64) & ONE
    return groups, np.nonzero(inside)[2].reshape(len(groups), 1 << size, -1)


def _packed(bits: NDArray[Any]) -> int:
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


# --- which h serves a function ----------------------------------------------------------------


def _columns(bits: NDArray[Any], split: _Split, masks: Words) -> tuple[Words, NDArray[np.bool_]]:
    """For each row and group, in each cell: where h has one value; and whether it has only two.

    In a cell the function is 0, 1, h or its inverse for each value of the bits left out.
    """
    rows = np.ascontiguousarray(np.packbits(bits[:, split.order], axis=2, bitorder="little"))
    words = rows.view("<u8")[..., 0].astype(np.uint64)
    inside = words[:, :, None, None] & masks
    lowest = masks & (~masks + ONE)
    inside = np.where(inside & lowest, inside ^ masks, inside)
    pattern = inside.max(axis=1)
    return pattern, ((inside == 0) | (inside == pattern[:, None])).all(axis=(1, 3))


def _joined(parts: list[Constraint], new: list[Constraint]) -> list[Constraint] | None:
    """Constraints on disjoint points that say all of these; None if they contradict each other."""
    for mask, value in new:
        apart = []
        for other, pattern in parts:
            common = other & mask
            difference = (pattern ^ value) & common
            if not common:
                apart.append((other, pattern))
            elif difference not in (0, common):
                return None
            else:
                value |= pattern ^ other if difference else pattern
                mask |= other
        parts = [*apart, (mask, value)]
    return parts


def _codes(kinds: NDArray[Any], cells: NDArray[Any]) -> tuple[int, int]:
    """Two bits at each point that tell apart the up to four kinds of points in each cell."""
    first = second = 0
    for points in cells:
        number = {kind: i for i, kind in enumerate(sorted(set(kinds[points].tolist())))}
        for point in points.tolist():
            code = number[int(kinds[point])]
            first |= (code & 1) << point
            second |= (code >> 1) << point
    return first, second
