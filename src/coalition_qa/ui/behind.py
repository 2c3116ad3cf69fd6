"""What stands behind the page. The command line hands it in; the page knows no more of it than this."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from coalition_qa.config import Dial
from coalition_qa.types import Answer, Document, DocumentInfo, Kept, Span, Turn


class Asks(Protocol):
    """What the page needs of an assistant. It is called from any thread, and from several at once."""

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        dial: Dial | None = None,
        only: Collection[str] | None = None,
    ) -> Answer:
        """Answer a question asked in a conversation; a CoalitionQAError's message is shown to the user."""

    def documents(self) -> list[DocumentInfo]:
        """The catalogue."""

    def document(self, name: str) -> Document | None:
        """One document, where there is one of that name."""

    def spans(self, name: str) -> list[Span]:
        """Where the passages of the document of that name stand in it."""

    def example_questions(self, count: int = 4) -> list[str]:
        """Questions the documents answer, to begin with."""

    def follow_ups(self, answer: Answer, count: int = 3) -> list[str]:
        """Questions that lead on from an answer, and are answered."""


class Keeps(Protocol):
    """Where conversations are kept, each for one user. Errors are CoalitionQAError's."""

    def listed(self, user: str) -> list[Kept]:
        """The user's conversations, the latest first."""

    def read(self, user: str, id_: str) -> str | None:
        """What was saved under that id, or None."""

    def save(self, user: str, id_: str, title: str, body: str, replaces: Callable[[str | None], bool] = ...) -> bool:
        """Keep `body`; the title is that of a new conversation, one that is there keeps its own. False, and nothing is
        kept, where `replaces`, told what is there, says no.
        """
        ...

    def rename(self, user: str, id_: str, title: str) -> None:
        """Give a conversation another title."""

    def delete(self, user: str, id_: str) -> None:
        """Forget a conversation."""


class Row(Protocol):
    """What became of one file."""

    @property
    def action(self) -> str:
        """Such as "new", "changed", "unchanged", "removed" or "refused"."""

    @property
    def name(self) -> str:
        """The file's name in the corpus."""

    @property
    def note(self) -> str:
        """Why it was refused, or what is odd about it."""


class Changes(Protocol):
    """What changes the documents; one change at a time, `done` hears of each file."""

    def plan(self, paths: Sequence[Path] | None) -> Sequence[Row]:
        """What `add` would do with these files, or without any what `sync` would do; nothing is changed."""

    def add(self, paths: Sequence[Path], done: Callable[[Row], None]) -> Sequence[Row]:
        """Copy files into the corpus folder and index them."""

    def remove(self, names: Sequence[str]) -> Sequence[Row]:
        """Take documents out of the corpus folder and the library."""

    def sync(self, done: Callable[[Row], None]) -> Sequence[Row]:
        """Bring the library in line with the corpus folder."""


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Gold questions that can be run: by `key`, as people call them, and from which file."""

    key: str
    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run over gold questions: of which, begun when, how many of how many are asked. A whole one has a `verdict` in
    a line; `going` is whether it is being made now.
    """

    id: str
    gold: str
    began: str
    asked: int
    total: int
    verdict: str = ""
    going: bool = False

    @property
    def whole(self) -> bool:
        """Whether all was asked and reported."""
        return bool(self.verdict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that was not answered right: what was said, and what gold says."""

    question: str
    category: str
    said: str
    gold: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A question and what is right about it, as somebody says: the answers, and the words of a document that prove
    them, or that the documents don't hold it. `doc` is "" where the quote tells by itself; `history` was asked before.
    """

    question: str
    answerable: bool = True
    answers: tuple[str, ...] = ()
    quote: str = ""
    doc: str = ""
    history: tuple[Turn, ...] = ()


class Measures(Protocol):
    """What measures the answers. Runs and gold files are their user's. Errors are CoalitionQAError's."""

    def sets(self, user: str) -> list[GoldSet]:
        """What can be run, the user's own questions first."""

    def runs(self, user: str) -> list[Run]:
        """The user's runs, the latest first."""

    def going(self, user: str) -> Run | None:
        """The user's run that is being made now, where there is one."""

    def start(self, user: str, key: str) -> None:
        """Begin a run, or go on with the one that was stopped; one at a time, whoever asks."""

    def stop(self, user: str) -> None:
        """Stop the user's run; what was asked is kept."""

    def fault(self, user: str) -> str:
        """Why the user's latest run failed; "" where it did not."""

    def forget(self, user: str, id_: str) -> None:
        """Delete a run."""

    def report(self, user: str, id_: str) -> str:
        """The report of a whole run, as a page."""

    def compared(self, user: str, one: str, other: str) -> str:
        """Two whole runs against each other, as a page."""

    def failures(self, user: str, id_: str) -> list[Failure]:
        """What was not right in a whole run."""

    def add(self, user: str, item: Judged) -> str:
        """Make it an item of the user's own gold file, once it is checked; its id."""

    def confirm(self, user: str, answer: Answer, history: Sequence[Turn], answers: Sequence[str]) -> str:
        """Make an answer that was found right such an item, with its citations as the proof; its id."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a setting of the dial did in tests: the share `answered` of the questions that documents answer, and the
    share `declined` of those that they don't.
    """

    answered: float
    declined: float


@dataclass(frozen=True, slots=True)
class Lines:
    """From what confidence on each setting of the dial shows an answer, which setting is the usual one, and what
    each setting did where that was measured.
    """

    drawn: Mapping[Dial, float]
    usual: Dial = "balanced"
    meaning: Mapping[Dial, Measured] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Behind:
    """All that the page is made over. `notice` is something about the library that everybody should know."""

    assistant: Asks
    archive: Keeps
    changes: Changes
    lines: Lines
    measures: Measures
    notice: str = ""
