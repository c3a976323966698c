"""Trained models of HGQ 2 that the user has: --models DIR, or make test-models MODELS=DIR."""

from functools import cache

import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.compat.hgq2 import from_hgq2


@pytest.fixture(scope="module")
def converted():
    """The model of a path, its inputs and the outputs of HGQ 2."""

    @cache
    def load(path):
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
            return from_hgq2(path), file["x"], file["y_keras"]

    return load


@pytest.fixture(scope="module")
def design(converted):
    return cache(lambda path: hr.compile(converted(path)[0], clock_ns=5.0, device="xcvu13p-2"))


def test_outputs_are_those_of_hgq2(hgq2_model, converted):
    model, x, expected = converted(hgq2_model)
    assert np.array_equal(model.predict(x, batch_size=1024, verbose=0), expected)


def test_the_hardware_gives_the_same_on_all_vectors(hgq2_model, converted, design):
    _, x, expected = converted(hgq2_model)
    assert np.array_equal(design(hgq2_model).predict(x), expected)


@pytest.mark.slow
@pytest.mark.cosim
def test_so_does_the_simulated_verilog(hgq2_model, converted, design, tmp_path):
    _, x, expected = converted(hgq2_model)
    project = design(hgq2_model).write(tmp_path / "core")
    result = project.verify(x, y_expected=expected)
    assert (result.data, result.keras) == (len(x), len(x))
