"""Three designs to put faults into: a dense net, one of convolution and tables, a function."""

from __future__ import annotations

import numpy as np

import hgq_rtl as hr
from hgq_rtl.design import Design


def trigger() -> Design:
    """A traced function: a sorting network, sums, a saturation, choices and a comparison."""

    def fire(energy, threshold):
        ranked = np.sort(energy)
        total = energy.sum()
        leading = np.where(ranked[3] > threshold, ranked[3], total - ranked[0])
        return {
            "leading": leading,
            "pair": np.minimum(ranked[2] + ranked[1], 20),
            "fires": total > 3 * threshold,
        }

    inputs = {
        "energy": hr.FixedInput((4,), (0, 5, 1)),
        "threshold": hr.FixedInput((), (0, 5, 0)),
    }
    return hr.trace(fire, inputs, clock_ns=1.5, name="trigger")


def dense() -> Design:
    """Two dense layers."""
    import keras

    from hgq_rtl.layers import QDense
    from hgq_rtl.utils import trace_minmax

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8,), name="x"), QDense(8, activation="relu", name="hidden"),
         QDense(4, name="out", enable_oq=True)],
        name="dense",
    )  # fmt: skip
    trace_minmax(model, np.random.default_rng(0).normal(size=(500, 8)).astype("float32"))
    return hr.compile(model, clock_ns=3.0)


def conv() -> Design:
    """A convolution, a maximum over windows, a dense layer and tables."""
    import keras

    from hgq_rtl.layers import QConv2D, QDense, QMaxPool2D, QUnaryFunctionLUT
    from hgq_rtl.utils import trace_minmax

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4, 4, 1), name="x"), QConv2D(2, (2, 2), activation="relu", name="features"),
         QMaxPool2D((2, 2), name="pool"), keras.layers.Flatten(),
         QDense(3, name="scores", enable_oq=True), QUnaryFunctionLUT("tanh", name="squash")],
        name="conv",
    )  # fmt: skip
    trace_minmax(model, np.random.default_rng(0).normal(size=(500, 4, 4, 1)).astype("float32"))
    return hr.compile(model, clock_ns=3.0)


DESIGNS = (trigger, dense, conv)
