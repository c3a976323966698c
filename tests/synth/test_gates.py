"""A hand-written netlist, simulated clock by clock."""

import numpy as np
import pytest

from hgq_rtl.errors import SynthError
from hgq_rtl.synth.gates import simulate, waves, words

X = [0, 1, 2, 3, 3, 0, 1, 3, 2, 0]


def gate(kind, **pins):
    out = {"$_DFF_P_": "Q"}.get(kind, "Y")
    directions = {pin: "output" if pin == out else "input" for pin in pins}
    wires = {pin: [wire] for pin, wire in pins.items()}
    return {"type": kind, "connections": wires, "port_directions": directions}


def netlist(**changes):
    """q: the AND of both bits of x, inverted, one clock later, below a one."""
    cells = {
        "and": gate("$_AND_", A=2, B=3, Y=5),
        "reg": gate("$_DFF_P_", C=9, D=6, Q=7),
        "not": gate("$_NOT_", A=5, Y=6),
    } | changes
    ports = {
        "clk": {"direction": "input", "bits": [9]},
        "x": {"direction": "input", "bits": [2, 3]},
        "q": {"direction": "output", "bits": [7, "1"]},
    }
    return {"ports": ports, "cells": cells}


def stream(module):
    inputs = {"x": waves(X, 2), "clk": [0]}
    return words(simulate(module, inputs, len(X))["q"], len(X))


def test_a_stream_goes_through():
    # Bit 1 is tied high; the register starts at 0.
    assert stream(netlist()) == [2, 3, 3, 3, 2, 2, 3, 3, 2, 3]


def test_words_and_waves_are_inverse():
    values = np.random.default_rng(0).integers(0, 1 << 11, 23).tolist()
    assert words(waves(values, 11), 23) == values


def test_feedback_is_an_error():
    with pytest.raises(SynthError, match="feedback"):
        stream(netlist(**{"and": gate("$_AND_", A=7, B=3, Y=5)}))


def test_another_cell_is_an_error():
    with pytest.raises(SynthError) as error:
        stream(netlist(ram=gate("$mem", A=2, Y=8)))
    assert str(error.value) == "the netlist has a cell '$mem' that is no gate."
