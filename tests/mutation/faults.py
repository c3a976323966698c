"""Single faults in emitted Verilog, all in one text, of which a file chooses one when it runs.

Every statement that gets a fault is taken apart into the right value, faulty ones and a choice; so
one build of a simulator serves all faults of a design.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hgq_rtl.emit.partition import LIBRARY

DECLARED = re.compile(r"\b(?:wire|reg) (?:\[(\d+):0\] )?(\w+)\b(?! *\()")
WIRE = re.compile(r"^  wire (?:\[(\d+):0\] )?(\w+) = (.*);(  //.*)?$")
ASSIGN = re.compile(r"^  assign (\w+) = (.*);(  //.*)?$")
CLOCKED = re.compile(r"^  always @\(posedge clk\) (\w+) <= (.*);(  //.*)?$")
ENTRY = re.compile(r"^(      \d+'h[0-9a-f]+: \w+ = )(\d+)'h([0-9a-f]+);$")
INSTANCE = re.compile(rf"^  \w+_(?:{'|'.join(LIBRARY.values())}) #\(")
OPERAND = re.compile(r"(\.[abcdx]\()(\{[^{}]*\}|\w+(?:\[[\d:]+\])?)(\))")
LITERAL = re.compile(r"(\d+)'h([0-9a-f]+)")
SLICE = re.compile(r"\[(\d+):([1-9]\d*)\]")
PAIR = re.compile(r"\{ (\w+(?:\[[\d:]+\])?), (\w+(?:\[[\d:]+\])?) \}")
CHOICE = re.compile(r"^([^?]+) \? ")
SWAPS = ((" + ", " - "), (" - ", " + "), (" < ", " <= "), (" == ", " != "), (" & ", " | "),
         (" | ", " & "), (" ^ ", " | "), ("$signed(", "("))  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One fault: its number in the choosing file, and what it is, for a table."""

    number: int
    file: str
    line: int
    kind: str
    text: str


def expressions(expression: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Faulty forms of an expression: kind, and new text."""
    for old, new in SWAPS:
        places = [m.start() for m in re.finditer(re.escape(old), expression)]
        if places:
            at = draw.choice(places)
            yield (
                f"{old.strip()} to {new.strip()}",
                (expression[:at] + new + expression[at + len(old) :]),
            )
    for pattern, kind, change in (
        (LITERAL, "constant", _flip(draw)),
        (SLICE, "slice", lambda m: f"[{int(m[1]) - 1}:{int(m[2]) - 1}]"),
        (PAIR, "order", lambda m: f"{{ {m[2]}, {m[1]} }}"),
    ):
        found = list(pattern.finditer(expression))
        if found:
            m = draw.choice(found)
            yield kind, expression[: m.start()] + change(m) + expression[m.end() :]
    if m := CHOICE.match(expression):
        yield "condition", f"!({m[1]}) ? {expression[m.end() :]}"


def _flip(draw: random.Random) -> Callable[[re.Match[str]], str]:
    def flipped(m: re.Match[str]) -> str:
        width, value = int(m[1]), int(m[2], 16)
        return f"{width}'h{value ^ 1 << draw.randrange(width):x}"

    return flipped


def bit_faults(right: str, width: int, draw: random.Random) -> Iterator[tuple[str, str]]:
    """A bit of a wire stuck or inverted: one of the three, so that other kinds are as likely."""
    bit = 1 << draw.randrange(width)
    yield draw.choice(
        [
            ("inverted bit", f"{right} ^ {width}'h{bit:x}"),
            ("stuck at 0", f"{right} & {width}'h{(1 << width) - 1 - bit:x}"),
            ("stuck at 1", f"{right} | {width}'h{bit:x}"),
        ]
    )


class Instrument:
    """Rewrites files with up to ``count`` faults drawn over all of their statements."""

    def __init__(self, seed: int, count: int) -> None:
        self.draw, self.count = random.Random(seed), count
        self.faults: list[Fault] = []

    def run(self, files: dict[str, str]) -> dict[str, str]:
        """The files with faults in them; ``faults`` then lists them. MUTANT is still undefined."""
        sites = [
            (name, number)
            for name, text in files.items()
            for number, line in enumerate(text.split("\n"))
            if any(p.match(line) for p in (WIRE, ASSIGN, CLOCKED, ENTRY)) or INSTANCE.match(line)
        ]
        # Entries of tables would be most of the statements.
        entries = [s for s in sites if ENTRY.match(files[s[0]].split("\n")[s[1]])]
        others = [s for s in sites if s not in set(entries)]
        share = min(len(entries), self.count // 4)
        chosen = self.draw.sample(entries, share)
        rounds = [self.draw.sample(others, len(others)) for _ in range(4)]
        chosen += [site for one in rounds for site in one][: 4 * len(others)]
        wanted: dict[tuple[str, int], int] = {}
        for site in chosen[: self.count]:
            wanted[site] = wanted.get(site, 0) + 1
        return {name: self._file(name, text, wanted) for name, text in files.items()}

    def _file(self, name: str, text: str, wanted: dict[tuple[str, int], int]) -> str:
        widths = {m[2]: int(m[1] or 0) + 1 for m in DECLARED.finditer(text)}
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if count := wanted.get((name, number), 0):
                lines[number] = self._line(name, number, line, widths, count)
        body = "\n".join(lines)
        # Behind the ports, in front of the first statement.
        return body.replace("\n);\n", "\n);\n  MUTANT\n", 1)

    def _new(self, name: str, number: int, kind: str, text: str) -> int:
        fault = Fault(len(self.faults) + 1, name, number + 1, kind, text.strip())
        self.faults.append(fault)
        return fault.number

    def _line(self, name: str, number: int, line: str, widths: dict[str, int], count: int) -> str:
        if m := ENTRY.match(line):
            fault = self._new(name, number, "table entry", line)
            value = _flip(self.draw)(LITERAL.search(f"{m[2]}'h{m[3]}"))
            return f"{m[1]}mutant == {fault} ? {value} : {m[2]}'h{m[3]};"
        if m := WIRE.match(line):
            target, expression, width = m[2], m[3], int(m[1] or 0) + 1
            head = f"  wire [{width - 1}:0] {target} ="
        elif m := ASSIGN.match(line):
            target, expression, width = m[1], m[2], widths[m[1]]
            head = f"  assign {target} ="
        elif m := CLOCKED.match(line):
            target, expression, width = m[1], m[2], widths[m[1]]
            head = f"  always @(posedge clk) {target} <="
        else:
            return self._operand(name, number, line)
        right = f"{target}__right"
        kinds = [*expressions(expression, self.draw), *bit_faults(right, width, self.draw)]
        late = f"{target}__late"
        if CLOCKED.match(line):
            kinds.append(("a register more", late))
        picked = self.draw.sample(kinds, min(count, len(kinds)))
        out = [f"  wire [{width - 1}:0] {right} = {expression};"]
        if any(text == late for _, text in picked):
            out += [f"  reg [{width - 1}:0] {late};",
                    f"  always @(posedge clk) {late} <= {right};"]  # fmt: skip
        choice = right
        for kind, text in picked:
            fault = self._new(name, number, kind, line)
            out.append(f"  wire [{width - 1}:0] {target}__{fault} = {text};")
            choice = f"mutant == {fault} ? {target}__{fault} : {choice}"
        return "\n".join([*out, f"{head} {choice};"])

    def _operand(self, name: str, number: int, line: str) -> str:
        """An operand of a sum, or the address of a lookup: its least significant bit inverted."""
        m = self.draw.choice(list(OPERAND.finditer(line)))
        fault = self._new(name, number, "operand", line)
        new = f"{m[1]}(mutant == {fault}) ^ {m[2]}{m[3]}"
        return line[: m.start()] + new + line[m.end() :]


def choosing(files: dict[str, str], path: str) -> dict[str, str]:
    """The fault is the hexadecimal number in the file ``path``; 0 is none."""
    text = (
        f'reg [31:0] mutant_file [0:0]; initial $readmemh("{path}", mutant_file);\n'
        "  wire [31:0] mutant = mutant_file[0];"
    )
    return {name: body.replace("  MUTANT\n", f"  {text}\n") for name, body in files.items()}


def fixed(files: dict[str, str], number: int) -> dict[str, str]:
    """The fault is ``number``, for a tool that proves."""
    text = f"localparam [31:0] mutant = 32'd{number};"
    return {name: body.replace("  MUTANT\n", f"  {text}\n") for name, body in files.items()}
