"""Conversations kept across restarts: a file each, in a folder for each user, replaced whole or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from coalition_qa.types import CoalitionQAError, Kept

MOST_LISTED = 200
_ID = re.compile(r"[0-9a-f]{16}")
_TITLE_CHARACTERS = 200


class Archive:
    """Conversations under one folder. What a body holds is its keeper's business; a user sees only their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._heads: dict[Path, tuple[tuple[int, ...], Kept | None]] = {}

    def listed(self, user: str) -> list[Kept]:
        """The user's latest conversations, the latest first; a file that isn't one is left out."""
        heads = [self._head(file) for file in self._of(user).glob("*.json") if _ID.fullmatch(file.stem)]
        kept = [head for head in heads if head is not None]
        return sorted(kept, key=lambda one: (one.changed, one.id), reverse=True)[:MOST_LISTED]

    def read(self, user: str, id_: str) -> str | None:
        """What was saved under that id, or None."""
        record = _read(self._file(user, id_))
        return None if record is None else str(record["body"])

    def save(
        self, user: str, id_: str, title: str, body: str, replaces: Callable[[str | None], bool] = lambda _: True
    ) -> bool:
        """Keep `body`; on disk when it returns. A conversation that is there keeps its title. False, and all stays as
        it is, where `replaces`, told what is there, says no.
        """
        with self._changing():
            held = _read(self._file(user, id_))
            if not replaces(str(held["body"]) if held else None):
                return False
            self._write(user, id_, held["title"] if held else title, body)
            return True

    def rename(self, user: str, id_: str, title: str) -> None:
        """Give a conversation another title; a blank one changes nothing."""
        with self._changing():
            held = _read(self._file(user, id_))
            if held and title.strip():
                self._write(user, id_, " ".join(title.split()), held["body"])

    def delete(self, user: str, id_: str) -> None:
        """Forget a conversation; one that is not there is forgotten already."""
        with self._changing():
            self._file(user, id_).unlink(missing_ok=True)
            self._heads.pop(self._file(user, id_), None)

    def _head(self, file: Path) -> Kept | None:
        """What a list shows of a file, which is read again only when it was replaced: the bodies are long."""
        try:
            found = file.stat()
        except OSError:  # deleted meanwhile
            self._heads.pop(file, None)
            return None
        now = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._heads.get(file)
        if known is None or known[0] != now:
            record = _read(file)
            known = (now, Kept(file.stem, record["title"], record["changed"]) if record else None)
            self._heads[file] = known
        return known[1]

    def _of(self, user: str) -> Path:
        """A folder whose name says nothing of the user, and that no user's name leads out of."""
        return self._folder / sha256(user.encode("utf-8", "replace")).hexdigest()[:16]

    def _file(self, user: str, id_: str) -> Path:
        if not _ID.fullmatch(id_):
            raise CoalitionQAError("There is no such conversation.")
        return self._of(user) / f"{id_}.json"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except OSError as error:
                raise CoalitionQAError(f"The conversation cannot be kept ({error.strerror}).") from error

    def _write(self, user: str, id_: str, title: str, body: str) -> None:
        file = self._file(user, id_)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        temporary = file.with_suffix(f".{os.getpid()}.new")
        try:
            with temporary.open("w", encoding="utf-8") as writing:
                json.dump({"title": title[:_TITLE_CHARACTERS], "changed": now, "body": body}, writing)
                writing.flush()
                os.fsync(writing.fileno())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and all(isinstance(record.get(key), str) for key in ("title", "changed", "body"))
    return record if whole else None
