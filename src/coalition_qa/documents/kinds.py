"""Which reader a file's name asks for, and what its bytes say that it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

Kind = Literal["text", "markdown", "html", "pdf", "docx", "odt", "epub", "rtf", "csv", "jsonl", "mail"]

ENDINGS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".odt": "odt",
    ".epub": "epub",
    ".rtf": "rtf",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".eml": "mail",
}
READABLE = frozenset(ENDINGS)
PLAIN = ("text", "markdown")
VERSIONS: dict[Kind, int] = {
    "text": 1,
    "html": 2,
    "pdf": 2,
    "docx": 1,
    "odt": 1,
    "epub": 1,
    "rtf": 1,
    "csv": 2,
    "jsonl": 1,
    "mail": 2,
}
"""A reader's number is raised when it reads the same file differently: such files are then read again."""

_ZIPPED = ("docx", "odt", "epub")
_WRITTEN = ("text", "markdown", "csv", "jsonl")
_HTML = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def kind_of(path: Path) -> Kind | None:
    """The kind that the file's ending stands for, or None."""
    return ENDINGS.get(path.suffix.lower())


def is_readable(path: Path) -> bool:
    """Whether the file's ending says that there is a reader for it."""
    return kind_of(path) is not None


def reader_version(path: Path) -> str:
    """What changes when the reader of such files does; empty for Markdown, which is read as it always was."""
    kind = kind_of(path)
    return f"{kind}-{VERSIONS[kind]}" if kind in VERSIONS else ""


def mismatch(kind: Kind, raw: bytes) -> str:
    """Why bytes can't be of a kind: what they are instead, and what to do. Empty where they may be."""
    found = _content(raw)
    if kind == "pdf" and not found and b"%PDF-" in raw[:1024]:  # some programs write a few lines before it
        found = "pdf"
    if found == "office":
        if _ENCRYPTED_OFFICE in raw:
            return "is encrypted; save it without a password."
        return "is a file of an older Office; save it as .docx."
    if kind in _ZIPPED:
        return "" if found == "zip" else f"is no {kind} file{_instead(found)}."
    if kind in ("pdf", "rtf"):
        return "" if found == kind else f"is no {kind} file{_instead(found)}."
    if found in ("pdf", "rtf", "zip") or (found == "html" and kind in _WRITTEN):
        return f"is really {_SAID[found]}{_instead(found)}."
    return ""


_SAID = {"pdf": "a PDF", "rtf": "RTF", "zip": "a zip archive", "html": "HTML"}


def _instead(found: str) -> str:
    if found == "zip":
        return "; give it the ending of what it is (.docx, .odt, .epub), or unpack it"
    return f"; its content is {_SAID[found]}: name it .{found}" if found else "; it may be damaged: save it again"


def _content(raw: bytes) -> str:
    """What the first bytes say: one of pdf, zip, office, rtf, html; empty for anything else."""
    if raw.lstrip().startswith(b"%PDF-"):
        return "pdf"
    if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if raw.startswith(_OLE):
        return "office"
    if raw.startswith(b"{\\rtf"):
        return "rtf"
    return "html" if _HTML.match(raw[:1024].removeprefix(b"\xef\xbb\xbf")) else ""
