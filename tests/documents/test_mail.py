"""A saved message is its subject, its people, and its text."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {"From": "Kari <kari@example.org>", "To": "ola@example.org", "Subject": "Møte i Roma", **headers}
    for name, value in {"Date": "Mon, 28 Jun 2021 10:00:00 +0200", **given}.items():
        made[name] = value
    return made


HEADERS = (
    "# Møte i Roma\n\nFrom: Kari <kari@example.org>\nTo: ola@example.org\nDate: Mon, 28 Jun 2021 10:00:00 +0200\n\n"
)


def test_the_plain_text_is_read_and_attachments_are_named(parse: Parse) -> None:
    mail = message()
    mail.set_content("Hei,\n\nvi møtes\ni Roma.\n")
    mail.add_alternative("<p>HTML</p>", subtype="html")
    mail.add_attachment(b"secret", maintype="application", subtype="pdf", filename="plan.pdf")
    document = parse("a.eml", bytes(mail))
    assert document.text == HEADERS + "Hei,\n\nvi møtes\ni Roma.\n\nAttached: plan.pdf"
    assert (document.title, document.date) == ("Møte i Roma", "2021-06-28")


def test_a_message_in_html_alone_is_read_as_a_page(parse: Parse) -> None:
    mail = message()
    mail.set_content("<table><tr><td><table><tr><td>x</td></tr></table><p>Text.</p></td></tr></table>", subtype="html")
    assert parse("a.eml", bytes(mail)).text == HEADERS + "| x |\n\nText."


@pytest.mark.parametrize("charset", ["utf-8", "no-such", "idna", "cp1252"])
def test_a_charset_that_nobody_knows_is_taken_for_utf_8(parse: Parse, charset: str) -> None:
    codec = charset if charset == "cp1252" else "utf-8"
    raw = b"Subject: x\nContent-Type: text/plain; charset=%b\n\n%b" % (charset.encode(), "Café".encode(codec))
    assert parse("a.eml", raw).text == "# x\n\nCafé"


def test_a_date_that_is_none_is_left_out(parse: Parse) -> None:
    assert parse("a.eml", b"Subject: x\nDate: yesterday\n\ntext").date == ""


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"no headers here", "is no message"),
        (b"", "is no message"),
        (b"Subject: \n\n", "is no message|holds no text"),
        (b"%PDF-1.7", "is really a PDF"),
    ],
)
def test_a_message_that_is_none_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.eml: .*({why})"):
        parse("a.eml", raw)


@pytest.mark.parametrize("said", ["", "\nContent-Type: text/plain; charset=us-ascii", "\nContent-Type: text/html"])
def test_eight_bits_without_a_charset_are_read_as_any_text_is(parse: Parse, said: str) -> None:
    assert parse("a.eml", f"Subject: x{said}\n\nDie Straße".encode()).text == "# x\n\nDie Straße"


def test_an_empty_plain_part_gives_way_to_the_page(parse: Parse) -> None:
    mail = message()
    mail.set_content("\n")
    mail.add_alternative("<p>Real content.</p>", subtype="html")
    assert parse("a.eml", bytes(mail)).text.endswith("Real content.")


def test_text_behind_a_picture_is_read_and_a_forwarded_message_named(parse: Parse) -> None:
    mail, inner = message(), message()
    del inner["Subject"]
    inner["Subject"] = "Of old"
    mail.set_content("First.")
    mail.add_attachment(b"\x89PNG", "image", "png", disposition="inline")
    mail.add_attachment("Second.", disposition="inline")
    inner.set_content("Inside.")
    mail.add_attachment(inner)
    text = parse("a.eml", bytes(mail)).text
    assert text.endswith("First.\n\nSecond.\n\nAttached: Of old")


def test_a_page_without_text_leaves_the_headers(parse: Parse) -> None:
    mail = message()
    mail.set_content("", subtype="html")
    assert parse("a.eml", bytes(mail)).text == HEADERS.strip()
