"""What Chroma's folder holds: nothing but what is in the index, and, as digests, to the byte what was marked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import blake2b, file_digest
from pathlib import Path

_DATABASE = "chroma.sqlite3"
_OWN = "acquire_write"  # Chroma adds a row to this table each time that it opens the file


def sizes(folder: Path) -> dict[str, int]:
    """How long each file is, by its path below `folder`; SQLite's journal comes and goes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-journal"))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def same_sizes(marked: dict[str, int], folder: Path) -> bool:
    """Whether the files are those that were marked, of the same length; Chroma's SQLite file may have grown."""
    found = sizes(folder)
    return found.keys() == marked.keys() and all(
        found[name] >= size if name == _DATABASE else found[name] == size for name, size in marked.items()
    )


def digest(folder: Path) -> str:
    """A digest over the bytes of the vector files and the rows of Chroma's SQLite file.

    Raises OSError or ValueError where they cannot be read. Over 100,000 vectors it takes about half a second.
    """
    whole = blake2b(digest_size=16)
    for name in sorted(sizes(folder)):
        whole.update(name.encode())
        if name == _DATABASE:
            whole.update(_rows_digest(folder / name))
        else:
            with (folder / name).open("rb") as file:
                whole.update(file_digest(file, "sha256").digest())
    return whole.hexdigest()


def compact(folder: Path) -> None:
    """Take out of Chroma's SQLite file all but its rows: every vector passed through it, and its free pages keep them.

    For a folder that nobody has open and nobody trusts until it is marked. Raises ValueError where that fails.
    """
    try:
        with closing(sqlite3.connect(folder / _DATABASE, isolation_level=None)) as connection:
            for statement in ("PRAGMA journal_mode = OFF", "PRAGMA temp_store = MEMORY", "VACUUM"):
                connection.execute(statement)
    except sqlite3.Error as error:
        raise ValueError(str(error)) from error


def _rows_digest(path: Path) -> bytes:
    digest = blake2b(digest_size=16)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(name.decode() for name in tables if name.decode() != _OWN):
                digest.update(table.encode())
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    digest.update(repr(row).encode())
            verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise ValueError(str(error)) from error
    if verdict != b"ok":
        raise ValueError(f"{path.name}: {verdict!r}")
    return digest.digest()
