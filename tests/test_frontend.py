"""What a file lowers to, kept on disk: found again, whole, and only where the file says it all."""

import json
import zipfile

import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl import cache, frontend
from hgq_rtl.compat.hgq2 import from_hgq2
from hgq_rtl.errors import LoweringError
from hgq_rtl.ir.text import to_text
from tests.conftest import DATA
from tests.test_tiny import tiny


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    tiny()[0].save(path)
    return path


def never(path):
    raise AssertionError("Keras was asked")


def test_a_second_compilation_of_a_file_needs_no_keras(saved, tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    first = hr.compile(saved, clock_ns=2.0)
    with monkeypatch.context() as patch:
        patch.setattr(frontend, "load", never)
        second = hr.compile(saved, clock_ns=2.0)
        faster = hr.compile(saved, clock_ns=1.5)
        with pytest.raises(AssertionError, match="Keras was asked"):
            hr.compile(saved, clock_ns=2.0, check_samples=8)
        assert faster.latency > second.latency
    assert to_text(second.scheduled) == to_text(first.scheduled)
    assert second.interface == first.interface
    assert second.notes == first.notes
    assert second.name == first.name
    assert second.emitted.files == first.emitted.files
    x = np.random.default_rng(0).uniform(-1, 1, (9, *first.interface.inputs[0].shape))
    for a, b in zip(first.reference([x]), second.reference([x]), strict=True):
        np.testing.assert_array_equal(a, b)

    entry = max((tmp_path / frontend.KIND).glob("*/*"), key=lambda f: f.stat().st_mtime_ns)
    entry.write_bytes(entry.read_bytes()[:-7])
    monkeypatch.setattr(frontend, "load", never)
    with pytest.raises(AssertionError, match="Keras was asked"):
        hr.compile(saved, clock_ns=2.0)


@pytest.mark.slow
def test_a_file_of_hgq_2_is_one_of_ours():
    path = DATA / "hgq2" / "dense.keras"
    design = hr.compile(path, clock_ns=2.0)
    assert design.model_hash == hr.compile(from_hgq2(path), clock_ns=2.0).model_hash


def test_the_reference_is_of_the_file_that_was_compiled(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"other")
    reference = frontend.FileReference(path, cache.digest(b"this"), float64=False)
    with pytest.raises(LoweringError) as error:
        reference([])
    assert str(error.value) == (
        f"the model file has changed since it was compiled.\n  Received: {path}.\n"
        "  Compile it again."
    )


def object_file(tmp_path, config):
    path = tmp_path / "object.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": [config]}))
    return path


OWN = {
    "module": "hgq_rtl.layers.dense",
    "class_name": "QDense",
    "registered_name": "hgq_rtl>QDense",
}
TANH = {"module": "builtins", "class_name": "function", "config": "tanh"}


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (OWN, True),
        (TANH | {"registered_name": "function"}, True),
        ({"equation": "bc,cd->bd"}, True),
        (TANH | {"registered_name": "mine>tanh"}, False),
        ({"activation": "mine>tanh"}, False),
        ({"module": "mine", "class_name": "Layer", "registered_name": None}, False),
    ],
)
def test_code_that_is_not_in_the_file_prevents_keeping(tmp_path, config, kept):
    assert (frontend._entry(object_file(tmp_path, config), None, 0) is not None) == kept


def test_formats_and_samples_are_part_of_what_is_asked(tmp_path):
    path = object_file(tmp_path, OWN)
    asked = [(None, 0), (None, 8), ({"x": (1, 2, 3)}, 0), ({"x": (1, 2, 4)}, 0)]
    assert len({frontend._entry(path, *a) for a in asked}) == len(asked)


def test_no_archive_is_not_kept(tmp_path):
    path = tmp_path / "broken.keras"
    path.write_bytes(b"PK\x03\x04 this is no archive")
    assert frontend._entry(path, None, 0) is None
