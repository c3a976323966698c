"""What runs inside the simulator for test_bench.py."""

import os
import sys

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

from hgq_rtl import open_project
from hgq_rtl.cosim import (
    SampleDriver,
    SampleMonitor,
    Scoreboard,
    StreamDriver,
    StreamMonitor,
    bursts,
)
from hgq_rtl.errors import CosimError

PROJECT = open_project(os.environ["PAIR_PROJECT"])
NAMED = {"x_0": "first", "x_2": "x_2", "b": "b"}


def data(seed, samples=50):
    rng = np.random.default_rng(seed)
    x = np.stack(
        [rng.integers(-8, 8, samples) / 4, np.zeros(samples), rng.integers(0, 8, samples)], 1
    )
    return {"x": x, "b": rng.integers(0, 8, samples)}


async def reset(dut):
    Clock(dut.clk, 4, "ns").start()
    dut.aresetn.value = 0
    await ClockCycles(dut.clk, 4)
    await FallingEdge(dut.clk)
    dut.aresetn.value = 1


async def fails(awaitable, text):
    with pytest.raises((AssertionError, CosimError)) as error:
        await awaitable
    assert text in str(error.value)


@cocotb.test()
async def named_ports(dut):
    assert not {"keras", "jax", "amaranth", "scipy"} & set(sys.modules)
    await reset(dut)
    driver = SampleDriver(PROJECT, dut, valid="go", data=NAMED, pace=bursts(1))
    monitor = SampleMonitor(PROJECT, dut, valid=dut.done)
    await ClockCycles(dut.clk, 4)
    monitor.clear()
    x = data(0)
    await driver.send(x)
    y, z = await monitor.take(50)
    want_y, want_z = PROJECT.predict(x)
    assert (y == want_y).all()
    assert (z == want_z).all()
    assert (z == 2 * x["b"]).all()


@cocotb.test()
async def streams(dut):
    driver = StreamDriver(PROJECT, dut, clk=dut.clk, pace=bursts(2))
    monitor = StreamMonitor(PROJECT, dut, clk="clk", pace=bursts(3, (0.0, 0.3, 1.0)))
    await reset(dut)
    driver.clear()
    monitor.clear()
    board = Scoreboard(monitor)
    for seed, samples in ((4, 1), (5, 40), (6, 9)):
        board.expect(data(seed, samples))
        driver.queue(data(seed, samples))
    assert await board.check() == 50
    assert [i for i, last in enumerate(monitor.lasts) if last] == [0, 40, 49]


@cocotb.test()
async def what_a_scoreboard_finds(dut):
    await reset(dut)
    driver = SampleDriver(PROJECT, dut, valid="go", data=NAMED)
    monitor = SampleMonitor(PROJECT, dut, valid="done")
    await ClockCycles(dut.clk, 4)
    monitor.clear()
    board, x = Scoreboard(monitor), data(7, 3)
    await fails(board.check(), "nothing was expected, so nothing was compared")

    y, z = PROJECT.predict(x)
    z[1] -= 2 if z[1] else -2
    board.expect_outputs([y, z])
    await driver.send(x)
    await fails(board.check(), f"sample 1 of 3 has z = {2 * x['b'][1]:g}, expected {z[1]:g}")

    board.expect({name: values[:2] for name, values in x.items()})
    await driver.send(x)
    await fails(board.check(), "1 samples came that nobody expects")
    monitor.clear()

    board.expect(x)
    await driver.send({name: values[:2] for name, values in x.items()})
    await fails(board.check(patience=50), "nothing came for 50 clocks: 2 of 3 words are there")


@cocotb.test()
async def what_a_stream_may_not_do(dut):
    await reset(dut)
    dut.free_tvalid.value = 0
    monitor = StreamMonitor(PROJECT, dut, "free", clk="clk", pace=iter([False] * 99))
    await ClockCycles(dut.clk, 2)
    dut.free_tdata.value = 5
    dut.free_tvalid.value = 1
    await ClockCycles(dut.clk, 2)
    dut.free_tdata.value = 6
    await fails(monitor.take(1), "the stream changed while waiting, at clock")
    driver = StreamDriver(PROJECT, dut, clk="clk")
    dut.aresetn.value = 0
    await fails(driver.send(data(9, 1), patience=20), "nothing was taken for 20 clocks")


@cocotb.test()
async def wrong_names(dut):
    async def make(**arguments):
        SampleDriver(PROJECT, dut, **{"valid": "go", "data": NAMED, **arguments})

    await fails(make(clk="clock"), "the design under test has no signal 'clock'")
    await fails(make(data=None), "has no signal of 4 bits for 'x_0'")
    await fails(make(data={**NAMED, "x_2": dut.y_0}), "Received: pair.y_0 has 7 bits")
    await fails(make(data={**NAMED, "x_1": "b"}), "Received: x_1")
