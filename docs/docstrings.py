"""Our docstrings as Markdown: doctests and lists of arguments are told by their looks."""

from __future__ import annotations

import re
from typing import Any

import griffe

DOCTEST = re.compile(r"^>>>.*(?:\n.+)*", re.MULTILINE)
ARGUMENT = re.compile(
    r"(?:(?<=[.;:]) |^)(?=``[^`]+``(?:(?:,| and) ``[^`]+``)*: |(?:Raises|Returns|Further) )"
)
"""Before ``name``: at the start of a sentence, and before what follows the arguments."""
COLUMN = re.compile(r"^(``[^`]+``) {2,}", re.MULTILINE)
"""A name, and its description in a column of its own."""


def as_markdown(text: str) -> str:
    """The docstring with fenced doctests, and arguments as lists."""
    text = DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
    text = re.sub(r"::$", ":", text, flags=re.MULTILINE)
    return "\n\n".join(_paragraph(part) for part in text.split("\n\n"))


def _paragraph(text: str) -> str:
    if text.startswith(("```", "    ")):
        return text
    if COLUMN.search(text):
        lines = COLUMN.sub(r"* \1: ", text).splitlines()
        return "\n".join(re.sub(r"^ {3,}", "    ", line) for line in lines)
    parts = [part.strip() for part in ARGUMENT.split(" ".join(text.splitlines()))]
    if sum(part.startswith("``") for part in parts) < 2:
        return text
    items = [f"* {part}" if part.startswith("``") else f"\n{part}\n" for part in parts if part]
    return "\n".join(items).strip("\n")


class Docstrings(griffe.Extension):
    """Rewrites every docstring before it is rendered."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """After an object was read, whatever it is."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
