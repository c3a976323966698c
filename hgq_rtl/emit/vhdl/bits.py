"""Expressions of ieee.numeric_std that read bits of a signal, or a constant.

A signal is ``signed`` or ``unsigned`` as its node is; arithmetic happens in the type of its result.
Only functions and conversions that tools have known since VHDL-93 are called.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hgq_rtl.fixed import Fixed

NATURAL = 1 << 31
"""One more than the largest integer of VHDL."""


def kind(signed: bool) -> str:
    """The type of a number."""
    return "signed" if signed else "unsigned"


def number(t: Fixed) -> str:
    """The subtype of a signal.

    >>> number(Fixed(-8, 7, -2)), number(Fixed(0, 1, 0))
    ('signed(3 downto 0)', 'unsigned(0 downto 0)')
    """
    return f"{kind(t.signed)}({t.width - 1} downto 0)"


@dataclass(frozen=True)
class Bits:
    """``width`` bits of a signal from bit ``low`` up, read as a number of this sign."""

    name: str
    source: Fixed
    """Of the whole signal."""
    low: int
    width: int
    signed: bool

    @staticmethod
    def of(name: str, t: Fixed) -> Bits:
        """All bits of a signal."""
        return Bits(name, t, 0, t.width, t.signed)

    def cut(self, low: int, width: int) -> Bits:
        """At most ``width`` bits from ``low`` up, with the sign as long as the top bit is there."""
        return replace(self, low=self.low + low, width=min(width, self.width - low))

    @property
    def top(self) -> str:
        """The most significant bit, a std_logic."""
        return f"{self.name}({self.low + self.width - 1})"

    @property
    def raw(self) -> str:
        """The bits in the type of the signal, which may have another sign."""
        if (self.low, self.width) == (0, self.source.width):
            return self.name
        return f"{self.name}({self.low + self.width - 1} downto {self.low})"


Operand = Bits | int
"""What a rule reads: a signal, or a number on the grid of its node."""


def converted(text: str, signed: bool, wanted: bool) -> str:
    """``text`` of one type in the other, if it is not that already."""
    return text if signed == wanted else f"{kind(wanted)}({text})"


def zeros(count: int) -> str:
    """A literal."""
    return f'"{"0" * count}"' if count <= 8 else f'{count}x"0"'


def modular(x: Bits, shift: int, width: int, signed: bool) -> str:
    """``width`` bits of x·2^shift modulo 2^width, extended by the sign of x.

    >>> x = Bits.of("x", Fixed(-8, 7, 0))
    >>> modular(x, 0, 4, True), modular(x, 2, 8, True), modular(x, 0, 3, False)
    ('x', 'resize(x & "00", 8)', 'unsigned(x(2 downto 0))')
    """
    if shift >= width:
        return literal(0, width, signed)
    x = x.cut(0, width - shift)
    text, now = x.raw, x.source.signed
    wide = x.width + shift
    if wide < width:
        text, now = converted(text, now, x.signed), x.signed
    if shift:
        text = f"{text} & {zeros(shift)}"
    if wide < width:
        text = f"resize({text}, {width})"
    elif shift and now == signed:
        text = f"({text})"
    return converted(text, now, signed)


def exact(x: Bits, shift: int, wider: bool = False) -> str:
    """All of x·2^shift; ``wider``: signed, with a bit in front where x is not.

    >>> print(exact(Bits.of("x", Fixed(0, 7, 0)), 1, wider=True))
    signed('0' & x & "0")
    """
    pad = f" & {zeros(shift)}" if shift else ""
    if wider and not x.signed:
        text = f"'0' & {x.raw}{pad}"
        return f"({text})" if x.source.signed else f"signed({text})"
    text = converted(x.raw, x.source.signed, x.signed)
    return f"({text}{pad})" if pad else text


def _hex(n: int, width: int) -> str:
    return f'{width}x"{n & ((1 << width) - 1):x}"'


def wrapped(n: int, width: int, signed: bool) -> int:
    """The number that the low ``width`` bits of ``n`` are."""
    n &= (1 << width) - 1
    return n - (1 << width) if signed and n >> (width - 1) else n


def literal(n: int, width: int, signed: bool) -> str:
    """A constant of ``width`` bits where its type is known from what it is compared with.

    >>> literal(5, 4, False), literal(-1, 40, True), literal(1 << 39, 40, False)
    ('to_unsigned(5, 4)', 'to_signed(-1, 40)', '40x"8000000000"')
    """
    n = wrapped(n, width, signed)
    if width == 1:
        return f'"{n & 1}"'
    if -NATURAL < n < NATURAL:
        return f"to_{kind(signed)}({n}, {width})"
    return _hex(n, width)


def fill(n: int, width: int, signed: bool) -> str:
    """A constant as all that is assigned."""
    return literal(n, width, signed) if wrapped(n, width, signed) else "(others => '0')"


def addend(n: int, width: int, signed: bool) -> tuple[bool, str]:
    """Whether to subtract, and what, to add ``n`` modulo 2^width.

    >>> addend(-3, 8, False), addend(3, 8, True), addend(-128, 8, True)
    ((True, '3'), (False, '3'), (False, '8x"80"'))
    """
    n = wrapped(n, width, signed) if signed else n
    limit = min(NATURAL, 1 << (width - signed))
    if abs(n) < limit:
        return n < 0, str(abs(n))
    return False, _hex(n, width)


def compared(n: int) -> str:
    """A constant beside a number of any width: an integer, or bits if it is too large for one."""
    return str(n) if abs(n) < NATURAL else _hex(n, n.bit_length() + (n < 0))
