"""The same networks through da4ml, alkaid and this project, by the same synthesis and router.

The peers live in an environment of their own (``--peers``, its folder of programs). Every row is
kept in ``build/peers/rows`` under the hash of what it was measured on, so that a rerun repeats only
what changed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.tables import machine, markdown, replace

ROOT = Path(__file__).parents[1]
HOME = ROOT / "build" / "peers"
DEVICE, ROUTED = "xcvu13p-2", "ecp5-6"
"""What LUT and FF are compared on, and what is placed and routed."""
RELAXED = 1.1
"""Our clock for LUT and FF, as a multiple of the fastest for that many stages."""
INPUTS = {"merge_magic": {"input_layer_6": (1, 3, 4)}}
"""Port formats of models whose layers quantize one input in two ways: what covers both."""
VERSION = 1
"""Of the way of measuring: part of every row's key."""


@contextmanager
def alone(lock: Path | None) -> Iterator[None]:
    """Hold a file's lock, so that several measurements do not disturb each other."""
    if lock is None:
        yield
        return
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached(kind: str, content: Any, compute: Any) -> Any:
    """``compute()``, or what it gave before for the same content."""
    key = hashlib.sha256(json.dumps([VERSION, kind, content], sort_keys=True).encode()).hexdigest()
    path = HOME / "rows" / f"{kind}-{key[:20]}.json"
    if not path.exists():
        value = compute()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    return json.loads(path.read_text())


# --- one design through the tools ------------------------------------------------------------


def measure(files: Mapping[str, str], top: str, lock: Path | None, seeds: int) -> dict[str, Any]:
    """LUT and FF of one design, and its clock on an ECP5 for each seed (if any)."""
    from hgq_rtl.synth.nextpnr import route
    from hgq_rtl.synth.yosys import synthesize

    work = HOME / "work" / str(os.getpid())

    def cells() -> dict[str, Any]:
        with alone(lock):
            found = synthesize(files, top, work, defer=True)[top]
        return {"luts": found.luts, "ff": found.flip_flops, "srl": found.shift_registers}

    def clock() -> dict[str, Any]:
        with alone(lock):
            luts = synthesize(files, top, work, architecture="ecp5", defer=True)[top].luts
            routed = route(work, range(1, seeds + 1))
        return {"mhz": routed.mhz, "ecp5_luts": luts, "path": routed.path[:4]}

    row: dict[str, Any] = cached("xcup", [files, top], cells)
    if seeds:
        row |= cached("ecp5", [files, top, seeds], clock)
    return row


# --- the peers -------------------------------------------------------------------------------


def convert(tool: str, model: Path, programs: Path) -> dict[str, Any]:
    """Verilog by file name, stages and the seconds of the conversion, imports included."""

    def compute() -> dict[str, Any]:
        out = HOME / "out" / f"{model.stem}-{tool}"
        command = [programs / tool, "convert", "-v", "0", "-n", "0", model, out]
        start = time.perf_counter()
        done = subprocess.run(
            [*map(str, command)],
            env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1][:200]}
        facts = json.loads((out / "metadata.json").read_text())
        sources = sorted((out / "src").rglob("*.v")) + sorted((out / "src").rglob("*.mem"))
        files = {f.name: f.read_text() for f in sources if f.name != "model_wrapper.v"}
        return {"files": files, "stages": facts["latency"], "seconds": seconds}

    return cached(f"convert-{tool}", model.name, compute)


def peer(tool: str, model: Path, programs: Path, lock: Path | None, seeds: int) -> dict[str, Any]:
    """The row of one peer; ``tool`` may be ``alkaid mapped``."""
    name = tool.split()[0]
    made = convert(name, model, programs)
    if "error" in made:
        return made
    files = {name: _without_memories(text, made["files"]) for name, text in made["files"].items()
             if name.endswith(".v")}  # fmt: skip
    if tool == "alkaid mapped":
        files["ternary_adder.v"] = (Path(__file__).parent / "ternary_mapped.v").read_text()
    return {
        "stages": made["stages"],
        "seconds": made["seconds"],
        **measure(files, "model", lock, seeds),
    }


def _without_memories(text: str, files: Mapping[str, str]) -> str:
    """da4ml's tables, read from files with $readmemh, as cases: Yosys cannot map the former."""
    if "$readmemh" not in text:
        return text
    memories = {n: t.split() for n, t in files.items() if n.endswith(".mem")}
    parts = [
        "module lookup_table #(parameter BW_IN = 8, parameter BW_OUT = 8,",
        '  parameter MEM_FILE = "whatever.mem")',
        "  (input [BW_IN-1:0] inp, output reg [BW_OUT-1:0] outp);",
        "  generate",
    ]
    for name, words in memories.items():
        parts.append(f'  if (MEM_FILE == "{name}") begin always @* case (inp)')
        parts += [f"    {j}: outp = 'h{word};" for j, word in enumerate(words)]
        parts.append("    default: outp = 'hx; endcase end")
    return "\n".join([*parts, "  endgenerate", "endmodule", ""])


# --- this project ----------------------------------------------------------------------------


def ours(
    model: Path, stages: int, device: str, lock: Path | None, seeds: int, **options: Any
) -> dict[str, Any]:
    """Our row at that many stages between registered inputs and outputs."""
    command = [sys.executable, "-m", "benchmarks.peers", "--convert", str(model)]
    command += ["--stages", str(stages), "--device", device, "--options", json.dumps(options)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    seconds = time.perf_counter() - start
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1][:200]}
    made = json.loads(done.stdout.splitlines()[-1])
    out = Path(made["folder"])
    bench = json.loads((out / "sim" / "bench.json").read_text())
    files = {Path(n).name: (out / "sim" / n).read_text() for n in bench["sources"]}

    def check() -> int:
        from hgq_rtl.synth.synth import check_netlist
        from hgq_rtl.synth.yosys import synthesize

        work = HOME / "work" / f"check-{os.getpid()}"
        with alone(lock):
            synthesize(files, bench["top"], work)
            return check_netlist(work, out / "sim", bench)

    row = {"stages": stages, "seconds": seconds, "own_seconds": made["seconds"]}
    row |= {k: made[k] for k in ("period_ps", "estimate", "nodes")}
    row |= measure(files, bench["top"], lock, seeds)
    if device == DEVICE:
        row["vectors"] = cached("netlist", files, check)
    return row


def convert_ours(model: Path, stages: int, device: str, options: Mapping[str, Any]) -> None:
    """In a process of its own: from the model file to a project folder, no layer compared."""
    import hgq_rtl as hr
    from hgq_rtl.compat.hgq2 import from_hgq2

    out = HOME / "out" / f"{model.stem}-ours-{device}-{stages}-{os.getppid()}"
    start = time.perf_counter()
    network = from_hgq2(model)
    loaded = time.perf_counter()
    asked = {
        "stages": stages,
        "device": device,
        "name": "model",
        "register_inputs": True,
        "inputs": INPUTS.get(model.stem),
        "check_samples": 0,
        **options,
    }
    design = hr.compile(network, **asked)
    design.write(out, force=True)
    end = time.perf_counter()
    if device == DEVICE:
        # At the fastest clock for its stages no register has a choice.
        clock_ns = round(RELAXED * design.clock_ns, 3)
        design = hr.compile(network, clock_ns=clock_ns, **asked)
        design.write(out, force=True)
    facts = design.report().facts
    print(
        json.dumps(
            {
                "folder": str(out),
                "seconds": end - start,
                "load": loaded - start,
                "period_ps": facts["worst_stage"]["delay_ps"],
                "estimate": facts["luts"],
                "nodes": facts["nodes"],
            }
        )
    )


# --- the table -------------------------------------------------------------------------------

ORDER = ("mlp_magic", "merge_magic", "denset_magic", "mlp_mnist49", "conv_het_mnist7",
         "lut_softmax_magic", "mha_mnist7", "mixer_mnist7", "conv_mnist14")  # fmt: skip
"""The smallest first; models not named come last."""


Rows = dict[str, dict[str, Any]]
"""What was measured, by tool."""


def collect(models: list[Path], programs: Path, lock: Path | None, seeds: int) -> dict[str, Rows]:
    """Rows by model and tool."""
    found: dict[str, Rows] = {}
    for model in models:
        rows = found[model.stem] = {}
        for tool in ("da4ml", "alkaid", "alkaid mapped"):
            rows[tool] = peer(tool, model, programs, lock, seeds if tool != "alkaid mapped" else 0)
            print(model.stem, tool, rows[tool], file=sys.stderr, flush=True)
        for tool in ("da4ml", "alkaid"):
            if "error" in rows[tool]:
                continue
            stages = rows[tool]["stages"]
            for device, runs in ((DEVICE, 0), (ROUTED, seeds))[: 1 + (seeds > 0)]:
                name = f"ours {device} {stages}"
                if name not in rows:
                    rows[name] = ours(model, stages, device, lock, runs)
                    print(model.stem, name, rows[name], file=sys.stderr, flush=True)
    return found


def _best(rows: Mapping[str, Mapping[str, Any]], tools: tuple[str, ...], key: str) -> float:
    return min((rows[t][key] for t in tools if key in rows[t]), default=float("nan"))


def table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Every design with its numbers, then the ratios that the goals are about."""
    rows, ratios = [], []
    for model, tools in found.items():
        for tool, row in tools.items():
            if "error" in row:
                rows.append([model, tool, f"fails: {row['error']}", *[""] * 5])
                continue
            mhz = f"{statistics.median(row['mhz']):.0f}" if "mhz" in row else ""
            luts = row["luts"] if "ecp5" not in tool else row["ecp5_luts"]
            seconds = f"{row['seconds']:.1f}"
            checked = row.get("vectors", "")
            rows.append([model, tool, row["stages"], luts, row["ff"], mhz, seconds, checked])
        ratios.append([model, *_ratios(tools)])
    return (
        markdown(
            ["model", "tool", "stages", "LUT", "FF", "ECP5 MHz", "file to Verilog, s", "netlist"],
            rows,
        )
        + "\n\nRatios to the peers (goal in the heading):\n\n"
        + markdown(
            ["model", "LUT, as written ≤ 0.60", "LUT, mapped ≤ 0.85", "FF, alkaid ≤ 0.60",
             "FF, da4ml ≤ 0.85", "MHz, alkaid ≥ 1.25", "MHz, da4ml ≥ 1.25"],
            ratios,
        )
    )  # fmt: skip


def _ratios(tools: Mapping[str, Mapping[str, Any]]) -> list[str]:
    def mine(peer_name: str, device: str) -> Mapping[str, Any]:
        return tools.get(f"ours {device} {tools[peer_name].get('stages')}", {})

    def ratio(a: float | None, b: float | None) -> str:
        return f"{a / b:.2f}" if a and b else ""

    best = [mine(p, DEVICE).get("luts") for p in ("da4ml", "alkaid")]
    luts = min((x for x in best if x), default=None)
    written = _best(tools, ("da4ml", "alkaid"), "luts")
    cells = [ratio(luts, written), ratio(luts, tools["alkaid mapped"].get("luts"))]
    cells += [ratio(mine(p, DEVICE).get("ff"), tools[p].get("ff")) for p in ("alkaid", "da4ml")]
    for name in ("alkaid", "da4ml"):
        own, other = mine(name, ROUTED).get("mhz"), tools[name].get("mhz")
        cells.append(
            ratio(statistics.median(own), statistics.median(other)) if own and other else ""
        )
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="folder of the peers' programs")
    parser.add_argument("--models", type=Path, help="folder of .keras files saved by HGQ2")
    parser.add_argument("--only", action="append", help="name of a model (repeatable)")
    parser.add_argument("--seeds", type=int, default=3, help="place-and-route runs, 0: none")
    parser.add_argument("--lock", type=Path, help="file whose lock each tool run holds")
    parser.add_argument("--convert", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stages", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--device", help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, default={}, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.convert:
        convert_ours(args.convert, args.stages, args.device, args.options)
        return
    if args.models is None or args.peers is None:
        parser.error("--models and --peers are needed")
    models = sorted(
        (p for p in args.models.glob("*.keras") if not args.only or p.stem in args.only),
        key=lambda p: ORDER.index(p.stem) if p.stem in ORDER else len(ORDER),
    )
    if not models:
        parser.error(f"no such model in {args.models}")
    found = collect(models, args.peers, args.lock, args.seeds)
    replace("peers", f"Machine: {machine()}; {args.seeds} seeds.\n\n{table(found)}")


if __name__ == "__main__":
    main()
