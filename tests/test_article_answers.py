"""Every answer to every gold question is made of quotes that stand in the article, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coalition_qa.assistant import Assistant
from coalition_qa.config import Settings, load_settings
from coalition_qa.encoders import open_encoder
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import Answer, Turn
from coalition_qa.verification import supports

ROOT = Path(__file__).parents[1]
ARTICLE = ROOT / "corpus" / "coalition-against-isis-rome.txt"


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    settings: Settings = load_settings(
        {"corpus": ROOT / "corpus", "library": tmp_path_factory.mktemp("article"), "threads": 1}
    )
    encoder = open_encoder(settings)
    with Library(settings.library_path, encoder, create=True) as library:
        Ingest(settings, library, encoder).sync()
    with Assistant.open(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def answers(assistant: Assistant) -> list[Answer]:
    found: list[Answer] = []
    for line in (ROOT / "eval" / "gold.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        history: list[Turn] = []
        for earlier in item.get("history", []):
            said = assistant.ask(earlier if isinstance(earlier, str) else earlier["question"], history)
            found.append(said)
            history.append(Turn(said.standalone_question, said.text, said.short_answer))
        found.append(assistant.ask(item["question"], history))
    return found


def test_every_quote_is_what_the_article_says_at_that_place(answers: list[Answer]) -> None:
    text = ARTICLE.read_bytes().decode("utf-8")
    quoted = 0
    for answer in answers:
        for sentence in (*answer.sentences, *answer.best):
            assert sentence.citations
            for citation in sentence.citations:
                assert citation.doc == ARTICLE.name
                assert text[citation.span.start : citation.span.end] == citation.quote
                quoted += 1
    assert quoted > len(answers)


def test_every_sentence_shown_is_supported_by_what_it_cites(answers: list[Answer]) -> None:
    shown = [(answer, sentence) for answer in answers for sentence in answer.sentences]
    assert shown
    for answer, sentence in shown:
        assert supports(sentence.text, sentence.citations[0].quote, answer.standalone_question)


def test_the_short_answer_is_made_of_the_articles_words(answers: list[Answer]) -> None:
    text = ARTICLE.read_bytes().decode("utf-8")
    for answer in answers:
        assert all(part in text for part in answer.short_answer.split("; "))
        assert bool(answer.short_answer) == (answer.status == "answered")


def test_no_answer_comes_from_what_surrounds_the_article(answers: list[Answer]) -> None:
    for answer in answers:
        for sentence in answer.best:
            assert "Disclaimer" not in sentence.text
            assert "More information" not in sentence.text
