"""Save and load: every bit of a model, its training and its ranges, without custom_objects."""

import json
import subprocess
import sys
import weakref
import zipfile

import keras
import numpy as np
import pytest

from hgq_rtl.errors import ConfigError
from hgq_rtl.layers import (
    QBatchNormalization,
    QDense,
    QMultiHeadAttention,
    QSimpleRNN,
    QSoftmax,
    Quantizer,
)
from hgq_rtl.lowering.model import load
from hgq_rtl.quantizers import QuantizerConfig
from hgq_rtl.utils import trace_minmax

X = np.random.default_rng(0).normal(0, 1, (64, 5)).astype(np.float32)
Y = X[:, :3] ** 2


def make():
    """All kinds of state: trained, tracked and traced widths, noise, moments, tables."""
    noisy = QuantizerConfig(place="datalane", round_mode="S_RND")
    return keras.Sequential([
        keras.Input((5,)),
        Quantizer("kbi", overflow_mode="SAT", name="first"),
        QDense(6, "relu", kq_conf=QuantizerConfig("kif", "weight", overflow_mode="WRAP")),
        QBatchNormalization(name="norm"),
        QDense(3, beta0=1e-6, iq_conf=noisy, bq_conf=QuantizerConfig("kif", "bias"), name="out"),
        QSoftmax(name="soft"),
    ])  # fmt: skip


def fit(model):
    return model.fit(X, Y, epochs=1, batch_size=16, shuffle=False, verbose=0)


def assert_same(a, b):
    for u, v in zip(a, b, strict=True):
        assert (u.shape, u.dtype) == (v.shape, v.dtype)
        assert np.array_equal(u, v), u.path


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(1)
    model = make()
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    fit(model)
    trace_minmax(model, X)
    return model


def test_training_goes_on_as_if_it_had_not_been_interrupted(trained, tmp_path):
    trained.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert_same(trained.variables, loaded.variables)
    assert_same(trained.optimizer.variables, loaded.optimizer.variables)
    assert np.array_equal(trained.predict(X, verbose=0), loaded.predict(X, verbose=0))
    assert all(q.is_settled for q in loaded._flatten_layers() if isinstance(q, Quantizer))
    again = keras.models.load_model(tmp_path / "m.keras")
    fit(loaded), fit(again)
    assert_same(loaded.variables, again.variables)
    assert_same(loaded.optimizer.variables, again.optimizer.variables)
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(trained.trainable_variables, loaded.trainable_variables, strict=True)
    )


def test_weights_alone(trained, tmp_path):
    trained.save_weights(tmp_path / "m.weights.h5")
    fresh = make()
    fresh.load_weights(tmp_path / "m.weights.h5")
    assert_same(trained.variables, fresh.variables)
    assert np.array_equal(trained(X), fresh(X))


def test_a_new_process_needs_no_custom_objects(trained, tmp_path):
    trained.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import hgq_rtl.layers, keras, numpy as np\n"
        "model = keras.models.load_model('m.keras', safe_mode=True)\n"
        "np.save('y.npy', model.predict(np.load('x.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    assert np.array_equal(np.load(tmp_path / "y.npy"), trained.predict(X, verbose=0))


def test_dropout_goes_on_where_it_was(tmp_path):
    x = keras.Input((3, 2))
    y = QMultiHeadAttention(1, 2, dropout=0.5)(x, x)
    model = keras.Model(x, QSimpleRNN(2, dropout=0.5, recurrent_dropout=0.5)(y))
    for n, layer in enumerate(model.layers[1:]):
        layer.noise.state.assign([n + 7, n + 1])
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    whole = keras.models.load_model(tmp_path / "m.keras")
    assert_same(model.variables, whole.variables)
    for layer in whole.layers[1:]:
        layer.noise.state.assign([0, 0])
    whole.load_weights(tmp_path / "m.weights.h5")
    assert_same(model.variables, whole.variables)


def with_version(path, version):
    """Write another version of the format into a model file."""

    def change(node):
        if node.get("registered_name") == "hgq_rtl>QuantizerConfig":
            assert node["config"]["version"] == 1
            node["config"].pop("version")
            if version is not None:
                node["config"]["version"] = version
        return node

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"], object_hook=change)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (parts | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, data)


@pytest.mark.parametrize("version", [None, 2])
def test_another_version_of_the_format_is_refused(trained, tmp_path, version):
    path = tmp_path / "m.keras"
    trained.save(path)
    with_version(path, version)
    message = (
        "the model was saved in another version of the format.\n"
        f"  Received: version {version}; this hgq_rtl reads version 1.\n"
        "  Load it with the hgq_rtl that saved it, or save it again with this one."
    )
    with pytest.raises(ConfigError) as error:
        load(path)
    assert str(error.value) == message
    with pytest.raises(TypeError) as error:  # Keras raises this type for whatever a layer raises
        keras.models.load_model(path)
    assert message in str(error.value)


def test_configs_of_quantizers_outlive_their_saving(monkeypatch):
    """Keras tells objects apart by address: one that is gone would lend its own to the next."""
    save, seen = keras.saving.serialize_keras_object, []

    def recorded(value):
        if isinstance(value, QuantizerConfig):
            seen.append(weakref.ref(value))
        return save(value)

    monkeypatch.setattr(keras.saving, "serialize_keras_object", recorded)
    layer = QDense(2, enable_oq=True)
    layer.get_config()
    assert len(seen) == 4
    assert all(config() is not None for config in seen)
