import numpy as np

from hgq_rtl.cosim.vectors import random_vectors
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Port
from hgq_rtl.ir.packing import from_bits, from_bytes, to_bits, to_bytes

NARROW = [
    Port("a", (3,), (Fixed(-8, 7, 0), Fixed(0, 0, 0), Fixed(0, 6, -1))),
    Port("b", (), (Fixed(-1, 0, 3),)),
]
WIDE = [Port("c", (2,), (Fixed(-(1 << 69), 1 << 65, 0), Fixed(0, 1 << 62, 0)))]


def test_bits_in_order():
    bits = to_bits(NARROW, np.array([[-8, 0, 5, -1], [3, 0, 0, 0]]))
    assert ["".join(map(str, row)) for row in bits] == ["00011011", "11000000"]


def test_integers_come_back():
    for ports in (NARROW, WIDE, [*NARROW, *WIDE]):
        types = [t for port in ports for t in port.types]
        n = random_vectors(types, 200, seed=1)
        assert (from_bits(ports, to_bits(ports, n)) == n).all()
        assert (from_bytes(ports, to_bytes(ports, n, 32)) == n).all()


def test_bytes_are_padded_with_zeros():
    data = to_bytes(NARROW, np.array([[-8, 0, 5, -1]]), 3)
    assert data.tolist() == [[0b11011000, 0, 0]]


def test_ports_without_bits():
    nothing = [Port("z", (2,), (Fixed(0, 0, 0), Fixed(0, 0, 0)))]
    n = np.zeros((4, 2), dtype=np.int64)
    assert to_bytes(nothing, n, 1).tolist() == [[0]] * 4
    assert (from_bytes(nothing, to_bytes(nothing, n, 1)) == n).all()
