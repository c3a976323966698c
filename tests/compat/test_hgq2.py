"""Models that HGQ 2 0.2.0 made (make_hgq2_models.py), and what it made of random inputs."""

import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

from hgq_rtl.compat.hgq2 import from_hgq2
from hgq_rtl.compat.hgq2.layers import RULES
from hgq_rtl.errors import ConversionError
from hgq_rtl.layers import QDense, QLayer, Quantizer
from tests.conftest import DATA

MODELS = sorted((DATA / "hgq2").glob("*.keras"))
SLOW = {"convolutions", "attention", "recurrent", "linformer", "linformer_grid"}  # to compile
CASES = [
    pytest.param(path, marks=pytest.mark.slow if path.stem in SLOW else [], id=path.stem)
    for path in MODELS
]


def outputs(model, data):
    x = [data[name] for name in data.files if name.startswith("x")]
    return keras.tree.flatten(model.predict(x if len(x) > 1 else x[0], verbose=0))


@pytest.mark.parametrize("path", CASES)
def test_outputs_are_the_same_bit_for_bit(path):
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as data:
        found = outputs(from_hgq2(path), data)
        assert len(found) == sum(name.startswith("y") for name in data.files)
        for n, y in enumerate(found):
            assert np.array_equal(y, data[f"y{n}"]), f"output {n}"


def edited(path, folder, edit):
    """A copy of a model file whose architecture or weights ``edit`` has changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    weights = folder / "weights.h5"
    weights.write_bytes(parts["model.weights.h5"])
    edit({layer["name"]: layer for layer in config["config"]["layers"]}, weights)
    parts |= {"config.json": json.dumps(config), "model.weights.h5": weights.read_bytes()}
    result = folder / "edited.keras"
    with zipfile.ZipFile(result, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return result


def refusal(model, **arguments):
    with pytest.raises(ConversionError) as error:
        from_hgq2(model, **arguments)
    return str(error.value)


@pytest.fixture
def einsums(tmp_path):
    """Refusals of the smallest model after an edit."""
    return lambda edit: refusal(edited(DATA / "hgq2" / "einsums.keras", tmp_path, edit))


def test_the_test_data_cover_every_layer_that_converts():
    covered = set()
    for path in MODELS:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("config.json").decode()
        covered |= {name for name in RULES if f'>{name}"' in text}
    left = {name.replace("3D", "2D").replace("1D", "2D") for name in set(RULES) - covered}
    assert left <= {name.replace("3D", "2D").replace("1D", "2D") for name in covered}


def test_a_live_model_converts_as_its_file(tmp_path):
    class FromThePeer(keras.Sequential):
        """Saves what HGQ 2 would have saved."""

        def save(self, path):
            shutil.copy(DATA / "hgq2" / "einsums.keras", path)

    with np.load(DATA / "hgq2" / "einsums.npz", allow_pickle=False) as data:
        assert np.array_equal(outputs(from_hgq2(FromThePeer()), data)[0], data["y0"])


def test_the_result_is_a_model_of_this_project(tmp_path):
    model = from_hgq2(DATA / "hgq2" / "dense.keras")
    assert {type(layer) for layer in model.layers[1:]} == {QDense, Quantizer}
    layer = model.get_layer("sat")
    assert layer.beta == np.float32(2e-5)
    assert (layer.kq.config["round_mode"], layer.iq.config["overflow_mode"]) == ("TRN", "SAT")
    model.save(tmp_path / "again.keras")
    x = np.zeros((1, 6), np.float32)
    again = keras.models.load_model(tmp_path / "again.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model(x), again(x), strict=True))


def test_the_result_trains():
    model = from_hgq2(DATA / "hgq2" / "einsums.keras")
    before = [np.array(w) for w in model.get_weights()]
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3, 4)), np.ones((4, 2, 5)), verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_traced_ranges_count_as_traced_and_others_do_not(tmp_path):
    def untraced(layers, weights):
        with h5py.File(weights, "r+") as file:
            i = file["layers/q_einsum_dense/iq/quantizer/vars/2"]
            i[...] = i[...] + 0.99

    path = DATA / "hgq2" / "einsums.keras"
    assert all(q.iq.is_settled for q in from_hgq2(path).layers if isinstance(q, QLayer))
    model = from_hgq2(edited(path, tmp_path, untraced))
    assert not model.get_layer("ellipsis").iq.is_settled
    assert model.get_layer("rows").iq.is_settled


def test_a_missing_file_and_one_that_is_no_archive(tmp_path):
    assert refusal(tmp_path / "no.keras").startswith("there is no such model file")
    (tmp_path / "text.keras").write_text("no archive")
    assert "cannot be read" in refusal(tmp_path / "text.keras")
    assert "takes the path" in refusal(17)


def test_an_unknown_layer_is_named(einsums):
    def edit(layers, weights):
        layers["rows"].update(registered_name="hgq>QFourier", class_name="QFourier")

    assert einsums(edit).startswith(
        "layer 'rows' (QFourier): QFourier layers cannot be converted.\n  Supported: Quantizer, "
    )


def test_a_mode_that_has_no_equal_is_named(einsums):
    def edit(layers, weights):
        layers["rows"]["config"]["iq_conf"]["config"]["overflow_mode"] = "WRAP_SM"

    assert einsums(edit) == (
        "layer 'rows' (QEinsumDense): the overflow mode WRAP_SM has no equal here.\n"
        "  Train with WRAP, SAT or SAT_SYM."
    )


def test_an_unknown_argument_is_named(einsums):
    def edit(layers, weights):
        layers["rows"]["config"]["frobnicate"] = 3

    message = einsums(edit)
    assert message.startswith("layer 'rows' (QEinsumDense): ")
    assert "frobnicate" in message


def test_code_in_a_model_file_is_not_run(einsums):
    def edit(layers, weights):
        layers["rows"].update(class_name="Lambda", module="keras.layers", registered_name=None)
        layers["rows"]["config"] = {
            "name": "rows",
            "function": {"class_name": "__lambda__", "config": {"code": "", "defaults": None}},
        }

    message = einsums(edit)
    assert message.startswith("layer 'rows' (Lambda): the layer cannot be made from its saved")


def test_variables_that_do_not_fit_are_named(einsums):
    def missing(layers, weights):
        with h5py.File(weights, "r+") as file:
            del file["layers/q_einsum_dense/kq/quantizer/vars/2"]

    def transposed(layers, weights):
        with h5py.File(weights, "r+") as file:
            group = file["layers/q_einsum_dense_1/vars"]
            kernel = group["0"][...]
            del group["0"]
            group["0"] = kernel.T

    assert einsums(missing) == (
        "layer 'ellipsis' (QEinsumDense): the quantizer 'kq' has other widths than HGQ 2 0.2.0 "
        "saves.\n  Received: 2 variables instead of 3."
    )
    assert einsums(transposed) == (
        "layer 'rows' (QEinsumDense): the shape of kernel does not fit.\n"
        "  Received: (2, 3) instead of (3, 2)."
    )


def test_a_link_to_another_file_is_refused(einsums, tmp_path):
    def edit(layers, weights):
        with h5py.File(weights, "r+") as file:
            file["layers/other"] = h5py.ExternalLink("/etc/passwd", "/")

    assert "a link to another place under /layers/other" in einsums(edit)


def test_a_mean_of_three_is_refused_unless_asked_for(tmp_path):
    def edit(layers, weights):
        layers["average1"]["config"]["pool_size"] = [3]

    path = edited(DATA / "hgq2" / "pooling.keras", tmp_path, edit)
    message = refusal(path)
    assert message.startswith("layer 'average1' (QAveragePooling1D): the mean of a number of")
    assert "reciprocal_bits=16" in message
    assert from_hgq2(path, reciprocal_bits=16).get_layer("average1").reciprocal_bits == 16
