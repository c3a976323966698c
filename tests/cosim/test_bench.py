"""Drivers and monitors in a regression of a user's own, on Verilator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hgq_rtl.cosim import simulate
from hgq_rtl.errors import CosimError
from hgq_rtl.project import Delivery, write_project
from tests.cosim.design import tiny

pytestmark = pytest.mark.cosim
HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "own_top"


def test_drivers_monitors_and_scoreboard(tmp_path, monkeypatch):
    core = tiny(delivery=Delivery(in_beat=8, out_beat=8))
    project = write_project(core, tmp_path / "tiny")
    monkeypatch.setenv("PAIR_PROJECT", str(project.path))
    before = dict(os.environ)
    sources = [*project.verilog, HERE / "pair.v"]
    passed = simulate(HERE / "pair.py", top="pair", sources=sources, work=tmp_path / "sim")
    assert passed == 5
    assert dict(os.environ) == before


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("own_top")


def run(work, *arguments, **environment):
    command = [sys.executable, EXAMPLE / "run.py", "--out", work, *arguments]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_the_example_passes(work):
    done = run(work)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 tests passed\n"
    assert 40 <= len((EXAMPLE / "test_trigger.py").read_text().splitlines()) <= 100


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        ("tail - head == 5'd16", "tail - head == 5'd15", "a_full_queue"),
        pytest.param(".eta(jets_eta)", ".eta({jets_eta[17:1], 1'b0})", "the_core_computes",
                     marks=pytest.mark.slow),
        pytest.param("m_axis_tvalid && m_axis_tready", "m_axis_tvalid", "accepted_events_wait",
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_the_example_fails_when_the_hardware_is_broken(work, old, new, fails):
    text = (EXAMPLE / "trigger.v").read_text()
    assert text.count(old) == 1
    broken = work / "trigger.v"
    broken.write_text(text.replace(old, new))
    done = run(work, "--top", broken)
    assert done.returncode == 1
    assert "of 3 tests failed" in done.stderr
    assert fails in done.stderr


def test_the_example_says_which_tool_is_missing(work):
    done = run(work, PATH="")
    assert done.returncode == 1
    assert done.stderr.startswith("the co-simulation needs tools that are not there.\n")
    assert "Traceback" not in done.stderr
    for tool in ("c++", "make", "perl"):
        assert f"no {tool}" in done.stderr


def test_no_tests_and_no_file_are_errors(tmp_path):
    with pytest.raises(CosimError) as error:
        simulate(tmp_path / "none.py", top="pair", sources=[], work=tmp_path / "sim")
    assert "there is no such file of tests" in str(error.value)


def test_a_build_that_fails_says_why(tmp_path):
    (tmp_path / "bad.v").write_text("module bad (input clk);\n  nothing here;\nendmodule\n")
    (tmp_path / "tests.py").write_text("")
    with pytest.raises(CosimError) as error:
        simulate(
            tmp_path / "tests.py", top="bad", sources=[tmp_path / "bad.v"], work=tmp_path / "w"
        )
    assert "the build of the simulator failed" in str(error.value)
    assert "bad.v:2" in str(error.value)
