"""Which ufunc is exact by which rule, and what kind of results each has."""

from __future__ import annotations

import numpy as np

from hgq_rtl.ir.ops import AND, MAX, MIN, OR, XOR
from hgq_rtl.lowering.functions.bits import (
    bitwise,
    count_ones,
    invert,
    ldexp,
    left_shift,
    right_shift,
)
from hgq_rtl.lowering.functions.conditions import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical,
    logical_not,
    not_equal,
)
from hgq_rtl.lowering.functions.scalar import (
    Rule,
    absolute,
    add,
    ceil,
    divide,
    extremum,
    floor,
    floor_divide,
    multiply,
    negative,
    power,
    remainder,
    rounded,
    sign,
    square,
    subtract,
)

EXACT: dict[np.ufunc, Rule] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.floor_divide: floor_divide,
    np.remainder: remainder,
    np.power: power,
    np.float_power: power,
    np.square: square,
    np.negative: negative,
    np.positive: lambda build, a: a,
    np.conjugate: lambda build, a: a,
    np.absolute: absolute,
    np.fabs: absolute,
    np.sign: sign,
    np.maximum: extremum(MAX),
    np.minimum: extremum(MIN),
    np.fmax: extremum(MAX),
    np.fmin: extremum(MIN),
    np.less: less,
    np.greater: greater,
    np.less_equal: less_equal,
    np.greater_equal: greater_equal,
    np.equal: equal,
    np.not_equal: not_equal,
    np.logical_not: logical_not,
    np.logical_and: logical(AND),
    np.logical_or: logical(OR),
    np.logical_xor: logical(XOR),
    np.bitwise_and: bitwise(AND),
    np.bitwise_or: bitwise(OR),
    np.bitwise_xor: bitwise(XOR),
    np.invert: invert,
    np.bitwise_count: count_ones,
    np.left_shift: left_shift,
    np.right_shift: right_shift,
    np.ldexp: ldexp,
    np.floor: floor,
    np.ceil: ceil,
    np.trunc: rounded("TRN_ZERO"),
    np.rint: rounded("RND_CONV"),
}
"""The ufuncs with exact results."""

OF_INTEGERS = frozenset(
    {
        np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift,
        np.ldexp, np.bitwise_count,
    }
)  # fmt: skip
"""Ufuncs that NumPy does not have for floats."""

CONDITIONS = frozenset(
    {
        np.less, np.greater, np.less_equal, np.greater_equal, np.equal, np.not_equal,
        np.logical_not, np.logical_and, np.logical_or, np.logical_xor,
        np.isfinite, np.isnan, np.isinf, np.signbit,
    }
)  # fmt: skip
"""Ufuncs whose results are truth values."""

WHOLE = frozenset(
    {*CONDITIONS, np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide, np.heaviside}
)
"""Ufuncs whose results are few: as functions of a float they become tables at once."""

OF_CONDITIONS: dict[np.ufunc, np.ufunc | None] = {
    np.add: np.logical_or,
    np.multiply: np.logical_and,
    np.maximum: np.logical_or,
    np.minimum: np.logical_and,
    np.bitwise_and: np.logical_and,
    np.bitwise_or: np.logical_or,
    np.bitwise_xor: np.logical_xor,
    np.invert: np.logical_not,
    np.absolute: np.positive,
    np.subtract: None,
    np.negative: None,
    np.positive: None,
    np.sign: None,
}
"""What NumPy does where all operands are truth values; None is its TypeError."""
