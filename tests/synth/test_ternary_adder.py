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
    "in pairs": ((5, 0, 0), (4, 5, 1), (7, 1, 1)),
    "pairs and ones": ((3, 0, 0), (3, 6, 0), (6, 1, 0)),
}
CONSTANTS = {
    "plain": ((0, 0, 0), 0, 0),
    "one inverted": ((0, 0, 5), 0, 1),
    "two inverted": ((0, 3, 9), 0, 2),
    "all inverted": ((1, 2, 3), 0, 0),
    "with a constant": ((5, 0, 2), 0b101101101, 0),
}


def proof(folder, text, operands, width, constants="plain", hidden=0, pairs=False):
    inverted, offset, carries = CONSTANTS[constants]
    most = 2 if pairs else 3
    values = {"WIDTH": width, "CARRIES": min(carries, most - 1)}
    values["HIDDEN"] = hidden
    for name, (bits, low, extended), inv in zip("ABC", operands, inverted, strict=True):
        values |= {f"{name}_BITS": bits, f"{name}_LOW": low, f"{name}_EXTENDED": extended}
        values[f"{name}_INVERT"] = inv % (1 << bits)
    for bit in range(width):
        live = sum(low <= bit and (ext or bit < low + bits) for bits, low, ext in operands)
        assert live <= most
        if live == most:
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
@pytest.mark.parametrize("hidden", range(4))
def test_the_cells_add_three_numbers(tmp_path, operands, constants, hidden):
    assert "SUCCESS!" in proof(tmp_path, TEXT, OPERANDS[operands], 9, constants, hidden)


@pytest.mark.parametrize("operands", ["apart", "two", "in pairs", "pairs and ones"])
@pytest.mark.parametrize("constants", CONSTANTS)
@pytest.mark.parametrize("hidden", range(4))
def test_the_cells_add_in_pairs(tmp_path, operands, constants, hidden):
    assert "SUCCESS!" in proof(tmp_path, TEXT, OPERANDS[operands], 9, constants, hidden, pairs=True)


@pytest.mark.parametrize(
    ("right", "wrong", "hidden"),
    [
        ("8'he8", "8'he0", 0),
        ("16'h9669", "16'h6996", 0),
        ("ONE_A = OFFSET[i]", "ONE_A = 0", 0),
        ("(SHOWN & 24'h555555) << 1", "0", 1),
        ("24'h333333) << 2", "24'h333333) << 1", 2),
        ("HIDDEN == 1 && IN_A", "HIDDEN == 1", 1),
        ("ec[i] & ~hide", "ec[i] | hide", 3),
        ("~hide : eb[i]) ^ NOT_B[i] ^ ONE_B", "~hide : eb[i])", 0),
    ],
)
def test_a_wrong_cell_is_found(tmp_path, right, wrong, hidden):
    assert right in TEXT
    text = TEXT.replace(right, wrong)
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, text, OPERANDS["short"], 9, "with a constant", hidden)


@pytest.mark.parametrize(
    ("right", "wrong", "pairs"),
    [
        ("PAIRS ? saved[i+4:i+1]", "PAIRS ? saved[i+3:i]", True),
        ("I3(PAIRS ? 1'b0 : saved[i])", "I3(saved[i])", True),
        ("CARRIES < 2 &&", "", False),
    ],
)
def test_a_wrong_cell_of_pairs_is_found(tmp_path, right, wrong, pairs):
    assert right in TEXT
    text = TEXT.replace(right, wrong)
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, text, OPERANDS["in pairs"], 9, "two inverted", pairs=pairs)
