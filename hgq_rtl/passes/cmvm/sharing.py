"""Two-term sharing: the sums that several outputs have in common, found greedily.

Hartley's method (Subexpression sharing in filters using canonic signed digit multipliers, IEEE
TCAS-II 43, 1996) on all rows of a matrix at once: the most valuable pair of signed digits becomes a
value of its own wherever it occurs, until no pair is worth sharing. Counts of pairs are kept up to
date rather than recounted, and a lazy heap yields the best.

This file is the definition; ``sharing.cc`` is the same algorithm for matrices on which Python takes
too long, and gives the same answer (tests compare them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

WEIGHS = ("count", "overlap", "bits")
"""What makes a pair valuable: how often it occurs; that times the operand bits that overlap once
one is shifted; or the adder bits saved by having it once instead of every time."""

DEEPEST = 62
"""Largest level limit: enough to mean none, and 2^62 still fits 64 bits."""

_SHIFT_BITS, _ID_BITS = 11, 25
_SHIFT_ZERO = 1 << (_SHIFT_BITS - 1)


class Value(NamedTuple):
    """A number n·2^lsb with lo ≤ n ≤ hi, ready after ``level`` adders."""

    lo: int
    hi: int
    lsb: int
    level: int

    @property
    def top(self) -> int:
        """The weight of the first bit above the value's."""
        width = max((~self.lo).bit_length(), max(self.hi, 0).bit_length()) + 1
        return self.lsb + (width if self.lo < 0 else self.hi.bit_length())


class Pair(NamedTuple):
    """The value a + b·2^shift, or a - b·2^shift where ``sub``."""

    a: int
    b: int
    shift: int
    sub: bool


Row = dict[int, dict[int, bool]]
"""The digits of an output: by value and shift, whether negative."""


def paired(values: list[Value], pair: Pair) -> Value:
    """The interval of a pair. Its level is one above its operands'."""
    a, b = values[pair.a], values[pair.b]
    lsb = min(a.lsb, b.lsb + pair.shift)
    up_a, up_b = a.lsb - lsb, b.lsb + pair.shift - lsb
    lo, hi = (-b.hi, -b.lo) if pair.sub else (b.lo, b.hi)
    return Value(
        (a.lo << up_a) + (lo << up_b),
        (a.hi << up_a) + (hi << up_b),
        lsb,
        max(a.level, b.level) + 1,
    )


@dataclass
class Sharing:
    """Values and rows before, during and after the search, which changes both in place.

    ``limits``: for each row the level at which its sum must be ready. ``values`` starts with the
    inputs; ``pairs`` defines those that follow.
    """

    values: list[Value]
    rows: list[Row]
    limits: list[int]
    pairs: list[Pair] = field(default_factory=list)

    def digits(self) -> int:
        """How many digits all rows have."""
        return sum(len(shifts) for row in self.rows for shifts in row.values())


def load(row: Row, values: list[Value]) -> int:
    """Σ 2^level over a row's digits: it can be summed by level L exactly if this is at most 2^L.

    Kraft's inequality: an adder tree is a binary tree, its leaves the digits.
    """
    return sum(len(shifts) << values[v].level for v, shifts in row.items())


def score(values: list[Value], pair: Pair, count: int, weigh: str) -> int:
    """How much a pair that occurs ``count`` times is worth sharing; nothing below 1."""
    if weigh == "count":
        return count
    a, b = values[pair.a], values[pair.b]
    low_b = b.lsb + pair.shift
    top_a, top_b = a.top, b.top + pair.shift
    overlap = min(top_a, top_b) - max(a.lsb, low_b)
    if overlap <= 0:
        return 0
    if weigh == "overlap":
        return count * overlap
    # Below the coarser operand the finer one is copied, unless it is subtracted.
    low = low_b if pair.sub and low_b < a.lsb else max(a.lsb, low_b)
    return (count - 1) * (max(top_a, top_b) - low)


def share(sharing: Sharing, weigh: str) -> None:
    """Replace pairs by values of their own, the most valuable first."""
    _Search(sharing, weigh).run()


Digit = tuple[int, int, bool]
"""Value, shift, negative."""


def _key(x: Digit, y: Digit) -> int:
    """The pair of two digits as one integer; its order breaks ties: the newest values first."""
    (a, sa, na), (b, sb, nb) = (x, y) if x < y else (y, x)
    pair = ((b << _ID_BITS | a) << _SHIFT_BITS) + sb - sa + _SHIFT_ZERO
    return pair << 1 | (na != nb)


def _pair(key: int) -> Pair:
    sub, key = bool(key & 1), key >> 1
    shift = (key & ((1 << _SHIFT_BITS) - 1)) - _SHIFT_ZERO
    key >>= _SHIFT_BITS
    return Pair(key & ((1 << _ID_BITS) - 1), key >> _ID_BITS, shift, sub)


def _flat(row: Row) -> list[Digit]:
    return [(v, s, negative) for v, shifts in row.items() for s, negative in shifts.items()]


def _meet(digit: Digit, others: list[Digit], met: dict[int, int]) -> None:
    """Count the pairs of a digit with others."""
    for other in others:
        key = _key(digit, other)
        met[key] = met.get(key, 0) + 1


class _Search:
    def __init__(self, sharing: Sharing, weigh: str) -> None:
        self.values, self.rows, self.pairs = sharing.values, sharing.rows, sharing.pairs
        self.room = [
            (1 << limit) - load(row, self.values)
            for row, limit in zip(self.rows, sharing.limits, strict=True)
        ]
        self.weigh = weigh
        self.counts: dict[int, int] = {}
        """Of pairs that occur twice: no count rises once the newer value of its pair is made."""
        self.heap: list[tuple[int, int]] = []
        self.where: list[list[int]] = [[] for _ in self.values]
        """For each value the rows that have had a digit of it."""
        met: dict[int, int] = {}
        for number, row in enumerate(self.rows):
            for v in row:
                self.where[v].append(number)
            digits = _flat(row)
            for j, digit in enumerate(digits):
                _meet(digit, digits[:j], met)
        self.enter(met)

    def score(self, key: int) -> int:
        return score(self.values, _pair(key), self.counts[key], self.weigh)

    def run(self) -> None:
        while self.heap:
            believed, key = (-n for n in heappop(self.heap))
            if self.counts.get(key, 0) < 2:
                continue
            actual = self.score(key)
            if actual < believed:  # counts only fall, so that it belongs further back
                heappush(self.heap, (-actual, -key))
                continue
            if actual <= 0:
                break
            pair = _pair(key)
            found = list(self.occurrences(pair))
            if len(found) >= 2:
                self.replace(pair, found)
            # What is left of it overlaps itself or would come too late.
            self.counts.pop(key, None)

    def occurrences(self, pair: Pair) -> Iterator[tuple[int, int]]:
        """Row and shift of a, for every place where the pair can be taken out."""
        level_a, level_b = self.values[pair.a].level, self.values[pair.b].level
        more = (2 << max(level_a, level_b)) - (1 << level_a) - (1 << level_b)
        for number in self.where[pair.a]:
            row = self.rows[number]
            if pair.a not in row or pair.b not in row:
                continue
            firsts, seconds, room = row[pair.a], row[pair.b], self.room[number]
            used: set[int] = set()
            for s in sorted(firsts):
                t = s + pair.shift
                if more > room or t not in seconds or (firsts[s] != seconds[t]) != pair.sub:
                    continue
                if pair.a == pair.b:
                    if s in used or t in used:
                        continue
                    used.update((s, t))
                room -= more
                yield number, s

    def replace(self, pair: Pair, found: list[tuple[int, int]]) -> None:
        new = len(self.values)
        value = paired(self.values, pair)
        self.values.append(value)
        self.pairs.append(pair)
        self.where.append([])
        more = (1 << value.level) - sum(1 << self.values[v].level for v in (pair.a, pair.b))
        made: list[tuple[int, Digit]] = []
        for number, s in found:
            self.room[number] -= more
            made.append((number, (new, s, self.take_out(number, pair.a, s))))
            self.take_out(number, pair.b, s + pair.shift)
        met: dict[int, int] = {}
        for number, (_, s, negative) in made:
            row = self.rows[number]
            _meet((new, s, negative), _flat(row), met)
            if new not in row:
                self.where[new].append(number)
            row.setdefault(new, {})[s] = negative
        self.enter(met)

    def take_out(self, number: int, v: int, s: int) -> bool:
        """Remove a digit from a row; whether it was negative."""
        row = self.rows[number]
        negative = row[v].pop(s)
        if not row[v]:
            del row[v]
        for other in _flat(row):
            key = _key((v, s, negative), other)
            if self.counts.get(key):
                self.counts[key] -= 1
        return negative

    def enter(self, met: dict[int, int]) -> None:
        """Take up the pairs just met, with their counts."""
        for key, count in met.items():
            if count >= 2:
                self.counts[key] = count
                heappush(self.heap, (-self.score(key), -key))
