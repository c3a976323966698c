"""The command line: a thin skin over the functions of the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from hgq_rtl.errors import ConfigError, HgqRtlError, writing

app = typer.Typer(
    help="Trained Keras networks as bit-exact, pipelined Verilog.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

Folder = Annotated[Path, typer.Argument(help="Project folder.")]
Device = Annotated[str, typer.Option(help="Device name (see `hgq-rtl devices`) or TOML file.")]


def _reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print our own errors as text and exit with 1; anything else is a bug and keeps its trace."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except HgqRtlError as error:
            err.print(
                f"{type(error).__name__}: {error}", style="red", markup=False, highlight=False
            )
            raise typer.Exit(1) from None

    return wrapped


@app.command("compile")
@_reports_errors
def compile_command(
    model: Annotated[Path, typer.Argument(help="Model file saved by model.save(), .keras.")],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Project folder to write.")],
    clock_ns: Annotated[float | None, typer.Option(help="Clock period in ns.")] = None,
    stages: Annotated[
        int | None,
        typer.Option(help="Number of stages; without --clock-ns, at the fastest clock for them."),
    ] = None,
    max_latency_ns: Annotated[float | None, typer.Option(help="Fail beyond this latency.")] = None,
    device: Device = "xcvu13p-2",
    name: Annotated[str | None, typer.Option(help="Name of the design.")] = None,
    input: Annotated[
        list[str] | None,
        typer.Option(help="Format of an input on a fixed-point grid: NAME=k,i,f (repeatable)."),
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Pass to leave out (repeatable).")] = None,
    dump: Annotated[
        Path | None, typer.Option(help="Folder for the graph after every pass.")
    ] = None,
    register_inputs: Annotated[bool, typer.Option(help="Registers behind the inputs.")] = False,
    register_outputs: Annotated[bool, typer.Option(help="Registers before the outputs.")] = True,
    in_beat: Annotated[
        int | None, typer.Option(help="TDATA bits of the AXI4-Stream input (default: a sample).")
    ] = None,
    out_beat: Annotated[
        int | None, typer.Option(help="TDATA bits of the AXI4-Stream output (default: a sample).")
    ] = None,
    global_retiming: Annotated[
        bool, typer.Option(help="Let Vivado move registers across logic.")
    ] = False,
    place: Annotated[
        list[str] | None,
        typer.Option(
            help="Region of a layer: LAYER=SLR1 or LAYER=CLOCKREGION_X0Y0:CLOCKREGION_X3Y1."
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="Inputs for the testbenches: .npy, or .npz with an array per port."),
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace a project that somebody changed.")] = False,
) -> None:
    """Compile a trained model and write its project folder."""
    from hgq_rtl.project.delivery import Delivery
    from hgq_rtl.project.project import check_replaceable, current_project

    delivery = Delivery(in_beat, out_beat, global_retiming, dict(map(_placed, place or [])))
    options: dict[str, Any] = {
        "clock_ns": clock_ns,
        "stages": stages,
        "max_latency_ns": max_latency_ns,
        "inputs": dict(map(_declared, input or [])),
        "name": name,
        "skip": skip or [],
        "register_inputs": register_inputs,
        "register_outputs": register_outputs,
    }
    # Known before the work, so said before the work.
    check_replaceable(folder, force)
    request = {**options, "device": device, "delivery": asdict(delivery)}
    inputs = _inputs(model, vectors, request)
    data = None if vectors is None else _arrays(vectors)
    if dump is None and (current := current_project(folder, inputs)) is not None:
        from hgq_rtl.report.table import Report

        out.print(Report(current.report))
        out.print(f"up to date: {current.path}", highlight=False)
        return
    from hgq_rtl.flow import compile

    with err.status("starting") as status:
        design = compile(
            model, device=_device(device), dump=dump, progress=status.update, **options
        )
        status.update("writing Verilog")
        project = design.write(folder, force=force, delivery=delivery, inputs=inputs, vectors=data)
    out.print(design.report())
    out.print(f"written to {project.path}", highlight=False)


def _inputs(model: Path, vectors: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """The file that is compiled, and a hash of all that its folder depends on."""
    from hgq_rtl.project.manifest import request_hash, sha256

    files = [model, Path(options["device"]), *([vectors] if vectors else [])]
    data = [path.read_bytes() if path.is_file() else b"" for path in files]
    names = ["device file", "vectors"]
    hashes = {name: sha256(one) for name, one in zip(names, data[1:], strict=False)}
    request = request_hash(data[0], {**options, **hashes})
    return {"model": model.name, "sha256": sha256(data[0]), "request": request}


@app.command()
@_reports_errors
def verify(
    folder: Folder,
    model: Annotated[
        Path | None, typer.Option(help="The .keras file, to compare with Keras as well.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Inputs as .npy, or .npz with one array per input port.")
    ] = None,
    random: Annotated[int, typer.Option(help="Number of random vectors.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the random vectors.")] = 0,
    axis: Annotated[bool, typer.Option(help="Through the AXI4-Stream shell as well.")] = False,
) -> None:
    """Simulate a project's Verilog and compare every output bit."""
    from hgq_rtl.project.project import open_project

    project = open_project(folder)
    x = None if data is None else _arrays(data)
    expected = None
    if model is not None:
        if x is None:
            raise ConfigError("--model needs the inputs to compare on", hint="Pass --data as well")
        from hgq_rtl.frontend import load
        from hgq_rtl.lowering.reference import Reference

        with err.status("running Keras"):
            double = (project.report.get("exactness") or {}).get("arithmetic") == "float64"
            reference = Reference(load(model), float64=double)
            outputs = reference(project.interface.arrays(x))
            expected = project.interface.output_structure(outputs)
    out.print(str(project.verify(x, y_expected=expected, random=random, seed=seed, axis=axis)))


@app.command()
@_reports_errors
def report(
    folders: Annotated[list[Path], typer.Argument(help="Project folders.", show_default=False)],
    html: Annotated[Path | None, typer.Option(help="Write a page, with a Pareto plot.")] = None,
) -> None:
    """Show the reports of projects, beside what synthesis tools left in them."""
    from hgq_rtl.project.project import open_project
    from hgq_rtl.report.measured import measured
    from hgq_rtl.report.page import comparison, page
    from hgq_rtl.report.table import Report, measured_table, stage_table, width_table

    facts = []
    for folder in folders:
        facts.append(open_project(folder, check=False).report)
        found = measured(folder)
        for part in (Report(facts[-1]), stage_table(facts[-1]), width_table(facts[-1])):
            out.print(part)
        if found:
            out.print(measured_table(facts[-1], found))
    if html is not None:
        text = page(facts[0], found) if len(facts) == 1 else comparison(facts)
        with writing(html):
            html.write_text(text, encoding="utf-8")
        out.print(f"written to {html}", highlight=False)


@app.command()
@_reports_errors
def synth(
    folder: Folder,
    place: Annotated[bool, typer.Option(help="Place and route on an ECP5, too.")] = False,
    seeds: Annotated[int, typer.Option(help="Number of place-and-route runs.")] = 3,
    per_layer: Annotated[bool, typer.Option(help="A second run that keeps layers apart.")] = True,
    work: Annotated[Path | None, typer.Option(help="Keep the tools' files in this folder.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers to this file, too.")
    ] = None,
) -> None:
    """Synthesize a project with Yosys, check the netlist, and compare with the estimate."""
    import json

    from hgq_rtl.synth import synth

    with err.status("synthesizing"):
        found = synth(
            folder, place=place, seeds=range(1, seeds + 1), per_layer=per_layer, work=work
        )
    out.print(found)
    if json_file is not None:
        with writing(json_file):
            json_file.write_text(json.dumps(dict(found.facts), indent=1) + "\n", encoding="utf-8")


@app.command()
@_reports_errors
def passes() -> None:
    """List the passes of the compiler in order."""
    from hgq_rtl.passes.pipeline import DEFAULT

    for name, function in DEFAULT:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        out.print(f"{name:<12} {summary}", highlight=False, soft_wrap=True)


@app.command()
@_reports_errors
def devices() -> None:
    """List the devices with a delay model: name, target (whose cells are used), part."""
    from hgq_rtl.timing.load import device_names, load_device

    for name in device_names():
        model = load_device(name)
        out.print(f"{name:<12} {model.target:<12} {model.part or '(any)'}", highlight=False)


@app.command()
def doctor() -> None:
    """Say which tools are there, which are missing and how to get them."""
    from hgq_rtl import doctor as check

    raise typer.Exit(check.main())


def _device(text: str) -> str | Path:
    return Path(text) if text.endswith(".toml") else text


def _declared(text: str) -> tuple[str, tuple[int, int, int]]:
    name, _, numbers = text.partition("=")
    try:
        k, i, f = (int(n) for n in numbers.split(","))
    except ValueError:
        raise ConfigError(
            "--input is written NAME=k,i,f", received=repr(text), hint="Example: --input x=1,3,8"
        ) from None
    return name, (k, i, f)


def _placed(text: str) -> tuple[str, str]:
    layer, _, region = text.rpartition("=")
    if not layer:
        raise ConfigError(
            "--place is written LAYER=REGION", received=repr(text), hint="Example: dense_1=SLR1"
        )
    return layer, region


def _arrays(path: Path) -> Any:
    """The arrays of a .npy or .npz file; pickled objects are refused."""
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
        return {name: loaded[name] for name in loaded.files} if path.suffix == ".npz" else loaded
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(
            f"'{path}' is not a NumPy file", received=f"{type(error).__name__}: {error}"
        ) from None


def main() -> None:
    """Entry point of the ``hgq-rtl`` command."""
    app(prog_name="hgq-rtl")


if __name__ == "__main__":
    main()
