"""With a real simulator. One work folder serves all, so that Verilator's own files build once."""

import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from hgq_rtl.emit.backend import CoreInfo, emit
from hgq_rtl.errors import CosimError
from hgq_rtl.project import Core, open_project, write_project
from tests.cosim.design import random_graph, tiny

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tiny(), tmp_path_factory.mktemp("simulated") / "tiny")


@pytest.fixture
def mutate(project):
    """Replaces text in one Verilog file until the test ends."""
    kept = {}

    def replace(file, old, new):
        path = project.path / "rtl" / file
        text = path.read_text()
        kept.setdefault(path, text)
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    yield replace
    for path, text in kept.items():
        path.write_text(text)


def failure(project, **arguments):
    with pytest.raises(CosimError) as error:
        project.verify(random=20, **arguments)
    return str(error.value).replace(str(project.path), "PATH")


def sums(x, b):
    """The two sums and the shifted input, in the structure that Keras gives."""
    y = np.stack([x[:, 0] + x[:, 2], x[:, 0] + x[:, 2] - b], axis=1)
    return [y.astype(np.float32), (2 * b).astype(np.float32)]


def failures(project):
    """The messages of failed test cases, by JUnit file."""
    found = {}
    for file in sorted((project.path / "sim/junit").glob("*.xml")):
        found[file.stem] = [f.get("message") for f in ElementTree.parse(file).iter("failure")]
    return found


DATA = (np.array([[0.25, 0, 2], [-2, 0, 0], [1.75, 0, 7]]), np.array([3.0, 1, 0]))


def test_every_bit_of_every_vector(project):
    result = project.verify(list(DATA), y_expected=sums(*DATA), random=1000)
    assert (result.data, result.corner, result.random, result.keras) == (3, 13, 1000, 3)
    assert (result.vectors, result.with_gaps, result.latency) == (1016, 1016, 2)
    assert str(result).startswith(
        "1016 vectors, every bit equal (3 data, 13 corner, 1000 random; 1016 again with gaps in "
        "valid_in; 3 equal to Keras); latency 2; coverage: output bits 34 of 34; build "
    )


def test_wrong_keras_is_not_blamed_on_the_hardware(project):
    y, z = sums(*DATA)
    assert failure(project, x=list(DATA), y_expected=[y, z + np.float32(2**-20)]).endswith(
        "RTL agrees with IR, so the fault is in lowering or a pass. 3 of 3 data vectors differ."
    )


def test_no_vector_is_a_failure(project, tmp_path):
    for name in ("inputs.hex", "outputs.hex"):
        (tmp_path / name).write_text("")
    command = [sys.executable, str(project.path / "sim/run.py"), "--vectors", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no vector ran" in done.stdout


def test_delivered_regression_runs_alone_and_can_fail(project, mutate):
    def make():
        return subprocess.run(
            ["make", "-C", str(project.path / "sim"), f"PYTHON={sys.executable}"],
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )

    good = make()
    assert good.returncode == 0, good.stdout + good.stderr
    assert "back_to_back: 1013 vectors, 0 wrong, 0 valid errors" in good.stdout
    assert good.stdout.rstrip().splitlines()[-2] == "PASS"
    assert "coverage: output bits 34 of 34\n" in good.stdout
    assert failures(project) == {"axis": [], "core": []}
    mutate("layer.v", "z_r <= b_r;", "z_r <= b_r | 3'd4;")
    bad = make()
    assert bad.returncode == 2
    assert "FAIL" in bad.stdout
    first = failures(project)["core"][0]
    assert re.match(r"vector \d+: found 0x\w+ 0x[4-7], expected 0x\w+ 0x[0-3]; \d+ of 1013 ", first)


def test_flipped_operator_is_found_and_named(project, mutate):
    mutate("layer.v", "sum - {2'b0", "sum + {2'b0")
    assert failure(project, x=list(DATA), y_expected=sums(*DATA)) == (
        "output 1 of 3 ('y_1'), vector 0 of 36: RTL 0x15 (21), Keras -3, IR -3.\n"
        "  IR agrees with Keras, so the fault is in emission or pipelining. First differing node: "
        "'dense/diff', stage 1 (signal core.u_layer.diff: RTL 21, IR -3). "
        "18 of 36 vectors are wrong."
    )


def test_missing_register_in_the_data_is_not_blamed_on_a_node(project, mutate):
    mutate("layer.v", "assign y_0 = y_0_r;", "assign y_0 = sum;")
    message = failure(project)
    assert message.startswith("output 0 of 3 ('y_0'), vector 0 of 33: RTL ")
    assert "All 5 named nodes are right when the vector is held still" in message


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "v0 = 0, v1 = 0",
            "v0 = 0, v1 = 1",
            "valid_out is 1 at clock 0, expected 0, before any vector",
        ),
        (
            "valid_out = v1",
            "valid_out = 1'b1",
            "valid_out is 1 at clock 0, expected 0, before any vector",
        ),
        (
            "valid_out = v1",
            "valid_out = v0",
            "valid_out first rises 1 clock after valid_in, expected 2",
        ),
    ],
)
def test_wrong_valid(project, mutate, old, new, what):
    mutate("tiny.v", old, new)
    assert f"design 'tiny' (back to back): {what}" in failure(project)


def test_verilog_that_does_not_compile(project, mutate):
    mutate("layer.v", "endmodule", "endmodul")
    message = failure(project)
    assert message.startswith("the build of the simulator failed with status 2.\n  Received: ")
    assert "PATH/rtl/layer.v" in message


@pytest.mark.parametrize("latency", [0, 3])
def test_emitted_verilog(tmp_path, project, latency):
    graph, interface = random_graph(seed=latency, stages=latency)
    emitted = emit(graph, interface, CoreInfo("rand", "0", "hash", 2.0, latency, "unit"))
    core = Core("rand", graph, interface, latency, 2.0, "unit", emitted)
    path = write_project(core, tmp_path / "rand").path
    work = project.path / "sim/sim_build"
    assert open_project(path).verify(random=200, work=work).latency == latency
    if latency:
        file, old = next(
            (file, line)
            for file in sorted((path / "rtl").glob("*.v"))
            for line in file.read_text().split("\n")
            if " + " in line and "assign" not in line
        )
        file.write_text(file.read_text().replace(old, old.replace(" + ", " - ")))
        with pytest.raises(CosimError) as error:
            open_project(path, check=False).verify(random=200, work=work)
        name = old.split("=")[0].split()[-1]
        assert f".{name}: RTL " in str(error.value)
