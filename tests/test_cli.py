"""The command line: the same functions, readable output, exit codes."""

import json
import shutil

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from hgq_rtl.cli import app
from hgq_rtl.passes.pipeline import DEFAULT
from hgq_rtl.timing.model import TARGETS
from tests.test_tiny import tiny

RUN = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved model, its data, and the project that the command line made of it."""
    root = tmp_path_factory.mktemp("cli")
    model, x = tiny()
    named = keras.Model(model.inputs, {"scores": model.outputs[0]}, name=model.name)
    named.save(root / "tiny.keras")
    np.save(root / "x.npy", x)
    result = RUN.invoke(
        app, ["compile", str(root / "tiny.keras"), str(root / "out"), "--clock-ns", "2"]
    )
    assert result.exit_code == 0, result.output
    assert "written to" in result.output
    return root


def test_help_names_every_command():
    text = RUN.invoke(app, ["--help"]).output
    for command in ("compile", "verify", "report", "passes", "devices", "doctor"):
        assert command in text


def test_lists():
    passes = RUN.invoke(app, ["passes"]).output.splitlines()
    assert [line.split()[0] for line in passes] == [name for name, _ in DEFAULT]
    devices = [line.split()[:2] for line in RUN.invoke(app, ["devices"]).output.splitlines()]
    families = {"generic": "generic", "xcvu13p-2": "xilinx-us+", "xc7z020-1": "xilinx-7"}
    for name, target in {**families, "ecp5-6": "ecp5", "unit": "generic"}.items():
        assert [name, target] in devices
    assert {target for _, target in devices} == set(TARGETS)


def test_report_of_a_written_project(folder):
    result = RUN.invoke(app, ["report", str(folder / "out")])
    assert result.exit_code == 0
    assert "tiny on xcvu13p-2, 2 ns" in result.output
    facts = json.loads((folder / "out/report.json").read_text())
    lines = [line.split() for line in result.output.splitlines()]
    for stage, delay in enumerate(facts["stage_delays_ps"]):
        assert [str(stage), str(delay), str(2000 - delay)] in lines
    for layer in facts["layers"]:
        if layer["widths"]:
            counts = " ".join(f"{bits}: {count}," for bits, count in layer["widths"]).split()
            assert [layer["name"] or "(border)", *counts[:-1], counts[-1].rstrip(",")] in lines


@pytest.mark.cosim
def test_verify_with_data_and_keras(folder):
    result = RUN.invoke(
        app,
        ["verify", str(folder / "out"), "--data", str(folder / "x.npy"),
         "--model", str(folder / "tiny.keras"), "--random", "50"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    flat = " ".join(result.output.split())
    assert "every bit equal (200 data" in flat
    assert "200 equal to Keras" in flat


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compile", "{}/none.keras", "{}/new", "--clock-ns", "2"],
         "LoweringError: there is no such model file. Received: {}/none.keras."),
        (["compile", "{}/tiny.keras", "{}/out", "--clock-ns", "2"],
         "ProjectError: '{}/out' holds changes that would be lost. Received: notes.txt (added). "
         "Choose another folder, or replace it all the same with force=True (--force)."),
        (["compile", "{}/tiny.keras", "{}", "--clock-ns", "2"],
         "ProjectError: '{}' exists and is not a project folder, so it is not replaced. "
         "Only a folder with our manifest.json is; choose another one."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "0"],
         "ScheduleError: the clock period must be a positive number of ns. Received: 0.0."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "2", "--in-beat", "9"],
         "EmitError: the input beats of AXI4-Stream cannot have 9 bits. "
         "Whole bytes, up to 4096 bits; a power of two suits a DMA engine."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "2", "--place", "dense"],
         "ConfigError: --place is written LAYER=REGION. Received: 'dense'. "
         "Example: dense_1=SLR1."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "2", "--input", "x=1"],
         "ConfigError: --input is written NAME=k,i,f. Received: 'x=1'. Example: --input x=1,3,8."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "2", "--vectors", "{}/none.npy"],
         "ConfigError: '{}/none.npy' is not a NumPy file. Received: FileNotFoundError: "
         "[Errno 2] No such file or directory: '{}/none.npy'."),
        (["compile", "{}/tiny.keras", "{}/new", "--clock-ns", "2", "--dump", "{}/x.npy"],
         "ConfigError: '{}/x.npy' cannot be written. Received: File exists."),
        (["report", "{}/out", "--html", "{}/none/x.html"],
         "ConfigError: '{}/none/x.html' cannot be written. Received: No such file or directory."),
        (["synth", "{}/tiny.keras/none", "--place", "--seeds", "0"],
         "SynthError: place and route need a seed. Ask for at least one run."),
        (["verify", "{}/out", "--random", "-1"],
         "CosimError: the number of random vectors must not be negative. Received: -1."),
        (["verify", "{}/out", "--model", "{}/tiny.keras"],
         "ConfigError: --model needs the inputs to compare on. Pass --data as well."),
    ],
)  # fmt: skip
def test_errors_are_text_and_exit_with_1(folder, arguments, message):
    (folder / "out/notes.txt").write_text("mine")
    result = RUN.invoke(app, [a.format(folder) for a in arguments])
    assert result.exit_code == 1
    assert "".join(result.stderr.split()) == "".join(message.replace("{}", str(folder)).split())
    assert not (folder / "new").exists()
    (folder / "out/notes.txt").unlink()


def test_compiling_again_does_only_what_is_new(folder, monkeypatch):
    out = shutil.copytree(folder / "out", folder / "again")

    def compile(*more):
        command = ["compile", str(folder / "tiny.keras"), str(out), *more]
        result = RUN.invoke(app, command)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()[-1].split(":")[0]

    manifest = out / "manifest.json"
    before = manifest.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr("hgq_rtl.flow.compile", None)
        assert compile("--clock-ns", "2") == "up to date"
    assert manifest.stat().st_mtime_ns == before
    assert compile("--clock-ns", "4").startswith("written to")
    assert json.loads(manifest.read_text())["clock_ns"] == 4.0
    (out / "rtl/tiny.v").write_text("// mine")
    data = ("--vectors", str(folder / "x.npy"))
    assert compile("--clock-ns", "4", "--force", *data).startswith("written to")
    assert compile("--clock-ns", "4", *data) == "up to date"
    facts = json.loads((out / "report.json").read_text())["verification"]
    assert facts["vectors"]["data"] == 200
