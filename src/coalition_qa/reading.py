"""A question and its passages to candidate answers: where each sentence would answer, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coalition_qa.config import SHIPPED, Settings
from coalition_qa.encoders import (
    MODELS,
    READERS,
    Encoder,
    may_download,
    open_session,
    open_tokenizer,
    read_model_card,
    weights_digest,
)
from coalition_qa.types import Hit, ModelError, Span

LONGEST_ANSWER = 30
"""Word pieces that an answer span may have."""

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

_QUESTION_PIECES, _TITLE_PIECES = 130, 100  # with the longest passage and the special ones within the model's 512


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. `answer` is the likeliest span in it; `margin`, in logits, is how much likelier
    the reader thinks that span than that its passage holds no answer. `likeness` is the cosine of question and
    sentence, 0 where they were not compared.
    """

    hit: Hit
    sentence: Span
    answer: Span
    margin: float
    likeness: float = 0.0

    @property
    def score(self) -> float:
        """What candidates are ranked by."""
        return self.margin + RETRIEVAL_WEIGHT * self.hit.score + SENTENCE_WEIGHT * self.likeness

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


class SpanModel(Protocol):
    """An extractive question answering model: for each word piece, how likely an answer starts and ends there."""

    @property
    def identity(self) -> str:
        """Name and content hash: scores of two models are on different scales."""
        ...

    def score(self, question: str, passage: str) -> SpanScores:
        """Read the question with the passage."""
        ...


@dataclass(frozen=True, slots=True)
class SpanScores:
    """Logits over the passage's word pieces, whose character spans are `pieces`, and of "no answer"."""

    starts: NDArray[np.float32]
    ends: NDArray[np.float32]
    pieces: Sequence[Span]
    null: float


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
        compared = candidates[:COMPARED]
        likeness = self._encoder.encode([c.text for c in compared]) @ self._encoder.encode([question])[0]
        alike = (replace(c, likeness=float(value)) for c, value in zip(compared, likeness, strict=True))
        return self._read_again(question, _ranked([*alike, *candidates[COMPARED:]]))

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


class OnnxSpanModel:
    """A shipped model: no torch, one pair at a time, so that an answer never depends on its batch."""

    def __init__(self, folder: Path, threads: int) -> None:
        card = read_model_card(folder)
        self._session = open_session(folder / "model.onnx", threads)
        self._tokenizer = open_tokenizer(folder / "tokenizer.json")
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._identity = f"{card['name']}@{card['sha256']['model.onnx'][:16]}"

    @property
    def identity(self) -> str:
        """Name and content hash of the model file."""
        return self._identity

    def score(self, question: str, passage: str) -> SpanScores:
        """Read the question, cut to 130 pieces, with the passage."""
        offsets = self._tokenizer.encode(question, add_special_tokens=False).offsets
        encoding = self._tokenizer.encode(_shortened(question, offsets), passage)
        tokens = np.array([encoding.ids], dtype=np.int64)
        feed = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        feed = {name: values for name, values in feed.items() if name in self._inputs}  # MPNet has no segments
        starts, ends = (logits[0] for logits in self._session.run(["start_logits", "end_logits"], feed))
        return _span_scores(starts, ends, encoding.offsets, encoding.sequence_ids)


class TransformersSpanModel:
    """Any Hugging Face extractive question answering model that is on this machine, by name or path.

    It should have been trained with unanswerable questions (SQuAD 2.0): "no answer" is read at its first piece.
    Nothing is downloaded, unless the user sets HF_HUB_OFFLINE=0.
    """

    def __init__(self, name: str, threads: int) -> None:
        here = not may_download()
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer

        try:
            self._model = AutoModelForQuestionAnswering.from_pretrained(name, local_files_only=here)
            self._tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=here)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"The reader {name!r} cannot be loaded: it is not on this machine, or is not an extractive question "
                f"answering model. Give its folder, or unset COALITION_QA_READER."
            ) from error
        if not self._tokenizer.is_fast:
            raise ModelError(f"The reader {name!r} has no fast tokenizer, which exact spans need: choose another.")
        torch.set_num_threads(threads)
        self._no_grad = torch.inference_mode
        self._model.train(False)
        self._identity = f"{name}@{weights_digest(self._model)}"

    @property
    def identity(self) -> str:
        """Name and a hash over the weights as loaded."""
        return self._identity

    def score(self, question: str, passage: str) -> SpanScores:
        """Read the question, cut to 130 pieces, with the passage."""
        offsets = self._tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        fed = self._tokenizer(
            _shortened(question, offsets), passage, return_tensors="pt", return_offsets_mapping=True, verbose=False
        )
        sequences, places = fed.sequence_ids(0), fed.pop("offset_mapping")[0].tolist()
        with self._no_grad():
            read = self._model(**fed)
        return _span_scores(read.start_logits[0].numpy(), read.end_logits[0].numpy(), places, sequences)


def open_reader(settings: Settings, encoder: Encoder) -> SpanReader:
    """The reader that the settings name. Raises ModelError where it is missing or damaged."""
    if settings.reader == SHIPPED:
        first, second = (OnnxSpanModel(MODELS / name, settings.threads) for name in READERS)
        return SpanReader(first, encoder, second)
    return SpanReader(TransformersSpanModel(settings.reader, settings.threads), encoder)


def _ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _reread(candidate: Candidate, places: Mapping[Span, tuple[Span, Span, float]]) -> Candidate:
    """The candidate with the second model's answer span, and the mean of both models' margins."""
    if candidate.sentence not in places:
        return candidate
    _, answer, margin = places[candidate.sentence]
    return replace(candidate, answer=answer, margin=SECOND_SHARE * margin + (1 - SECOND_SHARE) * candidate.margin)


def _shortened(question: str, offsets: Sequence[tuple[int, int]]) -> str:
    return question if len(offsets) <= _QUESTION_PIECES else question[: offsets[_QUESTION_PIECES - 1][1]]


def _span_scores(
    starts: NDArray[np.float32],
    ends: NDArray[np.float32],
    offsets: Sequence[tuple[int, int]],
    sequences: Sequence[int | None],
) -> SpanScores:
    """The passage's part of a pair's logits; both logits of the first piece stand for "no answer"."""
    inside = [at for at, sequence in enumerate(sequences) if sequence == 1]
    pieces = [Span(*offsets[at]) for at in inside]
    return SpanScores(starts[inside], ends[inside], pieces, float(starts[0] + ends[0]))


def best_span(starts: NDArray[np.float32], ends: NDArray[np.float32]) -> tuple[int, int, float]:
    """First and last piece, and summed logits, of the likeliest span of at most 30 pieces; at least one piece."""
    scores = starts[:, None] + ends[None, :]
    lengths = np.arange(len(ends))[None, :] - np.arange(len(starts))[:, None]
    scores = np.where((lengths >= 0) & (lengths < LONGEST_ANSWER), scores, -np.inf)
    first, last = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(first), int(last), float(scores[first, last])
