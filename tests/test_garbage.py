"""Compilations are not searched for garbage, and leave the collector as they found it."""

import gc

import pytest

from hgq_rtl.design import build_design
from hgq_rtl.errors import ScheduleError
from hgq_rtl.garbage import no_collection
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface
from hgq_rtl.ir.node import Builder


@pytest.fixture(params=[True, False])
def enabled(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_the_collector_is_left_as_it_was(enabled):
    with no_collection():
        with no_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_passes_run_without_collection(enabled):
    seen = []
    graph = Graph(Builder(), (), (), ())
    interface = Interface((), ())
    build_design(
        graph, interface, name="n", clock_ns=1.0, progress=lambda step: seen.append(gc.isenabled())
    )
    assert seen
    assert not any(seen)
    with pytest.raises(ScheduleError):
        build_design(graph, interface, name="n")
    assert gc.isenabled() == enabled
