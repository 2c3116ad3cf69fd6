"""What every reader makes: a text of headings, paragraphs, list items and table rows, and what the file says of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_SPACES = re.compile(r"[^\S\n]+")
_ANY_SPACES = re.compile(r"\s+")
_DATE = re.compile(r"(\d{4})-?(\d\d)?-?(\d\d)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_MARKS_IN_A_ROW = 30  # Unicode's own limit for text in a stream, UAX #15, section 13
_UNSEEN: dict[int, int | None] = {
    code: None for code in (*range(9), *range(14, 28), *range(127, 160), 0xAD, 0xFEFF, 0xFFFE, 0xFFFF)
}
_UNSEEN.update({code: 0xFFFD for code in range(0xD800, 0xE000)})
TITLE_CHARACTERS = 120


class Refused(Exception):
    """A file holds no document. The message follows the file's name and a colon."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was found in a file. `pages` are the offsets in `text` where each page starts."""

    text: str
    title: str = ""
    date: str = ""
    language: str = ""
    pages: tuple[int, ...] = ()


class Manuscript:
    """A text in the making. Blocks are divided by a blank line, items and rows of one list or table by a line end.

    Headings, items and rows are marked as in Markdown (`# `, `- `, `| a | b |`), which is how passages tell them.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._last = ""
        self._pages: list[int] = []
        self._pages_begun = 0

    def heading(self, text: str, level: int = 2) -> None:
        """A block on one line."""
        self._block("heading", "#" * max(1, min(level, 6)) + " ", one_line(text))

    def paragraph(self, text: str) -> None:
        """A block; the line ends in it are kept."""
        self._block("paragraph", "", clean(text))

    def item(self, text: str) -> None:
        """An item of a list."""
        self._block("item", "- ", clean(text))

    def row(self, cells: Sequence[str]) -> None:
        """A row of a table."""
        texts = [one_line(cell) for cell in cells]
        if any(texts):
            self._block("row", "| ", " | ".join(texts) + " |")

    def more(self, text: str, glue: str = " ") -> None:
        """Continue the block before, after `glue`."""
        content = clean(text)
        if content:
            self._write(glue, content)

    def begin_page(self) -> None:
        """What is written from now on stands on the next page."""
        self._pages_begun += 1

    def text(self) -> str:
        """All that was written, in NFC."""
        return "".join(self._pieces)

    def pages(self) -> tuple[int, ...]:
        """Where in `text` each page starts; an empty one starts where the page after it does."""
        return (*self._pages, *[self._length] * (self._pages_begun - len(self._pages)))

    def _block(self, kind: str, mark: str, content: str) -> None:
        if content:
            close = kind == self._last and kind in ("item", "row")
            self._write("" if not self._length else "\n" if close else "\n\n", mark + content)
            self._last = kind

    def _write(self, glue: str, content: str) -> None:
        start = self._length + len(glue) if self._pages else 0
        self._pages.extend([start] * (self._pages_begun - len(self._pages)))
        self._pieces += (glue, content)
        self._length += len(glue) + len(content)


def clean(text: str) -> str:
    """NFC without control characters; one space between words, no space at the ends of lines, no empty line."""
    lines = _SPACES.sub(" ", composed(text.translate(_UNSEEN).replace("\r\n", "\n").replace("\r", "\n"))).split("\n")
    return "\n".join(line for line in map(str.strip, lines) if line)


def one_line(text: str) -> str:
    """`clean`, with line ends become spaces."""
    return _ANY_SPACES.sub(" ", clean(text))


def composed(text: str) -> str:
    """The text in NFC. Raises Refused for a pile of combining marks, whose sorting takes quadratic time."""
    if text.isascii():
        return text
    marks = "".join(character for character in set(text) if unicodedata.combining(character))
    if marks and re.search(f"[{re.escape(marks)}]{{{_MARKS_IN_A_ROW + 1}}}", text):
        raise Refused(f"over {_MARKS_IN_A_ROW} accents stand on one letter; take them off or leave the file out.")
    return unicodedata.normalize("NFC", text)


def iso_date(written: str) -> str:
    """The date at the beginning of `written`, as YYYY, YYYY-MM or YYYY-MM-DD; empty where there is none."""
    found = _DATE.match(written.strip().removeprefix("D:"))
    parts = [part for part in found.groups() if part] if found else []
    in_range = len(parts) < 2 or 1 <= int(parts[1]) <= 12
    in_range = in_range and (len(parts) < 3 or 1 <= int(parts[2]) <= 31)
    return "-".join(parts) if parts and in_range and parts[0] != "0000" else ""


def language_tag(written: str) -> str:
    """A language tag such as `en-GB` (BCP 47), or nothing."""
    tag = written.strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else ""


def short_title(written: str) -> str:
    """A title on one line, cut to what fits a heading."""
    return one_line(written[: 10 * TITLE_CHARACTERS])[:TITLE_CHARACTERS].strip()
