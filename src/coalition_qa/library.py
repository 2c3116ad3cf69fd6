"""What is on disk, as one thing: the store that is the truth, the index that is disposable, and who may write."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from coalition_qa.encoders import Vectors
from coalition_qa.index import ChromaIndex, exact_search
from coalition_qa.passages import CHUNKER
from coalition_qa.store import Found, Named, Store
from coalition_qa.types import (
    Document,
    DocumentInfo,
    EncoderMismatch,
    LibraryBusy,
    LibraryError,
    Passage,
    Span,
)

_ALL = -1  # as a LIMIT of SQLite's


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

    def __init__(self, folder: Path, encoder: EncoderFacts, *, create: bool = False) -> None:
        """Open the library in `folder`, making it where `create`.

        Raises LibraryError where there is none, LibraryDamaged where it isn't what was written, and
        EncoderMismatch where its vectors are another encoder's.
        """
        self.folder = folder
        if create:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise LibraryError(f"The folder {folder} cannot be made ({error.strerror}).") from error
        self._store = Store(folder, create=create)
        self._index = ChromaIndex(folder / "index")
        self._index_lock = threading.Lock()
        self._exact: tuple[str, list[str], Vectors] | None = None
        try:
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
        elif made_with != encoder.identity:
            raise EncoderMismatch(
                f"The library in {self.folder} was made with the encoder {made_with}, not {encoder.identity}: "
                "run `coalition-qa sync --rebuild` to embed the corpus anew."
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

    # -- reading -----------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Hash of documents, chunker and encoder: equal on any machine for the same corpus."""
        lines = [self._store.meta("encoder") or "", CHUNKER, *self._store.document_ids()]
        return sha256("\n".join(lines).encode()).hexdigest()[:32]

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

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        """The passages with these ids."""
        return self._store.found(ids)

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Passage ids that hold any of the terms with their BM25 score, best first; with `only`, of the documents of
        these names. What a term weighs is the whole library's, so a passage scores the same either way.
        """
        if only is None:
            return self._store.lexical(terms, count)
        inside = self._inside(only)
        return [hit for hit in self._store.lexical(terms, _ALL) if hit[0] in inside][:count]

    def _inside(self, names: Collection[str]) -> set[str]:
        return {id_ for name in names for id_ in self._store.passages(name)}

    def dense(self, vector: Vectors, count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """The nearest passage ids with their cosine similarity, best first; with `only`, of the documents of these
        names.

        Chroma answers when its index holds the store's generation and all of it is asked for; otherwise the stored
        vectors are searched exactly.

        Raises LibraryError where `sync --rebuild` has put another library in this one's place.
        """
        self._store.check_in_place()
        generation = self._store.generation
        with self._index_lock:
            if only is None and self._index.generation() == generation:
                hits = self._index.search(vector, count)
                if hits is not None:
                    return hits
            if self._exact is None or self._exact[0] != generation:
                self._exact = (generation, *self._store.vectors())
            _, ids, matrix = self._exact
        if only is not None:
            inside = self._inside(only)
            rows = [row for row, id_ in enumerate(ids) if id_ in inside]
            ids, matrix = [ids[row] for row in rows], matrix[rows]
        return exact_search(ids, matrix, vector, count)

    def index_is_current(self) -> bool:
        """Whether Chroma's index provably holds the store's generation."""
        return self._index.generation() == self._store.generation

    # -- writing -----------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the library for changes; afterwards the index is brought in line.

        Raises LibraryBusy, naming the holder, while another process has it.
        """
        with only_writer(self.folder):
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

    def refresh_index(self) -> bool:
        """Fill Chroma with what the store holds. False where it can't be now; searches are then exact."""
        with self._index_lock:
            generation = self._store.generation
            if self._index.generation() == generation:
                return True
            self._exact = None
            return self._index.fill(*self._store.vectors(), generation)

    # -- checking ----------------------------------------------------------------------------------------

    def faults(self) -> list[tuple[str, str]]:
        """Named checks, each with its fault or an empty string. Nothing is changed."""
        verdict = self._store.integrity()
        ids, _ = self._store.vectors()
        found = self._store.found(ids)
        texts = {name: self._store.document(name) for name in self._store.names()}
        by_id = {document.id: document.text for document in texts.values() if document is not None}
        wrong = sum(
            item.passage.span.of(by_id.get(item.passage.document_id, "")) != item.passage.text
            for item in found.values()
        )
        altered = sum(
            document is None or document.id != self._store.names()[name].document_id for name, document in texts.items()
        )
        held = self._index.ids() if self.index_is_current() else None
        return [
            ("store integrity", "" if verdict == "ok" else verdict),
            ("texts have their hash", f"{altered} documents altered" if altered else ""),
            ("spans equal text", f"{wrong} of {len(found)} passages do not" if wrong else ""),
            ("vectors present and finite", ""),
            ("index current", "" if self.index_is_current() else "searches are exact until the next sync"),
            (
                "index holds the same passages",
                "" if held is None or held == set(ids) else f"{len(held ^ set(ids))} differ",
            ),
        ]


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the library in `folder`, whatever state it is in, for changes.

    Raises LibraryBusy, naming the holder, while another process has it.
    """
    try:
        holder = (folder / "writer").open("a+")
    except OSError as error:
        raise LibraryError(f"The library in {folder} cannot be written ({error.strerror}).") from error
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder.seek(0)
            who = holder.read().strip() or "another process"
            raise LibraryBusy(f"The library in {folder} is being changed by {who}: wait for it or stop it.") from error
        holder.truncate(0)
        holder.write(f"process {os.getpid()} ({' '.join(Path(part).name for part in sys.argv[:2])})")
        holder.flush()
        yield
