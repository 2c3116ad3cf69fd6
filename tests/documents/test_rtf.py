"""Rich text is read without its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse

HEAD = r"{\rtf1\ansi\ansicpg1252\deflang1044{\fonttbl{\f0 Times;}}{\info{\title The Mill}{\creatim\yr2021\mo6\dy8}}"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"One \b bold\b0 .\par Two.\par", "One bold.\n\nTwo."),
        (r"Caf\'e9 \u8220?quoted\u8221?", "Café “quoted”"),
        (r"{\pict\pngblip 89504e47}{\*\comment no}Text", "Text"),
        (r"\trowd\intbl a\cell b\cell\row\pard End.", "| a | b |\n\nEnd."),
    ],
)
def test_paragraphs_and_rows_are_read(parse: Parse, body: str, text: str) -> None:
    assert parse("a.rtf", f"{HEAD}{body}}}".encode()).text == text


def test_title_date_and_language_are_the_files_own(parse: Parse) -> None:
    document = parse("a.rtf", f"{HEAD}Tekst.}}".encode())
    assert (document.title, document.date, document.language) == ("The Mill", "2021-06-08", "nb-NO")


@pytest.mark.parametrize(
    ("raw", "why"), [(b"{\\rtf1}", "holds no text"), (b"{\\rtf1 text", "is cut short"), (b"text", "is no rtf file")]
)
def test_a_file_that_cannot_be_read_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.rtf: .*{why}"):
        parse("a.rtf", raw)
