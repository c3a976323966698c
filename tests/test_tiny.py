"""The whole stack on one dense layer: the first thing to run, and to read."""

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.layers import QDense
from hgq_rtl.utils import trace_minmax


def tiny():
    """One traced dense layer and its calibration data."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,), name="x"), QDense(3, activation="relu", name="dense", enable_oq=True)],
        name="tiny",
    )
    x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    trace_minmax(model, x)
    return model, x


@pytest.mark.cosim
def test_from_keras_to_the_simulator(tmp_path):
    model, x = tiny()
    design = hr.compile(model, clock_ns=3.0)
    want = model.predict(x, verbose=0)
    assert (design.predict(x) == want).all()

    project = design.write(tmp_path / "tiny")
    result = project.verify(x)
    assert (result.data, result.keras, result.latency) == (200, 200, design.latency)

    again = hr.open_project(tmp_path / "tiny")
    assert again.latency == design.latency
    assert "tiny on xcvu13p-2, 3 ns" in str(design.report())
