"""Plain text and Markdown, in whatever encoding they were saved."""

from __future__ import annotations

import re
from collections.abc import Mapping

from coalition_qa.documents.manuscript import (
    TITLE_CHARACTERS,
    Parsed,
    Refused,
    composed,
    iso_date,
    language_tag,
    short_title,
)

_BINARY = "the file is binary, not text; save its text or leave it out."
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")
_FRONT = re.compile(r"---[ \t]*\n((?:[^\n]*\n){0,100}?)(?:---|\.\.\.)[ \t]*(?:\n|$)")
_FACT = re.compile(r"(title|date|lang|language):[ \t]*(.+)", re.IGNORECASE)
_LINE = 500  # characters of a line that are looked at for a heading


def read_plain(raw: bytes) -> Parsed:
    """The text as it stands: line ends become \\n and text is NFC; nothing else is changed, so spans stay true. The
    title is a headline: a first line that is short and ends like none of a text's.
    """
    text = _as_it_stands(raw)
    return Parsed(text, _headline(text))


def read_markdown(raw: bytes) -> Parsed:
    """Like plain text; title, date and language from the block between two lines `---` at its top, else the title is
    the first heading.
    """
    text = _as_it_stands(raw)
    facts = _front_matter(text)
    title = facts.get("title") or _first_heading(text)
    language = facts.get("language") or facts.get("lang", "")
    return Parsed(text, short_title(title), iso_date(facts.get("date", "")), language_tag(language))


def _headline(text: str) -> str:
    first, _, rest = text.lstrip()[: 2 * _LINE].partition("\n")
    line = first.strip()
    said = len(line) <= TITLE_CHARACTERS and any(letter.isalpha() for letter in line) and line[-1] not in ".,;:"
    return short_title(line) if rest.strip() and said else ""


def decode(raw: bytes) -> str:
    """Bytes to text: byte-order mark, else UTF-8, else the likeliest legacy encoding.

    Raises Refused for bytes that are not text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return strictly(raw, encoding)
    if b"\0" in raw:
        raise Refused(_BINARY)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        matches = from_bytes(raw)
        best = matches.best()
        if best is None:
            raise Refused("its encoding cannot be told; save it as UTF-8.") from None
        # equally good matches come in the order of the alphabet: Western European is the likeliest of them
        equal = (m for m in matches if (m.chaos, m.coherence) == (best.chaos, best.coherence))
        likeliest = next((m for m in equal if "cp1252" in m.could_be_from_charset), best)
        return strictly(raw, likeliest.encoding)


def strictly(raw: bytes, encoding: str) -> str:
    """Bytes to text in one encoding. Raises Refused where they are not of it."""
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise Refused(f"is not valid {encoding}; save it as UTF-8.") from error


def _as_it_stands(raw: bytes) -> str:
    text = composed(decode(raw).replace("\r\n", "\n").replace("\r", "\n"))
    if "\0" in text:
        raise Refused(_BINARY)
    return text


def _front_matter(text: str) -> Mapping[str, str]:
    found = _FRONT.match(text[:10_000])
    facts = (_FACT.match(line) for line in found.group(1).split("\n")) if found else ()
    return {fact.group(1).lower(): fact.group(2).strip().strip("\"'") for fact in facts if fact}


def _first_heading(text: str) -> str:
    found = (_HEADING.match(line.strip()[:_LINE]) for line in text.split("\n") if line.lstrip().startswith("#"))
    return next((heading.group(1) for heading in found if heading and heading.group(1)), "")
