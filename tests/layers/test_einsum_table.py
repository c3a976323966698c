"""QEinsumDenseT: the battery, and errors."""

import keras
import numpy as np
import pytest

from hgq_rtl.config import QuantizerConfig
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import QEinsumDenseT
from tests.battery.layer import Case
from tests.battery.table import PER_EDGE, TableBattery


class TestQEinsumDenseT(TableBattery):
    """The kernel's letters are i, of the result, and j, of the sum; in this order."""

    layer, plain = QEinsumDenseT, keras.layers.EinsumDense
    equation = "bpji"
    cases = (
        Case(
            {"equation": "bpj,ij->bip", "output_shape": (2, 3), "bias_axes": "i", "n_hl": 2,
             "d_hl": 3, "iq_conf": QuantizerConfig(homogeneous_axis=(0, -1)), "activation": "relu",
             "parallelization_factor": 1},
            (3, 2), ebops=9 * 9 * 4,
        ),
        Case(
            {"equation": "bpj,ij->bip", "output_shape": (3, None), "batch_norm": True,
             "normalize_axes": "i", "iq_conf": QuantizerConfig(homogeneous_axis=(0, -1)),
             "toq_conf": PER_EDGE},
            (2, 2), ebops=9 * 9 * 12,
        ),
    )  # fmt: skip

    def connected(self, layer, x):
        return np.repeat(x[..., None], layer.sizes["i"], axis=-1)

    def result(self, layer, t):
        return t.sum(2).swapaxes(1, 2)

    def count(self, layer):
        return layer.kernels[0].shape[1]

    def plain_arguments(self, case):
        return {name: case.arguments[name] for name in ("equation", "output_shape")}


def message(equation, shape, **more):
    with pytest.raises(ConfigError) as error:
        QEinsumDenseT(equation, shape, **more).build((None, 3, 2))
    return str(error.value)


def test_errors():
    assert message("bpj,jk->bp", (3,)) == (
        "the size along 'k' is not known.\n  Received: input (None, 3, 2), output_shape (3,)."
    )
    assert message("bpj,jk->bpk", (3, 4), normalize_axes="j") == (
        "the normalized axis 'j' is no axis of the result.\n  Received: 'bpj,jk->bpk'."
    )
    assert message("bpj,jk->bpk", (2, 4)) == (
        "output_shape contradicts the input along 'p'.\n  Received: 2, but the input has 3."
    )
