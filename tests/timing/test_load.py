import re
from itertools import pairwise

import pytest

from hgq_rtl.errors import TimingError
from hgq_rtl.timing.load import DEVICES, device_names, load_device
from hgq_rtl.timing.sizes import ROWS

UNIT = (DEVICES / "unit.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", device_names())
def test_devices_are_complete_and_every_number_has_a_source(name):
    model = load_device(name)
    assert set(model.rows) == set(ROWS)
    assert len(model.table_delay) == len(model.table_luts) == 17
    assert list(model.table_delay) == sorted(model.table_delay)
    if name != "unit":
        lines = (DEVICES / f"{name}.toml").read_text(encoding="utf-8").splitlines()
        for above, line in pairwise(lines):
            if line.startswith(("clk", "setup", "net")) or ("=" in line and "[" in line):
                comment = line.partition("#")[2] or above
                assert re.search(r"\[[A-Z]\]", comment), line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name = ",
            "device file 'd.toml' is not TOML.\n  Received: Invalid value (at end of document).",
        ),
        (UNIT.replace("max = {", "maximum = {"), "device file 'd.toml' lacks row 'max'."),
        (
            UNIT + "nand = { delay = [1, 0], luts = [0, 1] }",
            "device file 'd.toml' has an unknown row 'nand'.",
        ),
        (UNIT.replace("net = 0", ""), "device file 'd.toml' lacks key 'net'."),
        (
            UNIT.replace("net = 0", "net = -1"),
            "device file 'd.toml': 'net' must be a number that is not negative.\n  Received: -1.",
        ),
        (
            UNIT.replace("net = 0", "net = nan"),
            "device file 'd.toml': 'net' must be a number that is not negative.\n  Received: nan.",
        ),
        (
            UNIT.replace("or = { delay = [1, 0]", "or = { delay = [1]"),
            "device file 'd.toml': 'or.delay' is [base, per bit].\n  Received: [1].",
        ),
        (
            UNIT.replace("xor = { delay = [1, 0], luts = [0, 1] }", "xor = 1"),
            "device file 'd.toml': row 'xor' needs delay and luts.",
        ),
        (
            UNIT.replace("luts = [1, 1, ", "luts = [1, "),
            "device file 'd.toml': table.delay and table.luts differ in length.",
        ),
    ],
)
def test_broken_device_files_are_refused(tmp_path, text, message):
    path = tmp_path / "d.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TimingError) as error:
        load_device(path)
    assert str(error.value) == message


def test_unknown_devices_and_missing_files(tmp_path):
    with pytest.raises(TimingError) as error:
        load_device("../unit")
    assert str(error.value) == (f"unknown device '../unit'.\n  Known: {', '.join(device_names())}.")
    with pytest.raises(TimingError) as error:
        load_device(tmp_path / "none.toml")
    assert str(error.value) == (
        "device file 'none.toml' cannot be read.\n  Received: No such file or directory."
    )
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(TimingError) as error:
        load_device(tmp_path / "bytes.toml")
    assert (
        str(error.value) == "device file 'bytes.toml' cannot be read.\n  Received: it is not text."
    )


def test_a_users_own_device_loads_from_its_path(tmp_path):
    (tmp_path / "mine.toml").write_text(UNIT.replace('"unit"', '"mine"'), encoding="utf-8")
    assert load_device(tmp_path / "mine.toml").name == "mine"


def test_an_unknown_target_is_refused(tmp_path):
    text = (DEVICES / "unit.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace('"generic"', '"asic"'))
    with pytest.raises(TimingError) as error:
        load_device(tmp_path / "mine.toml")
    assert str(error.value) == (
        "device file 'mine.toml': unknown target.\n  Received: 'asic'.\n"
        "  Known: generic, xilinx-us+, xilinx-7, ecp5."
    )
