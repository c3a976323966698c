"""The vendor primitive against its own behavioural line, in the cells that synthesis would use."""

import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.errors import SynthError
from hgq_rtl.synth.tools import place_files, run

pytestmark = pytest.mark.slow
PROOF = """read_verilog {mapped} +/xilinx/cells_sim.v
hierarchy -top ternary_adder {parameters}
proc
flatten
rename -top mapped
design -stash mapped
read_verilog -nosynthesis {plain}
hierarchy -top ternary_adder {parameters}
proc
flatten
rename -top plain
design -copy-from mapped -as mapped mapped
miter -equiv -flatten -make_assert plain mapped miter
hierarchy -top miter
sat -verify -prove-asserts -set-def-inputs miter
"""
TEXT = (asset_folder("rtl_templates") / "ternary_adder.v").read_text()
OPERANDS = {
    "all bits": ((9, 0, 0), (9, 0, 0), (9, 0, 0)),
    "signed, in steps": ((4, 0, 1), (4, 2, 1), (3, 3, 1)),
    "unsigned, in steps": ((4, 0, 0), (4, 2, 0), (3, 3, 0)),
    "apart": ((2, 0, 0), (2, 3, 0), (2, 6, 1)),
    "short": ((1, 0, 0), (6, 1, 0), (2, 0, 1)),
    "one sign": ((5, 1, 1), (3, 0, 0), (2, 2, 0)),
}


def proof(folder, text, operands, width, sub):
    values = {"WIDTH": width, "SUB": sub}
    for name, (bits, low, signed) in zip("ABC", operands, strict=True):
        values |= {f"{name}_BITS": bits, f"{name}_LOW": low, f"{name}_SIGNED": signed}
    parameters = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    script = PROOF.format(mapped="mapped.v", plain="plain.v", parameters=parameters)
    place_files(folder, {"plain.v": TEXT, "mapped.v": text, "proof.ys": script})
    return run("yosys", ["proof.ys"], folder)


@pytest.mark.parametrize("sub", [0, 1, 2])
@pytest.mark.parametrize("operands", OPERANDS)
def test_the_cells_add_three_numbers(tmp_path, operands, sub):
    assert "SUCCESS!" in proof(tmp_path, TEXT, OPERANDS[operands], 9, sub)


def test_a_wrong_table_is_found(tmp_path):
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, TEXT.replace("e8e8e8e8", "e8e8e8e0"), OPERANDS["all bits"], 4, 0)
