import json
import re
from dataclasses import replace

import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.errors import ProjectError
from hgq_rtl.fixed import Fixed
from hgq_rtl.ir.interface import Interface, Port, Quantization
from hgq_rtl.ir.text import to_text
from hgq_rtl.project import open_project, write_project
from hgq_rtl.project import project as project_module
from hgq_rtl.project.contents import contents
from hgq_rtl.project.ports import from_json, to_json
from hgq_rtl.project.templates import fill, plain, tcl_word
from tests.cosim.design import tiny

FILES = sorted(
    [
        *("README.md", "graph.ir", "manifest.json", "ports.json", "report.json", "signals.json"),
        *("constraints/clock.sdc", "constraints/clock.xdc", "quartus/project.tcl", "tiny.core"),
        "emulator/tiny.h",
        *("yosys/ecp5.ys", "yosys/run.sh", "yosys/synth.ys"),
        *("rtl/component.xml", "rtl/layer.v", "rtl/tiny.v", "rtl/tiny_axis.v", "rtl/tiny_packed.v"),
        *("rtl/tiny_sv.sv", "rtl/tiny_vhdl.vhd"),
        *("sim/Makefile", "sim/axis.py", "sim/bench.json", "sim/bench.py", "sim/probe.py"),
        *("sim/handshake.py", "sim/judge.py", "sim/junit.awk", "sim/vectors/coverage.json"),
        *("sim/run.py", "sim/simulator.py", "sim/sources.mk", "sim/testbench.py", "sim/tiny_tb.v"),
        *("sim/tiny_tb.vhd", *(f"vhdl/{name}.vhd" for name in ("tiny", "tiny_dense", "tiny_glue"))),
        "vhdl/tiny_packed.vhd",
        *("sim/vectors/inputs.hex", "sim/vectors/outputs.hex"),
        *(f"vivado/{name}.tcl" for name in ("common", "package_ip", "project", "synth")),
        *("zynq/block_design.tcl", "zynq/driver.py", "zynq/ports.json"),
        *(f"zynq/exact/{name}.py" for name in ("__init__", "errors", "fixed", "interface")),
        *(f"zynq/exact/{name}.py" for name in ("nested", "packing", "ports")),
    ]
)


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def failure(action, path):
    with pytest.raises(ProjectError) as error:
        action()
    return str(error.value).replace(str(path), "PATH")


@pytest.fixture
def written(tmp_path):
    return write_project(tiny(), tmp_path / "out")


def test_folder_holds_everything_and_nothing_else(tmp_path, written):
    assert files(tmp_path / "out") == FILES
    assert files(tmp_path) == [f"out/{name}" for name in FILES]


def test_opened_project_is_the_written_one(written):
    again = open_project(written.path)
    assert to_text(again.graph) == to_text(written.graph)
    assert again.interface == written.interface
    assert list(again.signals.values()) == list(written.signals.values())
    for field in ("path", "name", "latency", "clock_ns", "device", "report"):
        assert getattr(again, field) == getattr(written, field)


def test_same_design_gives_the_same_bytes(tmp_path, written):
    again = write_project(tiny(), tmp_path / "again").path
    for name in FILES:
        assert (again / name).read_bytes() == (written.path / name).read_bytes()


def test_nothing_names_this_machine(written):
    for name in FILES:
        assert str(written.path.parent) not in (written.path / name).read_text()


def test_delivered_programs_do_without_the_package(written):
    for path in (written.path / "sim").glob("*.py"):
        imported = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        assert not {"hgq_rtl", "numpy", "rich"} & set(imported)


def test_optimized_graph_and_part(tmp_path):
    core = tiny()
    core = replace(core, optimized=core.graph, part="xc[7]v; exit", device="a|b`c")
    path = write_project(core, tmp_path / "out").path
    assert (path / "optimized.ir").read_text() == to_text(core.graph)
    assert "set option(part) xc\\[7\\]v\\;\\ exit\n" in (path / "vivado/common.tcl").read_text()
    assert "| device | a?b?c |" in (path / "README.md").read_text()


def test_clock_constraint(written):
    text = (written.path / "constraints/clock.xdc").read_text()
    assert text.endswith("create_clock -name clk -period 2 [get_ports -quiet {clk aclk}]\n")


def test_readme_lists_the_buses(written):
    text = (written.path / "README.md").read_text()
    for row in ("| `x` | in | 7 | [3] |", "| `y` | out | 14 | [2] |", "| latency | 2 clocks |"):
        assert row in text


def test_every_command_in_the_readme_is_a_block_of_code(written):
    """And each of the lists is one, without an empty line inside."""
    text = (written.path / "README.md").read_text()
    commands = re.findall(r"^( *)(?:vivado|make|quartus_sh|sh|fusesoc) ", text, re.M)
    assert len(commands) >= 12
    assert set(commands) == {" " * 4}
    assert not re.search(r"^\* .*\n\n\* ", text, re.M)


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    for force in (False, True):
        assert failure(lambda f=force: write_project(tiny(), tmp_path / "mine", f), tmp_path) == (
            "'PATH/mine' exists and is not a project folder, so it is not replaced.\n"
            "  Only a folder with our manifest.json is; choose another one."
        )
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    assert "is not a project folder" in failure(
        lambda: write_project(tiny(), tmp_path / "link", force=True), tmp_path
    )
    assert files(tmp_path / "mine") == ["thesis.txt"]


def test_foreign_manifest_does_not_make_a_folder_ours(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/manifest.json").write_text('{"name": "a web page"}')
    message = failure(lambda: write_project(tiny(), tmp_path / "app", force=True), tmp_path)
    assert message.startswith("'PATH/app' exists and is not a project folder")
    assert files(tmp_path / "app") == ["manifest.json"]


def test_force_replaces_a_project_whole(tmp_path, written):
    (written.path / "left.txt").write_text("over")
    assert write_project(tiny(), written.path, force=True).path == written.path
    assert files(tmp_path / "out") == FILES
    assert files(tmp_path) == [f"out/{name}" for name in FILES]


def test_changes_are_never_lost_without_force(tmp_path, written):
    path = written.path
    (path / "rtl/layer.v").write_text("// mine now")
    (path / "sim/run.py").unlink()
    (path / "notes").mkdir()
    for index in range(5):
        (path / f"notes/{index}.txt").write_text("mine")
    before = files(path)
    other = tiny(clock_ns=3.0)
    assert failure(lambda: write_project(other, path), tmp_path) == (
        "'PATH/out' holds changes that would be lost.\n"
        "  Received: rtl/layer.v (edited), sim/run.py (missing), notes/0.txt (added), "
        "notes/1.txt (added), notes/2.txt (added) and 2 more.\n"
        "  Choose another folder, or replace it all the same with force=True (--force)."
    )
    assert files(path) == before
    assert (path / "rtl/layer.v").read_text() == "// mine now"
    assert write_project(other, path, force=True).clock_ns == 3.0
    assert files(path) == FILES


def test_what_tools_leave_is_not_a_change(tmp_path, written):
    outputs = (
        *(
            "sim/sim_build/build/Vtop.o",
            "sim/__pycache__/run.pyc",
            "sim/junit/core.xml",
            "vivado/reports/timing.txt",
        ),
        *("vivado/project/tiny.xpr", "vivado.jou", "zynq/tiny.bit", "zynq/exact/__pycache__/a.pyc"),
        *("quartus/db/x", "quartus/tiny.qsf", "yosys/netlist.json", "yosys/ecp5_route.json"),
    )
    for name in outputs:
        (written.path / name).parent.mkdir(parents=True, exist_ok=True)
        (written.path / name).write_text("output")
    write_project(tiny(), written.path)
    assert (written.path / "vivado/reports/timing.txt").exists()  # nothing is new: nothing is done
    write_project(tiny(clock_ns=3.0), written.path)
    assert files(written.path) == FILES


def test_equal_project_is_not_touched(written):
    def times():
        return {name: (written.path / name).stat().st_mtime_ns for name in FILES}

    before = times()
    write_project(tiny(), written.path)
    assert times() == before


@pytest.mark.parametrize("force", [False, True])
def test_failed_write_leaves_what_was_there(tmp_path, monkeypatch, written, force):
    out = written.path if force else tmp_path / "deep/new"
    before = files(tmp_path)
    rename = type(out).rename

    def broken(self, target):
        if self.name == "new" and self.parent.name.startswith("."):
            raise OSError("disk full")
        return rename(self, target)

    monkeypatch.setattr(type(out), "rename", broken)
    message = failure(lambda: write_project(tiny(clock_ns=3.0), out, force=force), out)
    assert message == "'PATH' cannot be written.\n  Received: disk full."
    assert files(tmp_path) == before


def test_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(project_module.Path, "write_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_project(tiny(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a b", "../a", "3d", "a\n", "ä", "x" * 65, "a;exit"])
def test_unsafe_design_names(name):
    with pytest.raises(ProjectError) as error:
        tiny(name=name)
    assert str(error.value) == (
        f"the name of a design must be an identifier.\n  Received: {name!r}.\n"
        "  Up to 64 letters, digits and underscores, no digit first."
    )


def test_impossible_cores():
    core = tiny()
    for changes, message in (
        (
            {"latency": 3},
            "design 'tiny': the scheduled graph takes 2 clocks.\n  Received: latency=3.",
        ),
        ({"clock_ns": 0.0}, "the clock period must be positive.\n  Received: 0.0 ns."),
        (
            {"emitted": replace(core.emitted, files={"../x.v": ""})},
            "a Verilog file has an unusable name.\n  Received: '../x.v'.",
        ),
        (
            {"interface": replace(core.interface, inputs=core.interface.outputs)},
            "design 'tiny': two ports are named 'y'.",
        ),
    ):
        with pytest.raises(ProjectError) as error:
            tiny(**changes)
        assert str(error.value) == message


def test_report_that_is_not_json():
    with pytest.raises(ProjectError) as error:
        contents(tiny(report={"lut": float("nan")}))
    assert str(error.value).startswith("a report or option cannot be written.\n  Received: ")


def test_opening_what_is_not_a_project(tmp_path):
    assert failure(lambda: open_project(tmp_path), tmp_path) == (
        "'PATH' is not a project folder.\n  Received: no manifest.json in it.\n"
        "  Give the folder that compile wrote."
    )


def test_broken_manifests(written):
    manifest = written.path / "manifest.json"
    good = json.loads(manifest.read_text())
    for text, message in (
        ("{", "the manifest.json of 'PATH' cannot be read."),
        ("[]", "the manifest.json of 'PATH' is not of this version.\n  Received: 'list'."),
        ("{}", "the manifest.json of 'PATH' is not of this version.\n  Received: None."),
        (json.dumps(good | {"files": {}}), "the manifest.json of 'PATH' lists no files."),
        (
            json.dumps(good | {"files": {"../secret": "0"}}),
            "the manifest.json of 'PATH' names a file outside the folder.\n"
            "  Received: '../secret'.",
        ),
        (
            json.dumps(good | {"latency": "soon"}),
            "the project 'PATH' cannot be read.\n  Received: ValueError: ",
        ),
    ):
        manifest.write_text(text)
        assert failure(lambda: open_project(written.path), written.path).startswith(message)


def test_missing_and_changed_files(written):
    verilog = written.path / "rtl/layer.v"
    verilog.write_text(verilog.read_text() + "\n")
    assert failure(lambda: open_project(written.path), written.path) == (
        "the file 'rtl/layer.v' of 'PATH' has changed since it was written.\n"
        "  Write the project again, or open it with check=False."
    )
    assert open_project(written.path, check=False).name == "tiny"
    verilog.unlink()
    assert failure(lambda: open_project(written.path), written.path) == (
        "the file 'rtl/layer.v' of 'PATH' is missing.\n  Write the project again."
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("graph.ir", "hgq_rtl graph 2\n"),
        ("ports.json", '{"inputs": []}'),
        ("ports.json", "null"),
        ("signals.json", '{"%0": {}}'),
        ("signals.json", '{"%0": 3}'),
        ("report.json", "{"),
    ],
)
def test_unreadable_parts(written, name, text):
    (written.path / name).write_text(text)
    message = failure(lambda: open_project(written.path, check=False), written.path)
    assert message.startswith("the project 'PATH' cannot be read.\n  Received: ")


def test_ports_round_trip_with_quantization():
    q = Quantization((1, 0), (2, 3), (1, 0), "RND", "SAT")
    port = Port("a", (2,), (Fixed(-8, 7, -1), Fixed(0, 7, 0)), q)
    interface = Interface((port,), (Port("y", (), (Fixed(0, 0, 0),)),))
    data = json.loads(json.dumps(to_json(interface, {"a": "a_bus"})))
    assert from_json(data) == interface
    assert [e["lsb"] for e in data["inputs"][0]["elements"]] == [0, 4]
    assert [port["bus"] for port in data["inputs"] + data["outputs"]] == ["a_bus", None]


def test_assets_in_a_checkout_and_in_a_wheel(tmp_path):
    assert (asset_folder("sim") / "run.py").is_file()
    package = tmp_path / "hgq_rtl"
    (tmp_path / "sim").mkdir()
    package.mkdir()
    assert asset_folder("sim", package) == tmp_path / "sim"
    (package / "_assets/sim").mkdir(parents=True)
    assert asset_folder("sim", package) == package / "_assets/sim"
    message = failure(lambda: asset_folder("rtl_templates", package), tmp_path)
    assert message == (
        "the folder 'rtl_templates' of hgq_rtl is not installed.\n"
        "  Received: PATH/hgq_rtl/_assets/rtl_templates.\n"
        "  Install hgq_rtl again from its wheel or checkout."
    )


def test_escapes():
    assert tcl_word("xcvu13p-flga2577-2-e") == "xcvu13p-flga2577-2-e"
    assert tcl_word('a"b{c}\\$d\n') == 'a\\"b\\{c\\}\\\\\\$d\\U0000000a'
    assert plain("a|b\nc`<d>") == "a?b?c??d?"


def test_template_with_a_missing_value():
    with pytest.raises(Exception, match="'clock_ns' is undefined"):
        fill("constraints/clock.xdc", name="x")
