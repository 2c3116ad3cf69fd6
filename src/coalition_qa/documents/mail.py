"""Saved messages: subject, people and date, then the text. What is attached is named, not read."""

from __future__ import annotations

import re
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage, Message, MIMEPart
from email.policy import default
from email.utils import parsedate_to_datetime

from coalition_qa.documents.html import decoded, parse, write
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, language_tag, one_line, short_title
from coalition_qa.documents.text import decode

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
    bodies = [body for kind in ("plain", "html") if (body := message.get_body((kind,)))]
    body = next((body for body in bodies if _text(body).strip()), None)
    if body is not None:
        _write(body, manuscript)
    for part in message.iter_attachments():
        if part in bodies:
            continue
        if part.get_content_maintype() == "text" and not part.is_attachment():
            _write(part, manuscript)
        elif name := part.get_filename() or _subject(part):
            manuscript.paragraph(f"Attached: {one_line(str(name))}")
    language = language_tag(str(message["Content-Language"] or ""))
    return Parsed(manuscript.text(), short_title(subject), _date(str(message["Date"] or "")), language)


def _write(body: MIMEPart, manuscript: Manuscript) -> None:
    text = _text(body)
    if body.get_content_type() == "text/html":
        if text.strip():
            write(parse(text), manuscript)
        return
    for paragraph in re.split(r"\n[ \t\r]*\n", text.replace("\r\n", "\n")):
        manuscript.paragraph(paragraph)


def _text(part: MIMEPart) -> str:
    """By the charset that the part names, unless it names none, or ASCII, which is what many programs say of any."""
    content = part.get_payload(decode=True)
    raw = content if isinstance(content, bytes) else b""
    charset = part.get_content_charset() or ""
    if charset not in ("", "us-ascii", "ascii"):
        with suppress(LookupError, ValueError):  # unknown, or none for text
            return raw.decode(charset, "replace")
    with suppress(Refused):
        return decoded(raw) if part.get_content_type() == "text/html" else decode(raw)
    return raw.decode("utf-8", "replace")


def _subject(part: MIMEPart) -> str:
    """Of a message that is attached to this one."""
    inner = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    first = inner[0] if isinstance(inner, list) and inner else None
    return str(first["Subject"] or "") if isinstance(first, Message) else ""


def _date(written: str) -> str:
    try:
        return parsedate_to_datetime(written).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
