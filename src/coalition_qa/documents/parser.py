"""Files to documents. What could do harm is parsed in a child process with limits; its failure is one line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Any, Self

from coalition_qa.documents.kinds import PLAIN, READABLE, Kind, kind_of, mismatch
from coalition_qa.documents.manuscript import TITLE_CHARACTERS, Parsed, Refused
from coalition_qa.documents.text import read_markdown, read_plain
from coalition_qa.types import Document, DocumentError

FILES_A_CHILD = 1_000
"""A child that has read so many is replaced: what its libraries leak does not add up."""

_NO_TEXT = {
    "pdf": "holds no text: it is a scan, or empty; run text recognition (OCR) over it, or leave it out.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take: its size, and the size of its text, in megabytes; time; the parser's memory."""

    file_megabytes: float = 20.0
    seconds: float = 30.0
    memory_megabytes: int = 1_000


class Parser:
    """Reads files one after the other, from any thread. Its child is started for the first file that needs it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child. Another is started should there be more to read."""
        with self._lock:
            self._end_child()

    def document(self, path: Path, name: str) -> Document:
        """Read one file, which `name` is to stand for.

        Raises DocumentError with one line for a file that is missing, of an unknown kind or not what its ending
        says, too large, empty, without text, encrypted, damaged, of an encoding that cannot be told, or that takes
        more than the limits; and for a name that is not UTF-8.
        """
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DocumentError(f"{name!a}: its name is not UTF-8; rename it.") from error
        kind = kind_of(path)
        if kind is None:
            kinds = ", ".join(sorted(READABLE))
            ending = path.suffix or "nothing"
            raise DocumentError(f"{name}: no reader for files ending in {ending}; save it as one of {kinds}.")
        try:
            raw = self._bytes(path)
            wrong = mismatch(kind, raw)
            if wrong:
                raise Refused(wrong)
            parsed = self._parsed(kind, raw)
            if not any(character.isalnum() for character in parsed.text):
                raise Refused(_NO_TEXT.get(kind, "the file holds no text; fill it or leave it out."))
        except Refused as refusal:
            raise DocumentError(f"{name}: {refusal}") from refusal
        title = parsed.title or _readable(path.stem)
        return Document(name, parsed.text, title, parsed.date, parsed.language, parsed.pages)

    def _bytes(self, path: Path) -> bytes:
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                status = os.fstat(file.fileno())
                if not S_ISREG(status.st_mode):
                    raise Refused("is not a file; leave it out.")
                most = int(self._limits.file_megabytes * 1e6)
                raw = file.read(most + 1) if status.st_size <= most else b""
        except IsADirectoryError as error:
            raise Refused("is not a file; leave it out.") from error
        except OSError as error:
            raise Refused(f"cannot be read ({error.strerror}); mend that or leave it out.") from error
        size = max(status.st_size, len(raw))
        if size > most:
            raise Refused(
                f"{size / 1e6:.1f} MB is over the limit of {self._limits.file_megabytes:g} MB; "
                "split it, or raise COALITION_QA_MAX_FILE_MEGABYTES."
            )
        return raw

    def _parsed(self, kind: Kind, raw: bytes) -> Parsed:
        if kind in PLAIN and _is_utf8(raw):  # nothing in it could take long or much
            return read_plain(raw) if kind == "text" else read_markdown(raw)
        with self._lock:
            return self._asked(kind, raw)

    def _asked(self, kind: Kind, raw: bytes) -> Parsed:
        """What the child says. One that fails after other files is replaced, and the new one has the last word."""
        end = time.monotonic() + self._limits.seconds
        while True:
            if self._child is None:
                self._child = _Child(self._limits)
            fresh = self._child.files == 0
            try:
                reply = self._child.ask(kind, raw, max(1.0, end - time.monotonic()))
            except _Failed as failure:
                self._end_child()
                if fresh or failure.late:
                    raise Refused(str(failure)) from failure
                continue
            except BaseException:
                self._end_child()
                raise
            if self._child.files >= FILES_A_CHILD:
                self._end_child()
            if "refused" in reply:
                raise Refused(reply["refused"])
            return Parsed(**{**reply, "pages": tuple(reply["pages"])})

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


class _Failed(Exception):
    """The child gave no answer. `late`: because time was over."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


class _Child:
    """One parsing process, and the pipes to it."""

    def __init__(self, limits: Limits) -> None:
        self.files = 0
        self._limits = limits
        # not a fork of this process, which may have threads; `-P`: nothing is imported from the current folder
        command = [sys.executable, "-P", "-m", "coalition_qa.documents.worker", str(limits.memory_megabytes)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def ask(self, kind: Kind, raw: bytes, seconds: float) -> dict[str, Any]:
        """The child's reply for one file. Raises _Failed where there is none in time, or it is too long."""
        self.files += 1
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        watch = threading.Timer(seconds, stop)
        watch.daemon = True
        watch.start()
        try:
            reply = self._exchanged(kind, raw, seconds)
        except (OSError, ValueError, EOFError):
            reply = None
        finally:
            watch.cancel()
            watch.join()
        if late.is_set():
            raise self._too_slow()
        if reply is None:
            raise self._ended()
        if "memory" in reply:
            raise self._too_much_memory()
        return reply

    def _exchanged(self, kind: Kind, raw: bytes, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = json.dumps({"kind": kind, "length": len(raw), "seconds": seconds})
        self._process.stdin.write(request.encode() + b"\n")
        self._process.stdin.write(raw)
        self._process.stdin.flush()
        length = int(self._process.stdout.readline(20))
        most = self._limits.file_megabytes
        if length > most * 1e6 + 10_000_000:  # the text, and the pages and marks of JSON around it
            raise _Failed(f"holds over {most:g} MB of text; split it, or raise COALITION_QA_MAX_FILE_MEGABYTES.")
        reply = self._process.stdout.read(length)
        if len(reply) < length:
            raise EOFError
        said: dict[str, Any] = json.loads(reply)
        if len(said.get("text", "")) > most * 1e6:
            raise _Failed(f"holds over {most:g} MB of text; split it, or raise COALITION_QA_MAX_FILE_MEGABYTES.")
        return said

    def end(self) -> None:
        """Kill the process and give the pipes back."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # what it no longer read
                    continue

    def _too_slow(self) -> _Failed:
        seconds = self._limits.seconds
        message = f"takes over {seconds:g} s to read; split it, or raise COALITION_QA_PARSE_SECONDS."
        return _Failed(message, late=True)

    def _too_much_memory(self) -> _Failed:
        megabytes = self._limits.memory_megabytes
        return _Failed(f"takes over {megabytes:,} MB to read; split it, or raise COALITION_QA_PARSE_MEGABYTES.")

    def _ended(self) -> _Failed:
        """Why the process is gone."""
        self._process.kill()
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return self._too_slow()
        return _Failed(f"is damaged, or takes too much memory (its reader ended with {code}); save it again.")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe without a writer is opened at once, and refused


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _readable(stem: str) -> str:
    """A file's name as a title."""
    return re.sub(r"[-_\s]+", " ", unicodedata.normalize("NFC", stem)).strip()[:TITLE_CHARACTERS]
