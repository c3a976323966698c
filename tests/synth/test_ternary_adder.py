"""The vendor primitive against its own behavioural line, in the cells that synthesis would use."""

import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.synth.tools import place_files, run

pytestmark = pytest.mark.slow
PROOF = """read_verilog {mapped} +/xilinx/cells_sim.v
hierarchy -top ternary_adder -chparam WIDTH {width} -chparam SUB {sub}
proc
flatten
rename -top mapped
design -stash mapped
read_verilog -nosynthesis {plain}
hierarchy -top ternary_adder -chparam WIDTH {width} -chparam SUB {sub}
proc
flatten
rename -top plain
design -copy-from mapped -as mapped mapped
miter -equiv -flatten -make_assert plain mapped miter
hierarchy -top miter
sat -verify -prove-asserts -set-def-inputs miter
"""


def proof(folder, mapped, width, sub):
    plain = (asset_folder("rtl_templates") / "ternary_adder.v").read_text()
    place_files(folder, {"plain.v": plain, "mapped.v": mapped})
    script = PROOF.format(mapped="mapped.v", plain="plain.v", width=width, sub=sub)
    place_files(folder, {"proof.ys": script})
    return run("yosys", ["proof.ys"], folder)


@pytest.mark.parametrize("sub", [0, 1, 2])
@pytest.mark.parametrize("width", [1, 4, 9])
def test_the_cells_add_three_numbers(tmp_path, width, sub):
    text = (asset_folder("rtl_templates") / "ternary_adder.v").read_text()
    assert "SUCCESS!" in proof(tmp_path, text, width, sub)


def test_a_wrong_table_is_found(tmp_path):
    text = (asset_folder("rtl_templates") / "ternary_adder.v").read_text()
    with pytest.raises(Exception, match="yosys failed"):
        proof(tmp_path, text.replace("e8e8e8e8", "e8e8e8e0"), 4, 0)
