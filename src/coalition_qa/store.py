"""The truth on disk: documents, passages, vectors and full text in one SQLite file, committed per document."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coalition_qa.encoders import Vectors
from coalition_qa.types import Document, DocumentInfo, LibraryBusy, LibraryDamaged, LibraryError, Passage, Span

FILE = "library.sqlite3"
_SCHEMA_VERSION = "1"
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chunker TEXT NOT NULL,
    title TEXT NOT NULL, date TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE names (
    name TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, file_sha256 TEXT NOT NULL
);
CREATE INDEX names_by_document ON names (document);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL REFERENCES documents,
    first INTEGER NOT NULL, last INTEGER NOT NULL, sentences TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX passages_by_document ON passages (document);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 remove_diacritics 2");
INSERT INTO meta VALUES ('schema', '1'), ('generation', hex(randomblob(8)));
"""
_NOT_OURS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
_K1 = 1.2  # of FTS5's BM25
_AT_ONCE = 500  # bound variables in one statement; SQLite's own limit may be as low as 999


class Named(NamedTuple):
    """What a name stands for: a document, and the file that it was read from."""

    document_id: str
    file_sha256: str
    chunker: str


class Found(NamedTuple):
    """A passage with the first name and the title of its document."""

    passage: Passage
    doc: str
    title: str


class Store:
    """One SQLite file. Reads may come from any thread; writes only inside `transaction`."""

    def __init__(self, folder: Path, *, create: bool) -> None:
        """Open the file in `folder`, making it where `create`.

        Raises LibraryError where there is none, LibraryDamaged where it is not what was written.
        """
        self._path = folder / FILE
        self._lock = threading.RLock()
        if not create and not self._path.is_file():
            raise LibraryError(f"There is no library in {folder}: run `coalition-qa sync` to make it.")
        self.read_only = not os.access(folder, os.W_OK)
        with self._guarded():
            if create and not self._path.exists():
                _make(self._path)
            self._file = self._path.stat().st_ino
            self._connection = self._connect()
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    def check_in_place(self) -> None:
        """Raises LibraryError where another file has taken the place of the one that was opened."""
        with self._guarded():
            if self._path.stat().st_ino != self._file:
                raise LibraryError(f"The library {self._path} was made anew meanwhile: start again.")

    def _connect(self) -> sqlite3.Connection:
        log_there = self._path.with_name(f"{FILE}-wal").exists()  # what it holds must be read too
        mode = "" if not self.read_only else "?mode=ro" if log_there else "?mode=ro&immutable=1"
        target = self._path.absolute().as_uri() + mode
        return sqlite3.connect(target, uri=True, timeout=5, isolation_level=None, check_same_thread=False)

    def _prepare(self) -> None:
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'meta'"):
            raise LibraryDamaged(self._damage("it holds no library"))
        found = self.meta("schema")
        if found != _SCHEMA_VERSION:
            raise LibraryError(
                f"The library {self._path} has format {found}, this program reads {_SCHEMA_VERSION}: "
                "run `coalition-qa sync --rebuild`."
            )
        if not self.read_only:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {pragma}")

    def _damage(self, what: object) -> str:
        return (
            f"The library file {self._path} is damaged ({what}). Your documents are untouched: "
            "run `coalition-qa sync --rebuild` to make the library anew from the corpus folder."
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn SQLite's errors, and the file system's, into one line for the user."""
        try:
            yield
        except OSError as error:
            raise LibraryError(f"The library {self._path} cannot be used: {error.strerror}.") from error
        except (sqlite3.Error, UnicodeDecodeError) as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LibraryBusy(f"The library {self._path} is in use: try again in a moment.") from error
            if code in _NOT_OURS:
                hint = "check the disk's space and the folder's rights"
                raise LibraryError(f"The library {self._path} cannot be used ({error}): {hint}.") from error
            raise LibraryDamaged(self._damage(error)) from error

    @contextmanager
    def _parsing(self) -> Iterator[None]:
        """What was stored is as it was stored, or LibraryDamaged is raised."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise LibraryDamaged(self._damage(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; on disk when it ends without an error."""
        with self._lock, self._guarded(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._guarded():
            return self._connection.execute(statement, values).fetchall()

    def meta(self, key: str) -> str | None:
        """A fact about the library, or None."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, facts: Mapping[str, str]) -> None:
        """Write facts about the library."""
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(facts.items()))

    @property
    def generation(self) -> str:
        """The name of what is stored now: new with each commit, so that equal generations hold the same passages
        even where a file was deleted and made again, or an older copy of it put back.
        """
        return self.meta("generation") or ""

    def _next_generation(self) -> None:
        self._connection.execute("UPDATE meta SET value = hex(randomblob(8)) WHERE key = 'generation'")

    # -- writing -----------------------------------------------------------------------------------------

    def put(
        self,
        document: Document,
        passages: Sequence[Passage],
        vectors: Vectors,
        file_sha256: str,
        chunker: str,
    ) -> None:
        """Make `document.name` stand for this document, replacing what it stood for. One transaction."""
        with self.transaction():
            self._forget_name(document.name)
            held = self._rows("SELECT number, chunker FROM documents WHERE id = ?", (document.id,))
            if held and held[0][1] != chunker:
                self._delete_document(held[0][0])
                held = []
            number = held[0][0] if held else self._insert(document, passages, vectors, chunker)
            self._connection.execute("INSERT INTO names VALUES (?, ?, ?)", (document.name, number, file_sha256))
            self._next_generation()

    def _insert(self, document: Document, passages: Sequence[Passage], vectors: Vectors, chunker: str) -> int:
        values = (document.id, chunker, document.title, document.date, document.text)
        cursor = self._connection.execute("INSERT INTO documents VALUES (NULL, ?, ?, ?, ?, ?)", values)
        number = int(cursor.lastrowid or 0)
        for passage, vector in zip(passages, vectors, strict=True):
            inside = json.dumps([(span.start, span.end) for span in passage.sentences])
            row = (passage.id, number, passage.span.start, passage.span.end, inside, vector.tobytes())
            cursor = self._connection.execute("INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)
            self._connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (cursor.lastrowid, passage.text))
        return number

    def drop(self, name: str) -> None:
        """Forget a name, and its document where no other name stands for it. One transaction."""
        with self.transaction():
            self._forget_name(name)
            self._next_generation()

    def _forget_name(self, name: str) -> None:
        rows = self._rows("SELECT document FROM names WHERE name = ?", (name,))
        if not rows:
            return
        self._connection.execute("DELETE FROM names WHERE name = ?", (name,))
        if not self._rows("SELECT 1 FROM names WHERE document = ?", rows[0]):
            self._delete_document(rows[0][0])

    def _delete_document(self, number: int) -> None:
        """Its names go with it: whoever re-inserts the document names it again."""
        for statement in (
            "DELETE FROM words WHERE rowid IN (SELECT number FROM passages WHERE document = ?)",
            "DELETE FROM passages WHERE document = ?",
            "DELETE FROM names WHERE document = ?",
            "DELETE FROM documents WHERE number = ?",
        ):
            self._connection.execute(statement, (number,))

    def tidy(self) -> None:
        """Give the space of what was removed back to the disk, the write-ahead log's too."""
        with self._lock, self._guarded():
            self._connection.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # -- reading -----------------------------------------------------------------------------------------

    def names(self) -> dict[str, Named]:
        """Every name and what it stands for."""
        rows = self._rows(
            "SELECT name, id, file_sha256, chunker FROM names JOIN documents ON number = document ORDER BY name"
        )
        return {name: Named(*rest) for name, *rest in rows}

    def catalogue(self) -> list[DocumentInfo]:
        """One row a name, by name."""
        rows = self._rows(
            "SELECT name, id, title, date, length(text),"
            " (SELECT count(*) FROM passages WHERE passages.document = documents.number)"
            " FROM names JOIN documents ON number = document ORDER BY name"
        )
        return [DocumentInfo(*row) for row in rows]

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        rows = self._rows(
            "SELECT text, title, date FROM names JOIN documents ON number = document WHERE name = ?", (name,)
        )
        return Document(name, *rows[0]) if rows else None

    def passages(self, name: str) -> dict[str, Span]:
        """The ids of the passages of the document of that name, with their places, in order."""
        of_name = "SELECT id, first, last FROM names JOIN passages USING (document) WHERE name = ? ORDER BY first"
        return {id_: Span(first, last) for id_, first, last in self._rows(of_name, (name,))}

    def document_ids(self) -> list[str]:
        """The ids of all documents, sorted."""
        return [str(row[0]) for row in self._rows("SELECT id FROM documents ORDER BY id")]

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        """The passages with these ids; an id that is no longer there is left out."""
        found: dict[str, Found] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            rows = self._rows(
                "SELECT p.id, d.id, first, last, substr(d.text, first + 1, last - first), sentences,"
                " (SELECT min(name) FROM names WHERE names.document = d.number), title"
                " FROM passages p JOIN documents d ON d.number = p.document"
                f" WHERE p.id IN ({', '.join('?' * len(some))})",
                some,
            )
            with self._parsing():
                found.update({row[0]: Found(_passage(row), row[6], row[7]) for row in rows})
        return found

    def lexical(self, terms: Sequence[str], count: int) -> list[tuple[str, float]]:
        """Passage ids that hold any of the terms, best first, each with its BM25 score as a share of the most
        that a passage could score for these terms: 1 holds them all over and over, 0 none.

        BM25 is SQLite's FTS5: k1 = 1.2, b = 0.75, words stemmed by Porter's algorithm, and a term's weight is
        log((N - n + 0.5) / (n + 0.5)) for n of N passages that hold it, never below 1e-6.
        """
        if not terms:
            return []
        phrases = ['"' + term.replace('"', '""') + '"' for term in terms]
        rows = self._rows(
            "SELECT id, -bm25(words) AS score FROM words JOIN passages ON number = words.rowid"
            " WHERE words MATCH ? ORDER BY score DESC, id LIMIT ?",
            (" OR ".join(phrases), count),
        )
        if not rows:
            return []
        total = int(self._rows("SELECT count(*) FROM passages")[0][0])
        most = 0.0
        for phrase in phrases:
            holding = int(self._rows("SELECT count(*) FROM words WHERE words MATCH ?", (phrase,))[0][0])
            most += (_K1 + 1) * max(1e-6, log((total - holding + 0.5) / (holding + 0.5)))
        return [(str(row[0]), float(row[1]) / most) for row in rows]

    def vectors(self) -> tuple[list[str], Vectors]:
        """Every passage id and its vector, in the order of the ids.

        Raises LibraryDamaged for a vector of the wrong length or with a value that is not finite.
        """
        rows = self._rows("SELECT id, vector FROM passages ORDER BY id")
        with self._parsing():
            dimensions = int(self.meta("dimensions") or 0)
            if any(len(vector) != 4 * dimensions for _, vector in rows):
                raise ValueError("a stored vector has the wrong length")
            matrix = np.frombuffer(b"".join(vector for _, vector in rows), dtype="<f4")
        if not np.isfinite(matrix).all():
            raise LibraryDamaged(self._damage("a stored vector holds no numbers"))
        return [row[0] for row in rows], matrix.reshape(len(rows), dimensions)

    def integrity(self) -> str:
        """SQLite's own verdict on the file: "ok" or the first fault."""
        return str(self._rows("PRAGMA integrity_check(1)")[0][0])


def _passage(row: Sequence[Any]) -> Passage:
    sentences = tuple(Span(start, end) for start, end in json.loads(row[5]))
    return Passage(row[0], row[1], Span(row[2], row[3]), row[4], sentences)


def _make(path: Path) -> None:
    """Write an empty library beside `path` and rename it: a file of that name is whole, or damaged."""
    fresh = path.with_name(f"{FILE}.new")
    with path.with_name(f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            fresh.unlink(missing_ok=True)
            with closing(sqlite3.connect(fresh)) as connection:
                connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            fresh.rename(path)
