"""sim/judge.py and sim/junit.awk: what testbenches found, as an exit status and as JUnit."""

import hashlib
import json
import runpy
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from hgq_rtl.assets import asset_folder

GOOD = {"vectors": 2, "mismatches": 0, "valid_errors": 0, "output_points": 3, "output_bits": 4}
STREAM = {"vectors": 2, "mismatches": 0, "protocol_errors": 0}
WRONG = {"mismatches": 1, "wrong": [{"vector": 1, "rtl": ["0110", "x1"], "wanted": ["0111", "01"]}]}


@pytest.fixture
def folder(tmp_path):
    """The part of sim/ that the judge reads: two vectors, a bit stuck at 0 and a table."""
    (tmp_path / "bench.json").write_text('{"top": "t_packed", "axis": {"in_beats": 2}}')
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors/inputs.hex").write_text("00\n01\n")
    places = [
        {"kind": "output bits", "name": "y", "first": [0, 1, 0, -2], "missed": []},
        {"kind": "table entries", "name": "d/table", "first": [1, -1, 0], "missed": ["-3"]},
    ]
    facts = {"inputs_sha256": hashlib.sha256(b"00\n01\n").hexdigest(), "places": places}
    (tmp_path / "vectors/coverage.json").write_text(json.dumps(facts))
    shutil.copy(asset_folder("sim") / "judge.py", tmp_path)
    return tmp_path


def judge(folder, passes, axis=False):
    """Exit status, and the message of every test case in the JUnit file."""
    program = runpy.run_path(str(folder / "judge.py"))
    (folder / "result.json").write_text(json.dumps({"passes": passes}))
    xml = folder / "junit/core.xml"
    status = program["judge"](folder / "result.json", axis, folder / "vectors", xml)
    suite = ElementTree.parse(xml).getroot()
    cases = {case.get("name"): case.find("failure") for case in suite}
    messages = {n: "" if f is None else f.get("message") for n, f in cases.items() if n}
    assert suite.get("tests") == str(len(messages))
    assert suite.get("failures") == str(sum(map(bool, messages.values())))
    return status, messages


def test_all_right(folder, capsys):
    status, cases = judge(folder, {"back_to_back": GOOD, "with_gaps": GOOD})
    assert (status, cases) == (0, {"back_to_back": "", "with_gaps": "", "coverage": ""})
    assert capsys.readouterr().out == (
        "back_to_back: 2 vectors, 0 wrong, 0 valid errors\n"
        "with_gaps: 2 vectors, 0 wrong, 0 valid errors\n"
        "coverage: output bits 3 of 3 (1 more cannot occur)\n"
        "coverage: table entries 2 of 3\n"
        "  no vector reaches table entries of d/table: -3\nPASS\n"
    )
    properties = ElementTree.parse(folder / "junit/core.xml").findall("properties/property")
    assert [(p.get("name"), p.get("value")) for p in properties] == [
        ("coverage of output bits", "3 of 3"),
        ("coverage of table entries", "2 of 3"),
    ]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (WRONG, "vector 1: found 0x6 x1, expected 0x7 0x1; 1 of 2 vectors are wrong"),
        (
            {"valid_errors": 1, "first_valid_error": "1 at clock 0, expected 0"},
            "valid_out is 1 at clock 0, expected 0",
        ),
        ({"vectors": 0}, "no vector ran"),
        (None, "did not run"),
    ],
)
def test_a_fault_is_in_the_junit_file(folder, capsys, changes, what):
    passes = {"back_to_back": GOOD}
    if changes is not None:
        passes["with_gaps"] = GOOD | changes
    status, cases = judge(folder, passes)
    assert (status, cases["with_gaps"]) == (1, what)
    assert capsys.readouterr().out.endswith(f"with_gaps: {what}\nFAIL\n")


def test_coverage_is_that_of_the_vectors_that_ran(folder, capsys):
    status, cases = judge(folder, {"back_to_back": GOOD | {"output_points": 2}, "with_gaps": GOOD})
    assert status == 1
    assert cases["coverage"] == "the simulator showed 2 values of output bits, not 3"
    (folder / "vectors/inputs.hex").write_text("02\n")
    status, cases = judge(folder, {"back_to_back": GOOD | {"output_points": 2}, "with_gaps": GOOD})
    assert status == 0
    assert "coverage: output bits 2 of 4; nothing else is known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "beats", "status"),
    [
        ({}, 2, 0),
        ({"cut_short": STREAM | {"vectors": 0}}, 2, 1),
        ({"reset_midway": STREAM | WRONG}, 2, 1),
        ({"full_rate": STREAM | {"protocol_errors": 1, "first_protocol_error": "late"}}, 2, 1),
        ({"cut_short": None}, 2, 1),
        ({"cut_short": None}, 1, 0),
        ({"back_pressure": None}, 1, 1),
    ],
)
def test_the_stream_regression(folder, changes, beats, status):
    (folder / "bench.json").write_text(json.dumps({"top": "t", "axis": {"in_beats": beats}}))
    names = ("full_rate", "back_pressure", "cut_short", "reset_midway")
    passes = {**dict.fromkeys(names, STREAM), **changes}
    passes = {name: found for name, found in passes.items() if found is not None}
    assert judge(folder, passes, axis=True)[0] == status


COUNTS = "back to back: 9 vectors compared\nwith gaps: 9 vectors compared\n"


@pytest.mark.parametrize(
    ("text", "status", "cases"),
    [
        (f"{COUNTS}PASS\n", 0, {"back to back": "", "with gaps": ""}),
        (f"tb.vhd:9:(note): {COUNTS}tb.vhd:9:(note): PASS\n", 0,
         {"back to back": "", "with gaps": ""}),
        ("vector 3: <y> is wrong\n  found 0, expected 1\nvector 4: y is wrong\n"
         f"{COUNTS}FAIL: 2 errors\n", 1,
         {"back to back": "vector 3: <y> is wrong;  found 0, expected 1; 1 more", "with gaps": ""}),
        ("back to back: 0 vectors compared\nwith gaps: 0 vectors compared\nPASS\n", 1,
         {"back to back": "no vector ran", "with gaps": "no vector ran"}),
        (COUNTS, 1,
         {"back to back": "", "with gaps": "", "end": "the simulator ended without PASS"}),
        (f"{COUNTS}vector 9: late\nPASS\n", 1,
         {"back to back": "", "with gaps": "", "end": "vector 9: late"}),
        (f"{COUNTS}PASS\nFAIL: 1 errors\n", 1,
         {"back to back": "", "with gaps": "", "end": "FAIL"}),
        ("", 1, {"end": "the simulator ended without PASS"}),
        ("PASS\n", 1, {"end": "no vector ran"}),
    ],
)  # fmt: skip
def test_what_a_testbench_prints_is_judged(tmp_path, text, status, cases):
    file = tmp_path / "icarus.xml"
    script = asset_folder("sim") / "junit.awk"
    command = [
        "awk",
        "-v",
        "name=icarus",
        "-v",
        "design=t",
        "-v",
        f"file={file}",
        "-f",
        str(script),
    ]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, text, "")
    suite = ElementTree.parse(file).getroot()
    found = {case.get("name"): case.find("failure") for case in suite}
    assert {n: "" if f is None else f.get("message") for n, f in found.items()} == cases
