import json

import pytest

from hgq_rtl.errors import SynthError
from hgq_rtl.synth.slowest import (
    CLK_TO_Q,
    LUTS,
    NET,
    S_TO_O,
    SETUP,
    slowest_by_module,
    slowest_path,
)

OUTPUTS = ("Q", "O", "O5", "O6", "CO")


def cell(kind, init=None, **pins):
    return {
        "type": kind,
        "parameters": {} if init is None else {"INIT": init},
        "port_directions": {p: "output" if p in OUTPUTS else "input" for p in pins},
        "connections": {p: bits if isinstance(bits, list) else [bits] for p, bits in pins.items()},
    }


def path(tmp_path, *cells):
    """Of a netlist: bit 1 leaves a register, bit 9 enters one."""
    ends = (cell("FDRE", D=0, Q=1, C=99), cell("FDRE", D=9, Q=10, C=99))
    netlist = {"modules": {"m": {"cells": dict(enumerate((*ends, *cells)))}}}
    (tmp_path / "netlist.json").write_text(json.dumps(netlist))
    return slowest_path(tmp_path / "netlist.json", "m")


def test_a_lut_beside_the_register(tmp_path):
    delay, cells = path(tmp_path, cell("LUT2", "1000", I0=1, I1=2, O=9))
    assert cells == ["LUT2"]
    assert delay == CLK_TO_Q + NET + LUTS["LUT2"] + SETUP


def test_a_register_far_from_its_source_takes_a_net(tmp_path):
    assert path(tmp_path, cell("FDRE", D=11, Q=9, C=99))[0] == CLK_TO_Q + NET + SETUP


def test_inputs_that_change_nothing_are_no_path(tmp_path):
    through = cell("LUT2", "1010", I0=1, I1=2, O=3)
    assert path(tmp_path, through, cell("LUT2", "1010", I0=3, I1=1, O=9))[1] == ["LUT2", "LUT2"]
    assert path(tmp_path, through, cell("LUT2", "1010", I0=1, I1=3, O=9))[1] == ["LUT2"]


def test_the_pair_of_a_lut_reads_its_own_inputs(tmp_path):
    """O5 is the parity of I0 and I1 alone; only O6 reads I3."""
    init = "".join(str((n & 1) ^ (n >> 1 & 1) ^ (n >> 3 & 1)) for n in range(63, 31, -1)) + "".join(
        str((n & 1) ^ (n >> 1 & 1)) for n in range(31, -1, -1)
    )
    first = cell("LUT2", "0110", I0=1, I1=2, O=3)
    pins = {"I0": 1, "I1": 2, "I2": 2, "I3": 3, "I4": 2, "I5": "1"}
    assert path(tmp_path, first, cell("LUT6_2", init, **pins, O5=9, O6=8))[1] == ["LUT6_2"]
    assert path(tmp_path, first, cell("LUT6_2", init, **pins, O5=8, O6=9))[1] == ["LUT2", "LUT6_2"]


def test_a_carry_chain(tmp_path):
    s = cell("LUT2", "0110", I0=1, I1=2, O=3)
    pins = {"S": [3, "0", "0", "0"], "DI": ["0"] * 4, "CI": "0", "CYINIT": "0"}
    carry = cell("CARRY4", **pins, O=[4, 5, 6, 9], CO=[7, 8, 11, 12])
    delay, cells = path(tmp_path, s, carry)
    assert cells == ["LUT2", "CARRY4"]
    assert delay == CLK_TO_Q + NET + LUTS["LUT2"] + S_TO_O + SETUP


def test_feedback_and_other_cells_are_errors(tmp_path):
    with pytest.raises(SynthError, match="feedback"):
        path(tmp_path, cell("LUT2", "0110", I0=9, I1=1, O=9))
    with pytest.raises(SynthError, match="no delay for a cell 'LUT4B'"):
        path(tmp_path, cell("LUT4B", A=1, O=9))


def module(*cells, **ports):
    return {
        "ports": {
            p: {"bits": bits if isinstance(bits, list) else [bits]} for p, bits in ports.items()
        },
        "cells": dict(enumerate(cells)),
    }


def instance(kind, outputs, **pins):
    return cell(kind, **pins) | {
        "port_directions": {p: "output" if p in outputs else "input" for p in pins}
    }


def test_paths_through_modules_count_for_each(tmp_path):
    """A register, a LUT in ``first``, two in ``second`` and a register there; wires between."""
    lut = "0110"
    first = module(cell("LUT2", lut, I0=2, I1=3, O=4), a=2, b=3, y=4, copy=2)
    second = module(
        cell("LUT2", lut, I0=2, I1=3, O=5),
        cell("LUT2", lut, I0=5, I1="1", O=6),
        cell("FDRE", D=6, Q=7, C=9),
        cell("FDRE", D=3, Q=8, C=9),
        a=2, b=3, q=[7, 8],
    )  # fmt: skip
    top = module(
        cell("FDRE", D="0", Q=2, C=9),
        instance("first", ("y", "copy"), a=2, b="0", y=3, copy=4),
        instance("second", ("q",), a=3, b=4, q=[5, 6]),
    )
    netlist = {"modules": {"top": top, "first": first, "second": second}}
    (tmp_path / "netlist.json").write_text(json.dumps(netlist))
    found = slowest_by_module(tmp_path / "netlist.json", "top")
    three = CLK_TO_Q + 3 * (NET + LUTS["LUT2"]) + SETUP
    assert found == {"top": 0 + NET + SETUP, "first": three, "second": three}
    assert slowest_path(tmp_path / "netlist.json", "top") == (three, ["LUT2"] * 3)
