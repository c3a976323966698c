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
    "extended, in steps": ((4, 0, 1), (4, 2, 1), (3, 3, 1)),
    "unsigned, in steps": ((4, 0, 0), (4, 2, 0), (3, 3, 0)),
    "apart": ((2, 0, 0), (2, 3, 0), (2, 6, 1)),
    "short": ((1, 0, 0), (6, 1, 0), (2, 0, 1)),
    "one sign": ((5, 1, 1), (3, 0, 0), (2, 2, 0)),
    "two": ((5, 1, 0), (6, 0, 0), (1, 9, 0)),
}
CONSTANTS = {
    "plain": ((0, 0, 0), 0, 0),
    "one inverted": ((0, 0, 5), 0, 1),
    "two inverted": ((0, 3, 9), 0, 2),
    "all inverted": ((1, 2, 3), 0, 0),
    "with a constant": ((5, 0, 2), 0b101101101, 0),
}


def proof(folder, text, operands, width, constants="plain"):
    inverted, offset, carries = CONSTANTS[constants]
    values = {"WIDTH": width, "CARRIES": carries}
    for name, (bits, low, extended), inv in zip("ABC", operands, inverted, strict=True):
        values |= {f"{name}_BITS": bits, f"{name}_LOW": low, f"{name}_EXTENDED": extended}
        values[f"{name}_INVERT"] = inv % (1 << bits)
    for bit in range(width):
        if all(low <= bit and (ext or bit < low + bits) for bits, low, ext in operands):
            offset &= ~(1 << bit)  # no room
    values["OFFSET"] = offset
    parameters = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    script = PROOF.format(mapped="mapped.v", plain="plain.v", parameters=parameters)
    place_files(folder, {"plain.v": TEXT, "mapped.v": text, "proof.ys": script})
    return run("yosys", ["proof.ys"], folder)


@pytest.mark.parametrize(
    ("operands", "constants"),
    [(name, list(CONSTANTS)[j % 5]) for j, name in enumerate(OPERANDS)]
    + [("all bits", "one inverted"), ("short", "with a constant"), ("two", "all inverted")],
)
def test_the_cells_add_three_numbers(tmp_path, operands, constants):
    assert "SUCCESS!" in proof(tmp_path, TEXT, OPERANDS[operands], 9, constants)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("8'he8", "8'he0"), ("16'h9669", "16'h6996"), ("ONE_A = OFFSET[i]", "ONE_A = 0")],
)
def test_a_wrong_cell_is_found(tmp_path, right, wrong):
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, TEXT.replace(right, wrong), OPERANDS["short"], 9, "with a constant")
