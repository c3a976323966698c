"""The AXI4-Stream shell in a simulator: every sample against the graph, at full rate and not."""

import re

import pytest

from hgq_rtl.emit.backend import CoreInfo, emit
from hgq_rtl.errors import CosimError
from hgq_rtl.project import Core, Delivery, open_project, write_project
from tests.cosim.design import random_graph

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One work folder serves all, so that Verilator's own files build once."""
    return tmp_path_factory.mktemp("axis")


def written(path, latency, **beats):
    """96 bits in, 32 bits out."""
    graph, interface = random_graph(seed=latency, stages=latency)
    emitted = emit(graph, interface, CoreInfo("rand", "0", "hash", 2.0, latency, "unit"))
    core = Core("rand", graph, interface, latency, 2.0, "unit", emitted, delivery=Delivery(**beats))
    return write_project(core, path / f"rand_{latency}")


@pytest.mark.parametrize(
    ("latency", "in_beat", "out_beat"),
    [
        (2, 40, 8),
        pytest.param(0, None, None, marks=pytest.mark.slow),
        pytest.param(1, 8, None, marks=pytest.mark.slow),
        pytest.param(9, None, 16, marks=pytest.mark.slow),
        pytest.param(20, 72, 24, marks=pytest.mark.slow),
    ],
)
def test_every_sample_arrives_once_and_in_order(tmp_path, work, latency, in_beat, out_beat):
    project = written(tmp_path, latency, in_beat=in_beat, out_beat=out_beat)
    result = project.verify(random=300, axis=True, work=work)
    assert result.axis == result.vectors == result.random + result.corner
    assert f"; {result.vectors} through AXI4-Stream); latency {latency};" in str(result)


@pytest.mark.parametrize(
    ("pattern", "new", "where"),
    [
        # Nothing counts the free places: results overrun the queue while nobody takes them.
        (r"= flow_credits >= 2'h2;", "= 1'h1;", "back pressure"),
        # Too few places for a sample per clock.
        pytest.param(r"flow_credits <= 4'h9;", "flow_credits <= 4'h5;", "full rate",
                     marks=pytest.mark.slow),
        # TLAST comes a sample early.
        pytest.param(r"\{ flow_lasts\[4\]", "{ flow_lasts[3]", "full rate",
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_broken_shell_is_found(tmp_path, work, pattern, new, where):
    path = written(tmp_path, 5).path
    (file,) = path.glob("rtl/*_axis.v")
    text, count = re.subn(pattern, new, file.read_text())
    assert count == 1
    file.write_text(text)
    with pytest.raises(CosimError) as error:
        open_project(path, check=False).verify(random=200, axis=True, work=work)
    assert str(error.value).startswith(f"design 'rand' ({where}): the AXI4-Stream shell is wrong: ")
