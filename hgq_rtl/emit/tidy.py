"""Rearrange a module that Yosys printed, so that it reads from inputs to outputs.

Yosys sorts declarations by name and statements by nothing in particular. Here every statement is
joined with the declaration of what it drives, in the order of the graph, under the origin it came
from; a helper that nothing reads is left out. Only whole lines move, with one exception: a result
computed into a wider temporary and then cut, which is the same as computing it into the narrower
wire, since such operators (+ - *) give the same low bits at any width. The initial values that
Yosys gives to registers are left out: nothing reads a register before its first sample, and
without them tools may retime freely. Only registers that address a table keep one: Yosys takes
them for a part of a memory otherwise, and moves them behind the table and all others that they
address (its pass memory_dff).
Where sums are to be kept apart, each has its top bit marked: Yosys joins sums that nothing else
reads (its pass alumacc), and a bit is enough. A mark on all bits is not, where some of them are
copies of others: its pass abc9 may leave bits of such a wire without a driver.
Text with an unknown line is returned as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hgq_rtl.emit import headers
from hgq_rtl.emit.names import comment
from hgq_rtl.emit.partition import MARK, PARTS, Module
from hgq_rtl.ir.node import Node

WAKE = "wake"
_NAME = r"(\\\S+ |\w+)"
_DECLARE = re.compile(rf"  (wire|reg|input|output) (\[\d+:0\] )?{_NAME}(?: = .*)?;")
_ASSIGN = re.compile(rf"  assign {_NAME} = (.*);")
_CUT = re.compile(r"(\\\$\d+ )\[(?:(\d+):)?0\]")
_READ = re.compile(r"(\\\$\d+ )(?:\[(\d+)(?::(\d+))?\])?")
_MODULAR = re.compile(r" [-+*] |^- ")
_SUM = re.compile(r" [-+] |^- ")
_TEMPORARY = re.compile(r"\\\$\d+ ")
_REPEAT = re.compile(r"(?<=[{,] )(\w+(?:\[\d+\])?)((?:, \1){2,})(?=,| })")
_INSTANCE = re.compile(r"  (\w+ #\()")
_SPACE = re.compile(r"(\() | (?=\))")
_OUTPUT = re.compile(r"\.y\((\w+)\)")
_WAKE = re.compile(r"\\\$auto\$verilog_backend\S+ ")


@dataclass
class _Parsed:
    ranges: dict[str, str] = field(default_factory=dict)
    registers: set[str] = field(default_factory=set)
    """What an always block drives."""
    assigns: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    """By the signal that leaves them, the modules that are used, each on one line."""
    wakes: bool = False


def _parse(body: str) -> _Parsed | None:
    parsed = _Parsed()
    lines = iter(body.partition(");\n")[2].split("\n"))
    for line in lines:
        if not line.strip():
            continue
        if _WAKE.search(line) and line.startswith("  reg "):
            parsed.wakes = True
        elif match := _DECLARE.fullmatch(line):
            kind, bits, name = match.groups()
            parsed.ranges[name] = bits or ""
            if kind == "reg":
                parsed.registers.add(name)
        elif match := _ASSIGN.fullmatch(line):
            if match[1] in parsed.assigns:
                return None
            parsed.assigns[match[1]] = match[2]
        elif line.startswith("  always @(posedge clk)"):
            step = next(lines, "")
            parsed.blocks[step.partition("<=")[0].strip()] = [f"{line} {step.strip()}"]
        elif line == "  always @* begin":
            block = [line]
            while block[-1] != "  end":
                block.append(next(lines))
            target = re.search(rf"^ +{_NAME} = ", "\n".join(block), re.MULTILINE)
            if target is None:
                return None
            parsed.blocks[target[1]] = _compact(block)
        elif match := _INSTANCE.fullmatch(line):
            text = [match[1]]
            while text[-1] != ");":
                text.append(next(lines).strip())
            one = _SPACE.sub(r"\1", " ".join(text))
            one = re.sub(r"32'(?:s|)d(\d+)", r"\1", one)
            output = _OUTPUT.search(one)
            if output is None:
                return None
            parsed.instances[output[1]] = one
        else:
            return None
    return parsed


def _compact(block: list[str]) -> list[str]:
    """One line per case; ``casez`` without wildcards is a plain ``case``."""
    lines: list[str] = []
    for line in block:
        if lines and lines[-1].endswith(":"):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    if not any("?" in line for line in lines):
        lines = [re.sub(r"^( +)casez ", r"\1case ", line) for line in lines]
    return lines


def _inline_cuts(parsed: _Parsed) -> None:
    """``t = a + b; x = t[7:0]; y = t[7]`` becomes ``x = a + b; y = x[7]``, where x has all bits
    of t that anything reads.
    """
    top: dict[str, int] = {}
    blocks = (line for block in parsed.blocks.values() for line in block)
    for text in (*parsed.assigns.values(), *parsed.instances.values(), *blocks):
        for name, high, _ in _READ.findall(text):
            # A read of the whole temporary, without a slice, needs every bit.
            top[name] = max(top.get(name, 0), int(high) if high else 1 << 30)
    cut: dict[str, str] = {}
    for name, value in parsed.assigns.items():
        match = _CUT.fullmatch(value)
        if (
            match
            and int(match[2] or 0) == top[match[1]]
            and _MODULAR.search(parsed.assigns[match[1]])
        ):
            cut.setdefault(match[1], name)
    for temporary, name in cut.items():
        parsed.assigns[name] = parsed.assigns.pop(temporary)
        del parsed.ranges[temporary]
    if not cut:
        return

    def rename(match: re.Match[str]) -> str:
        name = cut.get(match[1])
        if name is None:
            return match[0]
        low = match[2] if match[3] is None else match[3]
        bits = "" if match[2] == "0" else f"[{match[2]}:0] "
        whole = low == "0" and parsed.ranges[name] == bits
        return name if whole else f"{name}{match[0][len(match[1]) :]}"

    for name, value in parsed.assigns.items():
        parsed.assigns[name] = _READ.sub(rename, value)
    for name, text in parsed.instances.items():
        parsed.instances[name] = _READ.sub(rename, text)
    for block in parsed.blocks.values():
        block[:] = [_READ.sub(rename, line) for line in block]


def tidy(body: str, module: Module) -> str:
    """The module's text. ``body``: what follows ``module`` up to ``endmodule`` in Yosys' output."""
    parsed = _parse(body)
    graph = module.graph
    outputs = set(graph.outputs)
    named = [(node, module.signals[node]) for node in graph.nodes if node in module.signals]
    if parsed is not None:
        _inline_cuts(parsed)
    if parsed is None or any(name not in parsed.ranges for _, name in named):
        return f"module {module.name} ({body}\nendmodule\n"
    ports = ["  input wire clk"] if module.clocked else []
    for node, name in named:
        if node in graph.inputs:
            ports.append(f"  input wire {parsed.ranges[name]}{name}")
    for node, name in named:
        if node in outputs:
            kind = "reg" if name in parsed.registers else "wire"
            start = " = 0" if name in module.addresses else ""
            ports.append(f"  output {kind} {parsed.ranges[name]}{name}{start}")
    lines = [f"module {module.name} (", ",\n".join(ports), ");"]
    if parsed.wakes:
        lines += [
            "  // Never changes. Makes event-driven simulators look at every table at time 0.",
            f"  reg {WAKE} = 0;",
        ]
    origin, written = None, {name for node, name in named if node in graph.inputs} | {"clk"}
    for node, name in named:
        if node in graph.inputs:
            continue
        here = graph.origin(node)
        if here != origin:
            lines.append(f"\n  // {comment(here) or 'no layer'}")
            origin = here
        for signal in (*_temporaries(name, parsed, written), name):
            written.add(signal)
            if signal == name:
                lines += _statement(name, parsed, node, node in outputs, name in module.addresses)
                if module.keep_sums and _SUM.search(parsed.assigns.get(name, "")):
                    top = f"[{node.type.width - 1}]" if node.type.width > 1 else ""
                    lines.append(f"  (* keep *) wire {name}{MARK} = {name}{top};")
            else:
                lines += _statement(signal, parsed, None, False)
    left, fresh = set(parsed.ranges) - written, lines
    # Other helpers that something reads; what nothing reads is left out.
    while read := left & set(re.findall(_NAME, "\n".join(fresh))):
        fresh = [line for name in sorted(read) for line in _statement(name, parsed, None, False)]
        lines += fresh
        left -= read
    lines.append("endmodule")
    text = _REPEAT.sub(_replicate, "\n".join(lines))
    return _WAKE.sub(WAKE, text) + "\n"


def _replicate(match: re.Match[str]) -> str:
    """``x[3], x[3], x[3]`` as ``{3{x[3]}}``."""
    return f"{{{1 + match[2].count(',')}{{{match[1]}}}}}"


def _temporaries(name: str, parsed: _Parsed, written: set[str]) -> list[str]:
    """Unwritten helpers that ``name`` reads: temporaries, and the comparison of a max."""
    text = parsed.assigns.get(name, "") + parsed.instances.get(name, "")
    text += "\n".join(parsed.blocks.get(name, []))
    found = [name + p for parts in PARTS.values() for p in parts if name + p in parsed.ranges]
    found = [signal for signal in found if signal in text]
    found += _TEMPORARY.findall(text)
    fresh = [t for t in dict.fromkeys(found) if t in parsed.ranges and t not in written]
    return [d for t in fresh for d in (*_temporaries(t, parsed, written), t)]


def _statement(
    name: str, parsed: _Parsed, node: Node | None, is_port: bool, starts: bool = False
) -> list[str]:
    """Declaration and driver of one signal; ports are declared in the header already."""
    note = f"  // {headers.note(node.type)}" if node is not None else ""
    if name in parsed.blocks:
        start = " = 0" if starts else ""
        head = [] if is_port else [f"  reg {parsed.ranges[name]}{name}{start};"]
        first, *rest = parsed.blocks[name]
        return [*head, first + note, *rest]
    if name in parsed.instances:
        head = [] if is_port else [f"  wire {parsed.ranges[name]}{name};"]
        return [*head, f"  {parsed.instances[name]}{note}"]
    value = parsed.assigns.get(name)
    if value is None:
        return [f"  wire {parsed.ranges[name]}{name};"]
    if is_port:
        return [f"  assign {name} = {value};{note}"]
    return [f"  wire {parsed.ranges[name]}{name} = {value};{note}"]
