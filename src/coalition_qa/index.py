"""Chroma as a disposable index over the store's vectors: used only when it provably matches them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from coalition_qa.encoders import Vectors

_COLLECTION = "passages"
_MARKER = "READY.json"
_BATCH = 5_000  # Chroma refuses more than 5,461 at once
_HNSW = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 200}


class ChromaIndex:
    """A folder with a Chroma store, a marker that says which generation it holds, and a lock.

    The marker is taken away before Chroma is written to and put back afterwards, because a process that is
    killed while Chroma flushes leaves files that crash the next one to open them. It says how long each file is,
    because Chroma answers wrongly from a truncated one. Without a marker that holds nothing is opened: the folder
    is thrown away and filled anew. Whoever searches holds the lock shared, whoever fills it holds it alone, and
    who has no lock has nothing open.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: IO[str] | None = None
        self._opened: tuple[str, Any, Any] | None = None

    def close(self) -> None:
        """Let others fill the index."""
        self._close_chroma()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def generation(self) -> str | None:
        """The store's generation that the index was completely filled to; None where that can't be proved."""
        marker = self._marker()
        return marker["generation"] if marker else None

    def _marker(self) -> dict[str, Any] | None:
        try:
            marker = json.loads((self._folder / _MARKER).read_text("utf-8"))
            usable = bool(marker["generation"]) and marker["sizes"] == _sizes(self._folder / marker["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return marker if usable else None

    def search(self, vector: Vectors, count: int) -> list[tuple[str, float]] | None:
        """The nearest passage ids with their cosine similarity; None where the index cannot be asked now."""
        marker = self._marker()
        if marker is None or not self._take(fcntl.LOCK_SH):
            return None
        try:
            collection = self._open(marker["folder"])
            wanted = min(count, collection.count())
            if wanted == 0:
                return []
            answer = collection.query(query_embeddings=[vector], n_results=wanted, include=["distances"])
        except _chroma_faults():
            self.distrust()
            return None
        pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return sorted(((id_, 1.0 - float(distance)) for id_, distance in pairs), key=lambda hit: (-hit[1], hit[0]))

    def fill(self, ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Make the index hold exactly these vectors and mark it with their generation.

        Says False, leaving everything as it is, while another process searches it or the folder cannot be
        written: the caller then searches the store itself.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        if not self._take(fcntl.LOCK_EX):
            return False
        marker = self._marker()
        try:
            self._unmark()
            folder = marker["folder"] if marker else self._fresh_folder()
            _make_equal(self._open(folder), dict(zip(ids, vectors, strict=True)))
            self._mark({"generation": generation, "folder": folder, "sizes": _sizes(self._folder / folder)})
        except _chroma_faults():
            self._close_chroma()
            return False
        finally:
            self._take(fcntl.LOCK_SH)
        return True

    def ids(self) -> set[str] | None:
        """The passage ids that Chroma holds; None where the index cannot be asked now."""
        marker = self._marker()
        if marker is None or not self._take(fcntl.LOCK_SH):
            return None
        try:
            return set(self._open(marker["folder"]).get(include=[])["ids"])
        except _chroma_faults():
            return None

    def distrust(self) -> None:
        """Whoever fills the index next starts from nothing."""
        self._close_chroma()
        with suppress(OSError):
            self._unmark()

    def _fresh_folder(self) -> str:
        """A name never used, since another client in this process may have the old path open."""
        self._close_chroma()
        for old in self._folder.glob("chroma-*"):
            shutil.rmtree(old, ignore_errors=True)
        return f"chroma-{os.urandom(4).hex()}"

    def _open(self, folder: str) -> Any:  # noqa: ANN401 - a chromadb collection
        if self._opened is None or self._opened[0] != folder:
            self._close_chroma()
            os.environ["ANONYMIZED_TELEMETRY"] = "False"
            import chromadb

            quiet = chromadb.Settings(anonymized_telemetry=False)
            client = chromadb.PersistentClient(str(self._folder / folder), settings=quiet)
            collection = client.get_or_create_collection(
                _COLLECTION, embedding_function=None, configuration={"hnsw": _HNSW}
            )
            self._opened = (folder, client, collection)
        return self._opened[2]

    def _close_chroma(self) -> None:
        """A client that is only forgotten lives on in Chroma's cache, blind to what other processes write."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def _take(self, kind: int) -> bool:
        try:
            if self._lock is None:
                self._lock = (self._folder / "lock").open("a")
            fcntl.flock(self._lock, kind | fcntl.LOCK_NB)
        except OSError:
            self.close()  # a lock that could not be changed to another kind is lost
            return False
        return True

    def _unmark(self) -> None:
        (self._folder / _MARKER).unlink(missing_ok=True)
        _sync_folder(self._folder)

    def _mark(self, marker: dict[str, Any]) -> None:
        temporary = self._folder / (_MARKER + ".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(marker, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / _MARKER)
        _sync_folder(self._folder)


def _sizes(folder: Path) -> dict[str, int]:
    """How long each of Chroma's files is, by its path below `folder`; SQLite's journal comes and goes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-journal"))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _make_equal(collection: Any, wanted: Mapping[str, Vectors]) -> None:  # noqa: ANN401
    """Delete what is not wanted, add what is missing; ids are content, so what is there is right."""
    held = set(collection.get(include=[])["ids"])
    gone = sorted(held - wanted.keys())
    for start in range(0, len(gone), _BATCH):
        collection.delete(ids=gone[start : start + _BATCH])
    new = sorted(wanted.keys() - held)
    for start in range(0, len(new), _BATCH):
        some = new[start : start + _BATCH]
        collection.upsert(ids=some, embeddings=np.stack([wanted[passage] for passage in some]))


def _chroma_faults() -> tuple[type[Exception], ...]:
    """What Chroma raises when its files are not what it wrote, or can't be written."""
    from chromadb.errors import ChromaError

    return (ChromaError, OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError)


def exact_search(ids: Sequence[str], matrix: Vectors, vector: Vectors, count: int) -> list[tuple[str, float]]:
    """The nearest rows by dot product, best first, ties by id: what the index approximates."""
    scores = matrix @ vector
    order = sorted(range(len(ids)), key=lambda row: (-scores[row], ids[row]))[:count]
    return [(ids[row], float(scores[row])) for row in order]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
