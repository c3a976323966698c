from dataclasses import replace

import numpy as np
import pytest

from hgq_rtl.errors import TimingError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import (
    ADD,
    AND,
    CAST,
    COMPARE,
    DOT,
    INPUT,
    LOOKUP,
    MAX,
    MIN,
    MUL,
    MUX,
    REG,
    SHIFT,
    TABLE,
    constant,
)
from hgq_rtl.ir.ops.lookup import lookup_bits
from hgq_rtl.timing.load import device_names, load_device
from hgq_rtl.timing.sizes import SIZES, WIRING

S8, U8, BIT = Fixed(-128, 127, 0), Fixed(0, 255, 0), Fixed(0, 1, 0)


@pytest.fixture
def build():
    return Builder()


def inputs(build, *types):
    return [build(INPUT, name=f"x{j}", lo=t.lo, hi=t.hi, exp=t.exp) for j, t in enumerate(types)]


def size(node):
    return SIZES[node.op](node)


@pytest.mark.parametrize(
    ("a", "b", "sub", "bits"),
    [
        (S8, S8, False, 9),
        (S8, Fixed(0, 0, 0), True, 0),
        (Fixed(0, 0, 0), S8, False, 0),
        (Fixed(0, 0, 0), S8, True, 9),  # a negation is an adder
        (S8, Fixed(-128, 127, 3), False, 9),  # the three low bits are copied
        (S8, Fixed(-128, 127, 3), True, 9),
        (Fixed(-128, 127, 3), S8, True, 12),  # the finer operand is subtracted: nothing to copy
        (Fixed(0, 7, 0), Fixed(-8, 7, 3), False, 0),  # concatenation
        (Fixed(-8, 7, 3), Fixed(0, 7, 0), False, 0),
        (Fixed(0, 7, 0), Fixed(-8, 7, 3), True, 5),
        (Fixed(-4, 3, 0), Fixed(-8, 7, 3), False, 5),  # the sign of the low part borrows
        (Fixed(0, 15, 0), Fixed(-8, 7, 3), False, 5),  # one bit overlaps
    ],
)
def test_an_add_counts_the_bits_that_need_an_adder(build, a, b, sub, bits):
    node = build(ADD, *inputs(build, a, b), sub=sub)
    assert size(node)[1] == bits


def test_special_forms_have_rows_of_their_own(build):
    s, t, u, bit = inputs(build, S8, S8, U8, BIT)
    zero, five = constant(build, 0, 0), constant(build, 5, 0)
    expected = {
        build(ADD, s, t, sub=False): ("add", 9),
        build(ADD, s, five, sub=True): ("add.const", 9),
        build(ADD, five, s, sub=True): ("sub", 9),
        build(ADD, s, t, sub=True): ("sub", 9),
        build(MAX, s, zero): ("max.zero", 7),
        build(MIN, zero, s): ("max.zero", 8),
        build(MAX, u, zero): ("", 0),
        build(MAX, s, five): ("max.const", 8),
        build(MAX, s, u): ("max", 8),
        build(MUX, bit, s, t): ("mux", 8),
        build(MUX, bit, s, zero): ("mux.const", 8),
        build(MUX, bit, five, zero): ("", 0),
        build(COMPARE, s, zero, kind="lt"): ("", 0),
        build(COMPARE, zero, s, kind="lt"): ("compare.lt.const", 8),
        build(COMPARE, s, t, kind="lt"): ("compare.lt", 8),
        build(COMPARE, s, five, kind="eq"): ("compare.eq.const", 8),
        build(MUL, s, t): ("mul", 16),
        build(MUL, s, bit): ("mul.bit", 8),
        build(AND, s, t): ("and", 8),
    }
    assert {node: size(node) for node in expected} == expected


def test_wiring_and_single_values_are_free_on_every_device(build):
    (x,) = inputs(build, S8)
    fixed = build(MAX, build(CAST, x, exp=0, width=1, signed=False), constant(build, 5, 0))
    nodes = [x, constant(build, 3, 1), build(SHIFT, x, bits=2), build(REG, x), fixed]
    nodes.append(build(CAST, x, exp=2, width=3, signed=True))
    assert {node.op for node in nodes[:-2]} | {CAST} == WIRING
    for name in device_names():
        model = load_device(name)
        assert [model.delay(node) for node in nodes] == [0] * len(nodes)
        assert [model.cost(node) for node in nodes] == [0] * len(nodes)


def test_delay_is_net_plus_base_plus_bits(build):
    model = load_device("xcvu13p-2")
    a, b = inputs(build, S8, S8)
    node = build(ADD, a, b, sub=False)
    base, per_bit = model.rows["add"].delay
    assert model.delay(node) == -(-(model.net + base + 9 * per_bit) // 1)
    assert model.cost(node) == 8
    assert model.cost(build(MAX, a, constant(build, 0, 0))) == 7
    assert model.cost(build(MUL, a, b)) == 64
    assert model.register_overhead == model.clk_to_q + model.setup


# (bits and sign of a, bits and sign of b, shift of b, sub): LUTs in Yosys's netlist.
ADDERS = {
    (4, 0, 4, 0, 0, 0): 4, (4, 1, 4, 1, 0, 0): 4, (8, 0, 3, 0, 0, 0): 3, (8, 1, 3, 1, 0, 0): 8,
    (8, 1, 3, 0, 0, 0): 3, (3, 0, 8, 0, 0, 0): 3, (8, 1, 8, 1, 0, 0): 8, (8, 0, 8, 0, 4, 0): 4,
    (8, 1, 8, 1, 4, 0): 8, (8, 1, 3, 1, 4, 0): 4, (3, 1, 8, 1, 4, 0): 8, (3, 0, 8, 0, 2, 0): 1,
    (4, 0, 4, 0, 0, 1): 5, (4, 1, 4, 1, 0, 1): 5, (8, 0, 3, 0, 0, 1): 4, (8, 1, 3, 1, 0, 1): 9,
    (8, 1, 3, 0, 0, 1): 4, (3, 0, 8, 0, 0, 1): 4, (8, 1, 8, 1, 0, 1): 9, (8, 0, 8, 0, 4, 1): 5,
    (8, 1, 8, 1, 4, 1): 9, (8, 1, 3, 1, 4, 1): 5,
}  # fmt: skip


@pytest.mark.parametrize("case", ADDERS, ids=str)
def test_adders_cost_what_yosys_makes_of_them(build, case):
    bits_a, sign_a, bits_b, sign_b, shift, sub = case
    types = [Fixed.from_kif(k, n - k, 0) for n, k in ((bits_a, sign_a), (bits_b, sign_b))]
    a, b = inputs(build, *types)
    b = build(SHIFT, b, bits=shift) if shift else b
    assert load_device("xcvu13p-2").cost(build(ADD, a, b, sub=bool(sub))) == ADDERS[case]


def test_tables_are_read_by_address_bits(build):
    model = load_device("xcvu13p-2")
    (x,) = inputs(build, Fixed(0, 127, 0))
    node = build(TABLE, x, entries=tuple(range(128)), lo=0, step=0, exp=0)
    assert model.delay(node) == model.net + model.table_delay[7]
    assert model.cost(node) == model.table_luts[7] * 7


def test_a_lookup_is_two_levels_of_luts(build):
    """Wires, inverters and constants among its LUTs cost nothing."""
    model = load_device("xcvu13p-2")
    (x,) = inputs(build, Fixed(0, 127, 0))
    shared = (((0, 1, 2, 3, 4, 5), 1 << 63),)
    bits = (((6, 9), 0b1000), ((9,), 0b10), ((3,), 0b01), ((), 1))
    entries = tuple(lookup_bits(np.arange(128), shared, bits).tolist())
    node = build(LOOKUP, x, entries=entries, lo=0, step=0, exp=0, shared=shared, bits=bits)
    assert model.cost(node) == 2
    assert model.delay(node) == 2 * (model.net + model.table_delay[6])


def test_an_op_without_numbers_is_an_error(build):
    (x,) = inputs(build, Fixed(0, (1 << 13) - 1, 0))
    model = load_device("xcvu13p-2")
    with pytest.raises(TimingError) as error:
        model.delay(build(DOT, x, weights=(3,), exp=0, bias=0, bias_exp=0), "dense_1/neuron_0")
    assert str(error.value) == (
        "layer 'dense_1/neuron_0': device 'xcvu13p-2' has no delay for op 'dot'.\n"
        "  Only native ops are timed: expand the others first, or add a row to "
        "timing/devices/xcvu13p-2.toml."
    )
    lists = ("table_delay", "table_luts")
    model = replace(model, **{name: getattr(model, name)[:13] for name in lists})
    with pytest.raises(TimingError) as error:
        model.delay(build(TABLE, x, entries=(0, 1) * (1 << 12), lo=0, step=0, exp=0), "softmax/exp")
    assert str(error.value) == (
        "layer 'softmax/exp': device 'xcvu13p-2' has no delay for op 'table' with 13 input bits.\n"
        "  Known: table up to 12 bits. Add numbers to timing/devices/xcvu13p-2.toml, or use "
        "narrower inputs."
    )
