"""A book is its chapters in the order of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from making import epub, zipped

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse

XHTML = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">{}</html>'
OUTSIDE = (
    '<package><manifest><item id="c" href="../../../etc/passwd" media-type="text/html"/></manifest>'
    '<spine><itemref idref="c"/></spine></package>'
)
LOCK = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:CipherData>'
    '<enc:CipherReference URI="{}"/></enc:CipherData></encryption>'
)


def test_chapters_are_read_in_the_order_of_the_spine(parse: Parse) -> None:
    chapters = [XHTML.format(f"<body><h1>Chapter {n}</h1><p>Text {n}.</p></body>") for n in (1, 2, 3)]
    assert parse("a.epub", epub(*chapters)).text == "\n\n".join(f"# Chapter {n}\n\nText {n}." for n in (1, 2, 3))


def test_an_element_that_is_closed_at_once_swallows_nothing(parse: Parse) -> None:
    chapter = XHTML.format('<head><title/><script src="x"/></head><body><p><a id="x"/>Text &#233;&nbsp;on.</p></body>')
    assert parse("a.epub", epub(chapter)).text == "Text é on."


def test_title_date_and_language_are_the_packages(parse: Parse) -> None:
    meta = "<dc:title>The Mill</dc:title><dc:date>1999</dc:date><dc:language>en</dc:language>"
    document = parse("a.epub", epub("<p>Text.</p>", meta=meta))
    assert (document.title, document.date, document.language) == ("The Mill", "1999", "en")


def test_only_locked_chapters_are_a_lock(parse: Parse) -> None:
    fonts = {"META-INF/encryption.xml": LOCK.format("OEBPS/font.otf")}
    assert parse("a.epub", epub("<p>Text.</p>", **fonts)).text == "Text."
    with pytest.raises(DocumentError, match=r"^a\.epub: is encrypted \(DRM\)"):
        parse("a.epub", epub("<p>Text.</p>", **{"META-INF/encryption.xml": LOCK.format("OEBPS/text/c%200.xhtml")}))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (epub(), "holds no text"),
        (epub("<body></body>"), "holds no text"),
        (zipped({"mimetype": "application/epub+zip"}), "is no epub file"),
        (zipped({"META-INF/container.xml": "<container/>"}), "has no part ''"),
        (epub(**{"OEBPS/book.opf": OUTSIDE}), "has no part '../../etc/passwd'"),
    ],
)
def test_a_book_that_cannot_be_read_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.epub: .*{why}"):
        parse("a.epub", raw)
