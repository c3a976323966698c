"""The same networks through da4ml, alkaid and this project, by the same synthesis and router.

The peers live in an environment of their own (``--peers``, its folder of programs). Every row is
kept in ``build/peers/rows`` under the hash of what it was measured on, so that a rerun repeats only
what changed, and the table is written after every row: a run that was cut short is continued by
starting it again.
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
import tempfile
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
INPUTS = {"merge_magic": {"input_layer_6": (1, 3, 4)}}
"""Port formats of models whose layers quantize one input in two ways: what covers both."""
VERSION = 2
"""Of the way of measuring: part of every row's key."""
PATIENCE = 1800
"""Seconds after which a conversion or a run of a tool is given up."""
GUESS = 1030
"""Picoseconds of a netlist's slowest stage for each nanosecond of our estimate, to begin with."""
CAPACITY = 83_640
"""LUTs of the ECP5 that designs are placed on; they have four inputs, so more are needed there."""
CLOSE = 1.02
"""How much slower a peer's slowest stage is than ours for the clock to be taken for the slowest."""
TRIES = 3
"""Clocks tried to find the slowest one at which our slowest stage is no slower than a peer's."""


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
        keep(path, compute())
    return json.loads(path.read_text())


def keep(path: Path, value: Any) -> None:
    """Write JSON whole or not at all: another run may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(value))
    part.replace(path)


def attempt(command: list[Any], **environment: str) -> dict[str, Any]:
    """A program's last line, and the seconds it took, of CPU and by the clock; or its error."""
    start, before = time.perf_counter(), os.times()
    try:
        done = subprocess.run(
            [*map(str, command)],
            env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"} | environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no result after {PATIENCE} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    last = (done.stdout.strip().splitlines() or [""])[-1]
    return {"last": last, "wall": time.perf_counter() - start, "cpu": cpu}


# --- one design through the tools ------------------------------------------------------------


def measure(files: Mapping[str, str], top: str, lock: Path | None) -> dict[str, Any]:
    """LUT, FF and the slowest stage of one design's netlist for UltraScale+."""
    from hgq_rtl.errors import SynthError
    from hgq_rtl.synth.slowest import slowest_path
    from hgq_rtl.synth.yosys import synthesize

    work = HOME / "work" / str(os.getpid())

    def cells() -> dict[str, Any]:
        with alone(lock):
            try:
                found = synthesize(files, top, work, defer=True, timeout=PATIENCE)[top]
            except SynthError as error:
                return {"error": str(error)[:200]}
        stage, path = slowest_path(work / "netlist.json", top)
        numbers = {"luts": found.luts, "ff": found.flip_flops, "srl": found.shift_registers}
        return numbers | {"stage_ps": stage, "path": path}

    row: dict[str, Any] = cached("xcup", [files, top], cells)
    return row


def clock(files: Mapping[str, str], top: str, lock: Path | None, seeds: int) -> dict[str, Any]:
    """Megahertz of one design on an ECP5 for each seed, or why it could not be routed."""
    from hgq_rtl.errors import SynthError
    from hgq_rtl.synth.nextpnr import route
    from hgq_rtl.synth.yosys import synthesize

    work = HOME / "work" / str(os.getpid())

    def rates() -> dict[str, Any]:
        with alone(lock):
            try:
                cells = synthesize(
                    files, top, work, architecture="ecp5", defer=True, timeout=PATIENCE
                )[top]
                routed = route(work, range(1, seeds + 1), timeout=PATIENCE)
            except SynthError as error:
                return {"error": str(error)[:200]}
        return {"mhz": routed.mhz, "ecp5_luts": cells.luts, "ecp5_ff": cells.flip_flops}

    row: dict[str, Any] = cached("ecp5", [files, top, seeds], rates) if seeds else {}
    return {"unrouted": row["error"]} if "error" in row else row


# --- the peers -------------------------------------------------------------------------------


def convert(tool: str, model: Path, programs: Path) -> dict[str, Any]:
    """Verilog by file name, stages and the seconds of the conversion, imports included."""

    def compute() -> dict[str, Any]:
        out = HOME / "out" / f"{model.stem}-{tool}"
        done = attempt([programs / tool, "convert", "-v", "0", "-n", "0", model, out])
        if "error" in done:
            return done
        facts = json.loads((out / "metadata.json").read_text())
        sources = sorted((out / "src").rglob("*.v")) + sorted((out / "src").rglob("*.mem"))
        files = {f.name: f.read_text() for f in sources if f.name != "model_wrapper.v"}
        return {"files": files, "stages": facts["latency"], **done}

    return cached(f"convert-{tool}", model.name, compute)


def peer(tool: str, model: Path, programs: Path, lock: Path | None, seeds: int) -> dict[str, Any]:
    """The row of one peer; ``tool`` may be ``alkaid mapped``."""
    name = tool.split()[0]
    made = convert(name, model, programs)
    if "error" in made:
        return made
    files = {name: _without_memories(text, made["files"]) for name, text in made["files"].items()
             if name.endswith(".v")}  # fmt: skip
    row = {k: made[k] for k in ("stages", "wall", "cpu")}
    if tool == "alkaid mapped":
        mapped = {"ternary_adder.v": (Path(__file__).parent / "ternary_mapped.v").read_text()}
        return row | measure(files | mapped, "model", lock)
    row |= measure(files, "model", lock)
    if row.get("luts", 0) > CAPACITY:
        return row | {"unrouted": "more LUTs than the device has"}
    return row | clock(files, "model", lock, seeds)


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


def package() -> str:
    """A hash of the compiler: its rows are of this version alone."""
    sha = hashlib.sha256()
    for file in sorted([*(ROOT / "hgq_rtl").rglob("*"), *(ROOT / "rtl_templates").rglob("*")]):
        if file.suffix in (".py", ".toml", ".cc", ".v", ".j2"):
            sha.update(file.read_bytes())
    return sha.hexdigest()


def convert_with(model: Path, cache: Path, device: str, **options: Any) -> dict[str, Any]:
    """What ``convert_ours`` prints, in a process of its own, or an error."""
    command = [sys.executable, "-m", "benchmarks.peers", "--convert", model, "--device", device]
    done = attempt([*command, "--options", json.dumps(options)], HGQ_RTL_CACHE=str(cache))
    return done if "error" in done else json.loads(done["last"]) | done


def build(model: Path, device: str, stages: int, clock_ns: float | None) -> dict[str, Any]:
    """Our Verilog at that many stages between registered inputs and outputs, and its facts."""

    def compute() -> dict[str, Any]:
        made = convert_with(model, HOME / "cache", device, stages=stages, clock_ns=clock_ns)
        if "error" in made:
            return made
        sim = Path(made["folder"]) / "sim"
        bench = json.loads((sim / "bench.json").read_text())
        files = {Path(n).name: (sim / n).read_text() for n in bench["sources"]}
        return made | {"files": files, "top": bench["top"]}

    return cached("ours", [package(), model.name, device, stages, clock_ns], compute)


def checked(made: Mapping[str, Any], lock: Path | None, architecture: str = "xilinx") -> int:
    """Vectors on which our netlist was simulated, all right."""
    from hgq_rtl.synth.synth import check_netlist
    from hgq_rtl.synth.yosys import synthesize

    def compute() -> int:
        work, sim = HOME / "work" / f"check-{os.getpid()}", Path(made["folder"]) / "sim"
        with alone(lock):
            synthesize(
                made["files"], made["top"], work, architecture=architecture, timeout=PATIENCE
            )
            bench = json.loads((sim / "bench.json").read_text())
            return check_netlist(work, sim, bench, architecture)

    kind = "netlist" if architecture == "xilinx" else f"netlist-{architecture}"
    return int(cached(kind, made["files"], compute))


def smallest(
    model: Path, stages: int, limit_ps: int, lock: Path | None, tries: int = TRIES
) -> dict[str, Any]:
    """Our row with the fewest flip-flops whose slowest stage is no slower than ``limit_ps``.

    Registers have more choice at a slower clock, and the clock of the netlist is known only
    after synthesis: a few clocks are tried. The fastest row if none is fast enough.
    """
    clock_ns = limit_ps / GUESS
    rows: list[dict[str, Any]] = []
    for _ in range(tries):
        made = build(model, DEVICE, stages, round(clock_ns, 3))
        if "error" in made:  # too fast a clock for so few stages
            made = build(model, DEVICE, stages, None)
        found = made if "error" in made else measure(made["files"], made["top"], lock)
        if "error" in found:
            return found
        clock_ns, ratio = made["clock_ns"], limit_ps / found["stage_ps"]
        again = any(row["clock_ns"] == clock_ns for row in rows)
        rows.append(made | found)
        if again or 1 <= ratio <= CLOSE:
            break
        clock_ns *= ratio if ratio > 1 else 0.98 * ratio
    fit = [row for row in rows if row["stage_ps"] <= limit_ps]
    best = min(fit, key=lambda row: (row["ff"], row["luts"])) if fit else \
        min(rows, key=lambda row: row["stage_ps"])  # fmt: skip
    kept = ("clock_ns", "estimate", "nodes", "wall", "cpu", "luts", "ff", "srl", "stage_ps", "path")
    return {k: best[k] for k in kept} | {"stages": stages, "vectors": checked(best, lock)}


def fastest(model: Path, stages: int, lock: Path | None, seeds: int) -> dict[str, Any]:
    """Our row on the ECP5, at the fastest clock for that many stages."""
    made = build(model, ROUTED, stages, None)
    if "error" in made:
        return made
    row = {k: made[k] for k in ("clock_ns", "estimate", "nodes", "wall", "cpu")}
    row |= {"stages": stages, "vectors": checked(made, lock, "ecp5")}
    return row | clock(made["files"], made["top"], lock, seeds)


def times(model: Path, stages: int) -> dict[str, Any]:
    """CPU seconds from file to Verilog: with an empty cache, which takes Keras, and again."""

    def compute() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as scratch:
            cold, warm = (convert_with(model, Path(scratch), DEVICE, stages=stages)
                          for _ in range(2))  # fmt: skip
        return {"cold": cold.get("own_cpu"), "warm": warm.get("own_cpu"), "cpu": cold.get("cpu")}

    return cached("times", [package(), model.name, stages], compute)


def convert_ours(model: Path, device: str, options: Mapping[str, Any]) -> None:
    """In a process of its own: from the model file to a project folder, no layer compared."""
    import hgq_rtl as hr

    tag = hashlib.sha256(json.dumps([device, options]).encode()).hexdigest()[:8]
    out = HOME / "out" / f"{model.stem}-ours-{tag}"
    before = os.times()
    design = hr.compile(
        model,
        device=device,
        name="model",
        register_inputs=True,
        inputs=INPUTS.get(model.stem),
        check_samples=0,
        **options,
    )
    design.write(out, force=True)
    after = os.times()
    facts = design.report().facts
    made = {"folder": str(out), "own_cpu": sum(after[:4]) - sum(before[:4])}
    made |= {"clock_ns": design.clock_ns, "estimate": facts["luts"], "nodes": facts["nodes"]}
    print(json.dumps(made))


# --- the table -------------------------------------------------------------------------------

ORDER = ("mlp_magic", "merge_magic", "denset_magic", "mlp_mnist49", "conv_het_mnist7",
         "lut_softmax_magic", "mha_mnist7", "mixer_mnist7", "conv_mnist14")  # fmt: skip
"""The smallest first; models not named come last."""


Rows = dict[str, dict[str, Any]]
"""What was measured, by tool."""


def collect(
    model: Path, programs: Path, lock: Path | None, seeds: int, tries: int
) -> Iterator[Rows]:
    """The rows of a model by tool, after each measurement."""
    rows: Rows = {}
    for tool in ("da4ml", "alkaid", "alkaid mapped"):
        rows[tool] = peer(tool, model, programs, lock, seeds)
        yield rows
    for stages, limit in _opponents(rows):
        rows[f"ours {stages}"] = smallest(model, stages, limit, lock, tries)
        yield rows
    for stages in sorted({row["stages"] for row in rows.values() if "mhz" in row}):
        rows[f"ours {ROUTED} {stages}"] = fastest(model, stages, lock, seeds)
        yield rows
    for stages, _ in _opponents(rows)[-1:]:
        rows["times"] = times(model, stages)
        yield rows


def _opponents(rows: Rows) -> list[tuple[int, int]]:
    """Numbers of stages at which a peer is, with its slowest stage, the faster where two are."""
    found: dict[int, int] = {}
    for tool in ("da4ml", "alkaid", "alkaid mapped"):
        row = rows.get(tool, {})
        if "stage_ps" in row:
            found[row["stages"]] = min(found.get(row["stages"], row["stage_ps"]), row["stage_ps"])
    return sorted(found.items())


def table(found: Mapping[str, Rows]) -> str:
    """Every design with its numbers, then the ratios that the goals are about."""
    rows = []
    for model, tools in found.items():
        for tool, row in tools.items():
            if "error" in row:
                rows.append([model, tool, f"fails: {row['error']}", *[""] * 7])
            elif tool != "times":
                mhz = f"{statistics.median(row['mhz']):.0f}" if "mhz" in row else ""
                mhz = "not routed" if "unrouted" in row else mhz
                numbers = [row.get(k, "") for k in ("luts", "ff", "srl", "stage_ps")]
                rows.append(
                    [model, tool, row["stages"], *numbers, mhz, f"{row['cpu']:.1f}",
                     row.get("vectors", "")]
                )  # fmt: skip
    ratios = [[model, *_ratios(tools)] for model, tools in found.items()]
    return (
        markdown(
            ["model", "tool", "stages", "LUT", "FF", "SRL", "slowest stage, ps", "ECP5 MHz",
             "conversion, CPU s", "netlist"],
            rows,
        )
        + "\n\nRatios to the peers (goal in the heading), and CPU seconds from file to Verilog, "
        "when cold with the import of Keras:\n\n"
        + markdown(
            ["model", "LUT, as written ≤ 0.60", "LUT, mapped ≤ 0.85", "FF, alkaid ≤ 0.60",
             "FF, da4ml ≤ 0.85", "MHz, alkaid ≥ 1.25", "MHz, da4ml ≥ 1.25", "cold ≤ 5 s",
             "warm ≤ 1 s"],
            ratios,
        )
    )  # fmt: skip


def _ratios(tools: Rows) -> list[str]:
    def mine(name: str, device: str = "") -> Mapping[str, Any]:
        return tools.get(f"ours {device}{tools[name].get('stages')}", {})

    def ratio(a: float | None, b: float | None) -> str:
        return f"{a / b:.2f}" if a and b else ""

    peers = [name for name in ("da4ml", "alkaid") if name in tools]
    luts = min((x for p in peers if (x := mine(p).get("luts"))), default=None)
    written = min((x for p in peers if (x := tools[p].get("luts"))), default=None)
    cells = [ratio(luts, written), ratio(luts, tools.get("alkaid mapped", {}).get("luts"))]
    for name in ("alkaid", "da4ml"):
        cells.append(ratio(mine(name).get("ff"), tools[name].get("ff")) if name in tools else "")
    for name in ("alkaid", "da4ml"):
        own, other = (mine(name, f"{ROUTED} ").get("mhz"), tools[name].get("mhz")) \
            if name in tools else (None, None)  # fmt: skip
        middle = statistics.median
        cells.append(ratio(middle(own), middle(other)) if own and other else "")
    seconds = tools.get("times", {})
    return cells + [f"{seconds[k]:.1f}" if seconds.get(k) else "" for k in ("cold", "warm")]


def write_table() -> None:
    """The table of all models measured so far, by whatever run."""
    files = sorted((HOME / "models").glob("*.json"), key=lambda p: _place(p.stem))
    found = {file.stem: json.loads(file.read_text()) for file in files}
    replace("peers", f"Machine: {machine()}.\n\n{table(found)}")


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="folder of the peers' programs")
    parser.add_argument("--models", type=Path, help="folder of .keras files saved by HGQ2")
    parser.add_argument("--only", action="append", help="name of a model (repeatable)")
    parser.add_argument("--seeds", type=int, default=3, help="place-and-route runs, 0: none")
    parser.add_argument("--tries", type=int, default=TRIES, help="clocks tried for FF")
    parser.add_argument("--lock", type=Path, help="file whose lock each tool run holds")
    parser.add_argument("--convert", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--device", help=argparse.SUPPRESS)
    parser.add_argument("--options", type=json.loads, default={}, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.convert:
        convert_ours(args.convert, args.device, args.options)
        return
    if args.models is None or args.peers is None:
        parser.error("--models and --peers are needed")
    models = sorted(
        (p for p in args.models.glob("*.keras") if not args.only or p.stem in args.only),
        key=lambda p: _place(p.stem),
    )
    if not models:
        parser.error(f"no such model in {args.models}")
    for model in models:
        for rows in collect(model, args.peers, args.lock, args.seeds, args.tries):
            print(model.stem, *list(rows.items())[-1], file=sys.stderr, flush=True)
            keep(HOME / "models" / f"{model.stem}.json", rows)
            write_table()


if __name__ == "__main__":
    main()
