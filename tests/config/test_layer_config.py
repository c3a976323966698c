"""LayerConfigScope."""

import pytest

from hgq_rtl.config import LayerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import (
    QLIF,
    QConv1D,
    QDense,
    QDenseT,
    QMaxPooling1D,
    QMultiHeadAttention,
    QSoftmax,
)
from hgq_rtl.layers.config import layer_default


def test_scopes_nest_and_restore():
    with LayerConfigScope(beta0=1e-3, enable_oq=True) as outer:
        layer = QDense(3)
        assert (layer.beta0, layer.enable_oq, layer.enable_iq) == (1e-3, True, True)
        with LayerConfigScope(beta0=1.0), outer:
            assert layer_default("beta0") == 1e-3
        with pytest.raises(ZeroDivisionError), LayerConfigScope(enable_oq=False):
            _ = 1 / 0
        assert QDense(3).enable_oq is True
        with LayerConfigScope(enable_iq=False):
            assert QDense(3).enable_ebops is False
        assert QDense(3, beta0=2.0, enable_oq=False).get_config()["beta0"] == 2.0
    assert QDense(3).beta0 == 1e-5


def test_override(monkeypatch):
    monkeypatch.setattr(LayerConfigScope, "_permanent", ())
    LayerConfigScope(enable_ebops=False).override()
    assert QDense(3).enable_ebops is False
    assert QDense(3, enable_ebops=True).enable_ebops is True


def test_unknown_key():
    with pytest.raises(ConfigError) as error:
        LayerConfigScope(beta=1e-5)
    assert str(error.value) == (
        "layers have no default 'beta'.\n"
        "  Known: beta0, enable_ebops, enable_iq, enable_oq, enable_sq, resource."
    )


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"beta0": "many"}, "beta0 must be a finite number.\n  Received: 'many'."),
        ({"resource": "ff"}, "unknown resource.\n  Received: 'ff'.\n  Known: ebops, luts."),
        ({"enable_oq": 1}, "enable_oq must be True or False.\n  Received: 1."),
    ],
)
def test_wrong_values(params, text):
    for made in (LayerConfigScope, lambda **params: QDense(3, **params)):
        with pytest.raises(ConfigError) as error:
            made(**params)
        assert str(error.value) == text


@pytest.mark.parametrize("value", [0, -2, 1.5, "all"])
def test_wrong_parallelization(value):
    for made in (
        lambda: QConv1D(2, 3, parallelization_factor=value),
        lambda: QMaxPooling1D(parallelization_factor=value),
        lambda: QSoftmax(parallelization_factor=value),
        lambda: QMultiHeadAttention(1, 2, parallelization_factor=value),
        lambda: QDenseT(2, parallelization_factor=value),
        lambda: QLIF(2, parallelization_factor=value),
    ):
        with pytest.raises(ConfigError) as error:
            made()
        assert str(error.value) == (
            f"parallelization_factor must be -1 (all) or a positive integer.\n"
            f"  Received: {value!r}."
        )
