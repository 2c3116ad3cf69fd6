"""The library that stands on disk now: opened anew where another process put another in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self

from coalition_qa.assistant import Assistant
from coalition_qa.config import Dial, Settings
from coalition_qa.encoders import Encoder
from coalition_qa.library import Library
from coalition_qa.types import Answer, Document, DocumentInfo, Span, Turn


@dataclass(slots=True)
class Opened:
    """A library with an assistant over it, and how many are using it."""

    library: Library
    assistant: Assistant
    users: int = 0


class Standing:
    """Answers from the library on disk, as an assistant does, whatever `sync --rebuild` and `restore` make of it.

    Whoever is using the old one when it is replaced ends with it; then it is closed.
    """

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        """Raises LibraryError and ModelError."""
        self._settings = settings
        self._encoder = encoder
        self._lock = Lock()
        self._now = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._now.library.close()

    @contextmanager
    def lent(self) -> Iterator[Opened]:
        """The library that stands now. Raises LibraryError where another took its place that cannot be opened."""
        with self._lock:
            if not self._now.library.is_in_place():
                old, self._now = self._now, self._open()
                if not old.users:
                    old.library.close()
            lent = self._now
            lent.users += 1
        try:
            yield lent
        finally:
            with self._lock:
                lent.users -= 1
                if lent is not self._now and not lent.users:
                    lent.library.close()

    def _open(self) -> Opened:
        settings = self._settings
        library = Library(settings.library_path, self._encoder, chroma_url=settings.chroma_url)
        try:
            return Opened(library, Assistant.over(library, self._encoder, settings))
        except BaseException:
            library.close()
            raise

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        dial: Dial | None = None,
        only: Collection[str] | None = None,
    ) -> Answer:
        """Answer a question; see `Assistant.ask`."""
        with self.lent() as now:
            return now.assistant.ask(question, history, dial, only)

    def documents(self) -> list[DocumentInfo]:
        """What the library holds, by name."""
        with self.lent() as now:
            return now.assistant.documents()

    def document(self, name: str) -> Document | None:
        """One document with its text, or None."""
        with self.lent() as now:
            return now.assistant.document(name)

    def spans(self, name: str) -> list[Span]:
        """Where the passages of the document of that name stand in it."""
        with self.lent() as now:
            return now.assistant.spans(name)

    def example_questions(self, count: int = 4) -> list[str]:
        """Questions that the documents answer."""
        with self.lent() as now:
            return now.assistant.example_questions(count)

    def follow_ups(self, answer: Answer, count: int = 3) -> list[str]:
        """Questions that lead on from an answer."""
        with self.lent() as now:
            return now.assistant.follow_ups(answer, count)
