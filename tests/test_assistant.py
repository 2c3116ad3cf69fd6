"""Answers carry only what holds; the rest is declined. Fakes stand in for the library and the reader."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from coalition_qa.assistant import (
    NOT_HELD,
    NOT_THERE,
    NOTHING_STORED,
    Assistant,
    checked_question,
    is_told,
    likely_questions,
    reranked,
)
from coalition_qa.config import Dial, Settings
from coalition_qa.encoders import Vectors
from coalition_qa.passages import passage_id
from coalition_qa.reading import Candidate
from coalition_qa.retrieval import Retriever
from coalition_qa.store import Found
from coalition_qa.types import Document, DocumentInfo, Hit, Passage, QuestionError, Span, Turn
from coalition_qa.verification import Calibration

if TYPE_CHECKING:
    from tests.conftest import Place

TEXT = "The mill closed in 1911. Anna Berg bought it. She sold it again."
SENTENCES = (Span(0, 24), Span(25, 45), Span(46, 64))
DOCUMENT = Document("mill.txt", TEXT)
PASSAGE = Passage(passage_id(DOCUMENT.id, Span(0, 64)), DOCUMENT.id, Span(0, 64), TEXT, SENTENCES)


class OneDocument:
    """A library of one passage; `text` may be changed behind its back, as a damaged disk would."""

    fingerprint = "f" * 32

    def __init__(self, text: str = TEXT, passages: Sequence[Passage] = (PASSAGE,)) -> None:
        self._document = Document("mill.txt", text)
        self._passages = {passage.id: passage for passage in passages}

    def dense(self, vector: Vectors, count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        held = self._passages if only is None or "mill.txt" in only else {}
        return [(id_, 0.5) for id_ in held][:count]

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        return []

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        return {id_: Found(self._passages[id_], "mill.txt", "mill") for id_ in ids}

    def catalogue(self) -> list[DocumentInfo]:
        return [DocumentInfo("mill.txt", DOCUMENT.id, "mill", "", len(TEXT), 1)]

    def document(self, name: str) -> Document | None:
        return self._document if name == "mill.txt" else None

    def spans(self, name: str) -> list[Span]:
        return [passage.span for passage in self._passages.values()] if name == "mill.txt" else []

    def close(self) -> None:
        return None


class NoMeaning:
    """An encoder to which all texts are alike."""

    identity = "none@0"
    dimensions = 2
    window = 254

    def pieces(self, text: str) -> list[Span]:
        return [Span(0, len(text))]

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.array([1, 0], dtype=np.float32), (len(texts), 1))


class Scripted:
    """A reader that prefers the sentences it is told to, with the margins it is told, and remembers questions."""

    identity = "scripted@0"

    def __init__(self, *margins: float) -> None:
        self._margins = margins
        self.asked: list[str] = []

    def read(self, question: str, hits: Sequence[Hit]) -> list[Candidate]:
        self.asked.append(question)
        found = [
            Candidate(hit, sentence, Span(sentence.start, sentence.start + 3), margin)
            for hit in hits
            for sentence, margin in zip(hit.passage.sentences, self._margins, strict=True)
        ]
        return sorted(found, key=lambda candidate: -candidate.score)

    def margin(self, question: str, text: str) -> float:
        return self._margins[0]


def assistant(reader: Scripted, library: OneDocument | None = None) -> Assistant:
    shelf = library or OneDocument()
    lines: dict[Dial, float] = {"strict": 0.99, "balanced": 0.5, "helpful": 0.01}
    calibration = Calibration(0.0, {"margin": 10.0}, lines, fitted_on="nothing", reader=Scripted.identity)
    return Assistant(Settings(), shelf, Retriever(shelf, NoMeaning()), reader, calibration)


def test_an_answer_quotes_the_best_sentence_and_cites_its_exact_place() -> None:
    answer = assistant(Scripted(0.0, 9.0, 1.0)).ask("Who bought the mill?")
    assert answer.status == "answered"
    assert answer.short_answer == "Ann"
    (sentence,) = answer.sentences
    (citation,) = sentence.citations
    assert sentence.text == citation.quote == citation.span.of(TEXT) == "Anna Berg bought it."
    assert citation.document_id == DOCUMENT.id


def test_close_candidates_are_quoted_too_best_first() -> None:
    answer = assistant(Scripted(8.0, 9.0, 1.0)).ask("What became of the mill?")
    assert [sentence.text for sentence in answer.sentences] == ["Anna Berg bought it.", "The mill closed in 1911."]


def test_low_confidence_is_declined_with_the_best_forced_answer_kept() -> None:
    answer = assistant(Scripted(-9.0, -8.0, -99.0)).ask("Who painted it?")
    assert answer.status == "abstained"
    assert answer.reason == NOT_HELD
    assert not answer.sentences
    assert not answer.short_answer
    assert answer.best[0].text == "Anna Berg bought it."
    assert answer.confidence < 0.5


@pytest.mark.parametrize(
    ("dial", "status"),
    [("strict", "abstained"), ("balanced", "abstained"), ("helpful", "answered"), (None, "abstained")],
)
def test_the_dial_says_how_sure_an_answer_must_be(dial: Dial | None, status: str) -> None:
    answer = assistant(Scripted(-9.0, -2.0, -99.0)).ask("Who painted it?", dial=dial)
    assert answer.status == status
    assert 0.01 < answer.confidence < 0.5


def test_two_questions_in_one_are_read_one_by_one_and_answered_together() -> None:
    reader = Scripted(0.0, 9.0, 0.0)
    answer = assistant(reader).ask("Who bought the mill, and when did the mill close?")
    assert reader.asked == ["Who bought the mill", "when did the mill close? (bought)"]
    assert answer.standalone_question == answer.question
    assert answer.text == "Anna Berg bought it."


def test_a_citation_that_no_longer_resolves_is_never_shown() -> None:
    changed = OneDocument(text=TEXT.replace("Anna Berg", "Otto Berg"))
    answer = assistant(Scripted(0.0, 9.0, 0.0), changed).ask("Who bought the mill?")
    assert answer.status == "abstained"
    assert not answer.best


def test_an_empty_library_says_so() -> None:
    answer = assistant(Scripted(), OneDocument(passages=())).ask("Who bought the mill?")
    assert (answer.status, answer.reason) == ("abstained", NOTHING_STORED)


def test_a_follow_up_is_searched_as_a_standalone_question() -> None:
    reader = Scripted(0.0, 9.0, 0.0)
    answer = assistant(reader).ask("When did she sell it?", [Turn("Who bought the mill?", "Anna Berg bought it.")])
    assert answer.question == "When did she sell it?"
    assert "mill" in answer.standalone_question
    assert reader.asked == [answer.standalone_question]


def test_the_answer_carries_what_renders_it() -> None:
    answer = assistant(Scripted(0.0, 9.0, 0.0)).ask("  Who bought\n the mill? ")
    assert answer.question == "Who bought the mill?"
    assert answer.fingerprint == "f" * 32
    assert set(answer.timings) == {"retrieve", "read", "verify"}
    assert 0 <= answer.confidence <= 1
    assert answer.to_json()["sentences"][0]["citations"][0]["start"] == 25


def test_example_questions_are_ones_that_are_answered() -> None:
    talkative = Document("mill.txt", "Then Anna Berg came. So Anna Berg went.")
    library = OneDocument(talkative.text, ())
    assert assistant(Scripted(), library).example_questions() == []


def test_only_the_documents_named_are_searched() -> None:
    asker = assistant(Scripted(0.0, 9.0, 0.0))
    assert asker.ask("Who bought the mill?", only=["mill.txt"]).status == "answered"
    elsewhere = asker.ask("Who bought the mill?", only=["other.txt"])
    assert (elsewhere.status, elsewhere.hits, elsewhere.reason) == ("abstained", (), NOT_THERE)


def test_follow_ups_are_answered_with_something_new(stocked: Place) -> None:
    stocked.write("mill.txt", "The old mill was bought by Anna Berg in Oslo. There, Kari Nordmann painted a crossing.")
    stocked.write("berg.txt", "The mayor of Bergen is Anna Berg, who was elected in 2019.")
    assert stocked.run("sync").code == 0
    with Assistant.open(stocked.settings(dial="helpful")) as asker:
        answer = asker.ask("Who bought the old mill?")
        questions = asker.follow_ups(answer, 2)
        assert questions
        assert len(set(questions)) == len(questions) <= 2
        for question in questions:
            followed = asker.ask(question)
            assert followed.status == "answered"
            assert not set(followed.sentences) & set(answer.sentences)
        assert asker.follow_ups(answer, 0) == []


def test_passages_are_ranked_by_their_best_candidate() -> None:
    first, second, bare = (Hit(PASSAGE, name, name, 1.0) for name in ("a.txt", "b.txt", "c.txt"))
    candidates = [Candidate(second, SENTENCES[0], SENTENCES[0], 5.0), Candidate(first, SENTENCES[0], SENTENCES[0], 4.0)]
    assert reranked([bare, first, second], candidates) == (second, first, bare)


@pytest.mark.parametrize(
    ("question", "says"), [("", "empty"), (" \n\t", "empty"), ("?!… --", "no word"), ("why " * 1000, "shorten")]
)
def test_what_is_no_question_is_refused_with_one_line(question: str, says: str) -> None:
    with pytest.raises(QuestionError, match=says) as caught:
        checked_question(question, longest=2_000)
    assert "\n" not in str(caught.value)


def test_suggestions_name_people_by_their_whole_names_and_no_place_that_is_none() -> None:
    text = "Then Ola Hansen met Kari Ane Nordmann in Bergen. In June, fish in Norwegian waters interest Ane Nordmann."
    assert likely_questions([text]) == ["Who is Kari Ane Nordmann?", "What happened in Bergen?"]


@pytest.mark.parametrize(
    ("question", "short", "told"),
    [
        ("Who is Anna Berg?", "the mayor", True),
        ("Who is Anna Berg?", "Ola Hansen", False),
        ("Who is Anna Berg?", "a baker", True),
        ("What happened in Oslo?", "Ola Hansen", True),
    ],
)
def test_who_somebody_is_is_suggested_where_it_stands_beside_the_name(question: str, short: str, told: bool) -> None:
    answer = assistant(Scripted(0.0, 9.0, 0.0)).ask(question)
    said = replace(answer.best[0], text="Ola Hansen met the mayor, Anna Berg, in Oslo. Anna Berg is a baker.")
    answered = replace(answer, question=question, status="answered", short_answer=short, sentences=(said,))
    assert is_told(answered) is told
    assert not is_told(replace(answered, status="abstained", sentences=()))
