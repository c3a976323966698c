"""The Vivado scripts, run by a real tclsh against a stand-in that knows Vivado's commands."""

import re
from dataclasses import replace

import pytest

from hgq_rtl.errors import EmitError, ProjectError
from hgq_rtl.project import Delivery, write_project
from tests.cosim.design import tiny
from tests.project.tcl import needs_tclsh, run_tcl

PART = "xcvu13p-flga2577-2-e"
pytestmark = needs_tclsh


def written(path, part=PART, **delivery):
    emitted = replace(tiny().emitted, instances={"dense": "u_layer"})
    core = tiny(part=part, emitted=emitted, delivery=Delivery(**delivery))
    return write_project(core, path / "my folder").path


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path)


def vivado(script, *arguments, **environment):
    return run_tcl("vivado_stub", script, *arguments, **environment)


def test_synthesis_without_a_project(folder):
    done = vivado(folder / "vivado/synth.tcl")
    assert done.status == 0, done.text
    assert done.text == "worst setup slack 0.123 ns of 2 ns\n"
    (synth,) = done.given("synth_design")
    assert synth == (
        "synth_design -mode out_of_context -flatten_hierarchy rebuilt -global_retiming off "
        f"-top tiny -part {PART}"
    )
    (read,) = done.given("read_verilog")
    assert re.findall(r"\w+\.v", read) == ["layer.v", "tiny.v", "tiny_packed.v", "tiny_axis.v"]
    assert len(done.given("route_design")) == 1
    for name in ("utilization", "utilization_hierarchical", "timing", "worst_paths"):
        assert (folder / f"vivado/reports/{name}.txt").exists()


@pytest.mark.parametrize("top", ["tiny", "tiny_packed", "tiny_axis"])
def test_every_top_has_a_clock(folder, top):
    done = vivado(folder / "vivado/synth.tcl", "-top", top, "-stop", "synth")
    assert done.status == 0, done.text
    port = "aclk" if top == "tiny_axis" else "clk"
    assert done.given("create_clock") == [f"create_clock -name clk -period 2 {port}"]
    assert done.given("place_design") == []


def test_project_mode(folder):
    done = vivado(folder / "vivado/project.tcl", "-retiming", "on", "-jobs", "8")
    assert done.status == 0, done.text
    assert "launch_runs synth_1 -jobs 8" in done.commands
    assert any("-mode out_of_context -global_retiming on" in line for line in done.commands)
    quiet = vivado(folder / "vivado/project.tcl", "-run", "0")
    assert quiet.status == 0
    assert quiet.given("launch_runs") == []


@pytest.mark.parametrize("script", ["synth", "project"])
def test_missed_timing_is_a_failure(folder, script):
    done = vivado(folder / f"vivado/{script}.tcl", STUB_SLACK="-0.4")
    assert done.status == 1
    assert "timing is not met: slack -0.4 ns" in done.text


def test_failed_runs_are_failures(folder, tmp_path):
    for script in ("vivado/project.tcl", "zynq/block_design.tcl"):
        done = vivado(folder / script, "-part", "xc7z020clg400-1", STUB_STATUS="place_design ERROR")
        assert done.status == 1
        assert "_1: place_design ERROR" in done.text


def test_design_without_registers_has_nothing_to_time(folder):
    done = vivado(folder / "vivado/synth.tcl", STUB_PATHS="")
    assert done.status == 0
    assert "nothing to time" in done.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-prat", "x"], "unknown option -prat; known: jobs part retiming stop top"),
        (["-part"], "the last option has no value: -part"),
        (["-top", "nonsense"], "no module 'nonsense'"),
        (["-retiming", "maybe"], "synth_design -global_retiming cannot be 'maybe'"),
    ],
)
def test_wrong_options(folder, arguments, message):
    done = vivado(folder / "vivado/synth.tcl", *arguments)
    assert done.status == 1
    assert message in done.text


def test_part_must_be_known(tmp_path):
    folder = written(tmp_path, part="")
    for script in ("vivado/synth.tcl", "vivado/project.tcl", "vivado/package_ip.tcl"):
        assert "name the part: -tclargs -part PART" in vivado(folder / script).text
        assert vivado(folder / script, "-part", PART).status == 0


def test_missing_file_is_noticed(folder):
    (folder / "rtl/layer.v").unlink()
    for script in ("vivado/synth.tcl", "vivado/project.tcl", "vivado/package_ip.tcl"):
        done = vivado(folder / script)
        assert done.status == 1
        assert "no such file" in done.text


def test_retiming_and_places_are_options_of_the_design(tmp_path):
    folder = written(tmp_path, global_retiming=True, place={"dense": "SLR1"})
    done = vivado(folder / "vivado/synth.tcl")
    assert done.status == 0, done.text
    assert "-global_retiming on" in done.given("synth_design")[0]
    assert done.given("set_property") == ["set_property USER_SLR_ASSIGNMENT SLR1 u_layer"]


def test_place_in_a_pblock(tmp_path):
    region = "CLOCKREGION_X0Y0:CLOCKREGION_X3Y1"
    folder = written(tmp_path, place={"dense": region})
    done = vivado(folder / "vivado/project.tcl")
    assert done.status == 0, done.text
    assert done.given("resize_pblock") == [f"resize_pblock pblock_u_layer -add {region}"]


@pytest.mark.parametrize("region", ["", "SLR", "SLR0; exit", "CLOCKREGION_X0Y0:SLICE_X1Y1", "a\nb"])
def test_impossible_regions(region):
    with pytest.raises(ProjectError) as error:
        Delivery(place={"dense": region})
    assert f"Received: {region!r}" in str(error.value)


def test_unknown_layer_to_place():
    with pytest.raises(ProjectError) as error:
        tiny(delivery=Delivery(place={"dance": "SLR0"}))
    assert "there is no such layer to place.\n  Received: 'dance'" in str(error.value)


@pytest.mark.parametrize("bits", [0, 7, 12, 4104, -8])
def test_impossible_beats(bits):
    with pytest.raises(EmitError) as error:
        Delivery(in_beat=bits)
    assert f"the input beats of AXI4-Stream cannot have {bits} bits" in str(error.value)


def test_packaged_ip(folder):
    done = vivado(folder / "vivado/package_ip.tcl")
    assert done.status == 0, done.text
    (package,) = done.given("ipx::package_project")
    assert "-vendor hgq-rtl -library networks" in package
    assert len(done.given("ipx::save_core")) == 1


@pytest.mark.parametrize("part", ["xc7z020clg400-1", "xczu3eg-sbva484-1-e", "xck26-sfvc784-2LV-c"])
def test_zynq_system(folder, part):
    done = vivado(folder / "zynq/block_design.tcl", "-part", part, "-board", "some:board:1.0")
    assert done.status == 0, done.text
    assert "create_bd_cell -type ip -vlnv hgq-rtl:networks:tiny_axis:1.0 core" in done.commands
    for suffix in ("bit", "hwh", "xsa"):
        assert (folder / f"zynq/tiny.{suffix}").exists()


def test_zynq_system_needs_a_zynq_and_its_timing(folder):
    done = vivado(folder / "zynq/block_design.tcl")
    assert f"{PART} is no Zynq" in done.text
    done = vivado(folder / "zynq/block_design.tcl", "-part", "xc7z020clg400-1", STUB_SLACK="-1")
    assert "timing is not met at 100 MHz: slack -1 ns" in done.text
    assert not (folder / "zynq/tiny.bit").exists()


def test_beats_that_a_dma_cannot_send(tmp_path):
    folder = written(tmp_path, in_beat=24)
    assert not (folder / "zynq").exists()
    assert "There is no block design for a DMA" in (folder / "README.md").read_text()


@pytest.mark.parametrize("command", ["read_edif x", "opt_design -rubbish", "place_design"])
def test_the_stand_in_rejects_what_it_does_not_know(folder, command):
    (folder / "bad.tcl").write_text(f"{command}\n")
    assert vivado(folder / "bad.tcl").status == 1
