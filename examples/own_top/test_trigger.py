"""The regression of trigger.v. Runs inside the simulator: cocotb, NumPy and the project folder."""

import os

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

from hgq_rtl import open_project
from hgq_rtl.cosim import SampleDriver, SampleMonitor, Scoreboard, StreamMonitor, bursts

JETS = open_project(os.environ["JETS_PROJECT"])
EVENTS = 200


def events(seed):
    """Random jets, in the units of the network's inputs."""
    rng = np.random.default_rng(seed)
    pt = np.minimum(rng.exponential(12, (EVENTS, 3)).round(), 63)
    return {"pt": pt, "eta": rng.integers(-32, 32, (EVENTS, 3)) / 4}


def accepted(x):
    """What must come out of the queue: the core's own outputs, where they say so."""
    y = JETS.predict(x)
    keep = y["accept"] == 1
    assert 0 < keep.sum() < EVENTS
    return {name: values[keep] for name, values in y.items()}


async def start(dut, pace=None):
    """Clock, reset, and a driver on the ports of the trigger."""
    Clock(dut.clk, 3, "ns").start()
    driver = SampleDriver(
        JETS, dut, valid="jets_valid", data={"pt": "jets_pt", "eta": "jets_eta"}, pace=pace
    )
    dut.rst.value = 1
    dut.m_axis_tready.value = 0
    await ClockCycles(dut.clk, JETS.latency + 2)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    return driver


@cocotb.test()
async def the_core_computes_what_it_should(dut):
    """One event per clock; looked at inside, on the ports of the core."""
    driver = await start(dut)
    board = Scoreboard(SampleMonitor(JETS, dut.core))
    x = events(seed=1)
    board.expect(x)
    await driver.send(x)
    assert await board.check() == EVENTS
    assert dut.seen.value == EVENTS


@cocotb.test()
async def accepted_events_wait_for_the_reader(dut):
    """Bursts of events against a reader that is slower than some of them and stops at times."""
    driver = await start(dut, pace=bursts(seed=2, odds=(0.1, 0.3)))
    reader = StreamMonitor(JETS, dut, clk="clk", pace=bursts(seed=3, odds=(0.0, 0.4, 1.0)))
    board = Scoreboard(reader)
    x = events(seed=4)
    board.expect_outputs(accepted(x))
    await driver.send(x)
    await board.check()
    assert dut.lost.value == 0


@cocotb.test()
async def a_full_queue_counts_what_it_loses(dut):
    """Nobody reads: sixteen events stay, the others are counted."""
    driver = await start(dut)
    x = events(seed=5)
    await driver.send(x)
    await ClockCycles(dut.clk, JETS.latency + 2)
    y = accepted(x)
    assert dut.lost.value == len(y["score"]) - 16
    reader = StreamMonitor(JETS, dut, clk="clk")
    board = Scoreboard(reader)
    board.expect_outputs({name: values[:16] for name, values in y.items()})
    assert await board.check() == 16
