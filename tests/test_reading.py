"""The shipped reader finds spans inside sentences, equally each time; the span search is right by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coalition_qa.config import Settings
from coalition_qa.documents.manuscript import TITLE_CHARACTERS
from coalition_qa.encoders import MODELS, READERS, Encoder, Vectors, open_encoder
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.reading import (
    COMPARED,
    READ_AGAIN,
    RETRIEVAL_WEIGHT,
    SECOND_SHARE,
    SENTENCE_WEIGHT,
    Candidate,
    SpanReader,
    open_reader,
)
from coalition_qa.span_models import OnnxSpanModel, SpanScores
from coalition_qa.types import Document, Hit, ModelError, Passage, Span

TEXT = (
    "The Harbour Bridge was opened by the mayor, Ada Lindqvist, in 1932. It carries four lanes of traffic and two "
    "tram lines. Repairs cost 14 million kroner, because salt water had damaged the northern pier."
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(Settings(threads=1))


@pytest.fixture(scope="module")
def reader(encoder: Encoder) -> SpanReader:
    return open_reader(Settings(threads=1), encoder)


@pytest.fixture(scope="module")
def hits(encoder: Encoder) -> list[Hit]:
    document = Document("bridge.txt", TEXT)
    passages = split_document(document, SentenceSplitter(), encoder)
    return [Hit(passage, document.name, "bridge", score=1.0) for passage in passages]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who opened the Harbour Bridge?", "Ada Lindqvist"),
        ("When was the bridge opened?", "1932"),
        ("How much did the repairs cost?", "14 million"),
    ],
)
def test_the_best_candidate_holds_the_answer(reader: SpanReader, hits: list[Hit], question: str, answer: str) -> None:
    best = reader.read(question, hits)[0]
    assert answer in best.answer_text
    assert best.margin > 0


def test_every_answer_span_lies_in_its_sentence(reader: SpanReader, hits: list[Hit]) -> None:
    for candidate in reader.read("What damaged the pier?", hits):
        assert candidate.sentence.start <= candidate.answer.start < candidate.answer.end <= candidate.sentence.end
        assert candidate.sentence.of(TEXT) == candidate.text
        assert candidate.answer.of(TEXT) == candidate.answer_text


def test_every_sentence_is_a_candidate_best_first(reader: SpanReader, hits: list[Hit]) -> None:
    found = reader.read("What damaged the pier?", hits)
    assert len(found) == sum(len(hit.passage.sentences) for hit in hits)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_reading_twice_gives_the_same(reader: SpanReader, hits: list[Hit]) -> None:
    assert reader.read("Who opened it?", hits) == reader.read("Who opened it?", hits)


def test_a_margin_is_lower_where_the_passage_does_not_hold_the_answer(reader: SpanReader, hits: list[Hit]) -> None:
    held = reader.read("Who opened the Harbour Bridge?", hits)[0]
    absent = reader.read("Which enzyme breaks down lactose in the gut?", hits)[0]
    assert held.margin > absent.margin


def test_no_passages_give_no_candidates(reader: SpanReader) -> None:
    assert reader.read("Who opened it?", []) == []


def test_a_very_long_question_is_cut_not_refused(reader: SpanReader, hits: list[Hit]) -> None:
    assert reader.read("and who opened the bridge " * 300, hits)


@pytest.mark.parametrize("title", ["¿", "각 "])
def test_the_longest_title_passage_and_question_fit_the_model(reader: SpanReader, encoder: Encoder, title: str) -> None:
    passages = split_document(Document("a.txt", "a " * encoder.window), SentenceSplitter(), encoder)
    assert [len(encoder.pieces(passage.text)) for passage in passages] == [encoder.window]
    assert reader.read("¿" * 500, [Hit(passages[0], "a.txt", title * TITLE_CHARACTERS, score=1.0)])


class Told:
    """A model that keeps what it was given, and finds its first word likeliest."""

    identity = "told"

    def __init__(self) -> None:
        self.passages: list[str] = []

    def score(self, question: str, passage: str) -> SpanScores:
        self.passages.append(passage)
        pieces = [Span(*word.span()) for word in re.finditer(r"\w+", passage)]
        scores = -np.arange(len(pieces), dtype=np.float32) / 10
        return SpanScores(scores, scores, pieces, 0.0)


class Pointing:
    """An encoder for which only what says "Repairs" is like any question."""

    identity, dimensions, window = "pointing", 2, 100

    def pieces(self, text: str) -> list[Span]:
        return [Span(*word.span()) for word in re.finditer(r"\S+", text)]

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[0, 1] if text in TEXT and "Repairs" not in text else [1, 0] for text in texts], np.float32)


def test_of_the_best_candidates_those_come_first_whose_sentence_is_like_the_question(hits: list[Hit]) -> None:
    found = SpanReader(Told(), Pointing()).read("What did they cost?", hits)
    assert [(c.text.split()[0], c.likeness) for c in found] == [("Repairs", 1.0), ("The", 0.0), ("It", 0.0)]
    assert found[0].score == pytest.approx(found[0].margin + RETRIEVAL_WEIGHT + SENTENCE_WEIGHT)


def test_candidates_far_behind_are_not_compared(encoder: Encoder) -> None:
    text = " ".join(f"Then came the {n}th of the ships, which was small." for n in range(COMPARED + 2))
    passage = split_document(Document("ships.txt", text), SentenceSplitter(), encoder)[0]
    found = SpanReader(Told(), encoder).read("Which ship came then?", [Hit(passage, "ships.txt", "", score=1.0)])
    assert [c.likeness > 0 for c in found] == [True] * COMPARED + [False] * 2


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("How big is it?", True),
        ("“Is it safe?”", True),
        ("Q: **Is it safe?**", True),
        ("橋は安全ですか？", True),
        ("It is safe.", False),
        ('He asked: "Is it safe?"', False),
        ("“Is it safe?” he asked.", False),
    ],
)
def test_a_sentence_that_asks_is_told_from_one_that_tells_of_a_question(sentence: str, asks: bool) -> None:
    whole = Span(0, len(sentence))
    hit = Hit(Passage("p", "d", whole, sentence, (whole,)), "a.txt", "", score=1.0)
    assert Candidate(hit, whole, whole, 0.0).asks is asks


INTERVIEW = "How high is it? From the valley, 118 metres. Was it dear? Very. It is painted green."


def interview() -> Hit:
    sentences = tuple(Span(*match.span()) for match in re.finditer(r"\S[^.?]*[.?]", INTERVIEW))
    return Hit(Passage("p", "d", Span(0, len(INTERVIEW)), INTERVIEW, sentences), "dam.txt", "", score=1.0)


class Alike:
    """An encoder for which two texts are alike where both hold this word."""

    identity, dimensions, window = "alike", 2, 100

    def __init__(self, word: str) -> None:
        self._word = word

    def pieces(self, text: str) -> list[Span]:
        return []

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[1, 0] if self._word in text else [0, 1] for text in texts], np.float32)


def test_what_answers_a_question_in_the_document_comes_before_the_question() -> None:
    found = SpanReader(Told(), Alike("dear")).read("Was the dam dear?", [interview()])
    assert [(c.text, c.likeness) for c in found[:2]] == [("Very.", 1.0), ("It is painted green.", 1.0)]
    assert [c.text for c in found[2:] if c.likeness] == ["Was it dear?"]


class Curt(Told):
    """A model that finds an answer only where it is given a question with what answers it, and no more."""

    def score(self, question: str, passage: str) -> SpanScores:
        scores = super().score(question, passage)
        return replace(scores, null=-8.0 if passage == "Was it dear? Very." else 8.0)


@pytest.mark.parametrize(("asked", "margin"), [("Was the dam dear?", 8.0), ("Was the dam green?", -8.0)])
def test_the_answer_to_the_same_question_is_read_with_that_question_alone(asked: str, margin: float) -> None:
    best = SpanReader(Curt(), Alike("dear")).read(asked, [interview()])[0]
    assert best.margin == pytest.approx(margin, abs=2.5)


def test_any_text_can_be_read_by_both_models() -> None:
    first, second = Sure({"Anna keeps bees.": 4}, word=0), Sure({"Anna keeps bees.": 6}, word=0)
    read = SpanReader(first, Pointing(), second).margin("Who keeps bees?", "Anna keeps bees.")
    assert read == pytest.approx(SECOND_SHARE * 6 + (1 - SECOND_SHARE) * 4)
    assert SpanReader(first, Pointing()).margin("Who keeps bees?", "Anna keeps bees.") == pytest.approx(4)
    assert SpanReader(Told(), Pointing()).margin("Who keeps bees?", "...") == 0.0


def test_the_title_is_read_before_the_passage_and_never_answers(hits: list[Hit]) -> None:
    model = Told()
    found = SpanReader(model, Pointing()).read("What is it?", [replace(hits[0], title="A bridge in Norway")])
    assert model.passages == [f"A bridge in Norway.\n{TEXT}"]
    assert [candidate.answer_text for candidate in found] == ["Repairs", "The", "It"]


@pytest.mark.parametrize("title", ["", "The Harbour Bridge"])
def test_a_title_that_the_passage_begins_with_is_not_read_twice(hits: list[Hit], title: str) -> None:
    model = Told()
    SpanReader(model, Pointing()).read("What is it?", [replace(hits[0], title=title)])
    assert model.passages == [TEXT]


class Sure:
    """A model that is as sure of every passage as it was told, and answers with the word that it was told."""

    def __init__(self, margins: Mapping[str, float], word: int) -> None:
        self.margins, self.word = margins, word
        self.passages: list[str] = []

    @property
    def identity(self) -> str:
        return f"sure of {self.margins}"

    def score(self, question: str, passage: str) -> SpanScores:
        self.passages.append(passage)
        pieces = [Span(*word.span()) for word in re.finditer(r"\w+", passage)]
        scores = np.full(len(pieces), -99, dtype=np.float32)
        scores[self.word] = self.margins[passage] / 2
        return SpanScores(scores, scores, pieces, 0.0)


@pytest.fixture
def three(encoder: Encoder) -> list[Hit]:
    texts = ["Anna keeps bees.", "Berit keeps hens.", "Clara keeps goats."]
    passages = [split_document(Document(f"{text[0]}.txt", text), SentenceSplitter(), encoder)[0] for text in texts]
    return [Hit(passage, f"{passage.text[0]}.txt", "", score=1.0) for passage in passages]


def test_the_second_model_reads_the_best_passage_again(three: list[Hit]) -> None:
    a, b, c = (hit.passage.text for hit in three)
    first, second = Sure({a: 4, b: 8, c: 2}, word=0), Sure({b: 6}, word=2)
    found = SpanReader(first, Pointing(), second).read("Who keeps hens?", three)
    assert second.passages == [b]
    assert [candidate.answer_text for candidate in found] == ["hens", "Anna", "Clara"]
    assert [candidate.margin for candidate in found] == pytest.approx([SECOND_SHARE * 6 + (1 - SECOND_SHARE) * 8, 4, 2])


def test_where_the_second_model_rejects_the_best_passage_it_reads_the_next(three: list[Hit]) -> None:
    a, b, c = (hit.passage.text for hit in three)
    second = Sure({b: -40, a: 7}, word=0)
    found = SpanReader(Sure({a: 4, b: 8, c: 2}, word=0), Pointing(), second).read("Who keeps bees?", three)
    assert second.passages == [b, a]
    assert [candidate.answer_text for candidate in found] == ["Anna", "Clara", "Berit"]


def test_the_second_model_reads_no_more_than_so_many_passages(three: list[Hit]) -> None:
    margins = {hit.passage.text: 4.0 for hit in three}
    second = Sure(dict.fromkeys(margins, -40.0), word=0)
    SpanReader(Sure(margins, word=0), Pointing(), second).read("Who keeps cows?", three)
    assert len(second.passages) == READ_AGAIN < len(three)


def test_the_scores_of_two_models_are_told_apart_from_those_of_one(reader: SpanReader) -> None:
    alone = [OnnxSpanModel(MODELS / name, threads=1).identity for name in READERS]
    assert reader.identity == "+".join(alone)


@pytest.fixture(scope="module")
def another_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small untrained model in the Hugging Face layout, which knows the shipped reader's vocabulary."""
    import torch
    from transformers import BertConfig, BertForQuestionAnswering, PreTrainedTokenizerFast

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("another")
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(MODELS / "reader" / "tokenizer.json"), **special)
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertForQuestionAnswering(config).save_pretrained(folder)
    return folder


def test_a_hugging_face_model_reads_as_the_shipped_one_does(
    another_model: Path, encoder: Encoder, hits: list[Hit]
) -> None:
    reader = open_reader(Settings(threads=1, reader=str(another_model)), encoder)
    found = reader.read("What damaged the pier?", hits)
    assert len(found) == sum(len(hit.passage.sentences) for hit in hits)
    for candidate in found:
        assert candidate.sentence.start <= candidate.answer.start < candidate.answer.end <= candidate.sentence.end
    assert reader.read("What damaged the pier?", hits) == found
    assert reader.read("why " * 5_000, hits)


def test_two_readers_are_told_apart(another_model: Path, encoder: Encoder, reader: SpanReader) -> None:
    other = open_reader(Settings(threads=1, reader=str(another_model)), encoder)
    assert other.identity != reader.identity
    assert other.identity == open_reader(Settings(threads=1, reader=str(another_model)), encoder).identity


@pytest.mark.parametrize("name", ["no/such-reader", "nothing here"])
def test_a_reader_that_is_not_on_this_machine_is_a_clear_error(name: str, encoder: Encoder) -> None:
    with pytest.raises(ModelError, match="COALITION_QA_READER"):
        open_reader(Settings(threads=1, reader=name), encoder)
