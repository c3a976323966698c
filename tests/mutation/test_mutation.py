"""Testbenches that can fail: single faults in the hardware, and which of them are noticed."""

import numpy as np
import pytest

import hgq_rtl as hr
from tests.mutation.campaign import VerilogCampaign, VhdlCampaign, totals
from tests.mutation.designs import DESIGNS, trigger
from tests.mutation.faults import INSTANCE, OPERAND, Fault, Instrument, fixed
from tests.mutation.vhdl import draw_faults
from tests.tools import needs

FEW, MANY = 12, 70
LEAST = 0.99
"""Of the faults that are not proven equivalent, the share that every testbench must notice."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return trigger().write(tmp_path_factory.mktemp("mutation") / "trigger")


def check(campaign, work, benches=None):
    if benches is not None:
        campaign.benches = {name: campaign.benches[name] for name in benches}
    outcome = campaign.run(work)
    for bench in campaign.benches:
        assert outcome.unnoticed(bench) == []
    return outcome


@needs("iverilog")
def test_few_faults_in_icarus(project, tmp_path):
    campaign = VerilogCampaign(project, tmp_path, 1, FEW)
    assert len(check(campaign, tmp_path, ["Verilog-2001 on Icarus"]).faults) == FEW


@pytest.mark.cosim
def test_few_faults_in_cocotb(project, tmp_path):
    campaign = VerilogCampaign(project, tmp_path, 2, FEW)
    assert len(check(campaign, tmp_path, ["cocotb on Verilator"]).faults) == FEW


@needs("ghdl")
def test_few_faults_in_ghdl(project, tmp_path):
    campaign = VhdlCampaign(project, tmp_path, 1, FEW)
    assert len(check(campaign, tmp_path).faults) == FEW


@needs("iverilog")
@needs("ghdl")
@pytest.mark.slow
@pytest.mark.cosim
def test_many_faults_in_every_testbench(tmp_path):
    rows = []
    for build in DESIGNS:
        project = build().write(tmp_path / build.__name__)
        for kind in (VerilogCampaign, VhdlCampaign):
            rows += kind(project, tmp_path / "mutated", 1, MANY).run(tmp_path).rows()
    for _, bench, faults, equivalent, noticed, missed, _ in totals(rows):
        assert int(faults) >= 200
        assert int(noticed) >= LEAST * (int(faults) - int(equivalent)), f"{bench} missed {missed}"


@needs("iverilog")
def test_the_address_of_a_lookup_gets_a_fault(tmp_path):
    project = hr.trace(
        lambda x: hr.quantize(np.tanh(x), 1, 0, 5), {"x": hr.FixedInput((), (1, 2, 5))},
        clock_ns=3.0, name="squash",
    ).write(tmp_path / "written")  # fmt: skip
    campaign = VerilogCampaign(project, tmp_path, 1, MANY)
    (operand,) = (fault for fault in campaign.faults if fault.kind == "operand")
    assert operand.text.startswith("squash_lookup #(")
    assert campaign.icarus([0, operand.number, 0]) == [True, False, True]


def test_every_operand_of_a_row_can_get_a_fault():
    line = (
        "  net_booth_row #(.WIDTH(9)) row (.a(sum_1), .x({ x_0, 1'h0 }), .d(x_1[2:0]), .y(sum_2));"
    )
    assert INSTANCE.match(line)
    assert [m[1] + m[2] for m in OPERAND.finditer(line)] == [
        ".a(sum_1",
        ".x({ x_0, 1'h0 }",
        ".d(x_1[2:0]",
    ]


@pytest.mark.parametrize(("new", "same"), [("<=", True), (">", False)])
def test_only_what_is_equivalent_is_proven(project, tmp_path, new, same):
    """Of two equal numbers either may be called the larger one."""
    campaign = VerilogCampaign(project, tmp_path, 0, 0)
    text, old = campaign.mutated["trigger_trigger.v"], "wire sort_max_lt = energy_0 < energy_2;"
    assert text.count(old) == 1
    fault = Fault(1, "trigger_trigger.v", 1, "by hand", old)
    changed = old.replace("energy_0", f"mutant == 1 ? energy_0 {new} energy_2 : energy_0")
    campaign.mutated["trigger_trigger.v"] = text.replace(old, changed)
    assert campaign.equivalent(fault, tmp_path / "proof") == same


def test_faults_are_seeded_and_all_different(project):
    files = {p.name: p.read_text() for p in (project.path / "rtl").glob("trigger_trigger.v")}
    one, same, other = (Instrument(seed, 40) for seed in (1, 1, 2))
    texts = [instrument.run(dict(sorted(files.items()))) for instrument in (one, same, other)]
    assert texts[0] == texts[1] != texts[2]
    chosen = {tuple(fixed(texts[0], f.number).values()) for f in one.faults}
    assert len(chosen) == len(one.faults) == 40
    files = {p.name: p.read_text() for p in sorted((project.path / "vhdl").glob("*.vhd"))}
    drawn = draw_faults(files, 1, 40)
    assert drawn == draw_faults(files, 1, 40)
    assert len({text for _, text in drawn}) == 40
    assert all(text not in files.values() for _, text in drawn)
