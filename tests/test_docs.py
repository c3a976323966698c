"""What the documents say is true: the README's example runs, every op is described."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hgq_rtl.ir.ops import OPS
from hgq_rtl.ir.text import from_text, to_text

ROOT = Path(__file__).parents[1]


def blocks(file, language):
    text = (ROOT / file).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.cosim
def test_the_example_of_the_readme_runs(tmp_path):
    example = blocks("README.md", "python")[0]
    assert len(example.splitlines()) <= 26
    (tmp_path / "example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tagger on xcvu13p-2, 2 ns" in done.stdout
    assert re.search(
        r"\d+ vectors, every bit equal \(597 data, .*; 597 equal to Keras\)", done.stdout
    )
    shown = blocks("README.md", "text")[0]
    assert shown.startswith("tagger on xcvu13p-2, 2 ns")


def test_the_examples_of_lowering_run(capsys):
    namespace = {}
    for example in blocks("docs/lowering.md", "python"):
        exec(example, namespace)
    assert "hardest on xcvu13p-2, 3 ns" in capsys.readouterr().out


def test_every_numpy_function_is_named():
    from hgq_rtl.lowering.registry import supported

    words = set(re.findall(r"\w+", (ROOT / "docs" / "lowering.md").read_text()))
    assert set(supported()) <= words


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


def test_every_op_is_described():
    text = (ROOT / "docs" / "ir.md").read_text()
    for name, op in OPS.items():
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        (row,) = [row for row in rows if re.search(rf"`{name}(\(|`)", row.split("|")[1])]
        for field in op.fields:
            assert field in row


def test_the_graph_in_the_documents_is_one():
    (text,) = [block for block in blocks("docs/ir.md", "") if block.startswith("hgq_rtl graph")]
    assert to_text(from_text(text)) == text


def test_links_lead_somewhere():
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text()):
            assert (file.parent / target).exists(), f"{file.name}: {target}"
