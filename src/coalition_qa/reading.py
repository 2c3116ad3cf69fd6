"""A question and its passages to candidate answers: where each sentence would answer, and how surely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from coalition_qa.config import SHIPPED, Settings
from coalition_qa.encoders import MODELS, READERS, Encoder
from coalition_qa.span_models import OnnxSpanModel, SpanModel, SpanScores, TransformersSpanModel, best_span
from coalition_qa.types import Hit, Span

RETRIEVAL_WEIGHT = 20.0
"""What the passage's score counts beside the reader's margin, which is in logits. Chosen on development questions:
eval/LOG.md."""

SENTENCE_WEIGHT = 15.0
"""What the cosine of question and sentence counts beside them."""

COMPARED = 6
"""Of the candidates, those whose sentences are compared with the question: each is encoded for it."""

READ_AGAIN = 2
"""Passages that the second model reads at most for a question: one costs about as much as five of the first model's."""

SECOND_SHARE = 0.85
"""What the second model's margin counts where both have read; the first one's counts the rest. Chosen on development
questions: training/README.md."""

_ASKS = 8.0
"""Logits that a sentence which asks is put back by: an interviewer's question is what is likest to the user's."""

_ASKED_BEFORE = 2
"""How many sentences after a question are what answers it."""

_SAME_QUESTION = 0.6  # cosine from which a question in the document is taken for the user's

_QUESTION = re.compile(r"(?:[^\"“”«»]*|[\"“«][^\"“”«»]*)[?？][\"”»]?[*_)\]]*\s*")
_TITLE_PIECES = 100  # with the longest passage and question within the models' 512


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. `answer` is the likeliest span in it; `margin`, in logits, is how much likelier
    the reader thinks that span than that its passage holds no answer. `likeness` is the cosine of question and
    sentence, 0 where they were not compared; right after a question in the document, `asked`, it is that one's cosine
    if that is higher.
    """

    hit: Hit
    sentence: Span
    answer: Span
    margin: float
    likeness: float = 0.0
    asked: Span | None = None

    @property
    def score(self) -> float:
        """What candidates are ranked by."""
        read = self.margin - _ASKS * self.asks
        return read + RETRIEVAL_WEIGHT * self.hit.score + SENTENCE_WEIGHT * self.likeness

    @property
    def asks(self) -> bool:
        """Whether the sentence is a question; not where it tells of one, as in: He asked, "Is it safe?"."""
        return _QUESTION.fullmatch(self.text) is not None

    @property
    def text(self) -> str:
        """The sentence, as it stands in the document."""
        return self.hit.passage.sentence_text(self.sentence)

    @property
    def answer_text(self) -> str:
        """The answer span, as it stands in the document."""
        return self.hit.passage.sentence_text(self.answer)


class Reader(Protocol):
    """Finds where passages answer a question."""

    @property
    def identity(self) -> str:
        """Name and content hash of what it reads with."""
        ...

    def read(self, question: str, hits: Sequence[Hit]) -> list[Candidate]:
        """Candidates from these passages, best first; equal input gives equal output. Empty for no sentences."""
        ...

    def margin(self, question: str, text: str) -> float:
        """How much likelier, in logits, the likeliest answer in the text is than that it holds none."""
        ...


class SpanReader:
    """Reads with an extractive model: one pass over question and passage gives a span for every sentence. The
    sentences of the best are then held against the question, as passages were. A second model, where there is one, is
    larger and slower, and reads again only where the best candidate stands.
    """

    def __init__(self, model: SpanModel, encoder: Encoder, second: SpanModel | None = None) -> None:
        self._model = model
        self._encoder = encoder
        self._second = second

    @property
    def identity(self) -> str:
        """The model's, or both models'."""
        return self._model.identity + (f"+{self._second.identity}" if self._second else "")

    def read(self, question: str, hits: Sequence[Hit]) -> list[Candidate]:
        """Every sentence of the passages as a candidate, best first; ties by rank and place."""
        places = ((hit, place) for hit in hits for place in self._places(self._model, question, hit))
        candidates = _ranked(Candidate(hit, *place) for hit, place in places)
        compared = list(self._compared(question, candidates[:COMPARED]))
        read = self._read_again(question, _ranked([*compared, *candidates[COMPARED:]]))
        return [*map(partial(self._with_what_it_answers, question), read[:1]), *read[1:]]

    def _compared(self, question: str, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        """The candidates with their likeness to the question: right after a question in the document, that one's, if
        it is higher.
        """
        wanted = self._encoder.encode([question])[0]
        likeness = self._encoder.encode([c.text for c in candidates]) @ wanted
        for candidate, value in zip(candidates, likeness, strict=True):
            asked = _asked_before(candidate)
            text = candidate.hit.passage.sentence_text(asked) if asked else ""
            of_asked = float(self._encoder.encode([text])[0] @ wanted) if text else -1.0
            if of_asked > value:
                yield replace(candidate, likeness=of_asked, asked=asked)
            else:
                yield replace(candidate, likeness=float(value))

    def _with_what_it_answers(self, question: str, candidate: Candidate) -> Candidate:
        """The candidate, as sure as it is with nothing but the question in the document that it answers: by itself
        "Never." is no answer to anything.
        """
        if candidate.asked is None or candidate.likeness < _SAME_QUESTION:
            return candidate
        passage = candidate.hit.passage
        both = passage.sentence_text(Span(candidate.asked.start, candidate.sentence.end))
        return replace(candidate, margin=max(candidate.margin, self.margin(question, both)))

    def margin(self, question: str, text: str) -> float:
        """As of a candidate that both models have read. The text stands for itself: no title is read before it."""
        first = _margin(self._model.score(question, text))
        return first if self._second is None else _mean(_margin(self._second.score(question, text)), first)

    def _read_again(self, question: str, candidates: list[Candidate]) -> list[Candidate]:
        """The candidates after the second model has read the best one's passage, and so on until the best is one that
        it has read, or it has read enough.
        """
        read: list[Hit] = []
        while self._second and candidates and candidates[0].hit not in read and len(read) < READ_AGAIN:
            read.append(candidates[0].hit)
            places = {place[0]: place for place in self._places(self._second, question, read[-1])}
            candidates = _ranked(_reread(c, places) if c.hit == read[-1] else c for c in candidates)
        return candidates

    def _places(self, model: SpanModel, question: str, hit: Hit) -> Iterator[tuple[Span, Span, float]]:
        """Each sentence, its likeliest answer span, and that span's margin over no answer. The document's title is
        read before the passage, and never answers.
        """
        passage, front = hit.passage, self._front(hit)
        read = model.score(question, front + passage.text)
        shift = passage.span.start - len(front)
        pieces = [Span(piece.start + shift, piece.end + shift) for piece in read.pieces]
        for sentence in passage.sentences:
            inside = [at for at, span in enumerate(pieces) if sentence.start <= span.start < span.end <= sentence.end]
            if inside:
                first, last, score = best_span(read.starts[inside], read.ends[inside])
                answer = Span(pieces[inside[first]].start, pieces[inside[last]].end)
                yield sentence, answer, score - read.null

    def _front(self, hit: Hit) -> str:
        """The title as training put it before passages, unless the passage begins with it. It is cut by pieces: one
        Korean syllable may be three.
        """
        pieces = self._encoder.pieces(hit.title)[:_TITLE_PIECES]
        title = hit.title[: pieces[-1].end] if pieces else ""
        return f"{title}.\n" if title and not hit.passage.text.lstrip("# ").startswith(title) else ""


def open_reader(settings: Settings, encoder: Encoder) -> SpanReader:
    """The reader that the settings name. Raises ModelError where it is missing or damaged."""
    if settings.reader == SHIPPED:
        first, second = (OnnxSpanModel(MODELS / name, settings.threads) for name in READERS)
        return SpanReader(first, encoder, second)
    return SpanReader(TransformersSpanModel(settings.reader, settings.threads), encoder)


def _ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _asked_before(candidate: Candidate) -> Span | None:
    """The question that the document asks right before the candidate's sentence, which is none itself."""
    passage = candidate.hit.passage
    at = passage.sentences.index(candidate.sentence)
    before = passage.sentences[max(0, at - _ASKED_BEFORE) : at] if not candidate.asks else ()
    return next((s for s in reversed(before) if _QUESTION.fullmatch(passage.sentence_text(s))), None)


def _reread(candidate: Candidate, places: Mapping[Span, tuple[Span, Span, float]]) -> Candidate:
    """The candidate with the second model's answer span, and the mean of both models' margins."""
    if candidate.sentence not in places:
        return candidate
    _, answer, margin = places[candidate.sentence]
    return replace(candidate, answer=answer, margin=_mean(margin, candidate.margin))


def _mean(second: float, first: float) -> float:
    """Of both models' margins."""
    return SECOND_SHARE * second + (1 - SECOND_SHARE) * first


def _margin(read: SpanScores) -> float:
    """Of the likeliest answer over no answer."""
    return best_span(read.starts, read.ends)[2] - read.null if len(read.pieces) else -read.null
