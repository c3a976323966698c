"""compile and Design: what a user sees first, good and bad."""

import io
import json

import keras
import numpy as np
import pytest

import hgq_rtl as hr
from hgq_rtl.errors import HgqRtlError, LoweringError, NumberError, PassError, ScheduleError
from hgq_rtl.ir.text import to_text
from hgq_rtl.passes.pipeline import DEFAULT
from tests.test_tiny import tiny


@pytest.fixture(scope="module")
def model():
    return tiny()[0]


@pytest.fixture(scope="module")
def design(model):
    return hr.compile(model, clock_ns=2.0)


def test_same_model_gives_the_same_bytes(model, design, tmp_path):
    again = hr.compile(model, clock_ns=2.0)
    assert to_text(again.scheduled) == to_text(design.scheduled)
    assert again.emitted.files == design.emitted.files
    assert again.model_hash == design.model_hash
    first, second = design.write(tmp_path / "a"), again.write(tmp_path / "b")
    files = sorted(p.relative_to(first.path) for p in first.path.rglob("*") if p.is_file())
    assert files == sorted(
        p.relative_to(second.path) for p in second.path.rglob("*") if p.is_file()
    )
    assert all((first.path / f).read_bytes() == (second.path / f).read_bytes() for f in files)


def test_a_faster_clock_costs_stages_and_keeps_the_function(model, design):
    x = np.random.default_rng(1).normal(size=(100, 4)).astype("float32")
    fast = hr.compile(model, clock_ns=1.2, check_samples=0)
    assert fast.latency > design.latency
    assert (fast.predict(x) == design.predict(x)).all()
    assert all(delay <= 1200 for delay in fast.report().facts["stage_delays_ps"])


def test_registers_at_both_ends(model, design):
    framed = hr.compile(model, clock_ns=2.0, register_inputs=True)
    bare = hr.compile(model, clock_ns=2.0, register_outputs=False)
    assert framed.latency == design.latency + 1
    assert bare.latency == design.latency - 1


def test_report_is_data_and_text(design):
    facts = design.report().facts
    assert json.loads(json.dumps(facts)) == facts
    # Registers that delay an input belong to no layer.
    assert {layer["name"] for layer in facts["layers"]} - {""} == {"dense"}
    assert facts["flip_flops"] == design.schedule.register_bits(design.graph) + design.latency
    assert facts["exactness"]["proven"] is True
    assert facts["exactness"]["arithmetic"] == "float32"
    text = str(design.report())
    assert "dense" in text
    assert "proven exact for every input" in text
    assert max(map(len, text.splitlines())) <= 88


def test_skipped_passes_cost_and_do_not_change_values(model, design):
    x = np.random.default_rng(1).normal(size=(100, 4)).astype("float32")
    plain = hr.compile(model, clock_ns=2.0, skip=["cmvm", "narrow"], check_samples=0)
    assert (plain.predict(x) == design.predict(x)).all()
    assert plain.report().facts["luts"] > design.report().facts["luts"]


def test_dumps_every_pass(model, tmp_path):
    hr.compile(model, clock_ns=2.0, dump=tmp_path / "ir", check_samples=0)
    assert (tmp_path / "ir" / "00-lower.ir").exists()
    assert len(list((tmp_path / "ir").iterdir())) == len(DEFAULT) + 1


def test_a_saved_model_compiles_to_the_same(model, design, tmp_path):
    model.save(tmp_path / "tiny.keras")
    loaded = hr.compile(tmp_path / "tiny.keras", clock_ns=2.0)
    assert loaded.model_hash == design.model_hash
    assert loaded.emitted.files == design.emitted.files


def corrupt(tmp_path):
    path = tmp_path / "broken.keras"
    path.write_bytes(b"PK\x03\x04 this is no archive")
    return path


ERRORS = [
    ({"clock_ns": 0}, ScheduleError, "the clock period must be a positive number"),
    ({"clock_ns": float("nan")}, ScheduleError, "the clock period must be a positive number"),
    ({}, ScheduleError, "neither a clock period nor a number of stages"),
    ({"stages": 0}, ScheduleError, "a design has one stage or more"),
    ({"clock_ns": 2, "stages": 1.5}, ScheduleError, "a design has one stage or more"),
    ({"clock_ns": 2, "max_latency_ns": float("nan")}, ScheduleError, "the latency allowed must be"),
    ({"clock_ns": 2, "max_latency_ns": 0}, ScheduleError, "the latency allowed must be a positive"),
    ({"clock_ns": 0.2}, ScheduleError, "layer 'dense': op 'add' of "),
    ({"clock_ns": 2, "device": "xc7"}, HgqRtlError, "unknown device"),
    ({"clock_ns": 2, "name": "9 lives"}, HgqRtlError, "the name of a design must be an identifier"),
    ({"clock_ns": 2, "skip": ["fold"]}, PassError, "unknown pass"),
    ({"clock_ns": 2, "inputs": {"z": (1, 1, 1)}}, LoweringError, "inputs= names an input"),
]


@pytest.mark.parametrize(("arguments", "kind", "start"), ERRORS, ids=lambda v: str(v)[:30])
def test_bad_requests(model, arguments, kind, start):
    """The full messages are tested where they are made; here, that they arrive."""
    with pytest.raises(kind) as error:
        hr.compile(model, check_samples=0, **arguments)
    assert start in str(error.value)


def test_missing_and_corrupt_model_files(tmp_path):
    with pytest.raises(LoweringError) as error:
        hr.compile(tmp_path / "none.keras", clock_ns=2)
    assert (
        str(error.value) == f"there is no such model file.\n  Received: {tmp_path / 'none.keras'}."
    )
    with pytest.raises(LoweringError) as error:
        hr.compile(corrupt(tmp_path), clock_ns=2)
    assert str(error.value) == (
        "the model file 'broken.keras' cannot be read.\n"
        "  Received: BadZipFile: File is not a zip file.\n"
        "  It must be a .keras file saved by model.save(), with layers of hgq_rtl or Keras."
    )


def test_model_files_run_no_code(tmp_path):
    inputs = keras.Input((2,))
    lambda_layer = keras.layers.Lambda(lambda x: x + 1, output_shape=(2,))
    keras.Model(inputs, lambda_layer(inputs)).save(tmp_path / "lambda.keras")
    with pytest.raises(LoweringError) as error:
        hr.compile(tmp_path / "lambda.keras", clock_ns=2)
    assert "the model file 'lambda.keras' cannot be read" in str(error.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([[0, 1, np.nan, 2]]), "port 'x' cannot take NaN or infinity.\n"
         "  Received: nan in sample 0, element 'x_2'."),
        (np.zeros((5, 3)), "the data for port 'x' has the wrong shape.\n"
         "  Received: (5, 3), expected (samples, 4)."),
        ({"y": np.zeros((1, 4))}, "the data must have one array per input port.\n"
         "  Received: y.\n  Ports: x."),
    ],
    ids=["nan", "shape", "name"],
)  # fmt: skip
def test_bad_data(design, x, message):
    with pytest.raises(NumberError) as error:
        design.predict(x)
    assert str(error.value) == message


def test_an_existing_folder_is_not_touched(design, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(HgqRtlError):
            design.write(folder, force=force)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]


def test_report_prints_on_a_narrow_terminal(design):
    from rich.console import Console

    buffer = io.StringIO()
    Console(file=buffer, width=40).print(design.report())
    assert "dense" in buffer.getvalue()
