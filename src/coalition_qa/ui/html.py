"""Text as HTML that shows just that text, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlencode

from coalition_qa.types import Span

# Markdown's own characters too, and line ends: a chat message is Markdown, and only an HTML block on one line is safe.
_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<>\"'\\`*_[](){}#!$~|^:.@\n\r\t"}


def escaped(text: str) -> str:
    """`text` as it stands: neither HTML nor Markdown, nor a template, can see anything in it."""
    return text.encode("utf-8", "replace").decode().translate(_ENTITIES)


def stressed(text: str, phrases: Sequence[str]) -> str:
    """`text`, escaped, with the first place of each phrase in bold; whole words only, and not where it is all."""
    places = [found.span() for phrase in phrases if (found := _whole(phrase).search(text)) and found.group() != text]
    pieces, done = [], 0
    for start, end in sorted(places):
        if start >= done:
            pieces += [escaped(text[done:start]), f'<b class="key">{escaped(text[start:end])}</b>']
            done = end
    return "".join([*pieces, escaped(text[done:])])


def _whole(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


def counted(number: int, noun: str) -> str:
    """Such as "1 document" or "1,200 documents"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


_ID = 16  # digits of a document's id that tell it from every other


def place_of(doc: str, span: Span | None = None, document_id: str = "") -> str:
    """The address, escaped, of the page that shows a document, at that place of that very text."""
    where = {} if span is None else {"start": span.start, "end": span.end, "id": document_id[:_ID]}
    query = urlencode({"name": doc.encode("utf-8", "replace").decode(), **where})
    return escaped(f"/document?{query}") + ("" if span is None else "#here")
