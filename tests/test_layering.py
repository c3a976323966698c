"""Imports point down, and each heavy dependency has one door."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "hgq_rtl"

# Each layer may import those listed; a module directly in the package is a layer of its own.
MAY_IMPORT = {
    "errors": set(),
    "fixed": {"errors"},
    "ir": {"fixed", "errors"},
    "quantizers": {"fixed", "errors"},
    "layers": {"quantizers", "fixed", "errors"},
    "config": {"quantizers", "layers", "errors"},
    "quantizer": {"quantizers"},
    "constraints": {"quantizers"},
    "regularizers": {"quantizers"},
    "utils": {"layers", "quantizers", "config", "fixed", "errors"},
    "compat": {"layers", "utils", "quantizers", "config", "errors"},
    "lowering": {"layers", "quantizers", "ir", "fixed", "errors"},
    "cache": {"assets", "errors"},
    "garbage": set(),
    "passes": {"ir", "timing", "cache", "fixed", "errors"},
    "timing": {"ir", "fixed", "errors"},
    "schedule": {"ir", "timing", "errors"},
    "assets": {"errors"},
    "emit": {"assets", "ir", "fixed", "schedule", "cache", "garbage", "errors"},
    "emulator": {"cache", "emit", "ir", "fixed", "errors"},
    "project": {
        "assets",
        "cache",
        "cosim",
        "emit",
        "emulator",
        "errors",
        "fixed",
        "ir",
        "schedule",
    },
    "cosim": {"assets", "cache", "ir", "fixed", "errors"},
    "report": {"assets", "schedule", "timing", "ir", "errors"},
    "synth": {"project", "errors"},
    "doctor": set(),
    "design": {
        "cosim",
        "emit",
        "emulator",
        "errors",
        "fixed",
        "garbage",
        "ir",
        "optimize",
        "optimized",
        "passes",
        "project",
        "report",
        "schedule",
        "timing",
    },
    "optimize": {"errors", "ir", "optimized", "passes", "schedule", "timing"},
    "optimized": {"cache", "errors", "ir", "passes", "schedule", "timing"},
    "frontend": {"cache", "compat", "errors", "garbage", "ir", "lowering", "project"},
    "flow": {
        "design",
        "errors",
        "frontend",
        "lowering",
        "optimize",
        "project",
        "schedule",
        "timing",
    },
    "cli": None,
    "__init__": None,
}
ONLY_HERE = {
    "keras": {"quantizers", "layers", "config", "utils", "compat", "lowering"},
    "jax": {"quantizers", "layers", "utils", "lowering"},
    "h5py": {"compat/hgq2/archive.py"},
    "da4ml": {"passes/cmvm/da4ml_engine.py"},
    "amaranth": {"emit/amaranth"},
    "cocotb": {"cosim/bench"},
    "cocotb_tools": set(),
    "jinja2": {"project", "emit", "report"},
}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path):
    """Modules imported at run time; those under TYPE_CHECKING are annotations."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the whole module name"
            yield node.module
            if node.module == "hgq_rtl":
                yield from (f"hgq_rtl.{alias.name}" for alias in node.names)


def test_every_file_belongs_to_a_layer():
    assert {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES} == set(
        MAY_IMPORT
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    inside = path.relative_to(ROOT)
    layer = inside.parts[0].removesuffix(".py")
    for name in imports(path):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if top == "hgq_rtl" and target not in {"", layer} and MAY_IMPORT[layer] is not None:
            assert target in MAY_IMPORT[layer], f"{layer} may not import {target} (for {name})"
        if top in ONLY_HERE:
            doors = ONLY_HERE[top]
            assert layer in doors or {str(inside), str(inside.parent)} & doors, (
                f"only {sorted(doors)} may import {top}"
            )
