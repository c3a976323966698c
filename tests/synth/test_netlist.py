"""A hand-written netlist of a vendor's cells, simulated in pieces of any size."""

import json

import pytest

from hgq_rtl.errors import SynthError
from hgq_rtl.synth import netlist
from hgq_rtl.synth.netlist import pieces, simulate

X = [0, 1, 2, 3, 3, 0, 1, 3, 2, 0]


def cell(kind, out, parameters=None, **wires):
    return {
        "hide_name": 0,
        "type": kind,
        "parameters": parameters or {},
        "attributes": {},
        "port_directions": {pin: "output" if pin == out else "input" for pin in wires},
        "connections": {pin: [wire] for pin, wire in wires.items()},
    }


def module(**changes):
    """q: the NAND of both bits of x one clock later, and x[0] two clocks later."""
    register = {"C": 9, "CE": "1", "R": "0"}
    cells = {
        "late": cell("FDRE", "Q", D=7, Q=8, **register),
        "nand": cell("LUT2", "O", {"INIT": "0111"}, I0=2, I1=3, O=5),
        "first": cell("FDRE", "Q", D=2, Q=7, **register),
        "reg": cell("FDRE", "Q", D=5, Q=6, **register),
        "note": cell("$scopeinfo", ""),
    } | changes
    ports = {
        "clk": {"direction": "input", "bits": [9]},
        "x": {"direction": "input", "bits": [2, 3]},
        "q": {"direction": "output", "bits": [6, 8]},
    }
    return {"ports": ports, "cells": cells, "netnames": {}}


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_stream_goes_through_pieces_of_every_size(tmp_path, monkeypatch, size):
    monkeypatch.setattr(netlist, "PIECE", size)
    (tmp_path / "netlist.json").write_text(json.dumps({"modules": {"top": module()}}))
    found = simulate(tmp_path, "top", {"x": X}, "xilinx")
    nand = [0] + [int(x != 3) for x in X[:-1]]
    late = [0, 0] + [x & 1 for x in X[:-2]]
    assert found == {"q": [a + 2 * b for a, b in zip(nand, late, strict=True)]}


def test_every_cell_is_in_one_piece_behind_what_drives_it():
    found = list(pieces(module(), frozenset({2, 3, 9}), 2))
    assert [len(piece["cells"]) for piece in found] == [2, 2]
    known = {2, 3, 9}
    for piece in found:
        ports = {name: set(port["bits"]) for name, port in piece["ports"].items()}
        assert ports["into"] <= known
        assert not ports["out"] & known
        known |= ports["out"]
    assert known == {2, 3, 5, 6, 7, 8, 9}


def test_feedback_is_an_error():
    loop = module(nand=cell("LUT2", "O", {"INIT": "0111"}, I0=6, I1=3, O=5))
    with pytest.raises(SynthError, match="feedback"):
        list(pieces(loop, frozenset({2, 3, 9}), 2))
