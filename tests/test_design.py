from itertools import product

import numpy as np
import pytest

from hgq_rtl import cache
from hgq_rtl.errors import ProjectError, ScheduleError
from hgq_rtl.project import Delivery, project
from tests.synth.chain import chain


def asked_twice(sizes, **options):
    """The fastest clock for some stages, and the same design again for just that clock."""
    options |= {"minimize_registers": False, "register_inputs": True}
    fastest = chain(sizes, clock_ns=None, **options)
    again = chain(sizes, clock_ns=fastest.clock_ns, **options)
    assert fastest.latency == again.latency == options["stages"] + 1
    assert fastest.clock_ns == again.clock_ns


@pytest.mark.parametrize("device", ["xcvu13p-2", "ecp5-6"])
@pytest.mark.parametrize("seed", range(4))
def test_the_fastest_clock_can_be_asked_for(seed, device):
    """Also where the smallest graph would be too slow for it."""
    asked_twice([8, 12, 4], seed=seed, device=device, stages=2)


@pytest.mark.parametrize(("sizes", "seed"), [((6, 6, 6, 3), 0), ((8, 6, 5), 7), ((5, 7, 4), 19)])
@pytest.mark.parametrize("stages", [1, 2])
def test_a_pass_may_make_up_for_the_one_before(sizes, seed, stages):
    """Sums of three alone are too slow for the clock that they reach with ReLU inside of them."""
    asked_twice(sizes, seed=seed, stages=stages)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["xcvu13p-2", "xc7z020-1", "ecp5-6"])
@pytest.mark.parametrize("sizes", [(6, 6, 6, 3), (8, 6, 5), (10, 10, 10), (5, 7, 4)])
def test_the_fastest_clock_of_many_can_be_asked_for(sizes, device):
    for seed, stages in product(range(40), (1, 2, 3)):
        asked_twice(sizes, seed=seed, stages=stages, device=device)


@pytest.mark.parametrize("device", ["xcvu13p-2", "xc7z020-1", "ecp5-6"])
@pytest.mark.parametrize("sizes", [(8, 12, 4), (24, 6)])
def test_no_faster_clock_can_be_asked_for(sizes, device):
    options = {"density": 1.0, "device": device, "stages": 2, "minimize_registers": False}
    fastest = chain(sizes, clock_ns=None, **options).clock_ns
    with pytest.raises(ScheduleError):
        chain(sizes, clock_ns=0.97 * fastest, **options)


def test_a_latency_is_met_where_the_smallest_graph_would_take_longer():
    options = {"seed": 0, "minimize_registers": False}
    clock_ns = chain([8, 12, 4], clock_ns=None, stages=2, **options).clock_ns
    assert chain([8, 12, 4], clock_ns=clock_ns, **options).latency == 3
    short = chain([8, 12, 4], clock_ns=clock_ns, max_latency_ns=2 * clock_ns, **options)
    assert short.latency == 2
    with pytest.raises(ScheduleError, match="the latency is 2 clocks"):
        chain([8, 12, 4], clock_ns=clock_ns, max_latency_ns=clock_ns, **options)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A small design whose folder is in the cache, its folder, and no way to make another."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    made = chain((3, 2), clock_ns=5, notes={"accuracy": 0.5})
    folder = made.write(tmp_path / "first").path

    def never(core):
        raise AssertionError("made again")

    monkeypatch.setattr(project, "contents", never)
    return made, folder


def test_a_folder_is_made_once(written, tmp_path):
    _, first = written
    same = chain((3, 2), clock_ns=5, notes={"accuracy": 0.5})
    again = same.write(tmp_path / "again").path
    names = sorted(f.relative_to(first) for f in first.rglob("*") if f.is_file())
    assert names == sorted(f.relative_to(again) for f in again.rglob("*") if f.is_file())
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        {"delivery": Delivery(in_beat=32)},
        {"inputs": {"model": "other"}},
        {"vectors": np.zeros((1, 3))},
    ],
)
def test_another_folder_is_made_anew(written, tmp_path, other):
    made, _ = written
    with pytest.raises(AssertionError, match="made again"):
        made.write(tmp_path / "other", **other)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"},
        {"clock_ns": 6},
        {"notes": {"accuracy": 0.6}},
        {"device": "xc7z020-1"},
        {"register_inputs": True},
        {"skip": ["lookups"]},
        {"seed": 1},
    ],
)
def test_the_folder_of_another_design_is_made_anew(written, tmp_path, other):
    made = chain((3, 2), **{"clock_ns": 5, "notes": {"accuracy": 0.5}} | other)
    with pytest.raises(AssertionError, match="made again"):
        made.write(tmp_path / "other")


def test_a_folder_that_may_not_be_replaced_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "contents", None)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ProjectError, match="is not a project folder"):
        chain((3, 2)).write(tmp_path / "mine")
