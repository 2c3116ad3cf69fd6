"""Word documents: the body in its order, then the notes; what was deleted, hidden or commented is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from coalition_qa.documents.archive import Archive, attribute, first_text, local
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, short_title

if TYPE_CHECKING:
    from lxml import etree

_BODY = "word/document.xml"
_RELATIONS = "_rels/.rels"
_LEFT_OUT = frozenset(("del", "moveFrom", "Fallback", "instrText", "delText", "pPr", "sectPr", "tblPr", "tcPr", "trPr"))
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_ITEM = -1  # the level of a style that is a list's
_SPACES = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "sym": " "}


def read_docx(raw: bytes) -> Parsed:
    """Headings by their style, lists, tables row by row, text boxes where they stand; then footnotes and endnotes."""
    archive = Archive(raw)
    body = _body(archive)
    if body not in archive:
        raise Refused("is no docx file; give it the ending of what it is, or save it as .docx.")
    levels = _heading_levels(archive)
    manuscript = Manuscript()
    _Body(manuscript, levels).over(archive.xml(body))
    for notes in _NOTES:
        if notes in archive:
            for note in archive.xml(notes):
                if attribute(note, "type") in ("", "normal"):
                    _Body(manuscript, levels).over(note)
    core = archive.xml("docProps/core.xml") if "docProps/core.xml" in archive else None
    title, date, language = (
        ("", "", "") if core is None else (first_text(core, n) for n in ("title", "created", "language"))
    )
    return Parsed(manuscript.text(), short_title(title), iso_date(date), language_tag(language or _language(archive)))


def _body(archive: Archive) -> str:
    """The name of the part that holds the body: some programs call it otherwise than Word."""
    if _BODY not in archive and _RELATIONS in archive:
        for relation in archive.xml(_RELATIONS):
            if attribute(relation, "Type").endswith("/officeDocument"):
                return attribute(relation, "Target").lstrip("/")
    return _BODY


class _Body:
    """One pass over a story. A paragraph inside another (a text box) is written before the one around it ends."""

    def __init__(self, manuscript: Manuscript, levels: dict[str, int]) -> None:
        self._manuscript = manuscript
        self._levels = levels
        self._paragraphs: list[tuple[list[str], etree._Element]] = []
        self._rows: list[list[str]] = []
        self._cells: list[list[str]] = []

    def over(self, root: etree._Element) -> None:
        for event, element in _seen(root):
            name = local(element)
            if event == "start":
                self._start(name, element)
            else:
                self._end(name)

    def _start(self, name: str, element: etree._Element) -> None:
        if name == "p":
            self._paragraphs.append(([], element))
        elif name == "tr":
            self._rows.append([])
        elif name == "tc":
            self._cells.append([])
        elif self._paragraphs and name == "t":
            self._paragraphs[-1][0].append(element.text or "")
        elif self._paragraphs and name in _SPACES:
            self._paragraphs[-1][0].append(_SPACES[name])

    def _end(self, name: str) -> None:
        if name == "p":
            pieces, element = self._paragraphs.pop()
            self._write("".join(pieces), element)
        elif name == "tc" and self._rows:
            self._rows[-1].append(" ".join(self._cells.pop()))
        elif name == "tr":
            row = self._rows.pop()
            if self._cells:  # a table in a cell of another
                self._cells[-1].append(" ".join(row))
            else:
                self._manuscript.row(row)

    def _write(self, text: str, element: etree._Element) -> None:
        properties = element.find("{*}pPr")
        style = properties.find("{*}pStyle") if properties is not None else None
        level = self._levels.get(attribute(style, "val")) if style is not None else None
        if self._cells:
            self._cells[-1].append(text)
        elif level and level != _ITEM:
            self._manuscript.heading(text, level)
        elif level == _ITEM or (properties is not None and properties.find("{*}numPr") is not None):
            self._manuscript.item(text)
        else:
            self._manuscript.paragraph(text)


def _seen(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Starts and ends of the elements that are shown."""
    from lxml import etree

    hidden: etree._Element | None = None
    for event, element in etree.iterwalk(root, events=("start", "end"), tag="{*}*"):
        if hidden is None and event == "start" and (local(element) in _LEFT_OUT or _vanishes(element)):
            hidden = element
        elif hidden is None:
            yield event, element
        elif event == "end" and hidden is element:
            hidden = None


def _vanishes(element: etree._Element) -> bool:
    mark = element.find("{*}rPr/{*}vanish") if local(element) == "r" else None
    return mark is not None and attribute(mark, "val") not in ("0", "false", "off")


def _heading_levels(archive: Archive) -> dict[str, int]:
    """The level of each style that is a heading's: by its name, which is English in every language's Word."""
    levels: dict[str, int] = {}
    if "word/styles.xml" not in archive:
        return levels
    for style in archive.xml("word/styles.xml").iter("{*}style"):
        named = style.find("{*}name")
        name = attribute(named, "val").lower() if named is not None else ""
        if style.find("{*}pPr/{*}numPr") is not None and not name.startswith("heading "):
            levels[attribute(style, "styleId")] = _ITEM
        elif name == "title":
            levels[attribute(style, "styleId")] = 1
        elif name.startswith("heading ") and name[8:].isdecimal():
            levels[attribute(style, "styleId")] = min(6, int(name[8:10]))
    return levels


def _language(archive: Archive) -> str:
    """What the default style of the text says."""
    if "word/styles.xml" not in archive:
        return ""
    found = archive.xml("word/styles.xml").find("{*}docDefaults/{*}rPrDefault/{*}rPr/{*}lang")
    return attribute(found, "val") if found is not None else ""
