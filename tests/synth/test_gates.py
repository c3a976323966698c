"""A hand-written netlist, simulated clock by clock."""

import json

import pytest

from hgq_rtl.errors import SynthError
from hgq_rtl.synth.gates import simulate


def netlist(folder, **changes):
    """q: the AND of both bits of x, inverted, one clock later; valid_out: valid_in."""
    cells = {
        "and": {"type": "$_AND_", "connections": {"A": [2], "B": [3], "Y": [5]}},
        "reg": {"type": "$_DFF_P_", "connections": {"C": [9], "D": [6], "Q": [7]}},
        "not": {"type": "$_NOT_", "connections": {"A": [5], "Y": [6]}},
    } | changes
    ports = {
        "clk": {"direction": "input", "bits": [9]},
        "x": {"direction": "input", "bits": [2, 3]},
        "valid_in": {"direction": "input", "bits": [4]},
        "q": {"direction": "output", "bits": [7, "1"]},
        "valid_out": {"direction": "output", "bits": [4]},
    }
    path = folder / "gates.json"
    path.write_text(json.dumps({"modules": {"top": {"ports": ports, "cells": cells}}}))
    return path


def test_a_stream_goes_through(tmp_path):
    out = simulate(netlist(tmp_path), "top", {"x": [0, 1, 2, 3, 3, 0, 1, 3, 2, 0]})
    # Bit 1 is tied high; the register starts at 0.
    assert out == {"q": [2, 3, 3, 3, 2, 2, 3, 3, 2, 3], "valid_out": [1] * 10}


def test_feedback_is_an_error(tmp_path):
    path = netlist(tmp_path, **{"and": {"type": "$_AND_", "connections": {
        "A": [7], "B": [3], "Y": [5]}}})  # fmt: skip
    with pytest.raises(SynthError, match="feedback"):
        simulate(path, "top", {"x": [0]})


def test_another_cell_is_an_error(tmp_path):
    path = netlist(tmp_path, ram={"type": "$mem", "connections": {}})
    with pytest.raises(SynthError) as error:
        simulate(path, "top", {"x": [0]})
    assert str(error.value) == "the netlist has a cell '$mem' that is no gate."
