"""What counts as support, what a citation resolves to, and how sure to be."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest

from coalition_qa.config import Settings
from coalition_qa.encoders import open_encoder
from coalition_qa.reading import Candidate, open_reader
from coalition_qa.types import Citation, Hit, ModelError, Passage, Span
from coalition_qa.verification import Calibration, Signals, open_calibration, resolves, supports

FIGHTERS = (
    "The fight has made it possible to achieve “significant results”, but there are still some 10,000 of its foreign "
    "fighters in Syria, which represents “an unsustainable situation”, the secretary warned."
)
ROME = "Blinken met Pope Francis in Rome on Monday, after almost two years, and was quick to confirm the support."
SPAIN = "Spain does not support the creation of a working group for the Sahel region."


@pytest.mark.parametrize(
    ("statement", "cited"),
    [
        (FIGHTERS, FIGHTERS),
        ("There are still some 10,000 of its foreign fighters in Syria", FIGHTERS),
        ("there are still some 10,000 of its foreign fighters in Syria!", FIGHTERS),
        ('"an unsustainable situation", the secretary warned', FIGHTERS),
        ("Italy's plan", "We back Italy’s plan."),
        ("Gonza\u0301lez Laya", "said González Laya to us"),
        ("GONZALEZ LAYA", "said González Laya to us"),
        ("he was\nquick to  confirm it", "Blinken, he was quick to confirm it."),
        ("为什么", "他问： 为什么？"),
        ("no", "He said no."),
    ],
)
def test_words_in_a_row_are_verbatim_whatever_their_case_quotes_and_accents(statement: str, cited: str) -> None:
    assert supports(statement, cited) == "verbatim"


@pytest.mark.parametrize(
    ("statement", "cited"),
    [
        ("The secretary warned that 10000 foreign fighters are still in Syria.", FIGHTERS),
        ("In Syria there are still foreign fighters: some 10,000.", FIGHTERS),
        ("On Monday in Rome, Blinken was meeting Pope Francis.", ROME),
        ("Pope Francis met Blinken in Rome after 2 years.", ROME),
        ("The working group for the Sahel region is not supported by Spain.", SPAIN),
        ("Spain doesn't support creating a working group for the Sahel.", SPAIN),
    ],
)
def test_a_rewording_that_adds_nothing_is_supported_by_its_tokens(statement: str, cited: str) -> None:
    assert supports(statement, cited) == "tokens"


@pytest.mark.parametrize(
    ("statement", "cited"),
    [
        # other numbers, in digits and in words
        ("In Syria there are still foreign fighters: some 20,000.", FIGHTERS),
        ("In Syria there are still foreign fighters: some 10.", FIGHTERS),
        ("Blinken met Pope Francis on Monday in Rome after almost three years.", ROME),
        ("Blinken met Pope Francis on Monday in Rome after almost 22 years.", ROME),
        # other names, inside and at the opening
        ("In Iraq there are still some 10,000 foreign fighters, the secretary warned.", FIGHTERS),
        ("On Monday, after almost two years, Borrell met Pope Francis in Rome.", ROME),
        ("Borrell met Pope Francis on Monday in Rome after almost two years.", ROME),
        ("The US met Pope Francis on Monday in Rome after almost two years.", ROME),
        ("NATO met Pope Francis on Monday in Rome after almost two years.", ROME),
        # the opposite
        ("Spain supports the creation of a Sahel region working group.", SPAIN),
        ("Blinken never met Pope Francis on Monday in Rome after almost two years.", ROME),
        # too much that is new
        ("Blinken met Pope Francis and talked of peace, hunger, climate and migration.", ROME),
        ("It was.", ROME),
        # nothing said, nothing cited
        ("", ROME),
        (" … ”", ROME),
        ("Blinken met Pope Francis.", ""),
        ("", ""),
        # a part of a word is not the word
        ("Pope Franc", ROME),
        ("10", FIGHTERS),
    ],
)
def test_what_the_cited_text_does_not_say_is_not_supported(statement: str, cited: str) -> None:
    assert supports(statement, cited) is None


def test_names_and_numbers_may_come_from_the_question() -> None:
    cited = "He met the pope in Rome on Monday, and was quick to confirm the support for the initiative."
    statement = "On Monday in Rome, Blinken met the 1 pope and was quick to confirm support for the initiative."
    assert supports(statement, cited) is None
    assert supports(statement, cited, "Whom did Blinken meet, 1 or 2 people?") == "tokens"


TEXT = "He met the pope. “It’s so,” he said."


@pytest.mark.parametrize(
    ("span", "quote", "resolved"),
    [
        (Span(0, 16), "He met the pope.", True),
        (Span(17, 27), "“It’s so,”", True),
        (Span(17, 27), '"It\'s so,"', False),
        (Span(0, 16), "he met the pope.", False),
        (Span(0, 15), "He met the pope.", False),
        (Span(1, 17), "He met the pope.", False),
        (Span(5, 5), "", False),
        (Span(90, 99), "", False),
        (Span(90, 99), "He met", False),
    ],
)
def test_a_citation_resolves_when_its_quote_stands_exactly_there(span: Span, quote: str, resolved: bool) -> None:
    assert resolves(Citation("a.txt", "id", span, quote, "p"), TEXT) is resolved


def signals(value: float) -> Signals:
    return Signals(**{field.name: value for field in fields(Signals)})


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e3, -1e3, 1e308, -1e308])
def test_confidence_is_a_probability_for_any_signals(value: float) -> None:
    assert 0.0 <= open_calibration(None).confidence(signals(value)) <= 1.0


def test_confidence_is_the_logistic_of_the_weighted_signals() -> None:
    names = list(signals(0.5).values())
    calibration = Calibration(-1.0, {names[0]: 2.0, names[1]: 4.0}, {"balanced": 0.5}, "nothing", "none@0")
    assert calibration.confidence(signals(0.5)) == pytest.approx(1 / (1 + math.exp(-2.0)))
    assert calibration.confidence(signals(0.0)) == pytest.approx(1 / (1 + math.exp(1.0)))


def test_the_shipped_calibration_weighs_the_signals_that_there_are_and_says_what_it_was_fitted_on() -> None:
    calibration = open_calibration(None)
    assert set(calibration.weights) == set(signals(0.0).values())
    lines = calibration.thresholds
    assert 0.0 < lines["helpful"] <= lines["balanced"] <= lines["strict"] < 1.0
    assert calibration.fitted_on


def test_the_shipped_calibration_was_fitted_for_the_shipped_reader() -> None:
    settings = Settings(threads=1)
    assert open_calibration(None).reader == open_reader(settings, open_encoder(settings)).identity


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"intercept": 1}',
        '{"intercept": 0, "weights": {}, "thresholds": {}, "fitted_on": "", "reader": ""}',
        '{"intercept": 0, "weights": {"magic": 1}, "thresholds": {"strict": 1, "balanced": 1, "helpful": 1}, '
        '"fitted_on": "", "reader": ""}',
    ],
)
def test_a_calibration_that_cannot_be_used_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "confidence.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ModelError, match="fit_confidence"):
        open_calibration(path)
    with pytest.raises(ModelError, match="fit_confidence"):
        open_calibration(tmp_path / "missing.json")


def candidate(hit: Hit) -> Candidate:
    sentence = hit.passage.sentences[0]
    return Candidate(hit, sentence, Span(sentence.start, sentence.start + 4), margin=5.0)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("How many fighters are there?", 0.0),
        ("Are there 10,000 fighters?", 0.0),
        ("Were there 10000 fighters in 2020?", 0.5),
        ("Were there 20 in 2020?", 1.0),
    ],
)
def test_signals_tell_which_of_the_questions_numbers_no_passage_holds(question: str, missing: float) -> None:
    span = Span(0, len(FIGHTERS))
    hit = Hit(Passage("p", "d", span, FIGHTERS, (span,)), "a.txt", "A", score=1.2)
    weaker = Hit(Passage("q", "d", Span(0, len(ROME)), ROME, (Span(0, len(ROME)),)), "b.txt", "B", score=0.7)
    found = Signals.of(question, [weaker, hit], [candidate(hit), candidate(weaker)]).values()
    assert found["missing_numbers"] == missing
    assert found["retrieval"] == 1.2
    assert found["agreed"] == 1.0


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("How many fighters are still at large in Iraq?", 0.4),
        ("Does Rome have a fighter?", 1.0),
        ("Who bakes bread?", 0.0),
        ("Who was it?", 1.0),
    ],
)
def test_signals_tell_which_share_of_the_questions_words_the_passages_have(question: str, share: float) -> None:
    texts = {"p": "A fighter was seen in Iraq.", "q": "Nobody came to Rome."}
    hits = [
        Hit(Passage(id_, "d", Span(0, len(text)), text, (Span(0, len(text)),)), "a.txt", "A", score=1.0)
        for id_, text in texts.items()
    ]
    assert Signals.of(question, hits, [candidate(hits[0])]).shared == share


def test_signals_tell_whether_reading_and_retrieval_agree_on_the_passage() -> None:
    best = Hit(Passage("p", "d", Span(0, len(ROME)), ROME, (Span(0, len(ROME)),)), "a.txt", "A", score=1.2)
    other = Hit(Passage("q", "d", Span(0, len(SPAIN)), SPAIN, (Span(0, len(SPAIN)),)), "b.txt", "B", score=0.7)
    assert Signals.of("Who?", [best, other], [candidate(best)]).agreed == 1.0
    assert Signals.of("Who?", [best, other], [candidate(other), candidate(best)]).agreed == 0.0
