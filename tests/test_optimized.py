"""What was optimised once is read back: the same design, and only for the same question."""

import pytest

from hgq_rtl import cache, optimize, optimized
from tests.synth.chain import chain


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    return tmp_path / optimized.KIND


def make(**options):
    return chain((5, 4), **{"clock_ns": 1.5, "keep": True, **options})


def files(made):
    return dict(made.emitted.files), made.passes, made.clock_ns, made.schedule.latency


def test_the_second_design_is_the_first_without_a_pass(folder, monkeypatch):
    first = make()
    plain = make(keep=False)
    assert files(first)[0] == files(plain)[0]
    monkeypatch.setattr(optimize, "run", None)
    second = make()
    assert files(second) == files(first)
    assert [node.type for node in second.graph.nodes] == [node.type for node in first.graph.nodes]
    assert second.report().facts == first.report().facts
    second.schedule.check(second.graph, second.device, 1500)


@pytest.mark.parametrize(
    "other",
    [
        {"clock_ns": 1.6},
        {"stages": 4},
        {"device": "xc7z020-1", "clock_ns": 3.0},
        {"skip": ["narrow"]},
        {"register_inputs": True},
        {"minimize_registers": False},
        {"seed": 1},
    ],
)
def test_another_question_is_answered_anew(folder, other):
    make()
    make(**other)
    assert sum(f.is_file() for f in folder.rglob("*")) == 2


def test_half_an_entry_is_none(folder):
    first = make()
    (file,) = [f for f in folder.rglob("*") if f.is_file()]
    whole = file.read_bytes()
    for broken in (whole[:-20], b"", whole.replace(b"add", b"sub")):
        file.write_bytes(broken)
        assert files(make())[0] == files(first)[0]
        assert cache.read(optimized.KIND, file.name) is not None
        assert len(file.read_bytes()) > len(whole) // 2


def test_dumps_are_made_each_time(folder, tmp_path):
    make()
    make(dump=tmp_path / "dump")
    assert [*(tmp_path / "dump").iterdir()]
