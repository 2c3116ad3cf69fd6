"""Fill Chroma's index from the store, here or in a process of its own, where a crash inside Chroma harms nobody.

The process is `python -m coalition_qa.filling FOLDER [URL]`: exit code 0 when the library in FOLDER has an index, in
the Chroma server at URL where that is given, that holds all it holds.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from coalition_qa.index import ChromaIndex
from coalition_qa.nearest import Index
from coalition_qa.server_index import ServerIndex
from coalition_qa.store import NAME, Store
from coalition_qa.types import LibraryError

Process = subprocess.Popen[bytes]

_BATCH = 2_000
_HERE = 5_000
"""More passages than this take long enough that nobody should wait inside a process that also answers."""

_DEARER = 10
"""To overwrite a vector takes as long as to put this many into an empty index, and its place stays empty."""

_SECONDS, _SECONDS_EACH = 120.0, 0.05
"""Whoever fills longer than this hangs: ten times what it takes on one busy core."""


def open_index(store: Store, folder: Path, chroma_url: str = "") -> Index:
    """The index of the library in `folder`: in a Chroma server, for a library that has a name there, or beside it."""
    name = store.meta(NAME) if chroma_url else None
    return ServerIndex(chroma_url, name, folder / "index") if name else ChromaIndex(folder / "index")


def bring_in_line(store: Store, index: Index, folder: Path, *, wait: bool = True) -> Process | None:
    """Make the index hold what the store holds: the changes since it was filled where they are known, else all.

    What takes long, and what follows a filling that did not live to its end, is done in a process of its own: waited
    for, or with `wait` false returned, so that questions are answered meanwhile. Where the index can't be filled now,
    its generation says so afterwards.
    """
    changes = _changes(store, index)
    if changes == {}:
        return None
    count = store.count() if changes is None or _is_wasted(store, index, changes) else len(changes)
    if wait and count <= _HERE and not index.died:
        fill(store, index)
        return None
    index.close()
    return _in_a_process(folder, index.address, _SECONDS + _SECONDS_EACH * count if wait else None)


def fill(store: Store, index: Index) -> bool:
    """Fill the index here. False where it could not be.

    What is put in is read first, and nothing of the store is held while Chroma writes: questions go on. More than
    5,000 passages are read bit by bit instead, by a process of its own.
    """
    with store.snapshot():
        changes, count, generation = _changes(store, index), store.count(), store.generation
        if changes == {}:
            return True
        if changes is None or not count or _is_wasted(store, index, changes):
            if count > _HERE:
                return index.refill(store.batches(_BATCH), count, generation)
            batches = list(store.batches(_BATCH))
            changes = None
        else:
            came, gone = ([id_ for id_, there in changes.items() if there is wanted] for wanted in (True, False))
            ids, vectors = store.vectors(came)
    return index.refill(batches, count, generation) if changes is None else index.update(gone, ids, vectors, generation)


def _is_wasted(store: Store, index: Index, changes: dict[str, bool]) -> bool:
    """Whether filling it anew is cheaper than taking away what is gone, or than the room of what went before. A
    server's collection stays: others are reading it, and what it keeps of what is gone is its own affair.
    """
    gone = sum(not there for there in changes.values())
    return not index.address and gone > 0 and _DEARER * (index.dead + gone) >= store.count()


def _changes(store: Store, index: Index) -> dict[str, bool] | None:
    base = index.generation()
    return None if base is None else store.changes_since(base)


def _in_a_process(folder: Path, address: str, seconds: float | None) -> Process | None:
    quiet = subprocess.DEVNULL
    command = [sys.executable, "-m", "coalition_qa.filling", str(folder), address]
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    if seconds is None:
        return process
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
    return None


def main(folder: Path, chroma_url: str = "") -> int:
    """Fill the index of the library in `folder`; the exit code."""
    try:
        store = Store(folder, create=False)
        index = open_index(store, folder, chroma_url)
        try:
            return 0 if fill(store, index) else 1
        finally:
            index.close()
            store.close()
    except LibraryError:
        return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
