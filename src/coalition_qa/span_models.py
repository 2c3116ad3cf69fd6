"""Extractive models: a question and a text to where an answer may start and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coalition_qa.encoders import may_download, open_session, open_tokenizer, read_model_card, weights_digest
from coalition_qa.types import ModelError, Span

LONGEST_ANSWER = 30
"""Word pieces that an answer span may have."""

_QUESTION_PIECES = 130  # with the longest passage, its title and the special ones within the models' 512


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
