"""The one path from a question to its answer, and the one place where the parts are put together."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from coalition_qa.answering import compose, stands_beside
from coalition_qa.config import Dial, Settings
from coalition_qa.conversation import parts, standalone
from coalition_qa.encoders import Encoder, open_encoder
from coalition_qa.library import Library
from coalition_qa.reading import Candidate, Reader, open_reader
from coalition_qa.retrieval import Retriever
from coalition_qa.types import (
    Answer,
    Citation,
    Document,
    DocumentInfo,
    Hit,
    QuestionError,
    Sentence,
    Span,
    Turn,
)
from coalition_qa.verification import Calibration, Signals, open_calibration, resolves, supports
from coalition_qa.words import fold, is_function_word

_NAMED = re.compile(r"\b([a-z]+),? ([A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*)(?=(\W*)(\w*))")
"""A word in lower case, then a name, then what follows."""

_NAME_WORDS = 8
_TRIED = 12  # questions about names that are tried to begin with, and after an answer
_FOLLOWED = 4
_FIRST = 20  # documents that questions to begin with are about

NOTHING_STORED = "There are no documents in the library yet."
NOT_THERE = "None of the documents chosen to be asked is in the library any more."
NOT_HELD = "No passage answers this; the closest ones are shown for what they are."


class Shelf(Protocol):
    """What an answer needs of a library beyond being searched."""

    @property
    def fingerprint(self) -> str:
        """Hash of documents, chunker and encoder."""
        ...

    def catalogue(self) -> list[DocumentInfo]:
        """One row a name, by name."""
        ...

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        ...

    def spans(self, name: str) -> list[Span]:
        """Where the passages of the document of that name stand in it."""
        ...

    def close(self) -> None:
        """Give files and locks back."""
        ...


class Assistant:
    """Answers questions from one library, only with sentences whose citations were checked."""

    def __init__(
        self, settings: Settings, library: Shelf, retriever: Retriever, reader: Reader, calibration: Calibration
    ) -> None:
        self._settings = settings
        self._library = library
        self._retriever = retriever
        self._reader = reader
        self._calibration = calibration

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """The assistant that the settings describe, over the library on disk. Raises LibraryError, ModelError."""
        encoder = open_encoder(settings)
        library = Library(settings.library_path, encoder, chroma_url=settings.chroma_url)
        return cls.over(library, encoder, settings)

    @classmethod
    def over(cls, library: Library, encoder: Encoder, settings: Settings) -> Self:
        """The assistant that the settings describe, over a library that is open already. Raises ModelError."""
        calibration = open_calibration(settings.calibration)
        return cls(settings, library, Retriever(library, encoder), open_reader(settings, encoder), calibration)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.close()

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        dial: Dial | None = None,
        only: Collection[str] | None = None,
    ) -> Answer:
        """Answer from the documents, or say that they don't hold it. Raises QuestionError for no question.

        `dial` says how sure an answer must be to be shown; by default as the settings do. `only` are the names of the
        documents to search; by default all.
        """
        clock = _Clock()
        asked = checked_question(question, self._settings.max_question_characters)
        searched = standalone(asked, history)
        read = [self._read(part, clock, only) for part in parts(searched)]
        confidence = min(part.confidence for part in read)
        best = tuple(dict.fromkeys(Sentence(c.text, (cited(c),)) for part in read for c in part.shown))
        hits = tuple(dict.fromkeys(hit for part in read for hit in part.hits))
        answered = (
            all(part.shown for part in read) and confidence >= self._calibration.thresholds[dial or self._settings.dial]
        )
        return Answer(
            question=asked,
            standalone_question=searched,
            status="answered" if answered else "abstained",
            reason="" if answered else NOT_HELD if hits else NOTHING_STORED if only is None else NOT_THERE,
            sentences=best if answered else (),
            best=best,
            short_answer="; ".join(dict.fromkeys(part.short for part in read)) if answered else "",
            confidence=confidence,
            hits=hits,
            fingerprint=self._library.fingerprint,
            timings=clock.laps,
        )

    def _read(self, question: str, clock: _Clock, only: Collection[str] | None) -> _Part:
        """Search, read, choose and check for one question that stands alone."""
        hits = self._retriever.search(question, self._settings.passages_read, only)
        clock.lap("retrieve")
        candidates = self._reader.read(question, hits)
        clock.lap("read")
        reply = compose(question, candidates, self._library.document, self._reader.margin)
        shown = [c for c in reply.sentences if self._holds(c, question)]
        whole = len(shown) == len(reply.sentences)
        confidence = self._calibration.confidence(Signals.of(question, hits, shown)) if shown else 0.0
        clock.lap("verify")
        return _Part(
            hits=reranked(hits, [*shown, *candidates]),
            shown=tuple(shown),
            short=reply.short if whole else shown[0].answer_text if shown else "",
            confidence=confidence,
        )

    def documents(self) -> list[DocumentInfo]:
        """What the library holds, by name."""
        return self._library.catalogue()

    def document(self, name: str) -> Document | None:
        """One document with its text, or None."""
        return self._library.document(name)

    @property
    def fingerprint(self) -> str:
        """Hash of documents, chunker and encoder."""
        return self._library.fingerprint

    def spans(self, name: str) -> list[Span]:
        """Where the passages of the document of that name stand in it; none where there is no such document."""
        return self._library.spans(name)

    def example_questions(self, count: int = 4) -> list[str]:
        """Questions about what the documents name, which they do answer; an empty list where there are none."""
        documents = (self.document(info.name) for info in self.documents()[:_FIRST])
        likely = likely_questions(document.text[:50_000] for document in documents if document)[:_TRIED]
        answered = (question for question in likely if is_told(self.ask(question)))
        return [question for question, _ in zip(answered, range(count), strict=False)]

    def follow_ups(self, answer: Answer, count: int = 3) -> list[str]:
        """Questions about what the passages of an answer name, answered with sentences that it doesn't hold."""
        likely = likely_questions(hit.passage.text for hit in answer.hits)
        known = set(answer.sentences)
        found: list[str] = []
        for question in [one for one in likely if fold(one) != fold(answer.question)][:_FOLLOWED]:
            if len(found) == count:
                break
            asked = self.ask(question)
            if is_told(asked) and not known & set(asked.sentences):
                found.append(question)
                known |= set(asked.sentences)
        return found

    def _holds(self, candidate: Candidate, question: str) -> bool:
        """Whether the candidate's citation resolves in the stored document and supports the sentence."""
        citation = cited(candidate)
        document = self._library.document(citation.doc)
        return (
            document is not None
            and document.id == citation.document_id
            and resolves(citation, document.text)
            and supports(candidate.text, citation.quote, question) is not None
        )


def likely_questions(texts: Iterable[str]) -> list[str]:
    """Of places and persons, those named most often first, persons by the longest name they have."""
    known = list(texts)
    longest = _longest_names(known)
    counted: Counter[str] = Counter()
    for before, name, between, after in (found for text in known for found in _NAMED.findall(text)):
        if before == "in":
            if after and not between.strip() and not is_function_word(after, after):
                continue  # "in African regions" names no place
            counted[f"What happened in {name}?"] += 1
        elif " " in name and before not in ("the", "of", "for"):
            counted[f"Who is {longest.get(name, name)}?"] += 1
    return [question for question, _ in counted.most_common()]


def _longest_names(texts: Iterable[str]) -> dict[str, str]:
    """For each run of capitalised words the longest one, of at most eight, that ends with it."""
    longest: dict[str, str] = {}
    for run in {run for text in texts for run in re.findall(r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)+", text)}:
        parts = run.split()
        for end in range(1, len(parts) + 1):
            whole = parts[max(0, end - _NAME_WORDS) : end]
            for start in range(len(whole)):
                name, full = " ".join(whole[start:]), " ".join(whole)
                longest[name] = max(longest.get(name, ""), full, key=lambda one: (len(one), one))
    return longest


def is_told(answer: Answer) -> bool:
    """Whether an answer to one of these questions is worth suggesting: who somebody is stands right beside the name."""
    if answer.status != "answered" or not answer.question.startswith("Who is "):
        return answer.status == "answered"
    name = answer.question.removeprefix("Who is ").removesuffix("?")
    return any(stands_beside(name, answer.short_answer, sentence.text) for sentence in answer.sentences)


def checked_question(question: str, longest: int) -> str:
    """The question without white space around it. Raises QuestionError where there is nothing to ask."""
    text = " ".join(question.split())
    if not text:
        raise QuestionError("The question is empty: type what you want to know.")
    if len(text) > longest:
        raise QuestionError(f"The question is {len(text):,} characters long, the limit is {longest:,}: shorten it.")
    if not any(character.isalnum() for character in text):
        raise QuestionError("The question holds no word: type what you want to know.")
    return text


def reranked(hits: Sequence[Hit], candidates: Sequence[Candidate]) -> tuple[Hit, ...]:
    """The passages in the order of their best candidates; those without a sentence last, as they were."""
    read = dict.fromkeys(candidate.hit for candidate in candidates)
    return (*read, *(hit for hit in hits if hit not in read))


def cited(candidate: Candidate) -> Citation:
    """The citation of a candidate's sentence."""
    hit, span = candidate.hit, candidate.sentence
    return Citation(hit.doc, hit.passage.document_id, span, candidate.text, hit.passage.id, hit.page_of(span))


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of one question: passages by reading, checked sentences, the few words that answer."""

    hits: tuple[Hit, ...]
    shown: tuple[Candidate, ...]
    short: str
    confidence: float


class _Clock:
    """Milliseconds between laps, those of one name added up."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + 1000 * (now - self._last)
        self._last = now
