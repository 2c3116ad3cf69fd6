"""Electronic books: their chapters in the order of the spine, each read like a web page."""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from coalition_qa.documents.archive import Archive, attribute, first_text
from coalition_qa.documents.html import parse, write
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, short_title
from coalition_qa.documents.text import decode

if TYPE_CHECKING:
    from lxml import etree

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def read_epub(raw: bytes) -> Parsed:
    """Every chapter's text but the table of contents; title, date and language from the package."""
    archive = Archive(raw)
    if _CONTAINER not in archive:
        raise Refused("is no epub file; give it the ending of what it is, or save it as .epub.")
    rootfile = next(archive.xml(_CONTAINER).iter("{*}rootfile"), None)
    package_name = "" if rootfile is None else attribute(rootfile, "full-path")
    package = archive.xml(package_name)
    encrypted = _encrypted(archive)
    manuscript = Manuscript()
    for name in _chapters(package, dirname(package_name)):
        if name in encrypted:
            raise Refused("is encrypted (DRM); it can only be read in its own program.")
        write(parse(_self_closed(decode(archive.read(name)))), manuscript)
    title, date, language = (first_text(package, name) for name in ("title", "date", "language"))
    return Parsed(manuscript.text(), short_title(title), iso_date(date), language_tag(language))


def _chapters(package: etree._Element, folder: str) -> list[str]:
    """The parts that the spine lists, each once, as names in the archive."""
    items = {attribute(item, "id"): item for item in package.iter("{*}item")}
    names: dict[str, None] = {}
    for reference in package.iter("{*}itemref"):
        item = items.get(attribute(reference, "idref"))
        if item is None or "nav" in attribute(item, "properties").split():
            continue
        if attribute(item, "media-type") in _CHAPTERS:
            names[normpath(join(folder, unquote(attribute(item, "href"))))] = None
    return list(names)


def _encrypted(archive: Archive) -> set[str]:
    if _ENCRYPTION not in archive:
        return set()
    return {unquote(attribute(one, "URI")) for one in archive.xml(_ENCRYPTION).iter("{*}CipherReference")}


def _self_closed(text: str) -> str:
    """XHTML may close an empty element at once, which in HTML leaves it open and swallows what follows."""
    return re.sub(r"<(title|script|style|a|span|div|p|i|b|em|strong|iframe|textarea)\b([^<>]*)/>", r"<\1\2></\1>", text)
