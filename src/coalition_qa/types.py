"""The vocabulary that every room shares: records and errors, nothing that does anything.

The errors, as a tree. Each message is one line that says what, where, and what to do:

    CoalitionQAError
    ├── SettingsError       a setting is unknown or has a value that cannot be used
    ├── QuestionError       a question cannot be asked: empty, too long, no words
    ├── DocumentError       a file cannot become a document: missing, unreadable, empty, no text
    │   └── CorpusGone      the corpus folder is missing, or empty though the library is not
    ├── ModelError          a model is missing, damaged, or not what its card says
    ├── GoldError           a gold file is malformed or does not fit its documents
    └── LibraryError        the library cannot do what was asked
        ├── LibraryBusy     another process is writing to it
        ├── LibraryDamaged  what is on disk is not what was written
        └── EncoderMismatch it was made with another encoder
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal


class CoalitionQAError(Exception):
    """The message is for the user: one line that says what, where, and what to do."""


class SettingsError(CoalitionQAError):
    """A setting is unknown or has a value that cannot be used."""


class QuestionError(CoalitionQAError):
    """A question cannot be asked: empty, too long, or without a word in it."""


class DocumentError(CoalitionQAError):
    """A file cannot become a document."""


class CorpusGone(DocumentError):
    """The corpus folder is missing, or holds nothing any more of what the library holds."""


class ModelError(CoalitionQAError):
    """A model is missing, damaged, or not what its card says."""


class GoldError(CoalitionQAError):
    """A gold file is malformed or does not fit its documents."""


class LibraryError(CoalitionQAError):
    """The library cannot do what was asked."""


class LibraryBusy(LibraryError):
    """Another process is writing to the library."""


class LibraryDamaged(LibraryError):
    """What is on disk is not what was written."""


class EncoderMismatch(LibraryError):
    """The library's vectors were made with another encoder."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` up to but not including `end` of a document's text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The characters of `text` that the span covers."""
        return text[self.start : self.end]

    def overlap(self, other: Span) -> int:
        """How many characters the two spans share."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(frozen=True, slots=True)
class Document:
    """One text under one name. Its identity is its text: a renamed copy has the same id.

    `date` is YYYY, YYYY-MM or YYYY-MM-DD, `language` a BCP 47 tag; both are what the file says, or empty. `pages` are
    the offsets in `text` where each page starts, in order; empty for a format without pages.
    """

    name: str
    text: str
    title: str = ""
    date: str = ""
    language: str = ""
    pages: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """Hexadecimal sha256 of the text, UTF-8 encoded."""
        return sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What the library's catalogue says of one document."""

    name: str
    document_id: str
    title: str
    date: str
    characters: int
    passages: int
    language: str = ""
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences that is embedded and retrieved as one; spans are the document's."""

    id: str
    document_id: str
    span: Span
    text: str
    sentences: tuple[Span, ...]

    def sentence_text(self, sentence: Span) -> str:
        """The text of one of `sentences`."""
        return self.text[sentence.start - self.span.start : sentence.end - self.span.start]


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage. `score` is what it is ranked by: `similarity`, the cosine to the question (None where
    dense search did not return it), plus `lexical`, its BM25 as a share of the most possible. `pages` are its
    document's.
    """

    passage: Passage
    doc: str
    title: str
    score: float
    similarity: float | None = None
    lexical: float = 0.0
    pages: tuple[int, ...] = ()

    def page_of(self, span: Span) -> int | None:
        """The page that `span` of the hit's document begins on, counted from 1; None where it has no pages."""
        return bisect_right(self.pages, span.start) or None


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a document. `quote` is that document's text from `span.start` to `span.end`, exactly; `page`, counted
    from 1, is where it begins, None in a document without pages.
    """

    doc: str
    document_id: str
    span: Span
    quote: str
    passage_id: str
    page: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The form that `ask --json`, results and receipts carry; `page` only where there is one."""
        place = {"doc": self.doc, "start": self.span.start, "end": self.span.end}
        page = {} if self.page is None else {"page": self.page}
        return {**place, **page, "quote": self.quote, "document_id": self.document_id}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, with the places that support it."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the conversation, as it was searched for, what was answered, and that in a few words."""

    question: str
    answer: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a list of kept conversations shows of one; `changed` is when it last was, in ISO 8601."""

    id: str
    title: str
    changed: str


Status = Literal["answered", "abstained"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything there is to know about one answer; the page, CLI and evaluation only render it.

    `sentences` is empty when `status` is "abstained"; `best` is always the best answer that could have
    been forced, so that risk can be drawn against coverage. `confidence` is between 0 and 1.
    `timings` are milliseconds by stage.
    """

    question: str
    standalone_question: str
    status: Status
    reason: str
    sentences: tuple[Sentence, ...]
    best: tuple[Sentence, ...]
    short_answer: str
    confidence: float
    hits: tuple[Hit, ...]
    fingerprint: str
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer's sentences as one text; empty when abstained."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Each cited place once, in the order of first use: number `n` on the page is `citations[n-1]`."""
        return _unique(self.sentences)

    def to_json(self) -> dict[str, Any]:
        """A JSON-serialisable form that loses nothing a reader of the answer needs."""
        return {
            "question": self.question,
            "standalone_question": self.standalone_question,
            "status": self.status,
            "reason": self.reason,
            "answer": self.text,
            "short_answer": self.short_answer,
            "sentences": [_sentence_json(sentence) for sentence in self.sentences],
            "confidence": round(self.confidence, 6),
            "best_answer": [_sentence_json(sentence) for sentence in self.best],
            "retrieved": [
                {
                    "doc": hit.doc,
                    "start": hit.passage.span.start,
                    "end": hit.passage.span.end,
                    "score": round(hit.score, 6),
                    "text": hit.passage.text,
                }
                for hit in self.hits
            ],
            "timings": {stage: round(value, 3) for stage, value in self.timings.items()},
            "fingerprint": self.fingerprint,
        }


def _sentence_json(sentence: Sentence) -> dict[str, Any]:
    return {"text": sentence.text, "citations": [citation.to_json() for citation in sentence.citations]}


def _unique(sentences: Sequence[Sentence]) -> tuple[Citation, ...]:
    return tuple(dict.fromkeys(citation for sentence in sentences for citation in sentence.citations))
