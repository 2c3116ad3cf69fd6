"""A collection in a Chroma server as an index: asked only while it provably holds a generation of the store.

Chroma's HTTP API, version 2, is spoken without its client, which waits for ever for a server that hangs.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from coalition_qa.encoders import Vectors
from coalition_qa.index import HNSW, best_first, finds
from coalition_qa.nearest import Hits

_PLACE = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_BATCH = 1_000  # 8 MB of JSON; the server refuses 40
_PAGE = 20_000
_ASK_SECONDS, _WRITE_SECONDS = 2.0, 60.0
_REST_SECONDS = 30.0
"""A server that did not answer is left alone for so long: one question waits for it, not every one."""

T = TypeVar("T")


class _Marker(NamedTuple):
    """What a collection says of itself. `fill` is of one filling only: whoever finds it again after reading has read
    nothing of another filling.
    """

    collection: str
    generation: str
    fill: str
    size: int


class ServerIndex:
    """One library's collection in a Chroma server, which holds those of others too.

    The collection's metadata are the marker. Whoever fills it takes the generation out of them first, and puts the new
    one in when the ids were read back; who searches looks at them before and after, and compares the count. A server
    that is down or slow is None, or False, in bounded time: the caller then searches the store.
    """

    died = False  # a filling that was cut off has left a collection without a marker, and nothing that crashes
    dead = 0  # nobody can look at its files

    def __init__(self, address: str, library: str, folder: Path) -> None:
        """`library` names the collection. In `folder` is the lock that keeps two from filling it."""
        self.address = address
        self._name = f"coalition-qa-{library}"
        self._folder = folder
        self._seen: _Marker | None = None
        self._rests_until = 0.0
        self._fault = ""

    def close(self) -> None:
        """Nothing is open."""
        self._seen = None

    def generation(self) -> str | None:
        """The store's generation that the collection holds; None where that can't be proved, or nobody answers."""
        self._seen = self._tried(self._look)
        return self._seen.generation if self._seen else None

    def fault(self) -> str:
        """Why the server can't be asked; empty where it can."""
        self._rests_until, self._fault = 0.0, ""
        self.generation()
        return self._fault

    def search(self, vector: Vectors, count: int) -> Hits | None:
        """The nearest passage ids with their cosine similarity; None where the collection can't be asked now."""
        before = self._seen or self._tried(self._look)
        if before is None:
            return None
        wanted = min(count, before.size)
        if wanted == 0:
            return []
        found = self._tried(lambda: best_first(self._nearest(before.collection, vector[None], wanted)))
        self._seen = self._tried(self._look)
        return found if self._seen == before else None

    def ids(self) -> set[str] | None:
        """The passage ids that the collection holds; None where it can't be asked now."""
        seen = self._tried(self._look)
        return self._tried(lambda: set(self._pages(seen.collection))) if seen else None

    def fill(self, ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Make the collection hold exactly these vectors and mark it with their generation, starting from nothing."""
        return self.refill([(list(ids), vectors)], len(ids), generation)

    def refill(self, batches: Iterable[tuple[list[str], Vectors]], count: int, generation: str) -> bool:
        """Throw the collection away and make it of `count` vectors, given in batches. False where that can't be done
        now: the server does not answer, somebody else is at it, or the library's folder can't be written.
        """
        return self._tried(lambda: self._filled(self._fresh, batches, [], generation)) or False

    def update(self, gone: Sequence[str], ids: Sequence[str], vectors: Vectors, generation: str) -> bool:
        """Take away what is gone and put in what came since the generation that it holds. False as for `refill`."""
        return self._tried(lambda: self._filled(self._unmarked, [(list(ids), vectors)], gone, generation)) or False

    def distrust(self) -> None:
        """Whoever fills the collection next starts from nothing."""
        self._seen = None
        self._tried(self._remove)

    def leftovers(self) -> list[Path]:
        """None: nothing of it is on this disk."""
        return []

    def _look(self) -> _Marker | None:
        """What the collection says of itself; None where there is none, or it names no generation."""
        found = self._ask("GET", self._name)
        said = (found and found["metadata"]) or {}
        if "generation" not in said:
            return None
        marker = _Marker(str(found["id"]), str(said["generation"]), str(said["fill"]), int(said["size"]))
        right = marker == self._seen or self._ask("GET", f"{marker.collection}/count") == marker.size
        return marker if right else None

    def _filled(
        self,
        begin: Callable[[str], str | None],
        batches: Iterable[tuple[list[str], Vectors]],
        gone: Sequence[str],
        generation: str,
    ) -> bool:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go when the file is closed
            fill = os.urandom(8).hex()
            collection = begin(fill)
            if collection is None:
                return False
            self._seen = None
            came, last = self._write(collection, gone, batches)
            held = set(self._pages(collection))
            right = came <= held and held.isdisjoint(gone)
            right = right and (last is None or finds(self._nearest(collection, last, 1)))
            found = self._ask("GET", self._name)
            if not right or not found or found["metadata"] != {"fill": fill}:  # who has no such lock fills it too
                return False
            self._mark(collection, {"generation": generation, "fill": fill, "size": len(held)})
            return True

    def _fresh(self, fill: str) -> str:
        """An empty collection without a generation."""
        self._remove()
        wanted = {"name": self._name, "metadata": {"fill": fill}, "configuration": {"hnsw": HNSW}}
        return str(self._ask("POST", "", wanted, _WRITE_SECONDS)["id"])

    def _unmarked(self, fill: str) -> str | None:
        """The collection, without its generation."""
        seen = self._look()
        if seen is None:
            return None
        self._mark(seen.collection, {"fill": fill})
        return seen.collection

    def _mark(self, collection: str, said: dict[str, str | int]) -> None:
        self._ask("PUT", collection, {"new_metadata": said}, _WRITE_SECONDS)

    def _remove(self) -> None:
        if self._ask("GET", self._name) is not None:  # a server that hangs is found out soon
            self._ask("DELETE", self._name, None, _WRITE_SECONDS)

    def _write(
        self, collection: str, gone: Sequence[str], batches: Iterable[tuple[list[str], Vectors]]
    ) -> tuple[set[str], Vectors | None]:
        """Delete and add; the ids that were added, and a few of their vectors."""
        for start in range(0, len(gone), _BATCH):
            some = {"ids": list(gone[start : start + _BATCH])}
            self._ask("POST", f"{collection}/delete", some, _WRITE_SECONDS)
        came: set[str] = set()
        last = None
        for ids, vectors in batches:
            for start in range(0, len(ids), _BATCH):
                here = slice(start, start + _BATCH)
                some = {"ids": ids[here], "embeddings": vectors[here].tolist()}
                self._ask("POST", f"{collection}/upsert", some, _WRITE_SECONDS)
                came.update(ids[here])
                last = vectors[here][-3:]
        return came, last

    def _pages(self, collection: str) -> Iterator[str]:
        offset = 0
        wanted: dict[str, Any] = {"include": [], "limit": _PAGE}
        while page := self._ask("POST", f"{collection}/get", {**wanted, "offset": offset}, _WRITE_SECONDS)["ids"]:
            yield from page
            offset += len(page)

    def _nearest(self, collection: str, vectors: Vectors, count: int) -> Any:  # noqa: ANN401 - Chroma's JSON
        wanted = {"query_embeddings": vectors.tolist(), "n_results": count, "include": ["distances"]}
        return self._ask("POST", f"{collection}/query", wanted)

    def _ask(self, method: str, path: str, body: object = None, seconds: float = _ASK_SECONDS) -> Any:  # noqa: ANN401
        """What the server answers to one request, as JSON; None where it knows no such collection."""
        url = f"{self.address}{_PLACE}/{path}".rstrip("/")
        content = None if body is None else json.dumps(body).encode()
        request = Request(url, content, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request, timeout=seconds) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                if error.code == 404 and path:
                    return None
                raise

    def _tried(self, work: Callable[[], T]) -> T | None:
        """What `work` returns; None where the server fails, which then rests."""
        if time.monotonic() < self._rests_until:
            return None
        try:
            return work()
        except BlockingIOError:  # somebody else fills the collection
            return None
        except (OSError, HTTPException, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            self._fault = f"{self.address} does not answer as it should ({str(error) or type(error).__name__})"
            self._rests_until = time.monotonic() + _REST_SECONDS
            return None
