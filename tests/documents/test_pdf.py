"""A PDF becomes paragraphs again, and says which page each of its characters is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from making import line, lines, pdf

from coalition_qa.types import DocumentError, Hit, Passage, Span

if TYPE_CHECKING:
    from tests.documents.conftest import Parse

LONG = "The minister said on Monday that the efforts of the coalition had worked as"
SHORT = "they were meant to."


def text_of(parse: Parse, *pages: str) -> str:
    return parse("a.pdf", pdf(*pages)).text


def test_lines_are_joined_into_paragraphs(parse: Parse) -> None:
    below = lines(LONG, SHORT, top=600)
    assert text_of(parse, lines(LONG, SHORT) + below) == f"{LONG} {SHORT}\n\n{LONG} {SHORT}"


def test_a_paragraph_begins_with_an_indent_or_after_a_short_line(parse: Parse) -> None:
    indented = line(LONG, left=90, bottom=672)
    assert text_of(parse, lines(LONG, LONG + ".") + indented) == f"{LONG} {LONG}.\n\n{LONG}"
    assert text_of(parse, lines(LONG, SHORT, LONG, SHORT)) == f"{LONG} {SHORT}\n\n{LONG} {SHORT}"


def test_two_columns_are_read_one_after_the_other(parse: Parse) -> None:
    left, right = "The minister said on Monday that all of it", "it went on in the column beside the first one"
    page = lines(left, left, left, size=9) + lines(right, right, SHORT, size=9, left=320)
    assert text_of(parse, page) == " ".join([left] * 3 + [right] * 2 + [SHORT])


def test_letters_of_another_size_inside_a_line_break_no_paragraph(parse: Parse) -> None:
    inner = "BT /F1 11 Tf 72 686 Td (as they were) Tj 0.1 Tf ( ) Tj 11 Tf ( said to be all over the town) Tj ET"
    assert len(text_of(parse, lines(LONG) + inner + line("and more.", bottom=672)).split("\n\n")) == 1


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (f"{LONG} an exam-", "ple of it", "an example of it"),
        (f"{LONG} in 2019-", "2020 and", "in 2019-2020 and"),
        (f"{LONG} the Anglo-", "Saxon world", "the Anglo-Saxon world"),
        (f"{LONG} a dash -", "and more", "a dash - and more"),
        (f"a well-known man. {LONG} a well-", "known one", "a well-known one"),
    ],
)
def test_a_word_broken_at_the_end_of_a_line_is_whole_again(parse: Parse, first: str, second: str, joined: str) -> None:
    assert text_of(parse, lines(first, second)).endswith(joined)


def test_a_word_broken_at_the_end_of_a_page_is_whole_again(parse: Parse) -> None:
    assert text_of(parse, lines(f"{LONG} an exam-"), lines("ple of it.")) == f"{LONG} an example of it."


def test_headings_and_lists_are_told_by_their_looks(parse: Parse) -> None:
    page = line("The Rome meeting", size=20, bottom=740) + lines(LONG, SHORT)
    page += lines("• flour", "• water and", top=600) + line("salt", bottom=572, left=80)
    document = parse("a.pdf", pdf(page))
    assert document.text == f"## The Rome meeting\n\n{LONG} {SHORT}\n\n- flour\n- water and salt"
    assert document.title == "The Rome meeting"


def test_running_heads_feet_and_page_numbers_are_left_out(parse: Parse) -> None:
    pages = [
        line("Annual report", bottom=770) + lines(LONG, f"and number {n} is") + line(f"Page {n} of 4", bottom=30)
        for n in range(1, 5)
    ]
    text = text_of(parse, *pages)
    assert "Annual" not in text
    assert "Page" not in text
    assert all(f"number {n} is" in text for n in range(1, 5))


def test_a_line_that_is_on_the_edge_of_few_pages_stays(parse: Parse) -> None:
    assert "Annual report" in text_of(parse, line("Annual report", bottom=770) + lines(LONG), lines(LONG), lines(LONG))


def test_each_page_starts_at_its_offset(parse: Parse) -> None:
    document = parse("a.pdf", pdf(lines("First page."), "", lines("Third page, which goes"), lines("on here.")))
    assert document.text == "First page.\n\nThird page, which goes on here."
    assert document.pages == (0, 13, 13, 36)
    assert [document.text[start:][:5] for start in document.pages] == ["First", "Third", "Third", "on he"]
    passage = Passage("p", document.id, Span(13, 45), document.text[13:45], ())
    hit = Hit(passage, "a.pdf", "", 1.0, pages=document.pages)
    assert [hit.page_of(Span(at, at + 1)) for at in (0, 12, 13, 35, 36, 44)] == [1, 1, 3, 3, 4, 4]
    assert Hit(passage, "a.txt", "", 1.0).page_of(passage.span) is None


def test_empty_pages_at_either_end_are_counted(parse: Parse) -> None:
    document = parse("a.pdf", pdf("", lines("Second page."), ""))
    assert document.pages == (0, 0, len(document.text))


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Rome (2021\\)", "Rome (2021)"),
        ("Microsoft Word - a.docx", "b"),
        ("untitled", "b"),
        ("rome.indd", "b"),
        ("", "b"),
    ],
)
def test_the_title_is_the_files_own_unless_a_program_made_it_up(parse: Parse, title: str, found: str) -> None:
    title = title.replace("(2021\\)", "\\(2021\\)")
    assert parse("b.pdf", pdf(lines("Text."), info=f"/Title ({title})")).title == found


def test_date_and_language_are_the_files_own(parse: Parse) -> None:
    document = parse("a.pdf", pdf(lines("Tekst."), info="/CreationDate (D:20210628120000Z)", catalog="/Lang (nb-NO)"))
    assert (document.date, document.language) == ("2021-06-28", "nb-NO")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (pdf(""), "holds no text: it is a scan, or empty; run text recognition"),
        (pdf(lines("Secret."), password=b"secret"), "is encrypted; save it without a password"),
        (pdf(lines("Text."))[:-200], "is cut short; save it again"),
        (b"%PDF-1.7\n%%EOF", "is damaged"),
        (b"Just text.", r"is no pdf file; it may be damaged"),
        (b"PK\x03\x04rest", "is no pdf file; give it the ending of what it is"),
        (b"<html><p>Not found</p>", "is no pdf file; its content is HTML"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.pdf: {why}"):
        parse("a.pdf", raw)


def test_a_pdf_with_an_empty_password_is_read(parse: Parse) -> None:
    locked = pdf("", password=b"")
    with pytest.raises(DocumentError, match="holds no text"):  # it was opened
        parse("a.pdf", locked)


def test_rows_of_a_table_that_reach_the_edge_stay(parse: Parse) -> None:
    def row(n: int) -> str:
        return f"2024-01-{n % 28 + 1:02}  Payment {n}  {n + 100}.00"

    pages = [
        line("Statement", bottom=825) + lines(*(row(46 * page + n) for n in range(46)), top=800, leading=16)
        for page in range(4)
    ]
    text = text_of(parse, *pages)
    assert text.count("Payment") == 4 * 46
    assert "Statement" not in text
