"""Who said it, and what somebody said, from candidates that are made by hand and a reading that is told."""

from __future__ import annotations

import re

import pytest

from coalition_qa.attribution import Attribution
from coalition_qa.reading import Candidate
from coalition_qa.types import Document, Hit, Passage, Span

TEXT = (
    "The Mayor, Ada Lindqvist, met the fishermen. “The pier is rotten. It has been so for nine years,” she said. "
    "Otto Berg, the engineer, said that he had measured it twice. The town has two pubs."
)
SENTENCES = tuple(Span(*match.span()) for match in re.finditer(r"\S.*?[.](?:”|,” she said\.)?(?= |$)", TEXT))
DOCUMENT = Document("harbour.txt", TEXT)
HIT = Hit(Passage("p1", DOCUMENT.id, Span(0, len(TEXT)), TEXT, SENTENCES), "harbour.txt", "harbour", score=1.0)
MET, ROTTEN, YEARS, MEASURED, PUBS = SENTENCES


class Read:
    """A reading that is as sure of each text as it is told, and remembers what it was given."""

    def __init__(self, **margins: float) -> None:
        self._margins = margins
        self.texts: list[str] = []

    def __call__(self, question: str, text: str) -> float:
        self.texts.append(text)
        return next((margin for part, margin in self._margins.items() if part in text), 0.0)


def candidate(sentence: Span, margin: float) -> Candidate:
    return Candidate(HIT, sentence, Span(sentence.start, sentence.start + 3), margin)


def ranked(**margins: float) -> list[Candidate]:
    """All sentences, by these margins; -9 for those without."""
    spans = {"met": MET, "rotten": ROTTEN, "years": YEARS, "measured": MEASURED, "pubs": PUBS}
    found = [candidate(span, margins.get(name, -9.0)) for name, span in spans.items()]
    return sorted(found, key=lambda one: -one.score)


def who(question: str, read: Read, **margins: float) -> list[tuple[str, str]]:
    """The sentences that name the speaker, each with its answer."""
    attribution = Attribution(question, {"harbour.txt": DOCUMENT}.get, read)
    return [(one.text, one.answer_text) for one in attribution.who_said_it(ranked(**margins))]


def test_the_sentence_is_read_with_the_speaker_whom_it_leaves_out() -> None:
    read = Read(rotten=9.0)
    attribution = Attribution("Who said that the pier is rotten?", {"harbour.txt": DOCUMENT}.get, read)
    said, named = attribution.who_said_it(ranked())
    assert "Ada Lindqvist said: “The pier is rotten." in read.texts
    assert (said.sentence, said.margin) == (ROTTEN, 9.0)
    assert (named.sentence, named.answer_text) == (MET, "Ada Lindqvist")


def test_a_sentence_that_does_not_convince_alone_is_read_within_its_quotation() -> None:
    whole = "Ada Lindqvist said: “The pier is rotten. It has been so for nine years,”"
    attribution = Attribution("Who said that the pier is rotten?", {"harbour.txt": DOCUMENT}.get, Read(years=9.0))
    said = next(one for one in attribution.who_said_it(ranked()) if one.sentence in (ROTTEN, YEARS))
    assert said.margin == 9.0
    read = Read(rotten=1.0)
    Attribution("Who said that the pier is rotten?", {"harbour.txt": DOCUMENT}.get, read).who_said_it(ranked())
    assert whole in read.texts


def test_a_speaker_whom_the_sentence_names_must_convince_without_that_too() -> None:
    attribution = Attribution("Who said that it was measured?", {"harbour.txt": DOCUMENT}.get, Read(measured=9.0))
    (said,) = attribution.who_said_it(ranked(measured=3.0))
    assert (said.sentence, said.answer_text, said.margin) == (MEASURED, "Otto Berg", 3.0)


@pytest.mark.parametrize(
    ("question", "margin"),
    [
        ("Who said that it has been so for nine years?", 9.0),
        ("Who said that it has been so for 9 years?", 9.0),
        ("Who said that it has been so for eight years?", -1.0),
        ("Who said “the pier is rotten”?", 9.0),
        ("Who said “the pier is safe”?", -1.0),
    ],
)
def test_other_numbers_and_other_words_than_were_said_make_it_less_sure(question: str, margin: float) -> None:
    attribution = Attribution(question, {"harbour.txt": DOCUMENT}.get, Read(Lindqvist=9.0))
    said = attribution.who_said_it(ranked(pubs=-40, measured=-40, met=-40))[0]
    assert said.margin == margin


def test_what_the_document_itself_tells_nobody_said() -> None:
    assert who("Who said that the town has two pubs?", Read(Lindqvist=9.0, Berg=9.0)) == []


def test_a_better_candidate_answers_instead() -> None:
    assert who("Who said that the pier is rotten?", Read(rotten=9.0), met=40.0) == []


def test_who_said_nothing_in_particular_is_nobody() -> None:
    assert who("Who said?", Read(Lindqvist=9.0, Berg=9.0)) == []


def test_a_question_of_nobodys_words_has_no_speaker() -> None:
    read = Read(rotten=9.0)
    assert who("What is rotten?", read, rotten=9.0) == []
    assert read.texts == []


def test_what_somebody_says_is_read_with_the_speaker_named() -> None:
    read = Read(rotten=9.0)
    attribution = Attribution("What did Ada Lindqvist say about the pier?", {"harbour.txt": DOCUMENT}.get, read)
    best = attribution.ranked(ranked(rotten=-5.0, measured=8.0))[0]
    assert (best.sentence, best.margin) == (ROTTEN, 9.0)
    assert all("Lindqvist said: " in text for text in read.texts)


def test_who_said_it_is_less_sure_in_a_passage_without_the_number() -> None:
    attribution = Attribution("Who said that it has been so for eight years?", {}.get, Read())
    assert [one.margin for one in attribution.ranked([candidate(PUBS, 5.0)])] == [-5.0]
