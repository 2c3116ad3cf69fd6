"""What is on disk, as one thing: the store that is the truth, the index that is disposable, and who may write."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from coalition_qa.encoders import Vectors
from coalition_qa.filling import bring_in_line, open_index
from coalition_qa.folder import only_writer, recover
from coalition_qa.nearest import Hits, exact_search
from coalition_qa.passages import CHUNKER
from coalition_qa.store import NAME, Found, Named, Store
from coalition_qa.types import (
    Document,
    DocumentInfo,
    EncoderMismatch,
    LibraryError,
    Passage,
    Span,
)

_LOOSE = 1_000
"""An index of a large library may lack this many passages, which are searched exactly, before it is brought in line."""

_LARGE = 20_000
"""Passages from which on opening Chroma takes longer than adding a document should."""

_SAME = 1e-3
"""How far a similarity that a server calculated may be from ours."""

_PATIENCE = 0.02
"""Seconds that a search waits for the index while it is being filled; then it searches the stored vectors."""

_SLOW = 5_000
"""Passages from which on searching all of them exactly is noticed."""


class EncoderFacts(Protocol):
    """The part of an encoder that the library must agree with."""

    @property
    def identity(self) -> str:
        """Name and content hash."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...


class Library:
    """Documents, passages and vectors under one folder. Any number may read; one writes at a time."""

    def __init__(
        self, folder: Path, encoder: EncoderFacts, *, create: bool = False, chroma_url: str = "", name: str = ""
    ) -> None:
        """Open the library in `folder`, making it where `create`. Its index is beside it, or in the Chroma server at
        `chroma_url`, under the library's own name: `name` where it has none yet, or one made up.

        Raises LibraryError where there is none, LibraryDamaged where it isn't what was written, and
        EncoderMismatch where its vectors are another encoder's.
        """
        self.folder = folder
        recover(folder)
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise LibraryError(f"The folder {folder} cannot be made ({error.strerror}).") from error
        self._store = Store(folder, create=create)
        self._index_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._filling: subprocess.Popen[bytes] | None = None
        self._all: tuple[str, list[str], Vectors] | None = None
        self._later: _Later | None = None
        self._fingerprint = ("", "")
        try:
            if chroma_url:
                self._store.give_name(name)
            self._index = open_index(self._store, folder, chroma_url)
            self._agree(encoder)
        except BaseException:
            self._store.close()
            raise

    def _agree(self, encoder: EncoderFacts) -> None:
        made_with = self._store.meta("encoder")
        if made_with is None:
            if not self._store.read_only:
                self._index.distrust()  # what is there was filled from another library, perhaps with another encoder
                with self._store.transaction():
                    facts = {"encoder": encoder.identity, "dimensions": str(encoder.dimensions)}
                    self._store.set_meta(facts)
        elif not same_encoder(made_with, encoder.identity):
            raise EncoderMismatch(
                f"The library in {self.folder} was made with the encoder {made_with}, not {encoder.identity}: run "
                "`coalition-qa sync --rebuild` to embed the corpus anew beside it and swap when complete."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give files and locks back."""
        self._index.close()
        self._store.close()
        if self._filling is not None:
            self._filling.kill()  # what it wrote is unmarked, so nobody will trust it
            self._filling.wait()

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Hash of the documents' texts, the chunker and the encoder's bytes: equal on any machine, for the same corpus
        added in any order under any names.
        """
        generation = self._store.generation
        if self._fingerprint[0] != generation:
            lines = [_bytes_of(self._store.meta("encoder") or ""), CHUNKER, *self._store.document_ids()]
            self._fingerprint = (generation, sha256("\n".join(lines).encode()).hexdigest()[:32])
        return self._fingerprint[1]

    def catalogue(self) -> list[DocumentInfo]:
        """One row a name, by name."""
        return self._store.catalogue()

    def names(self) -> dict[str, Named]:
        """Every name and what it stands for."""
        return self._store.names()

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        return self._store.document(name)

    def spans(self, name: str) -> list[Span]:
        """Where the passages of the document of that name stand in it; none where there is no such document."""
        return list(self._store.passages(name).values())

    def passage_ids(self, name: str) -> list[str]:
        """The ids of the passages of the document of that name, in order."""
        return list(self._store.passages(name))

    def holds(self, document_id: str) -> bool:
        """Whether the document is there, under whatever name: `put` then needs neither passages nor vectors."""
        return self._store.holds(document_id, CHUNKER)

    def traces(self, passage_ids: Sequence[str]) -> list[str]:
        """Where passages that were removed still are; empty where nowhere."""
        with self._index_lock:
            held = self._index.ids() if self.index_is_current() else None
        still = {
            "the passages": bool(self._store.found(passage_ids)),
            "the full text": self._store.stray_words() > 0,
            self._index.address or "Chroma's files": held is None or not held.isdisjoint(passage_ids),
        }
        return [where for where, there in still.items() if there]

    def sketches(self) -> list[tuple[str, str, bytes]]:
        """Name, document id and sketch (see `alike`) of every name, by name."""
        return self._store.sketches()

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        """The passages with these ids, as a search returned them; one that was removed meanwhile is left out.

        Raises LibraryDamaged for one that is not there though nobody removed it.
        """
        found = self._store.found(ids)
        self._store.check_removed([id_ for id_ in ids if id_ not in found])
        return found

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Passage ids that hold any of the terms with their BM25 score, best first; with `only`, of the documents of
        these names. What a term weighs is the whole library's, so a passage scores the same either way.
        """
        return self._store.lexical(terms, count, only)

    def dense(self, vector: Vectors, count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The nearest passage ids with their cosine similarity, best first; with `only`, of the documents of these
        names, whose vectors are searched exactly.

        Chroma answers where its index provably holds a generation of the store; what changed since is searched
        exactly and put in its place. Otherwise all stored vectors are searched exactly, and the index of a large
        library is filled in a process of its own meanwhile.

        Raises LibraryError where `sync --rebuild` has put another library in this one's place.
        """
        self._store.check_in_place()
        if only is not None:
            inside = {id_ for name in only for id_ in self._store.passages(name)}
            return exact_search(*self._store.vectors(sorted(inside)), vector, count)
        if not self._index_lock.acquire(timeout=_PATIENCE):  # it is being filled
            return self._exactly(vector, count)
        try:
            hits = self._by_index(vector, count)
            if not hits and self._store.count() > _SLOW and self._filling is None and not self._store.read_only:
                self._filling = bring_in_line(self._store, self._index, self.folder, wait=False)
        finally:
            self._index_lock.release()
        return hits or self._exactly(vector, count)

    def _by_index(self, vector: Vectors, count: int) -> Hits | None:
        base, generation = self._index.generation(), self._store.generation
        if base is None:
            return None
        if self._later is None or (self._later.base, self._later.generation) != (base, generation):
            changes = self._store.changes_since(base)
            if changes is None or len(changes) > 2 * _LOOSE:
                self._index.close()  # so that somebody can fill it
                return None
            came = self._store.vectors([id_ for id_, there in changes.items() if there])
            self._later = _Later(base, generation, changes, *came)
        later = self._later
        gone = {id_ for id_, there in later.changes.items() if not there}
        hits = self._index.search(vector, count + len(gone))
        if hits is None:
            return None
        merged = {id_: score for id_, score in hits if id_ not in gone}
        if self._index.address and not self._true(merged, vector):
            return None
        self._all = None
        merged.update(exact_search(later.ids, later.matrix, vector, count))
        return sorted(merged.items(), key=lambda hit: (-hit[1], hit[0]))[:count]

    def _true(self, said: dict[str, float], vector: Vectors) -> bool:
        """Whether what a server answered is what the stored vectors say: nobody can look at its files."""
        ids, matrix = self._store.vectors(list(said))
        scores = zip(ids, (matrix @ vector).tolist(), strict=True)
        return len(ids) == len(said) and all(abs(said[id_] - score) < _SAME for id_, score in scores)

    def _exactly(self, vector: Vectors, count: int) -> list[tuple[str, float]]:
        generation, known = self._store.generation, self._all
        if known is None or known[0] != generation:
            self._all = known = (generation, *self._store.vectors())
        return exact_search(known[1], known[2], vector, count)

    def index_is_current(self) -> bool:
        """Whether Chroma's index provably holds the store's generation."""
        return self._index.generation() == self._store.generation

    def is_in_place(self) -> bool:
        """Whether no other library was put in this one's place."""
        return self._store.is_in_place()

    # -- writing -----------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the library for changes; afterwards the index is brought in line.

        Raises LibraryBusy, naming the holder, while another process has it.
        """
        with self._write_lock, only_writer(self.folder):  # threads of one process wait for each other
            self._store.check_in_place()
            yield
            self.refresh_index()

    def put(self, document: Document, passages: Sequence[Passage], vectors: Vectors, file_sha256: str) -> None:
        """Make `document.name` stand for this document. On disk when it returns."""
        self._store.put(document, passages, vectors, file_sha256, CHUNKER)

    def drop(self, names: Sequence[str]) -> None:
        """Forget these names, and the documents that no other name stands for; their space is given back."""
        for name in names:
            self._store.drop(name)
        if names:
            self._store.tidy()

    def refresh_index(self, *, now: bool = False) -> bool:
        """Bring Chroma in line with the store: where that is quick or `now`, and else when enough has changed, so that
        adding to a large library takes as long as to a small one. False where it can't be.
        """
        with self._index_lock:
            base = self._index.generation()
            changes = None if base is None else self._store.changes_since(base)
            if now or changes is None or len(changes) >= _LOOSE or self._store.count() <= _LARGE:
                bring_in_line(self._store, self._index, self.folder)
                self._all = None
        return self._index.generation() is not None


class _Later(NamedTuple):
    """What changed between an index's generation and the store's: which passages, and the vectors of those there."""

    base: str
    generation: str
    changes: dict[str, bool]
    ids: list[str]
    matrix: Vectors


def name_of(folder: Path) -> str:
    """The name that the library in `folder` has in a Chroma server; empty where it has none, or can't be read."""
    with suppress(LibraryError), closing(Store(folder, create=False)) as store:
        return store.meta(NAME) or ""
    return ""


def same_encoder(one: str, other: str) -> bool:
    """Whether two identities stand for the same bytes, whatever the model is called and wherever it lies."""
    return _bytes_of(one) == _bytes_of(other)


def _bytes_of(identity: str) -> str:
    return identity.rpartition("@")[2]
