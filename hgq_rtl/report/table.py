"""The report as a terminal table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from hgq_rtl.report.measured import Measured


@dataclass(frozen=True)
class Report:
    """Facts about a design; ``str`` and rich render them."""

    facts: Mapping[str, Any]

    def __str__(self) -> str:
        buffer = io.StringIO()
        Console(file=buffer, width=88, no_color=True).print(self)
        return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().splitlines())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the headline, the table of layers and the remarks."""
        yield from headline(self.facts)
        yield layer_table(self.facts)
        yield from remarks(self.facts)


def headline(facts: Mapping[str, Any]) -> Iterator[Text]:
    """Name, device, clock and the numbers that matter."""
    worst = facts["worst_stage"]
    yield Text(f"{facts['name']} on {facts['device']}, {facts['clock_ns']:g} ns", style="bold")
    yield Text(
        f"{facts['luts']} LUT (estimate), {facts['flip_flops']} FF, "
        f"latency {facts['latency_clocks']} clocks = {facts['latency_ns']:g} ns, "
        f"a result every clock"
    )
    yield Text(
        f"worst stage {worst['stage']}: {worst['delay_ps']} ps of {period_ps(facts)} ps "
        f"(slack {worst['slack_ps']} ps, estimate)"
    )
    if worst.get("path"):
        yield Text(f"  {slowest_path(worst)}")


def period_ps(facts: Mapping[str, Any]) -> int:
    """The clock period in whole picoseconds."""
    return round(float(facts["clock_ns"]) * 1000)


def stages(facts: Mapping[str, Any]) -> list[dict[str, int]]:
    """Of every stage its number, its delay, and what the clock leaves of it, in picoseconds."""
    period = period_ps(facts)
    return [
        {"stage": number, "delay_ps": delay, "slack_ps": period - delay}
        for number, delay in enumerate(facts["stage_delays_ps"])
    ]


def slowest_path(worst: Mapping[str, Any]) -> str:
    """The operations of the worst stage's slowest path with their delays, by neuron."""
    parts = [
        f"{origin or '(border)'}: "
        + ", ".join(f"{s['op']} of {s['width']} bits {s['delay_ps']}" for s in steps)
        for origin, steps in groupby(worst["path"], key=lambda step: str(step["origin"]))
    ]
    return f"{'; '.join(parts)}; registers {worst['registers_ps']}"


def layer_table(facts: Mapping[str, Any]) -> Table:
    """One row per layer, and the total."""
    ebops = facts.get("ebops") or {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column("layer", footer="total", no_wrap=True)
    columns = ("operations", "LUT", "FF", *(("EBOPs",) if ebops else ()))
    footers = [
        str(sum(layer["operations"] for layer in facts["layers"])),
        str(facts["luts"]),
        str(facts["flip_flops"]),
        f"{sum(ebops.values()):.0f}",
    ]
    for column, footer in zip(columns, footers, strict=False):
        table.add_column(column, justify="right", footer=footer)
    for layer in facts["layers"]:
        name = layer["name"]
        cells = [name or "(border)", layer["operations"], f"{layer['luts']:.0f}"]
        cells.append(layer["flip_flops"])
        if ebops:
            inside = [v for path, v in ebops.items() if path.partition("/")[0] == name]
            cells.append(f"{sum(inside):.0f}" if inside else "")
        table.add_row(*map(str, cells))
    table.add_row("(valid)", "0", "0", str(facts["latency_clocks"]), *([""] if ebops else []))
    return table


def stage_table(facts: Mapping[str, Any]) -> Table:
    """The delay of every stage against the clock."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("stage", "delay, ps", "slack, ps"):
        table.add_column(column, justify="right")
    for stage in stages(facts):
        table.add_row(*(str(stage[key]) for key in ("stage", "delay_ps", "slack_ps")))
    return table


def width_table(facts: Mapping[str, Any]) -> Table:
    """How many results of how many bits each layer has."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("results by their bits")
    for layer in facts["layers"]:
        if layer["widths"]:
            counts = ", ".join(f"{bits}: {count}" for bits, count in layer["widths"])
            table.add_row(layer["name"] or "(border)", counts)
    return table


def measured_table(facts: Mapping[str, Any], found: Sequence[Measured]) -> Table:
    """What vendor tools found, and the estimate in the last row."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    slack = facts["worst_stage"]["slack_ps"]
    footers = ("estimate", str(facts["luts"]), str(facts["flip_flops"]), "", f"{slack} ps", "")
    for title, footer in zip(("tool", "LUT", "FF", "DSP", "slack", "Fmax"), footers, strict=True):
        table.add_column(title, justify="left" if title == "tool" else "right", footer=footer)
    for m in found:
        cells = ["" if n is None else str(n) for n in (m.luts, m.flip_flops, m.dsps)]
        cells.append("" if m.slack_ps is None else f"{m.slack_ps} ps")
        cells.append("" if m.mhz is None else f"{m.mhz:.1f} MHz")
        table.add_row(m.tool, *cells)
    return table


def remarks(facts: Mapping[str, Any]) -> Iterator[Text]:
    """The exactness statement, what test vectors cover, and the assumed ranges of the inputs."""
    exact = facts.get("exactness")
    if exact:
        reference = exact.get("reference", "Keras")
        values = "layer values" if reference == "Keras" else "values"
        proof = (
            "proven exact for every input"
            if exact["proven"]
            else f"NOT exact for every input: rare differences to {reference} are possible"
        )
        worst = max(exact["layers"].values(), default=0)
        yield Text(
            f"{reference} arithmetic: {exact['arithmetic']}, {proof} "
            f"(at most {worst} significant bits); "
            f"{exact.get('values_compared', 0)} {values} compared while lowering"
        )
    if tests := facts.get("verification"):
        sorts = [f"{count} {sort}" for sort, count in tests["vectors"].items() if count]
        reached = [
            f"{kind} {one['reached']} of {one['points'] - one['unreachable']}"
            for kind, one in tests["coverage"].items()
        ]
        yield Text(f"test vectors: {', '.join(sorts)}; they reach {', '.join(reached)}")
    for port in facts["inputs"]:
        low, high = port["range"]
        yield Text(
            f"input {port['name']}: {port['bits']} bits in {port['elements_in_use']} elements, "
            f"values in [{low:g}, {high:g}]; anything beyond {port['outside_range']}"
        )
    for port in facts["outputs"]:
        low, high = port["range"]
        yield Text(f"output {port['name']}: {port['bits']} bits, values in [{low:g}, {high:g}]")
