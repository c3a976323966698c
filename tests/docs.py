"""The code blocks of the documents, and what may stand in them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = ("python", "py", "bash", "verilog", "tcl", "text", "")
"""Python is run, in order; py is quoted from a program that is run."""
PROGRAMS = [
    path
    for folder in ("examples", "hgq_rtl", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path | str, *languages: str) -> list[Block]:
    """The blocks of a page, or those in some languages."""
    page = ROOT / page
    found, start, language = [], 0, None
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if language is None:
            start, language = number, line[3:].strip()
        else:
            text = "".join(f"{one}\n" for one in lines[start : number - 1])
            found.append(Block(page, start, language, text))
            language = None
    assert language is None, f"{page}: a block does not end"
    return [block for block in found if not languages or block.language in languages]


def run_python(page: str, namespace: dict, first: int = 0) -> None:
    """Run the Python of a page in order; a fault shows the line of the page."""
    for block in blocks(page, "python")[first:]:
        source = "\n" * block.line + block.text
        exec(compile(source, str(block.page), "exec"), namespace)


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Each command in the shell blocks of a page, and where it is."""
    found = []
    for block in blocks(page, "bash"):
        for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
            words = shlex.split(line, comments=True)
            if words:
                found.append((f"{page.relative_to(ROOT)}:{number}", words))
    return found


def program_lines() -> set[str]:
    """Every line of every program or page that tests run, without its indentation."""
    texts = [path.read_text() for path in PROGRAMS]
    texts += [block.text for page in PAGES for block in blocks(page, "python")]
    return {line.strip() for text in texts for line in text.splitlines()}
