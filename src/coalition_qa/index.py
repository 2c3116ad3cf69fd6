"""Chroma as a disposable index over the store's vectors: used only when it provably matches them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np

from coalition_qa.encoders import Vectors
from coalition_qa.heap import wiped
from coalition_qa.nearest import Hits
from coalition_qa.proof import compact, digest, same_sizes, sizes

_COLLECTION = "passages"
_MARKER = "READY.json"
_FILLING = "FILLING"
_BATCH = 5_000  # Chroma refuses more than 5,461 at once
_ROOM_EACH, _ROOM = 8_192, 8 << 20  # bytes on the disk for a vector and to begin with: Chroma may hang on a full one
HNSW = {
    "space": "cosine",
    "max_neighbors": 16,
    "ef_construction": 200,
    "ef_search": 200,
}
"""On real vectors these find .999 of the true ten nearest (README, "Scale")."""

_FLUSHED = {"batch_size": 1, "sync_threshold": 1}
"""Each write reaches the vector files: opening them changes nothing, and is quick."""


class ChromaIndex:
    """A folder with a Chroma store, a marker that says which generation it holds, and a lock.

    The marker is taken away before Chroma is written to and put back afterwards, because a process that is
    killed while Chroma flushes leaves files that crash the next one to open them. It holds the length of each file
    and a digest of all, because Chroma crashes on, or answers wrongly from, files that were damaged: without a marker
    that holds nothing is opened, and the folder is thrown away and filled anew, as is what another version of Chroma
    wrote. Whoever searches holds the lock shared, whoever fills it holds it alone, and who has no lock has nothing
    open. A vector that is taken away is overwritten: no file holds it any more, also not where Chroma's vector file
    has unused room, which is memory as Chroma got it.
    """

    address = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: IO[str] | None = None
        self._opened: tuple[str, Any, Any] | None = None
        self._held = 0  # counted once: Chroma takes longer to count than to search

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

    def fault(self) -> str:
        """Empty: what these files lack, filling them gives."""
        return ""

    @property
    def died(self) -> bool:
        """Whether who filled the index last did not live to say how it went: killed, or crashed by Chroma."""
        return (self._folder / _FILLING).exists()

    @property
    def dead(self) -> int:
        """How many vectors that were taken away still take room in the files, overwritten."""
        marker = self._marker()
        return int(marker["dead"]) if marker else 0

    def _marker(self) -> dict[str, Any] | None:
        try:
            marker = json.loads((self._folder / _MARKER).read_text("utf-8"))
            usable = bool(marker["generation"]) and bool(marker["digest"]) and marker["dead"] >= 0
            usable = usable and marker["chroma"] == _chroma_version()
            usable = usable and same_sizes(marker["sizes"], self._folder / marker["folder"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return marker if usable else None

    def search(self, vector: Vectors, count: int) -> Hits | None:
        """The nearest passage ids with their cosine similarity; None where the index cannot be asked now."""
        collection = self._proven()
        if collection is None:
            return None
        try:
            wanted = min(count, self._held)
            if wanted == 0:
                return []
            return best_first(collection.query(query_embeddings=[vector], n_results=wanted, include=["distances"]))
        except _chroma_faults():
            self.distrust()
            return None

    def fill(self, ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Make the index hold exactly these vectors and mark it with their generation, starting from nothing."""
        return self.refill([(list(ids), vectors)], len(ids), generation)

    def refill(self, batches: Iterable[tuple[list[str], Vectors]], count: int, generation: str) -> bool:
        """Throw away what the index holds and fill it with `count` vectors, given in batches.

        Says False, leaving everything as it is, while another process searches it, the folder cannot be written or
        the disk has no room: the caller then searches the store itself.
        """
        return self._filled(self._fresh_folder, batches, [], count, generation)

    def update(self, gone: Sequence[str], ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Take away what is gone and put in what came since the generation that it holds. False as for `refill`."""
        return self._filled(self._marked_folder, [(list(ids), vectors)], gone, len(ids) + len(gone), generation)

    def _filled(
        self,
        choose: Any,  # noqa: ANN401 - says which folder, or None
        batches: Iterable[tuple[list[str], Vectors]],
        gone: Sequence[str],
        count: int,
        generation: str,
    ) -> bool:
        if not self._room_for(count) or not self._take(fcntl.LOCK_EX):
            return False
        try:
            folder = choose()
            if folder is None:
                return False
            dead = len(gone) + (self.dead if gone else 0)
            (self._folder / _FILLING).touch()
            self._unmark()
            with wiped():
                collection = self._open(folder)
                _write(collection, gone, batches)
                self._held = collection.count()
            place = self._folder / folder
            if choose != self._marked_folder or gone:  # Chroma's own file keeps what passed through it
                self._close_chroma()
                compact(place)
            facts = {"generation": generation, "folder": folder, "dead": dead, "chroma": _chroma_version()}
            self._mark({**facts, "sizes": sizes(place), "digest": digest(place)})
            (self._folder / _FILLING).unlink(missing_ok=True)
        except _chroma_faults():
            self.distrust()
            return False
        except BaseException:  # the vectors could not be read, or the user stopped it
            self.distrust()
            raise
        finally:
            self._take(fcntl.LOCK_SH)
        return True

    def ids(self) -> set[str] | None:
        """The passage ids that Chroma holds; None where the index cannot be asked now."""
        collection = self._proven()
        if collection is None:
            return None
        try:
            return set(collection.get(include=[])["ids"])
        except _chroma_faults():
            return None

    def distrust(self) -> None:
        """Whoever fills the index next starts from nothing."""
        self._close_chroma()
        with suppress(OSError):
            self._unmark()
            (self._folder / _FILLING).unlink(missing_ok=True)

    def leftovers(self) -> list[Path]:
        """Folders of Chroma's that the marker does not name."""
        marker = self._marker()
        return [path for path in self._folder.glob("chroma-*") if marker is None or path.name != marker["folder"]]

    def _room_for(self, count: int) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return shutil.disk_usage(self._folder).free > _ROOM + _ROOM_EACH * count
        except OSError:
            return False

    def _proven(self) -> Any | None:  # noqa: ANN401 - a chromadb collection
        """The collection, after its files were found to be what was marked; None where it can't be asked now."""
        marker = self._marker()
        if marker is None or not self._take(fcntl.LOCK_SH):
            return None
        if (self._opened is None or self._opened[0] != marker["folder"]) and self._marked_folder() is None:
            self.distrust()
            return None
        try:
            return self._open(marker["folder"])
        except _chroma_faults():
            self.distrust()
            return None

    def _marked_folder(self) -> str | None:
        """The folder that the marker names, where its files are to the byte what was marked."""
        marker = self._marker()
        try:
            return marker["folder"] if marker and digest(self._folder / marker["folder"]) == marker["digest"] else None
        except (OSError, ValueError):
            return None

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
                _COLLECTION, embedding_function=None, configuration={"hnsw": {**HNSW, **_FLUSHED}}
            )
            self._opened = (folder, client, collection)
            self._held = collection.count()
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


def _write(collection: Any, gone: Sequence[str], batches: Iterable[tuple[list[str], Vectors]]) -> None:  # noqa: ANN401
    """Delete and add. Raises ValueError where the last vectors that were added are not found."""
    for start in range(0, len(gone), _BATCH):
        _forget(collection, list(gone[start : start + _BATCH]))
    last = None
    for ids, vectors in batches:
        for start in range(0, len(ids), _BATCH):
            last = vectors[start : start + _BATCH]
            collection.upsert(ids=ids[start : start + _BATCH], embeddings=last)
    if last is not None and len(last):
        some = list(last[-3:])
        if not finds(collection.query(query_embeddings=some, n_results=1, include=["distances"])):
            raise ValueError("Chroma does not find what was put into it")


def _forget(collection: Any, gone: list[str]) -> None:  # noqa: ANN401
    """Delete, after overwriting: of what is deleted Chroma only marks the place."""
    there = collection.get(ids=gone, include=["embeddings"])
    if there["ids"]:
        nothing = np.zeros_like(there["embeddings"])
        nothing[:, 0] = 1
        collection.upsert(ids=there["ids"], embeddings=nothing)
        collection.delete(ids=there["ids"])


def finds(answer: Any) -> bool:  # noqa: ANN401 - what Chroma answers to vectors that it holds
    """Whether each found itself."""
    return all(abs(distances[0]) <= 1e-3 for distances in answer["distances"])


def best_first(answer: Any) -> Hits:  # noqa: ANN401 - what Chroma answers to one vector
    """Ids with their cosine similarity, ties by id."""
    pairs = zip(answer["ids"][0], answer["distances"][0], strict=True)
    return sorted(((id_, 1.0 - float(distance)) for id_, distance in pairs), key=lambda hit: (-hit[1], hit[0]))


def _chroma_faults() -> tuple[type[Exception], ...]:
    """What Chroma raises when its files are not what it wrote, or can't be written."""
    from chromadb.errors import ChromaError

    return (ChromaError, OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError)


@cache
def _chroma_version() -> str:
    return version("chromadb")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
