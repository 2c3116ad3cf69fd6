"""PDF: the text of each page, its lines joined into paragraphs again; where each page starts is kept."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, one_line, short_title

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_BROKEN = "\ufffe"  # PDFium's mark for a hyphen at the end of a line, and the line end with it
_END_MARK = b"%%EOF"
_TAIL = 4096
_NO_TITLE = re.compile(r"untitled|microsoft (?:word|powerpoint|excel)|.{0,200}\.\w{2,5}$|(?:\W|\d)*$", re.IGNORECASE)
_ENDED = re.compile(r"[.!?:;…。！？][\"'”’»)\]\d]*$")
_ITEM = re.compile(r"(?:[•‣▪●○◦–*]|\(?(?:\d{1,3}|[a-z])[.)])\s")
_BULLET = re.compile(r"[•‣▪●○◦]\s*")
_PRIVATE = re.compile("[\ufffd\ue000-\uf8ff]")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010]$")
_WORD_END = re.compile(r"[\w-]*$")
_WORD_START = re.compile(r"[\w-]*")
_EDGE = 0.1  # share of a page's height where running heads and feet stand
_PAGES_ALIKE = 3


@dataclass(slots=True)
class _Line:
    """One line of a page; places in points, from the left and the bottom. `size` is the height of its letters'
    boxes, `broken` says that it ends within a word.
    """

    text: str
    page: int
    left: float
    right: float
    bottom: float
    size: float
    broken: bool
    at_edge: bool


def read_pdf(raw: bytes) -> Parsed:
    """The pages in order. Running heads, feet and page numbers are left out.

    Raises Refused for a file that is encrypted, cut short, damaged, or whose fonts don't say what their letters are.
    """
    import pypdfium2

    if _END_MARK not in raw[-_TAIL:]:
        raise Refused("is cut short; save it again.")
    try:
        with pypdfium2.PdfDocument(raw) as document:
            pages = [_lines(document, number) for number in range(len(document))]
            facts = document.get_metadata_dict()
            language = _language(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or b"/Encrypt" in raw[-_TAIL:]:
            raise Refused("is encrypted; save it without a password.") from error
        raise Refused(f"is damaged ({one_line(str(error)).rstrip('.')}); save it again.") from error
    lines = _without_running_lines(pages)
    manuscript, heading = _written(lines, len(pages))
    text = manuscript.text()
    if len(_PRIVATE.findall(text)) > len(text) / 5:
        raise Refused("its fonts do not say which letters they show; run text recognition (OCR) over it.")
    title = facts.get("Title", "").strip()
    title = heading if not title or _NO_TITLE.match(title) else title
    date = iso_date(facts.get("CreationDate", ""))
    return Parsed(text, short_title(title), date, language_tag(language), manuscript.pages())


def _lines(document: PdfDocument, number: int) -> list[_Line]:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return list(_page_lines(text_page, page, number))
        finally:
            text_page.close()
    finally:
        page.close()


def _page_lines(text_page: PdfTextPage, page: PdfPage, number: int) -> Iterator[_Line]:
    """The lines in the order of the page's content, which is the order that its program wrote them in."""
    height = page.get_height() or 1.0
    content = text_page.get_text_range()
    for found in re.finditer(rf"[^\r\n{_BROKEN}]+", content):
        inside = found.group()
        text = one_line(inside)
        if not text:
            continue
        first = found.start() + len(inside) - len(inside.lstrip())
        last = found.start() + len(inside.rstrip()) - 1
        left, bottom, _, top = _box(text_page, first)
        right = _box(text_page, last)[2]
        middle = next((at for at in range((first + last) // 2, last) if not content[at].isspace()), last)
        _, low, _, high = _box(text_page, middle)  # of a space that was only inferred nothing is known
        broken = content[found.end() : found.end() + 1] == _BROKEN or _HYPHEN.search(text) is not None
        at_edge = not _EDGE < (bottom + top) / 2 / height < 1 - _EDGE
        yield _Line(_HYPHEN.sub("", text), number, left, right, bottom, high - low, broken, at_edge)


def _box(text_page: PdfTextPage, at: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a character, given by its place in the page's text."""
    from pypdfium2 import raw

    index = raw.FPDFText_GetCharIndexFromTextIndex(text_page, at)
    left, bottom, right, top = text_page.get_charbox(max(0, index), loose=True)
    return float(left), float(bottom), float(right), float(top)


def _language(document: PdfDocument) -> str:
    from pypdfium2 import raw

    length = raw.FPDFCatalog_GetLanguage(document, None, 0)
    if not 2 < length < 200:
        return ""
    buffer = ctypes.create_string_buffer(length)
    raw.FPDFCatalog_GetLanguage(document, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), length)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


def _without_running_lines(pages: Sequence[list[_Line]]) -> list[_Line]:
    """All lines but those at the edge of a page that most pages have there, but for the numbers in them. What many
    lines inside the pages look like too is no running line but a table's row.
    """
    edges = [[line for line in page if line.at_edge] for page in pages]
    seen = Counter(mask for page in edges for mask in {_mask(line) for line in page})
    inside = Counter(_mask(line) for page in pages for line in page if not line.at_edge)
    enough = max(_PAGES_ALIKE, len(pages) // 2)
    running = {mask for mask, count in seen.items() if count >= enough > inside[mask]}
    return [line for page in pages for line in page if not (line.at_edge and _mask(line) in running)]


def _mask(line: _Line) -> str:
    return re.sub(r"\d+", "#", line.text)


def _written(lines: Sequence[_Line], pages: int) -> tuple[Manuscript, str]:
    """The lines as headings and paragraphs, and the text of the first heading on the first page."""
    manuscript = Manuscript()
    words = Counter(word for line in lines for word in re.findall(r"[\w-]+", line.text.lower()))
    body = median([line.size for line in lines for _ in range(1 + len(line.text) // 20)]) if lines else 0.0
    measures = _Measures(lines, body)
    title = ""
    page = 0
    before: _Line | None = None
    for line in lines:
        while page <= line.page:
            manuscript.begin_page()
            page += 1
        if before is not None and not measures.apart(before, line):
            manuscript.more(*_joined(before, line, words))
        elif measures.is_heading(line):
            manuscript.heading(line.text)
            title = title or (line.text if line.page == 0 else "")
        elif bullet := _BULLET.match(line.text):
            manuscript.item(line.text[bullet.end() :])
        else:
            manuscript.paragraph(line.text)
        before = line
    for _ in range(page, pages):
        manuscript.begin_page()
    return manuscript, title


class _Measures:
    """What is usual in this document, against which a line shows that it begins something new."""

    def __init__(self, lines: Sequence[_Line], body: float) -> None:
        gaps = [one.bottom - two.bottom for one, two in pairwise(lines) if one.page == two.page]
        usual = [gap for gap in gaps if 0 < gap < 3 * body]
        self._body = body
        self._gap = sorted(usual)[len(usual) // 4] if usual else 1.2 * body
        self._rights: dict[tuple[int, int], float] = {}
        for line in lines:
            place = _column(line)
            self._rights[place] = max(line.right, self._rights.get(place, 0.0))

    def is_heading(self, line: _Line) -> bool:
        return line.size > 1.15 * self._body and len(line.text) < 200 and not line.text.endswith((".", ","))

    def apart(self, before: _Line, line: _Line) -> bool:
        """Whether `line` begins a block of its own."""
        if before.broken:
            return False
        if abs(before.size - line.size) > 0.1 * max(before.size, line.size) or _ITEM.match(line.text):
            return True
        if self.is_heading(line) and before.page != line.page:
            return True
        ended = _ENDED.search(before.text) is not None
        gap = before.bottom - line.bottom
        if before.page != line.page or gap < -0.5 * line.size:  # on the next page, or at the top of the next column
            return ended or not (line.text[:1].islower() or before.text.endswith((",", "-")))
        if abs(gap) < 0.5 * line.size:  # on the same line: two pieces of it
            return False
        if gap > 1.35 * self._gap and gap > 1.2 * line.size:
            return True
        indented = line.left > before.left + 0.8 * line.size
        page, column = _column(before)
        edge = max(self._rights.get((page, beside), 0.0) for beside in (column - 1, column, column + 1))
        short = before.right < edge - 0.25 * (edge - before.left)
        return (ended and (indented or short)) or (short and not line.text[:1].islower())


def _column(line: _Line) -> tuple[int, int]:
    """Where a line begins, to half an inch: what begins near there on its page is the same column."""
    return line.page, round(line.left / 36)


def _joined(before: _Line, line: _Line, words: Counter[str]) -> tuple[str, str]:
    """A line, and what stands between it and the one before: a space, or within a word its hyphen or nothing.

    The hyphen stays beside a digit, before a capital, and where the document writes the word with it more often.
    """
    if not before.broken:
        return line.text, " "
    head = _WORD_END.search(before.text.lower())
    tail = _WORD_START.match(line.text.lower())
    one, two = (found.group() if found else "" for found in (head, tail))
    kept = not (one[-1:].isalpha() and line.text[:1].islower()) or words[f"{one}-{two}"] > words[one + two]
    return line.text, "-" if kept else ""
