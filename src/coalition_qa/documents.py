"""Files to documents: plain text and Markdown, in whatever encoding they were saved."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from stat import S_ISREG

from coalition_qa.types import Document, DocumentError

READABLE = frozenset({".txt", ".text", ".md", ".markdown"})
_TITLE_CHARACTERS = 120
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*\s*$")


def is_readable(path: Path) -> bool:
    """Whether the file's ending says that there is a reader for it."""
    return path.suffix.lower() in READABLE


def read_document(path: Path, name: str, max_megabytes: float) -> Document:
    """Read one file. Line ends become \\n and text is NFC; nothing else is changed, so spans stay true.

    Raises DocumentError with one line for a file that is missing, of an unknown kind, too large, empty,
    binary, or of an encoding that cannot be told, its name's included.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DocumentError(f"{name!a}: its name is not UTF-8; rename it.") from error
    if not is_readable(path):
        kinds = ", ".join(sorted(READABLE))
        ending = path.suffix or "nothing"
        raise DocumentError(f"{name}: no reader for files ending in {ending}; save it as one of {kinds}.")
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise DocumentError(f"{name}: is not a file; leave it out.")
        megabytes = status.st_size / 1e6
        if megabytes > max_megabytes:
            raise DocumentError(
                f"{name}: {megabytes:.1f} MB is over the limit of {max_megabytes:g} MB; "
                "split it, or raise COALITION_QA_MAX_FILE_MEGABYTES."
            )
        raw = path.read_bytes()
    except OSError as error:
        raise DocumentError(f"{name}: cannot be read ({error.strerror}); mend that or leave it out.") from error
    text = unicodedata.normalize("NFC", decode(raw, name).replace("\r\n", "\n").replace("\r", "\n"))
    if "\0" in text:
        raise DocumentError(f"{name}: the file is binary, not text; save its text or leave it out.")
    if not any(character.isalnum() for character in text):
        raise DocumentError(f"{name}: the file holds no text; fill it or leave it out.")
    return Document(name=name, text=text, title=title_of(text, path))


def decode(raw: bytes, name: str) -> str:
    """Bytes to text: byte-order mark, else UTF-8, else the likeliest legacy encoding.

    Raises DocumentError for bytes that are not text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return _strictly(raw, encoding, name)
    if b"\0" in raw:
        raise DocumentError(f"{name}: the file is binary, not text; save its text or leave it out.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        matches = from_bytes(raw)
        best = matches.best()
        if best is None:
            raise DocumentError(f"{name}: its encoding cannot be told; save it as UTF-8.") from None
        # equally good matches come in the order of the alphabet: Western European is the likeliest of them
        equal = (m for m in matches if (m.chaos, m.coherence) == (best.chaos, best.coherence))
        likeliest = next((m for m in equal if "cp1252" in m.could_be_from_charset), best)
        return _strictly(raw, likeliest.encoding, name)


def title_of(text: str, path: Path) -> str:
    """A Markdown document's first heading; for any other file its name, made readable."""
    if path.suffix.lower() in {".md", ".markdown"}:
        for line in text.split("\n"):
            heading = _HEADING.match(line.strip())
            if heading and heading.group(1):
                return heading.group(1)[:_TITLE_CHARACTERS]
    return re.sub(r"[-_\s]+", " ", path.stem).strip()[:_TITLE_CHARACTERS]


def _strictly(raw: bytes, encoding: str, name: str) -> str:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DocumentError(f"{name}: is not valid {encoding}; save it as UTF-8.") from error
