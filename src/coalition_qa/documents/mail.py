"""Saved messages: subject, people and date, then the text. What is attached is named, not read."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import default
from email.utils import parsedate_to_datetime

from coalition_qa.documents.html import parse, write
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, language_tag, one_line, short_title

_HEADERS = ("From", "To", "Cc", "Date")
_MOST_PARTS = 1_000


def read_mail(raw: bytes) -> Parsed:
    """The plain text of a message where it has one, else its HTML."""
    message = message_from_bytes(raw, policy=default)
    if not isinstance(message, EmailMessage) or not (message["From"] or message["Subject"] or message["Date"]):
        raise Refused("is no message: it has neither sender, subject nor date; name it .txt.")
    for count, _ in enumerate(message.walk(), 1):
        if count > _MOST_PARTS:
            raise Refused(f"has over {_MOST_PARTS:,} parts; leave it out.")
    manuscript = Manuscript()
    subject = one_line(str(message["Subject"] or ""))
    manuscript.heading(subject, 1)
    manuscript.paragraph("\n".join(f"{name}: {one_line(str(message[name]))}" for name in _HEADERS if message[name]))
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        _write(body, manuscript)
    for part in message.iter_attachments():
        if part.get_filename():
            manuscript.paragraph(f"Attached: {one_line(str(part.get_filename()))}")
    language = language_tag(str(message["Content-Language"] or ""))
    return Parsed(manuscript.text(), short_title(subject), _date(str(message["Date"] or "")), language)


def _write(body: MIMEPart, manuscript: Manuscript) -> None:
    try:
        text = str(body.get_content())
    except LookupError:  # a charset that nobody knows
        content = body.get_payload(decode=True)
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    if body.get_content_type() == "text/html":
        write(parse(text), manuscript)
        return
    for paragraph in re.split(r"\n[ \t\r]*\n", text.replace("\r\n", "\n")):
        manuscript.paragraph(paragraph)


def _date(written: str) -> str:
    try:
        return parsedate_to_datetime(written).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
