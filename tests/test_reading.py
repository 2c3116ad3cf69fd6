"""The shipped reader finds spans inside sentences, equally each time; the span search is right by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coalition_qa.config import Settings
from coalition_qa.encoders import MODELS, Encoder, open_encoder
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.reading import LONGEST_ANSWER, OnnxSpanModel, SpanReader, best_span, open_reader
from coalition_qa.types import Document, Hit, ModelError

TEXT = (
    "The Harbour Bridge was opened by the mayor, Ada Lindqvist, in 1932. It carries four lanes of traffic and two "
    "tram lines. Repairs cost 14 million kroner, because salt water had damaged the northern pier."
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(Settings(threads=1))


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return open_reader(Settings(threads=1))


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


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    for name in ("model.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((MODELS / "reader" / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="damaged"):
        OnnxSpanModel(tmp_path, threads=1)


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        ([1, 5, 0], [0, 2, 4], (1, 2, 9.0)),
        ([0, 0, 9], [9, 0, 1], (2, 2, 10.0)),  # 9 + 9 would end before it starts
        ([3], [4], (0, 0, 7.0)),
    ],
)
def test_best_span_is_the_highest_sum_in_order(
    starts: list[float], ends: list[float], expected: tuple[int, int, float]
) -> None:
    assert best_span(np.array(starts, dtype=np.float32), np.array(ends, dtype=np.float32)) == expected


def test_best_span_is_never_longer_than_the_longest_answer() -> None:
    starts, ends = np.zeros(60, dtype=np.float32), np.zeros(60, dtype=np.float32)
    starts[0] = ends[59] = 10
    first, last, _ = best_span(starts, ends)
    assert last - first < LONGEST_ANSWER


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


def test_a_hugging_face_model_reads_as_the_shipped_one_does(another_model: Path, hits: list[Hit]) -> None:
    reader = open_reader(Settings(threads=1, reader=str(another_model)))
    found = reader.read("What damaged the pier?", hits)
    assert len(found) == sum(len(hit.passage.sentences) for hit in hits)
    for candidate in found:
        assert candidate.sentence.start <= candidate.answer.start < candidate.answer.end <= candidate.sentence.end
    assert reader.read("What damaged the pier?", hits) == found
    assert reader.read("why " * 5_000, hits)


def test_two_readers_are_told_apart(another_model: Path, reader: SpanReader) -> None:
    other = open_reader(Settings(threads=1, reader=str(another_model)))
    assert other.identity != reader.identity
    assert other.identity == open_reader(Settings(threads=1, reader=str(another_model))).identity


@pytest.mark.parametrize("name", ["no/such-reader", "nothing here"])
def test_a_reader_that_is_not_on_this_machine_is_a_clear_error(name: str) -> None:
    with pytest.raises(ModelError, match="COALITION_QA_READER"):
        open_reader(Settings(threads=1, reader=name))
