"""The report as one HTML file that needs no network; of several designs with a Pareto plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from hgq_rtl.assets import asset_folder
from hgq_rtl.report.measured import Measured
from hgq_rtl.report.table import period_ps, remarks, slowest_path, stages

Facts = Mapping[str, Any]


def page(facts: Facts, measured: Sequence[Measured] = ()) -> str:
    """The report of one design; ``measured``: what vendor tools found, beside the estimate."""
    return _fill("report.html", designs=[_shown(facts)], measured=measured, pareto=None)


def comparison(designs: Sequence[Facts]) -> str:
    """A page of several designs, with a Pareto plot over their LUTs.

    The vertical axis is the accuracy after training where every design knows one, else the latency
    in ns.
    """
    return _fill(
        "report.html", designs=[_shown(f) for f in designs], measured=(), pareto=pareto(designs)
    )


def _shown(facts: Facts) -> dict[str, Any]:
    """The facts with what a template should not have to work out."""
    layers = facts["layers"]
    ebops = facts.get("ebops") or {}
    history = facts.get("history") or {}
    return {
        **facts,
        "period_ps": period_ps(facts),
        "accuracy": accuracy(facts),
        "stages": stages(facts),
        "slowest_path": slowest_path(facts["worst_stage"]) if facts["worst_stage"]["path"] else "",
        "remarks": [text.plain for text in remarks(facts)],
        "most_luts": max((layer["luts"] for layer in layers), default=0) or 1,
        "most_flip_flops": max((layer["flip_flops"] for layer in layers), default=0) or 1,
        "widths": [layer for layer in layers if layer["widths"]],
        "layer_ebops": {
            layer["name"]: round(
                sum(v for path, v in ebops.items() if path.partition("/")[0] == layer["name"])
            )
            for layer in layers
        },
        "curves": [
            {"name": name, "line": _line(values), "first": values[0], "last": values[-1]}
            for name, values in history.items()
            if len(values) > 1
        ],
    }


def _line(values: Sequence[float], width: int = 300, height: int = 80) -> str:
    """The points of an SVG polyline for a sequence, its range scaled to the height."""
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = width / (len(values) - 1)
    return " ".join(
        f"{n * step:.1f},{height - (v - low) / span * height:.1f}" for n, v in enumerate(values)
    )


def accuracy(facts: Facts) -> float | None:
    """The last accuracy that training recorded, of validation data if there were any."""
    history = facts.get("history") or {}
    names = [name for name in history if name.endswith("accuracy") and history[name]]
    names.sort(key=lambda name: not name.startswith("val_"))
    return float(history[names[0]][-1]) if names else None


def pareto(designs: Sequence[Facts]) -> dict[str, Any]:
    """Points in percent of the plot's area; on the front are those that no other dominates.

    Alone at one height they stand in the middle. ``top`` and ``bottom``: the values at the ends of
    the vertical axis.
    """
    accuracies = [accuracy(facts) for facts in designs]
    # Of two designs the better has fewer LUTs and more of ``merit``.
    known = [n for n in accuracies if n is not None]
    by_accuracy = len(known) == len(designs)
    merit = known if by_accuracy else [-facts["latency_ns"] for facts in designs]
    luts = [facts["luts"] for facts in designs]
    low, high = min(merit), max(merit)
    points = [
        {
            "name": facts["name"],
            "luts": n,
            "value": abs(m),
            "x": 100 * n / (max(luts) or 1),
            "y": 100 - 100 * (m - low) / (high - low) if high > low else 50,
            "front": not any(
                (a <= n and b >= m) and (a < n or b > m) for a, b in zip(luts, merit, strict=True)
            ),
        }
        for facts, n, m in zip(designs, luts, merit, strict=True)
    ]
    return {
        "points": points,
        "axis": "accuracy" if by_accuracy else "latency, ns",
        "top": abs(high),
        "bottom": abs(low),
        "most_luts": max(luts),
    }


def _fill(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(asset_folder("rtl_templates") / "report"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
