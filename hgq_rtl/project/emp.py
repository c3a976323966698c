"""Pattern files of the CMS EMP framework: what is played into link buffers and captured from them.

The format is that of EMP software 0.7 and later (``source.txt``, ``sink.txt``): a line of metadata
flags, a column per link, a row per frame of 64 bits. See "Buffer data files" in the guide of the
EMP framework, https://serenity.web.cern.ch/serenity/emp-fwk/software/buffer-data-files.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hgq_rtl.errors import ProjectError

FRAME_BITS = 64
METADATA = "Metadata: (strobe,) start of orbit, start of packet, end of packet, valid"
_FRAME = re.compile(r"Frame +(\d+) +(.*)")
_CELL = re.compile(r"([01])?([01])([01])([01])([01]) ([0-9a-fA-F]{16})")


def frames_of(width: int, links: Sequence[int]) -> int:
    """Frames that a sample of ``width`` bits takes on so many links."""
    return max(1, -(-width // (FRAME_BITS * len(links))))


def write_emp(words: Sequence[int], width: int, links: Sequence[int], board: str) -> str:
    """The file in which each word of ``width`` bits is a packet.

    Bits 0 to 63 of a word are in the first frame of the first link, the next 64 in the first frame
    of the second, and so on. Raises ProjectError for links that are no links.
    """
    links = _checked(links)
    if not board or not board.isprintable():
        raise ProjectError("a pattern file needs a board's name", received=repr(board))
    count = frames_of(width, links)
    lines = [f"ID: {board}", METADATA, "", "      Link  " + "".join(_heading(n) for n in links)]
    for sample, word in enumerate(words):
        for frame in range(count):
            flags = f"{int(sample == frame == 0)}{int(frame == 0)}{int(frame == count - 1)}1"
            row = word >> (FRAME_BITS * len(links) * frame)
            cells = [
                f"  {flags} {row >> (FRAME_BITS * i) & ((1 << FRAME_BITS) - 1):016x}"
                for i in range(len(links))
            ]
            lines.append(f"Frame {sample * count + frame:04d}" + "".join(cells))
    return "\n".join([*lines, ""])


def _heading(link: int) -> str:
    return f"            {link:03d}        "


def _checked(links: Sequence[int]) -> list[int]:
    found = [int(link) for link in links]
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise ProjectError(
            "links are distinct numbers from 0 on", received=", ".join(map(str, found)) or "none"
        )
    return found


def read_emp(text: str, width: int, links: Sequence[int] | None = None) -> list[int]:
    """The words of ``width`` bits in a file, one for each packet; only valid frames count.

    ``links``: those that carry the words, in order; by default all columns. Raises ProjectError,
    with the line, where the text is no such file or a packet is cut short.
    """
    columns: list[int] | None = None
    words: list[int] = []
    chosen: list[int] = []
    frame = word = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.split()[:1] == ["Link"]:
            columns = [int(name) for name in line.split()[1:]]
            chosen = columns if links is None else _checked(links)
            for link in chosen:
                if link not in columns:
                    raise ProjectError(
                        f"the pattern file has no link {link}",
                        received=", ".join(map(str, columns)),
                    )
        elif match := _FRAME.fullmatch(line.strip()):
            cells = [_CELL.fullmatch(cell.strip()) for cell in re.split(r"\s\s+", match[2])]
            if columns is None or len(cells) != len(columns) or None in cells:
                raise _broken(number, line)
            live = [cell for cell in (cells[columns.index(n)] for n in chosen) if cell]
            strobe = {cell[5] == "1" and cell[1] != "0" for cell in live}
            if len(strobe) != 1:
                raise _broken(number, line)
            if strobe == {False}:
                continue
            for i, cell in enumerate(live):
                word |= int(cell[6], 16) << (FRAME_BITS * (frame * len(live) + i))
            frame += 1
            if frame == frames_of(width, chosen):
                words.append(word & ((1 << width) - 1))
                frame = word = 0
        elif line.strip() and line[0] != "#" and not line.startswith(("ID:", "Id:", "Metadata:")):
            raise _broken(number, line)
    if columns is None or frame:
        raise ProjectError(
            "the pattern file ends too early",
            received="no line of links" if columns is None else f"{frame} frames of a packet",
        )
    return words


def _broken(number: int, line: str) -> ProjectError:
    return ProjectError(
        f"line {number} of the pattern file is not understood",
        received=repr(line[:80]),
        hint="Expected rows such as 'Frame 0000  1101 0123456789abcdef'",
    )
