"""From what a regression found to an exit status, lines to read, and a JUnit file."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ERRORS = {
    "back_to_back": "valid_errors",
    "with_gaps": "valid_errors",
    "full_rate": "protocol_errors",
    "back_pressure": "protocol_errors",
    "cut_short": "protocol_errors",
    "reset_midway": "protocol_errors",
}
"""Every pass of the testbenches, and what it counts beside wrong vectors."""
SHOWN = 10
"""Lines about what the vectors miss."""


def expected(axis: bool) -> list[str]:
    """The passes that must have run."""
    core = ["back_to_back", "with_gaps"]
    if not axis:
        return core
    # A sample of one beat cannot be cut short.
    one_beat = json.loads((HERE / "bench.json").read_text())["axis"]["in_beats"] == 1
    left_out = {*core, *(["cut_short"] if one_beat else [])}
    return [name for name in ERRORS if name not in left_out]


def fault(name: str, found: Mapping[str, Any] | None) -> str:
    """What is wrong with a pass; empty if nothing is."""
    if found is None:
        return "did not run"
    if not found["vectors"]:
        return "no vector ran"
    what = []
    if found["mismatches"]:
        one = found["wrong"][0]
        what.append(
            f"vector {one['vector']}: found {' '.join(map(_hex, one['rtl']))}, "
            f"expected {' '.join(map(_hex, one['wanted']))}; "
            f"{found['mismatches']} of {found['vectors']} vectors are wrong"
        )
    if found[ERRORS[name]]:
        first = found["first_valid_error" if name in expected(False) else "first_protocol_error"]
        what.append(f"{'valid_out is ' if name in expected(False) else ''}{first}")
    return "; ".join(what)


def _hex(bits: str) -> str:
    return hex(int(bits, 2)) if bits and not set(bits) - {"0", "1"} else bits


def judge(result: Path, axis: bool, vectors: Path, junit: Path) -> int:
    """Print what was found and write the JUnit file. The exit status: 0 only if all is right."""
    found = json.loads(result.read_text())
    passes = found["passes"]
    cases = {}
    for name in expected(axis):
        one = passes.get(name)
        cases[name] = fault(name, one)
        if one is not None:
            print(
                f"{name}: {one['vectors']} vectors, {one['mismatches']} wrong, "
                f"{one[ERRORS[name]]} {ERRORS[name].replace('_', ' ')}"
            )
    properties: dict[str, str] = {}
    if not axis and "back_to_back" in passes:
        properties, wrong = coverage(passes["back_to_back"], vectors)
        cases["coverage"] = wrong
    write_junit(junit, cases, properties)
    good = not any(cases.values())
    for name, what in cases.items():
        if what:
            print(f"{name}: {what}")
    print("PASS" if good else "FAIL")
    return 0 if good else 1


def coverage(found: Mapping[str, Any], vectors: Path) -> tuple[dict[str, str], str]:
    """Print what the compared vectors cover: kind to "reached of reachable", and a contradiction.

    Output bits are those seen at the design in the simulator. What happens inside is known by
    vector from the graph, for the vectors that the project was written with.
    """
    seen = f"{found['output_points']} of {found['output_bits']}"
    facts = json.loads((HERE / "vectors" / "coverage.json").read_text())
    inputs = (vectors / "inputs.hex").read_bytes()
    if facts["inputs_sha256"] != hashlib.sha256(inputs).hexdigest():
        print(f"coverage: output bits {seen}; nothing else is known about these vectors")
        return {"output bits": seen}, ""
    reached: dict[str, list[int]] = {}
    missed = []
    for place in facts["places"]:
        count = reached.setdefault(place["kind"], [0, 0, 0])
        for first in place["first"]:
            count[0] += 0 <= first < found["vectors"]
            count[1] += first != -2
            count[2] += first == -2
        if place["missed"]:
            missed.append(f"{place['kind']} of {place['name']}: {_some(place['missed'])}")
    for kind, (hit, reachable, never) in reached.items():
        more = f" ({never} more cannot occur)" if never else ""
        print(f"coverage: {kind} {hit} of {reachable}{more}")
    for line in missed[:SHOWN]:
        print(f"  no vector reaches {line}")
    if len(missed) > SHOWN:
        print(f"  and {len(missed) - SHOWN} more; see vectors/coverage.json")
    wrong = ""
    hit = reached.get("output bits", [0])[0]
    if not found["mismatches"] and found["output_points"] != hit:
        wrong = f"the simulator showed {found['output_points']} values of output bits, not {hit}"
    return {kind: f"{hit} of {all_}" for kind, (hit, all_, _) in reached.items()}, wrong


def _some(labels: Sequence[str], count: int = 8) -> str:
    more = f" and {len(labels) - count} more" if len(labels) > count else ""
    return ", ".join(labels[:count]) + more


def write_junit(path: Path, cases: Mapping[str, str], properties: Mapping[str, str]) -> None:
    """One test suite, one test case per pass; a case with text has failed."""
    failures = sum(map(bool, cases.values()))
    suite = ElementTree.Element(
        "testsuite", name=path.stem, tests=str(len(cases)), failures=str(failures), errors="0"
    )
    if properties:
        inside = ElementTree.SubElement(suite, "properties")
        for name, value in properties.items():
            ElementTree.SubElement(inside, "property", name=f"coverage of {name}", value=value)
    design = json.loads((HERE / "bench.json").read_text())["top"]
    for name, what in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname=design, name=name)
        if what:
            ElementTree.SubElement(case, "failure", message=_printable(what))
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.indent(suite)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """XML has no control characters, not even escaped."""
    return re.sub(r"[^\x20-\x7e]+", " ", text)


def broken(junit: Path, what: str) -> None:
    """The JUnit file of a run that came to no result."""
    print(f"error: {what}", file=sys.stderr)
    write_junit(junit, {"simulation": what}, {})
