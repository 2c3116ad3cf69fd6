"""OpenDocument texts: the body in its order, then the notes; deletions, comments and indexes are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coalition_qa.documents.archive import Archive, attribute, first_text, local
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, short_title

if TYPE_CHECKING:
    from lxml import etree

_MIME = b"application/vnd.oasis.opendocument.text"
_LEFT_OUT = frozenset(("tracked-changes", "annotation", "table-of-content", "forms", "note-citation", "sequence-decls"))
_SPACES = {"s": " ", "tab": " ", "line-break": "\n"}


def read_odt(raw: bytes) -> Parsed:
    """Headings by their outline level, lists, tables row by row; then footnotes and endnotes."""
    archive = Archive(raw)
    if "mimetype" not in archive or not archive.read("mimetype").startswith(_MIME):
        raise Refused("is no odt file; give it the ending of what it is, or save it as .odt.")
    if "META-INF/manifest.xml" in archive:
        manifest = archive.xml("META-INF/manifest.xml")
        if next(manifest.iter("{*}encryption-data"), None) is not None:
            raise Refused("is encrypted; save it without a password.")
    body = archive.xml("content.xml").find("{*}body/{*}text")
    if body is None:
        raise Refused("is no text document; save it as .odt.")
    manuscript = Manuscript()
    _Body(manuscript).over(body)
    meta = archive.xml("meta.xml") if "meta.xml" in archive else None
    names = ("title", "creation-date", "date", "language")
    title, created, changed, language = ("",) * 4 if meta is None else (first_text(meta, name) for name in names)
    return Parsed(manuscript.text(), short_title(title), iso_date(created or changed), language_tag(language))


class _Body:
    """One pass over the text; notes are kept until its end."""

    def __init__(self, manuscript: Manuscript) -> None:
        self._manuscript = manuscript
        self._texts: list[list[str]] = []
        self._notes: list[str] = []
        self._rows: list[list[str]] = []
        self._cells: list[list[str]] = []
        self._lists = 0
        self._in_note = 0

    def over(self, root: etree._Element) -> None:
        from lxml import etree

        hidden: etree._Element | None = None
        for event, element in etree.iterwalk(root, events=("start", "end"), tag="{*}*"):
            name = local(element)
            if hidden is not None:
                hidden = None if event == "end" and hidden is element else hidden
            elif event == "start" and name in _LEFT_OUT:
                hidden = element
            elif event == "start":
                self._start(name, element)
                continue
            else:
                self._end(name, element)
            if event == "end" and hidden is None and self._texts:
                self._texts[-1].append(element.tail or "")
        for note in self._notes:
            self._manuscript.paragraph(note)

    def _start(self, name: str, element: etree._Element) -> None:
        if name in ("p", "h"):
            self._texts.append([element.text or ""])
        elif name == "table-row":
            self._rows.append([])
        elif name == "table-cell":
            self._cells.append([])
        else:
            self._lists += name == "list"
            self._in_note += name == "note"
            if self._texts:
                self._texts[-1].append(_SPACES.get(name) or element.text or "")

    def _end(self, name: str, element: etree._Element) -> None:
        if name in ("p", "h"):
            self._write("".join(self._texts.pop()), element if name == "h" else None)
        elif name == "table-cell" and self._rows:
            self._rows[-1].append(" ".join(self._cells.pop()))
        elif name == "table-row":
            row = self._rows.pop()
            if self._cells:
                self._cells[-1].append(" ".join(row))
            else:
                self._manuscript.row(row)
        self._lists -= name == "list"
        self._in_note -= name == "note"

    def _write(self, text: str, heading: etree._Element | None) -> None:
        if self._in_note:
            self._notes.append(text)
        elif self._cells:
            self._cells[-1].append(text)
        elif heading is not None:
            level = attribute(heading, "outline-level")
            self._manuscript.heading(text, int(level) if level.isdecimal() else 2)
        elif self._lists:
            self._manuscript.item(text)
        else:
            self._manuscript.paragraph(text)
