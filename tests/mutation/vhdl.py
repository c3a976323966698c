"""Single faults in the emitted VHDL, each in a file of its own: GHDL reads a design in a moment."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from tests.mutation.faults import Fault

DECLARED = re.compile(r"^ +(?:signal )?(\w+) : (?:in |out )?(\w+)(?:\((\d+) downto 0\))?")
STATEMENT = re.compile(r"^  (\w+) <= (.*);(  --.*)?$")
CLOCK = " when rising_edge(clk)"
ENTRY = re.compile(r'(\d+)x"([0-9a-f]+)"')
SLICE = re.compile(r"\((\d+) downto ([1-9]\d*)\)")
NUMBER = re.compile(r"(?<= [+-] )(\d+)\b")
BITS = re.compile(r'"([01]+)"')
CHOICE = re.compile(r" when (?!rising_edge)(.*?) else ")
SWAPS = ((" + ", " - "), (" - ", " + "), (" < ", " <= "), (" > ", " >= "), (" and ", " or "),
         (" or ", " and "), (" xor ", " or "))  # fmt: skip


def _inverted(bits: str, at: int) -> str:
    return bits[:at] + "01"[bits[at] == "0"] + bits[at + 1 :]


def expressions(expression: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Faulty forms of an expression: kind, and new text."""
    for old, new in SWAPS:
        if old in expression:
            at = draw.choice([m.start() for m in re.finditer(re.escape(old), expression)])
            yield (
                f"{old.strip()} to {new.strip()}",
                (expression[:at] + new + expression[at + len(old) :]),
            )
    for pattern, kind in ((SLICE, "slice"), (NUMBER, "constant"), (BITS, "constant")):
        if found := list(pattern.finditer(expression)):
            m = draw.choice(found)
            if kind == "slice":
                new = f"({int(m[1]) - 1} downto {int(m[2]) - 1})"
            elif pattern is NUMBER:
                new = str(int(m[1]) ^ 1 << draw.randrange(int(m[1]).bit_length()))
            else:
                new = f'"{_inverted(m[1], draw.randrange(len(m[1])))}"'
            yield kind, expression[: m.start()] + new + expression[m.end() :]
    if m := CHOICE.search(expression):
        yield (
            "condition",
            f"{expression[: m.start()]} when not ({m[1]}) else {expression[m.end() :]}",
        )


def draw_faults(files: dict[str, str], seed: int, count: int) -> list[tuple[Fault, str]]:
    """``count`` faults over all statements and tables, and the text of the file with each."""
    draw = random.Random(seed)
    statements, entries = [], []
    for name, text in files.items():
        for number, line in enumerate(text.split("\n")):
            if STATEMENT.match(line):
                statements.append((name, number))
            elif ENTRY.search(line) and "range" not in line:
                entries.append((name, number))
    sites = [draw.choice(entries) for _ in range(count // 4 if entries else 0)]
    rounds = [site for _ in range(4) for site in draw.sample(statements, len(statements))]
    sites = sorted((sites + rounds)[:count])
    found: list[tuple[Fault, str]] = []
    seen: set[tuple[str, int, str]] = set()
    for name, number in sites:
        lines = files[name].split("\n")
        line = lines[number]
        kinds = [
            one
            for one in (
                _entry(line, draw) if ENTRY.search(line) else _statement(files[name], line, draw)
            )
            if (name, number, one[1]) not in seen
        ]
        if not kinds:
            continue
        kind, new = draw.choice(kinds)
        seen.add((name, number, new))
        declarations, _, body = new.rpartition("\0")
        lines[number] = body
        text = "\n".join(lines)
        if declarations:
            text = text.replace("\nbegin\n", f"\n{declarations}\nbegin\n", 1)
        fault = Fault(len(found) + 1, name, number + 1, kind, line.strip()[:200])
        found.append((fault, text))
    return found


def _entry(line: str, draw: random.Random) -> list[tuple[str, str]]:
    m = draw.choice(list(ENTRY.finditer(line)))
    width, value = int(m[1]), int(m[2], 16) ^ 1 << draw.randrange(int(m[1]))
    new = f'{width}x"{value:0{len(m[2])}x}"'
    return [("table entry", line[: m.start()] + new + line[m.end() :])]


def _statement(text: str, line: str, draw: random.Random) -> list[tuple[str, str]]:
    """The faults of one statement: kind, and declarations, a NUL and new statements."""
    declared = {m[1]: (m[2], m[3]) for row in text.split("\n") if (m := DECLARED.match(row))}
    m = STATEMENT.match(line)
    assert m is not None
    target, expression = m[1], m[2]
    kind, high = declared[target]
    form = kind + (f"({high} downto 0)" if high else "")
    clocked = expression.endswith(CLOCK)
    value = expression.removesuffix(CLOCK)
    clock = CLOCK if clocked else ""
    kinds = [(name, f"  {target} <= {new}{clock};") for name, new in expressions(value, draw)]
    width = int(high or 0) + 1
    bit = "".join("1" if i == draw.randrange(width) else "0" for i in range(width))
    if "1" not in bit:
        bit = "1" + bit[1:]
    zeros = bit.translate(str.maketrans("01", "10"))
    name, operator, mask = draw.choice(
        [("inverted bit", "xor", bit), ("stuck at 0", "and", zeros), ("stuck at 1", "or", bit)]
    )
    literal = f'"{mask}"' if high else f"'{mask}'"
    right = f"{target}_right"
    signal = f"  signal {right} : {form};\0"
    kinds.append(
        (name, f"{signal}  {right} <= {value};\n  {target} <= {right} {operator} {literal}{clock};")
    )
    if clocked and target != "valid":
        kinds.append(
            (
                "a register more",
                f"{signal}  {right} <= {value}{CLOCK};\n  {target} <= {right}{CLOCK};",
            )
        )
        kinds.append(("a register less", f"  {target} <= {value};"))
    return kinds
