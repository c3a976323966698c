"""What both kinds of scopes share: nesting, entering again, exceptions, threads, any order."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from hgq_rtl.config import LayerConfigScope, QuantizerConfig, QuantizerConfigScope
from hgq_rtl.errors import ConfigError
from hgq_rtl.layers.config import layer_default

KINDS = [
    pytest.param(
        (lambda n: QuantizerConfigScope(place="datalane", i0=n), lambda: QuantizerConfig()["i0"]),
        id="quantizers",
    ),
    pytest.param(
        (lambda n: LayerConfigScope(beta0=n), lambda: layer_default("beta0")), id="layers"
    ),
]


@pytest.fixture(params=KINDS)
def kind(request):
    """(make, read): a scope of a number, and the number that holds."""
    return request.param


def test_exits_restore_in_every_order(kind):
    make, read = kind
    start = read()
    rng = random.Random(3)
    scopes = [make(n) for n in range(10, 15)]
    entered = []  # the model: what holds is the last entry that was not left
    for _ in range(400):
        if entered and rng.random() < 0.5:
            scope = rng.choice(entered)
            scope.__exit__(None, None, None)
            del entered[len(entered) - 1 - entered[::-1].index(scope)]
        else:
            entered.append(rng.choice(scopes))
            assert entered[-1].__enter__() is entered[-1]
        assert read() == (10 + scopes.index(entered[-1]) if entered else start)
    for scope in entered:
        scope.__exit__(None, None, None)
    assert read() == start


def test_an_exception_restores(kind):
    make, read = kind
    start, scope = read(), make(9)
    with make(7):
        with pytest.raises(ZeroDivisionError), scope, scope:
            _ = 1 / 0
        assert read() == 7
    assert read() == start


def test_leaving_what_was_not_entered_is_an_error(kind):
    make, read = kind
    with make(7), pytest.raises(ConfigError) as error:
        make(8).__exit__(None, None, None)
    assert "is left where it was not entered" in str(error.value)
    with make(7):
        assert read() == 7


def test_threads_have_scopes_of_their_own(kind):
    make, read = kind
    start, shared, barrier = read(), make(9), Barrier(4)

    def work(n):
        found = [read()]
        for _ in range(20):
            with make(10 + n):
                barrier.wait()
                found.append(read() == 10 + n)
                with shared:
                    barrier.wait()
                    found.append(read() == 9)
                barrier.wait()
                found.append(read() == 10 + n)
        return found

    with make(5), ThreadPoolExecutor(4) as pool:
        for first, *rest in pool.map(work, range(4)):
            assert first == start
            assert all(rest)
    assert read() == start


def test_tasks_do_not_see_each_other(kind):
    make, read = kind

    async def work(n):
        with make(n):
            await asyncio.sleep(0)
            return read() == n

    async def main():
        return await asyncio.gather(*(work(n) for n in range(5, 10)))

    assert all(asyncio.run(main()))
