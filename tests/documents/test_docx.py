"""A Word document is read as Word shows it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
from making import docx, odt, paragraph, zipped

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse

STYLES = (
    '<w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val="de-DE"/></w:rPr></w:rPrDefault></w:docDefaults>'
    '<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>'
    '<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (paragraph("One.") + paragraph("") + paragraph("Two."), "One.\n\nTwo."),
        (f"<w:p>{run('A')}{run('B ')}<w:hyperlink>{run('C')}</w:hyperlink></w:p>", "AB C"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a b\nc"),
        (f"<w:p>{run('kept')}<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>", "kept"),
        (f"<w:p><w:ins>{run('added ')}</w:ins>{run('hidden', '<w:vanish/>')}{run('end')}</w:p>", "added end"),
        (f"<w:p>{run('shown', '<w:vanish w:val=&quot;0&quot;/>'.replace('&quot;', chr(34)))}</w:p>", "shown"),
        ("<w:p><w:r><w:instrText>PAGEREF</w:instrText></w:r></w:p>" + paragraph("x"), "x"),
        (f"<w:sdt><w:sdtContent>{paragraph('inside')}</w:sdtContent></w:sdt>", "inside"),
        (
            paragraph("one", "<w:numPr/>") + paragraph("two", "<w:numPr/>") + paragraph("end"),
            "- one\n- two\n\nend",
        ),
        (
            f"<w:tbl><w:tr><w:tc>{paragraph('a')}{paragraph('b')}</w:tc><w:tc>{paragraph('c')}</w:tc></w:tr>"
            f"<w:tr><w:tc>{paragraph('d')}</w:tc><w:tc>{paragraph('')}</w:tc></w:tr></w:tbl>",
            "| a b | c |\n| d |  |",
        ),
        (f"<w:p><w:r><w:txbxContent>{paragraph('box')}</w:txbxContent></w:r>{run('around')}</w:p>", "box\n\naround"),
    ],
)
def test_what_word_shows_is_read(parse: Parse, body: str, text: str) -> None:
    assert parse("a.docx", docx(body)).text == text


def test_headings_are_told_by_their_style_in_any_language(parse: Parse) -> None:
    body = paragraph("Rom", '<w:pStyle w:val="Titel"/>') + paragraph("Lage", '<w:pStyle w:val="berschrift2"/>')
    document = parse("a.docx", docx(body + paragraph("Text."), styles=STYLES))
    assert document.text == "# Rom\n\n## Lage\n\nText."
    assert document.language == "de-DE"


def test_a_style_may_be_a_lists(parse: Parse) -> None:
    style = '<w:style w:styleId="L"><w:name w:val="List Bullet"/><w:pPr><w:numPr/></w:pPr></w:style>'
    body = paragraph("one", '<w:pStyle w:val="L"/>') + paragraph("two", '<w:pStyle w:val="L"/>') + paragraph("end")
    assert parse("a.docx", docx(body, styles=style)).text == "- one\n- two\n\nend"


def test_notes_follow_the_text_and_separators_do_not(parse: Parse) -> None:
    notes = f'<w:footnote w:type="separator">{paragraph("x")}</w:footnote><w:footnote>{paragraph("Note.")}</w:footnote>'
    assert parse("a.docx", docx(paragraph("Text."), footnotes=notes)).text == "Text.\n\nNote."


def test_title_date_and_language_are_the_files_own(parse: Parse) -> None:
    core = "<dc:title>Rome</dc:title><dcterms:created>2021-06-28T10:00:00Z</dcterms:created>"
    document = parse("b.docx", docx(paragraph("Text."), f"{core}<dc:language>en-GB</dc:language>"))
    assert (document.title, document.date, document.language) == ("Rome", "2021-06-28", "en-GB")
    assert parse("my_notes.docx", docx(paragraph("Text."))).title == "my notes"


def test_saved_again_with_the_same_text_it_is_the_same_document(parse: Parse) -> None:
    first = parse("a.docx", docx(paragraph("One.") + paragraph("Two."), "<dc:title>A</dc:title>"))
    again = parse("b.docx", docx(f"<w:p>{run('On')}{run('e.')}</w:p>" + paragraph("Two."), "<dc:title>B</dc:title>"))
    assert first.id == again.id
    assert parse("c.odt", odt("<text:p>One.</text:p><text:p>Two.</text:p>")).id == first.id


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (docx(paragraph("")), "holds no text"),
        (docx(paragraph("x"))[:-30], "is cut short or damaged; save it again"),
        (docx("<w:p>"), "is cut short or damaged"),
        (zipped({"xl/workbook.xml": "<x/>"}), "is no docx file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "is encrypted; save it without"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "is a file of an older Office; save it as .docx"),
        (b"plain text", "is no docx file; it may be damaged"),
        (b"%PDF-1.7", "is no docx file; its content is a PDF: name it .pdf"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.docx: .*{why}"):
        parse("a.docx", raw)


def test_a_body_by_another_name_is_found(parse: Parse) -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    with ZipFile(BytesIO(docx(paragraph("Text.")))) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    parts["word/document2.xml"] = parts.pop("word/document.xml")
    parts["_rels/.rels"] = (
        f'<Relationships><Relationship Type="{kind}" Target="word/document2.xml"/></Relationships>'.encode()
    )
    assert parse("a.docx", zipped(parts)).text == "Text."
