"""A user's own data among the golden vectors of a project."""

import json

import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.errors import HgqRtlError


@pytest.fixture(scope="module")
def design():
    def scaled(x, b):
        return np.maximum(x - b, 0)

    inputs = {"x": hr.FixedInput((2,), (1, 3, 0)), "b": hr.FixedInput((), (0, 2, 0))}
    return hr.trace(scaled, inputs, clock_ns=2.0, device="unit")


X = {"x": np.array([[1, 2], [-3, 4], [5, 6]]), "b": np.array([0, 1, 2])}


def test_data_are_the_first_vectors(design, tmp_path):
    without = design.write(tmp_path / "without")
    project = design.write(tmp_path / "out", vectors=X)
    lines = (project.path / "sim/vectors/inputs.hex").read_text().splitlines()
    # -3 and 4 in four bits each, element 0 at the least significant end; then b.
    assert [int(word, 16) for word in lines[1].split()] == [0b0100_1101, 1]
    plain = (without.path / "sim/vectors/inputs.hex").read_text().splitlines()
    assert lines[3:1014] == plain[:1011]
    facts = json.loads((project.path / "report.json").read_text())["verification"]
    assert list(facts["vectors"].values())[:3] == [3, 11, 1000]
    assert facts["coverage"]["saturations"]["missed"] == 0
    text = " ".join((project.path / "README.md").read_text().split())
    assert "The vectors are 3 data, 11 corner, 1000 random" in text


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"x": np.zeros((3, 3)), "b": np.zeros(3)}, "wrong shape"),
        ({"x": np.zeros((3, 2)), "b": np.zeros(2)}, "different numbers of samples"),
        ({"x": np.full((1, 2), np.nan), "b": np.zeros(1)}, "cannot take NaN"),
        ({"x": np.zeros((0, 2)), "b": np.zeros(0)}, "the data hold no sample"),
        ({"x": np.full((1, 2), 99.0), "b": np.zeros(1)}, "outside its range"),
        ({"x": np.zeros((1, 2))}, "the keys x, b"),
    ],
)
def test_unusable_data_are_refused(design, tmp_path, data, what):
    with pytest.raises(HgqRtlError, match=what):
        design.write(tmp_path / "out", vectors=data)
    assert not (tmp_path / "out").exists()
