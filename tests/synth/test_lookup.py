"""The LUTs of a lookup against their behavioural line, by SAT."""

import numpy as np
import pytest

from hgq_rtl.assets import asset_folder
from hgq_rtl.errors import SynthError
from hgq_rtl.synth.tools import place_files, run
from tests.synth.test_ternary_adder import PROOF

TEXT = (asset_folder("rtl_templates") / "lookup.v").read_text()


def proof(folder, text, shared, width, seed):
    """Random LUTs, a wire, an inverter and a constant among the results."""
    rng = np.random.default_rng(seed)
    pins = [rng.choice(9, 6) for _ in range(shared)]
    pins += [rng.choice(9 + shared, 6) for _ in range(width - 3)]
    words = ["".join(f"{pin:x}" for pin in six) for six in pins]
    truths = [int.from_bytes(rng.bytes(8), "little") for _ in words]
    words += ["fffff9", "fffff3", "ffffff"]
    truths += [0xAAAA_AAAA_AAAA_AAAA, 0x5555_5555_5555_5555, 0]
    luts = shared + width
    values = {
        "SHARED": shared,
        "WIDTH": width,
        "PINS": f"{24 * luts}'h{''.join(reversed(words))}",
        "INIT": f"{64 * luts}'h{''.join(f'{truth:016x}' for truth in reversed(truths))}",
    }
    parameters = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    script = PROOF.replace("ternary_adder", "lookup").format(
        mapped="mapped.v", plain="plain.v", parameters=parameters
    )
    place_files(folder, {"plain.v": TEXT, "mapped.v": text, "proof.ys": script})
    return run("yosys", ["proof.ys"], folder)


@pytest.mark.slow
@pytest.mark.parametrize(("shared", "width"), [(1, 4), (3, 7), (6, 9)])
def test_the_cells_look_up_the_same(tmp_path, shared, width):
    assert "SUCCESS!" in proof(tmp_path, TEXT, shared, width, shared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong"), [("? TRUTH[1]", "? TRUTH[0]"), (".I3(in[3])", ".I3(in[2])")]
)
def test_a_wrong_cell_is_found(tmp_path, right, wrong):
    assert right in TEXT
    with pytest.raises(SynthError, match="yosys failed"):
        proof(tmp_path, TEXT.replace(right, wrong), 3, 7, 0)
