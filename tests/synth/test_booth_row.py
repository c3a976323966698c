"""The cells of a multiplier's row against its behavioural line, by SAT."""

import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.errors import SynthError
from hgq_rtl.synth.tools import place_files, run
from tests.synth.test_ternary_adder import PROOF

TEXT = (asset_folder("rtl_templates") / "booth_row.v").read_text()


def proof(folder, text, width, a, x):
    values = {"WIDTH": width}
    for name, (bits, signed) in {"A": a, "X": x}.items():
        values |= {f"{name}_BITS": bits, f"{name}_SIGNED": signed}
    parameters = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    script = PROOF.replace("ternary_adder", "booth_row").format(
        mapped="mapped.v", plain="plain.v", parameters=parameters
    )
    place_files(folder, {"plain.v": TEXT, "mapped.v": text, "proof.ys": script})
    return run("yosys", ["proof.ys"], folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "a", "x"),
    [
        (7, (5, 1), (5, 1)),
        (7, (5, 0), (4, 0)),
        (9, (3, 1), (6, 0)),
        (4, (6, 0), (6, 1)),
        (1, (1, 0), (1, 1)),
        (8, (1, 0), (8, 0)),
    ],
)
def test_the_cells_add_a_digit_times_a_number(tmp_path, width, a, x):
    assert "SUCCESS!" in proof(tmp_path, TEXT, width, a, x)


@pytest.mark.slow
@pytest.mark.parametrize(("right", "wrong"), [("0fc3", "0fc1"), ("? d[2]", "? d[1]")])
def test_a_wrong_cell_is_found(tmp_path, right, wrong):
    assert right in TEXT
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, TEXT.replace(right, wrong), 7, (5, 1), (5, 1))
