"""The texts of a project: templates of `rtl_templates/`, filled, and JSON."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

import jinja2

from hgq_rtl.assets import asset_folder
from hgq_rtl.errors import ProjectError

_TCL_SAFE = re.compile(r"[A-Za-z0-9_./-]")


def tcl_word(text: str) -> str:
    r"""``text`` as one word of Tcl in which nothing is substituted.

    >>> print(tcl_word("a b[exit]$c"), tcl_word(""))
    a\ b\[exit\]\$c {}
    """
    return "".join(c if _TCL_SAFE.match(c) else _tcl_escape(c) for c in text) or "{}"


def _tcl_escape(c: str) -> str:
    # A backslash before a letter, a digit or a newline would mean something else.
    return f"\\{c}" if c.isascii() and c.isprintable() else f"\\U{ord(c):08x}"


def plain(text: str) -> str:
    """``text`` for a comment or a table cell: one line, no markup."""
    return "".join(c if c not in "|`\\<>" else "?" for c in plain_line(text))


def plain_line(text: str) -> str:
    """``text`` in one line of printable characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def xml(text: str) -> str:
    """``text`` inside an element or a comment of XML.

    >>> xml("a<b> & --c")
    'a&lt;b&gt; &amp; - -c'
    """
    return escape(plain_line(text)).replace("--", "- -")


def fill(template: str, **values: Any) -> str:
    """The text of a template; a value that the template wants and does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(asset_folder("rtl_templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # not web pages; the filters below escape
    )
    environment.filters["tcl"] = tcl_word
    environment.filters["plain"] = plain
    environment.filters["xml"] = xml
    return environment.get_template(template).render(**values)


def json_text(data: Any) -> str:
    """JSON as a person reads it."""
    try:
        return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ProjectError("a report or option cannot be written", received=str(error)) from None
