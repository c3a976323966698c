"""Open tools on a written project. Slow: Yosys takes seconds for the smallest design."""

import json
import shutil

import numpy as np
import pytest

from hgq_rtl.design import build_design
from hgq_rtl.errors import SynthError
from hgq_rtl.ir.graph import Graph
from hgq_rtl.ir.interface import Interface, Port
from hgq_rtl.ir.node import Builder
from hgq_rtl.ir.ops import ADD, INPUT, TABLE
from hgq_rtl.synth import synth
from hgq_rtl.synth.synth import check_netlist
from hgq_rtl.synth.yosys import synthesize
from tests.synth.chain import chain

pytestmark = pytest.mark.slow


def test_synthesis_beside_the_estimate(tmp_path):
    design = chain([6, 6, 3])
    project = design.write(tmp_path / "chain")
    found = synth(project.path, place=True, seeds=[1], work=tmp_path / "work")
    facts = found.facts
    assert facts["vectors"] > 1000
    assert [layer["name"] for layer in facts["layers"]] == ["dense_0", "dense_1"]
    assert 0 < facts["total"]["luts"] <= sum(layer["luts"] for layer in facts["layers"])
    assert facts["total"]["flip_flops"] > 0
    stages = [layer["stage_ps"] for layer in facts["layers"]]
    assert 0 < min(stages) <= facts["total"]["stage_ps"] <= max(stages)
    guesses = [layer["estimate"]["stage_ps"] for layer in facts["layers"]]
    assert max(guesses) == facts["estimate"]["stage_ps"]
    assert min(guesses) > 0
    assert facts["routed"]["median_mhz"] > 0
    assert set(facts["routed"]["layers"]) <= {"dense_0", "dense_1"}
    json.dumps(dict(facts))
    assert "the netlist, with the vendor's cell models, gives the right outputs" in str(found)

    # A netlist of something else is noticed: one inverted LUT is enough.
    bench = json.loads((project.path / "sim" / "bench.json").read_text())
    wrong = tmp_path / "wrong"
    shutil.copytree(tmp_path / "work" / "flat", wrong)
    text = (wrong / "netlist.json").read_text()
    assert '"INIT": "0110"' in text
    changed = text.replace('"INIT": "0110"', '"INIT": "1001"', 1)
    (wrong / "netlist.json").write_text(changed)
    with pytest.raises(SynthError, match="the netlist computes"):
        check_netlist(wrong, project.path / "sim", bench)


@pytest.mark.parametrize(
    ("device", "sizes"), [("xc7z020-1", [6, 4]), ("ecp5-6", [6, 4]), ("ecp5-6", [6, 6, 3])]
)
def test_other_families(device, sizes, tmp_path):
    """The netlist of each family, with that family's cells, computes the graph."""
    found = synth(chain(sizes, device=device, clock_ns=8.0).write(tmp_path / "p").path,
                  per_layer=False).facts  # fmt: skip
    assert found["command"] == {"xc7z020-1": "xilinx xc7", "ecp5-6": "ecp5"}[device]
    assert found["vectors"] > 1000
    assert abs(found["total"]["luts"] / found["estimate"]["luts"] - 1) < 0.35


def test_every_sum_of_an_ecp5_has_a_carry_chain(tmp_path):
    """Yosys would add the first two terms and the third in one, behind LUTs."""
    build = Builder()
    x = [build(INPUT, name=f"x{j}", lo=-64, hi=63, exp=0) for j in range(3)]
    total = build(ADD, build(ADD, x[0], x[1], sub=False), x[2], sub=True)
    graph = Graph(build, tuple(x), (total,), ("y",))
    ports = [Port(name, (), (node.type,)) for name, node in zip("abc", x, strict=True)]
    interface = Interface(tuple(ports), (Port("y", (), (total.type,)),))
    design = build_design(graph, interface, name="sums", clock_ns=20.0, device="ecp5-6")
    files = dict(design.emitted.files)
    cells = synthesize(files, "sums_packed", tmp_path, architecture="ecp5")["sums_packed"]
    assert (cells.carries, cells.luts) == (4 + 5, 2 * (4 + 5))


def test_a_changed_project_is_refused(tmp_path):
    project = chain([3, 2]).write(tmp_path / "chain")
    (project.path / "rtl" / "chain.v").write_text("module chain; endmodule\n")
    with pytest.raises(Exception, match="has changed since it was written"):
        synth(project.path)


def test_registers_stay_in_front_of_the_tables_that_they_address(tmp_path):
    build = Builder()
    x = build(INPUT, name="x", lo=0, hi=63, exp=0)
    entries = np.random.default_rng(0).integers(0, 8, (4, 64)).tolist()
    outputs = [build(TABLE, x, entries=tuple(e), lo=0, step=0, exp=0) for e in entries]
    graph = Graph(build, (x,), tuple(outputs), tuple(f"y_{j}" for j in range(4)))
    ports = Port("x", (), (x.type,)), Port("y", (4,), tuple(node.type for node in outputs))
    interface = Interface((ports[0],), (ports[1],))
    design = build_design(
        graph, interface, name="tables", clock_ns=2.0, register_inputs=True, register_outputs=False
    )
    found = synth(design.write(tmp_path / "tables").path, per_layer=False).facts["total"]
    assert found["flip_flops"] == design.schedule.register_bits(design.graph) + 1 == 7
