import numpy as np

from hgq_rtl.cosim.vectors import (
    bits_value,
    corner_vectors,
    element_bits,
    hex_lines,
    random_vectors,
)
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Port

S4, U3, ZERO, ONE = Fixed(-8, 7, -2), Fixed(0, 7, 0), Fixed(0, 0, 0), Fixed(5, 5, 0)
WIDE = Fixed(-(1 << 79), (1 << 79) - 1, 0)


def slow_line(ports, row):
    """What hex_lines does, one Python integer at a time."""
    words, column = [], 0
    for port in ports:
        bus = at = 0
        for t in port.types:
            bus |= (int(row[column]) & ((1 << t.width) - 1)) << at
            at += t.width
            column += 1
        if port.width:
            words.append(f"{bus:0{2 * ((port.width + 7) // 8)}x}")
    return " ".join(words)


def test_lines_hold_every_element_at_its_place():
    ports = [
        Port("a", (4,), (S4, ZERO, U3, S4)),
        Port("none", (1,), (ZERO,)),
        Port("b", (), (ONE,)),
    ]
    types = [t for port in ports for t in port.types]
    n = random_vectors(types, 5000, seed=1)
    assert hex_lines(ports, n).splitlines() == [slow_line(ports, row) for row in n]


def test_lines_of_integers_beyond_64_bits():
    ports = [Port("a", (3,), (WIDE, S4, WIDE))]
    n = np.concatenate([corner_vectors(ports[0].types), random_vectors(ports[0].types, 50, seed=2)])
    assert n.dtype == object
    assert hex_lines(ports, n).splitlines() == [slow_line(ports, row) for row in n]


def test_design_without_buses_still_has_a_line_per_vector():
    assert hex_lines([Port("none", (2,), (ZERO, ZERO))], np.zeros((3, 2), dtype=np.int64)) == (
        "-\n-\n-\n"
    )
    assert hex_lines([], corner_vectors([])) == "-\n" * 5


def test_corners_stay_inside_and_reach_both_ends_of_every_element():
    types = [S4, U3, ONE, Fixed(-9, -3, 0), Fixed(2, 6, 1)] * 30
    n = corner_vectors(types)
    low, high = np.array([t.lo for t in types]), np.array([t.hi for t in types])
    assert ((n >= low) & (n <= high)).all()
    assert (n.min(axis=0) == low).all()
    assert (n.max(axis=0) == high).all()
    # Five patterns, and two one-hot vectors for each of 64 elements out of 150.
    assert len(n) == 5 + 2 * 64


def test_random_vectors_are_seeded_and_inside():
    types = [S4, U3, ONE]
    n = random_vectors(types, 2000, seed=3)
    assert (n == random_vectors(types, 2000, seed=3)).all()
    assert (n != random_vectors(types, 2000, seed=4)).any()
    assert n.min(axis=0).tolist() == [-8, 0, 5]
    assert n.max(axis=0).tolist() == [7, 7, 5]
    ends = n[3::4, 0]
    assert set(ends.tolist()) == {-8, 7}
    assert random_vectors(types, 0, seed=3).shape == (0, 3)


def test_bits_of_elements_come_back():
    ports = [Port("a", (3,), (S4, ZERO, U3)), Port("b", (), (ZERO,)), Port("c", (), (S4,))]
    # a is 7 bits: u3 above s4.
    assert element_bits(ports, ["1010011", "1111"]) == ["0011", "", "101", "", "1111"]
    assert bits_value("", False) == 0
    assert bits_value("1111", True) == -1
    assert bits_value("0x11", True) is None
