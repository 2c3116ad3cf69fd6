"""The library's SQLite file as a file: opened, locked, written all or nothing, copied, checked, its errors said."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from coalition_qa.schema import TABLES, UPGRADES, VERSION
from coalition_qa.types import LibraryBusy, LibraryDamaged, LibraryError

FILE = "library.sqlite3"
NAME = "library"
"""The fact that a library, wherever it lies, is told from others by where several are kept: see `give_name`."""
_WAIT_SECONDS = 5.0
_CACHE_KILOBYTES = 16_000  # with SQLite's own 2,000 a question reads the common words of a large library again
_NOT_OURS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


def seal(*values: object) -> str:
    """A digest of a row's values: SQLite has no checksums, so a byte that changed on the disk is found by this."""
    digest = blake2b(digest_size=12)
    for value in values:
        part = value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


class Database:
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
        self._full = False
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

    def is_in_place(self) -> bool:
        """Whether the file that was opened still has its name; for the moment in which nothing has it, it does."""
        try:
            return self._path.stat().st_ino == self._file
        except OSError:
            return True

    def check_in_place(self) -> None:
        """Raises LibraryError where another file has taken the place of the one that was opened."""
        with self._guarded():
            if self._path.stat().st_ino != self._file:
                raise LibraryError(f"The library {self._path} was made anew meanwhile: start again.")
            self._try_again()

    def _try_again(self) -> None:
        """A library that was opened on a full disk is opened anew, for writing once there is room."""
        if self._full:
            with self._lock:
                self._connection.close()
                self._full = self.read_only = False
                self._connection = self._connect()
                self._prepare()

    def _connect(self) -> sqlite3.Connection:
        """Open it, reading only where the folder can't be written or the disk has no room for a log."""
        if not self.read_only:
            connection = self._opened("")
            try:
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchall():
                    _log_ahead(connection)
                return connection
            except sqlite3.OperationalError as error:
                connection.close()
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                    raise
                self._full = self.read_only = True
            except BaseException:
                connection.close()
                raise
        log = self._path.with_name(f"{FILE}-wal")  # what it holds must be read too
        there = log.exists() and log.stat().st_size > 0
        return self._opened("?mode=ro" if there else "?mode=ro&immutable=1")

    def _opened(self, mode: str) -> sqlite3.Connection:
        target = self._path.absolute().as_uri() + mode
        made = sqlite3.connect(target, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        made.create_function("seal", -1, seal, deterministic=True)
        return made

    def _prepare(self) -> None:
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'meta'"):
            raise LibraryDamaged(self._damage("it holds no library"))
        found = self.meta("schema") or ""
        if found != VERSION and (self.read_only or found not in UPGRADES):
            known = f"has format {found}, this program reads {VERSION}"
            raise LibraryError(f"The library {self._path} {known}: run `coalition-qa sync --rebuild`.")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")
        if not self.read_only:
            for pragma in ("synchronous = FULL", "secure_delete = ON", "foreign_keys = ON", "temp_store = MEMORY"):
                self._connection.execute(f"PRAGMA {pragma}")
        if found in UPGRADES:
            with self.transaction():
                for statement in UPGRADES.get(self.meta("schema") or "", ()):  # another process may have been faster
                    self._connection.execute(statement)

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
        with self._lock, self._guarded():
            self._try_again()
            if self.read_only:
                raise LibraryError(f"The library {self._path} cannot be written: make room or rights for it.")
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment, whatever other processes write meanwhile."""
        with self._lock, self._guarded():
            if self._connection.in_transaction:  # one moment already
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")

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

    def give_name(self, name: str = "") -> None:
        """Give it this name, or one of its own, where it has none and can be written."""
        if self.meta(NAME) is None and not self.read_only:
            with self.transaction():
                self._connection.execute(
                    "INSERT OR IGNORE INTO meta VALUES (?, ?)", (NAME, name or os.urandom(8).hex())
                )

    def tidy(self) -> None:
        """Give the space of what was removed back to the disk, the write-ahead log's too."""
        with self._lock, self._guarded():
            self._connection.execute("INSERT INTO words (words) VALUES ('optimize')")
            if self._rows("PRAGMA auto_vacuum") != [(2,)]:  # made by an older version: once, the long way
                self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                self._connection.execute("VACUUM")
            self._connection.executescript("PRAGMA incremental_vacuum")  # `execute` would stop at the first page
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def integrity(self) -> str:
        """SQLite's own verdict on the file: "ok" or the first fault."""
        verdict = str(self._rows("PRAGMA integrity_check(1)")[0][0])
        loose = self._rows("PRAGMA foreign_key_check") if verdict == "ok" else []
        return f"{len(loose)} rows point nowhere" if loose else verdict


def copy(source: Path, target: Path, *, in_use: bool) -> None:
    """Write all that a library's file holds at one moment to a new file, through SQLite's backup API.

    A file that is not `in_use` is read without making the log beside it that SQLite makes otherwise.
    Raises LibraryError, with nothing left behind, where that can't be done.
    """
    try:
        alone = not in_use and not source.with_name(f"{source.name}-wal").exists()
        mode = "?mode=ro&immutable=1" if alone else "?mode=ro"
        reading = sqlite3.connect(source.absolute().as_uri() + mode, uri=True, timeout=5)
        with closing(reading), closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
        with target.open("rb") as file:
            os.fsync(file.fileno())
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise LibraryError(f"{source} cannot be copied to {target.parent} ({error}).") from error


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Write-ahead logging from now on. Where two processes turn it on at once SQLite refuses one without waiting."""
    give_up = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _make(path: Path) -> None:
    """Write an empty library beside `path` and rename it: a file of that name is whole, or damaged."""
    fresh = path.with_name(f"{FILE}.new")
    with path.with_name(f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            fresh.unlink(missing_ok=True)
            with closing(sqlite3.connect(fresh)) as connection:
                connection.executescript(f"PRAGMA auto_vacuum = INCREMENTAL; BEGIN; {TABLES} COMMIT;")
            fresh.rename(path)
