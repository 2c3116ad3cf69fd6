"""The child process that parses: bytes in, text out, under limits that it sets itself and cannot raise.

    python -m coalition_qa.documents.worker MEMORY_MEGABYTES

A request is a line of JSON (`kind`, `length`, `seconds`) and the file's bytes; a reply is a line with a length, and
as many bytes of JSON: `text`, `title`, `date`, `language` and `pages`, or `refused` with the reason. The process
opens no file, and ends when its input does.
"""

from __future__ import annotations

import json
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from email.errors import MessageError
from typing import Any
from zipfile import BadZipFile

from coalition_qa.documents.docx import read_docx
from coalition_qa.documents.epub import read_epub
from coalition_qa.documents.html import read_html
from coalition_qa.documents.kinds import Kind
from coalition_qa.documents.mail import read_mail
from coalition_qa.documents.manuscript import Parsed, Refused
from coalition_qa.documents.odt import read_odt
from coalition_qa.documents.pdf import read_pdf
from coalition_qa.documents.rows import read_csv, read_jsonl
from coalition_qa.documents.rtf import read_rtf
from coalition_qa.documents.text import read_markdown, read_plain

READERS: dict[Kind, Callable[[bytes], Parsed]] = {
    "text": read_plain,
    "markdown": read_markdown,
    "html": read_html,
    "pdf": read_pdf,
    "docx": read_docx,
    "odt": read_odt,
    "epub": read_epub,
    "rtf": read_rtf,
    "csv": read_csv,
    "jsonl": read_jsonl,
    "mail": read_mail,
}
OPEN_FILES = 32
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BadZipFile,
    EOFError,
    LookupError,
    MessageError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,  # lxml's errors are
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What libraries raise on a damaged file. Anything else ends the process, which its parent takes for damage too."""


def main() -> None:
    """Answer requests until there are no more."""
    _limit(int(sys.argv[1]))
    while request := sys.stdin.buffer.readline():
        asked = json.loads(request)
        raw = sys.stdin.buffer.read(asked["length"])
        _limit_time(asked["seconds"])
        reply = json.dumps(_outcome(asked["kind"], raw), ensure_ascii=False).encode("utf-8", "replace")
        sys.stdout.buffer.write(b"%d\n%b" % (len(reply), reply))
        sys.stdout.buffer.flush()


def _outcome(kind: Kind, raw: bytes) -> dict[str, Any]:
    try:
        return asdict(READERS[kind](raw))
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"memory": True}
    except _DAMAGE as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        return {"refused": f"is damaged ({what}); save it again."}


def _limit(megabytes: int) -> None:
    """Memory, open files, no file written, no core dump. macOS knows no limit of memory: there time has to do."""
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_NOFILE, OPEN_FILES)]
    if sys.platform != "darwin":
        limits.append((resource.RLIMIT_AS, megabytes * 1_000_000))
    for what, most in limits:
        with suppress(ValueError):  # already below that
            resource.setrlimit(what, (most, most))


def _limit_time(seconds: float) -> None:
    """Of the processor, for the file to come: so that it ends even when nobody is left to end it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


if __name__ == "__main__":
    main()
