"""What is read back from disk is what was solved, or it is solved again."""

from pathlib import Path

import numpy as np
import pytest

from hgq_rtl import cache
from hgq_rtl.fixed import Fixed
from hgq_rtl.passes.cmvm import memo
from hgq_rtl.passes.target import Target, default_target
from hgq_rtl.timing.load import load_device

TARGET = default_target()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def solved(monkeypatch):
    """The keys that were really solved."""
    keys = []

    def choose(key, target):
        keys.append(key)
        return memo.choose.original(key, target)

    choose.original = memo.choose
    monkeypatch.setattr(memo, "choose", choose)
    return keys


def some_key(seed=0):
    rng = np.random.default_rng(seed)
    rows = tuple(map(tuple, rng.integers(-9, 10, (4, 5)).tolist()))
    return rows, tuple(Fixed(0, int(hi), 0) for hi in rng.integers(1, 9, 5)), (0, 0, 1, 0, 2)


def entries(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".so"]


def test_the_second_time_is_read(folder, solved):
    first = memo.solve(some_key(), TARGET)
    assert memo.solve(some_key(), TARGET) == first
    assert len(solved) == 1
    memo.solve(some_key(1), TARGET)
    memo.solve(some_key(), Target(load_device("unit")))
    memo.solve(some_key(), Target(TARGET.device, extra_levels=0))
    assert len(solved) == 4


@pytest.mark.parametrize("what", ["nothing", "half", "nested", "a huge shift", "another matrix"])
def test_a_broken_entry_is_solved_again(folder, solved, what):
    first = memo.solve(some_key(), TARGET)
    (file,) = entries(folder)
    whole = file.read_bytes()
    if what == "another matrix":
        cache.write(memo.KIND, file.name, memo._encode(memo.choose(some_key(1), TARGET)))
    else:
        halves = {"nothing": b"", "half": whole[: len(whole) // 2], "nested": b"[" * 100_000}
        file.write_bytes(halves.get(what, whole.replace(b",1,", b",99999999999999,")))
    assert file.read_bytes() != whole
    solved.clear()
    assert memo.solve(some_key(), TARGET) == first
    assert len(solved) == 1
    assert memo.solve(some_key(), TARGET) == first
    assert len(solved) == 1


def test_switched_off(folder, solved, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert memo.solve(some_key(), TARGET) == memo.solve(some_key(), TARGET)
    assert len(solved) == 2
    assert not entries(folder)


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch, solved):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(file))
    assert memo.solve(some_key(), TARGET) == memo.solve(some_key(), TARGET)


def test_other_code_or_another_library_is_another_entry(folder, solved, monkeypatch):
    memo.solve(some_key(), TARGET)
    for version in ("0.1", "0.2"):
        cache.code.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(cache, "version", lambda library, v=version: v)
            memo.solve(some_key(), TARGET)
    cache.code.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "PACKAGE", Path(__file__).parent)
        memo.solve(some_key(), TARGET)
    cache.code.cache_clear()
    assert len(solved) == 4
    memo.solve(some_key(), TARGET)
    assert len(solved) == 4


def test_the_size_is_looked_at_as_bytes_are_written(folder, monkeypatch):
    looks = []
    monkeypatch.setattr(cache, "trim", lambda: looks.append(1))
    monkeypatch.setattr(cache, "_CHECK_EVERY", 1000)
    monkeypatch.setattr(cache, "_unseen", 1000)
    for n, expected in enumerate([1, 1, 2, 2, 3]):
        cache.put("test", f"entry-{n}", b"x" * 500)
        assert len(looks) == expected


def test_the_oldest_entries_go_first(folder):
    import os

    for n in range(6):
        cache.write("test", f"entry-{n}", b"x" * 100)
        file = cache.path("test", f"entry-{n}")
        os.utime(file, ns=(n * 10**9, n * 10**9))
    assert cache.read("test", "entry-0") == b"x" * 100  # used just now
    cache.trim(3 * len(cache.path("test", "entry-0").read_bytes()) + 50)
    left = [n for n in range(6) if cache.read("test", f"entry-{n}") is not None]
    assert left == [0, 4, 5]
