"""Pages of the site that are not in docs/: the README, the examples, the command line."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = {".py": "python", ".v": "verilog"}


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {"index.md": readme(), "reference/cli.md": command_line(), **examples()}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to the programs in examples/ lead to their pages."""
    here = "../" if "/" in page.file.src_uri else ""
    return re.sub(
        r"\]\((?:\.\./)*examples/(\w+)(?:\.py|/[\w.]*)\)", rf"]({here}examples/\1.md)", markdown
    )


def readme() -> str:
    """The README, whose links start at the root."""
    return re.sub(r"\[(?:docs/)?([^\]]*)\]\(docs/", r"[\1](", (ROOT / "README.md").read_text())


def examples() -> dict[str, str]:
    """A page for each program or folder in examples/, and a list of them."""
    pages, rows = {}, []
    for path in sorted((ROOT / "examples").iterdir()):
        sources = [path] if path.suffix == ".py" else sorted(path.glob("*.*"))
        if path.name.startswith("_") or not sources:
            continue
        main = path if path.suffix == ".py" else path / "run.py"
        about = ast.get_docstring(ast.parse(main.read_text())) or ""
        name = path.stem
        blocks = [
            f"## {source.name}\n\n````{LANGUAGES[source.suffix]}\n{source.read_text()}````\n"
            for source in sources
            if source.suffix in LANGUAGES
        ]
        pages[f"examples/{name}.md"] = f"# {name}\n\n{about}\n\n" + "\n".join(blocks)
        rows.append(f"| [{name}]({name}.md) | {about.splitlines()[0]} |")
    table = "| | |\n|---|---|\n" + "\n".join(rows) + "\n"
    pages["examples/index.md"] = (
        "# Examples\n\nPrograms in `examples/` of the repository. Each compiles, writes a project "
        f"folder and proves it in a simulator.\n\n{table}"
    )
    return pages


def command_line() -> str:
    """The help of every command, as typer writes it."""
    import typer.cli
    import typer.main

    from hgq_rtl.cli import app

    command = typer.main.get_command(app)
    context = typer.Context(command)
    text: str = typer.cli.get_docs_for_click(
        obj=command, ctx=context, name="hgq-rtl", title="Command line"
    )
    return text
