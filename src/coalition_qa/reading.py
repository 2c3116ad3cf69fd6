"""A question and its passages to candidate answers: where each sentence would answer, and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coalition_qa.encoders import open_session, open_tokenizer, read_model_card
from coalition_qa.types import Hit, Passage, Span

LONGEST_ANSWER = 30
"""Word pieces that an answer span may have."""

RETRIEVAL_WEIGHT = 6.0
"""What the passage's score counts beside the reader's margin, which is in logits. Chosen on development questions:
eval/LOG.md."""

_QUESTION_PIECES = 200  # with the longest passage and the special ones this stays within the model's 512


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer. `answer` is the likeliest span in it; `margin`, in logits, is how much likelier
    the reader thinks that span than that its passage holds no answer.
    """

    hit: Hit
    sentence: Span
    answer: Span
    margin: float

    @property
    def score(self) -> float:
        """What candidates are ranked by."""
        return self.margin + RETRIEVAL_WEIGHT * self.hit.score

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

    def read(self, question: str, hits: Sequence[Hit]) -> list[Candidate]:
        """Candidates from these passages, best first; equal input gives equal output. Empty for no sentences."""
        ...


class SpanReader:
    """The shipped extractive reader: one pass over question and passage gives a span for every sentence."""

    def __init__(self, folder: Path, threads: int) -> None:
        read_model_card(folder)
        self._session = open_session(folder / "model.onnx", threads)
        self._tokenizer = open_tokenizer(folder / "tokenizer.json")

    def read(self, question: str, hits: Sequence[Hit]) -> list[Candidate]:
        """Every sentence of the passages as a candidate, best first; ties by rank and place."""
        question = self._shortened(question)
        candidates = [Candidate(hit, *place) for hit in hits for place in self._places(question, hit.passage)]
        return sorted(candidates, key=lambda candidate: -candidate.score)

    def _shortened(self, question: str) -> str:
        offsets = self._tokenizer.encode(question, add_special_tokens=False).offsets
        return question if len(offsets) <= _QUESTION_PIECES else question[: offsets[_QUESTION_PIECES - 1][1]]

    def _places(self, question: str, passage: Passage) -> Iterator[tuple[Span, Span, float]]:
        """Each sentence, its likeliest answer span, and that span's margin over no answer."""
        encoding = self._tokenizer.encode(question, passage.text)
        tokens = np.array([encoding.ids], dtype=np.int64)
        feed = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.array([encoding.type_ids], dtype=np.int64),
        }
        starts, ends = (logits[0] for logits in self._session.run(["start_logits", "end_logits"], feed))
        null = float(starts[0] + ends[0])  # both at [CLS]: the passage holds no answer
        shift = passage.span.start
        pieces = [
            (position, Span(first + shift, last + shift))
            for position, (first, last) in enumerate(encoding.offsets)
            if encoding.sequence_ids[position] == 1
        ]
        for sentence in passage.sentences:
            inside = [(at, span) for at, span in pieces if sentence.start <= span.start and span.end <= sentence.end]
            if not inside:
                continue
            positions = [at for at, _ in inside]
            first, last, score = best_span(starts[positions], ends[positions])
            yield sentence, Span(inside[first][1].start, inside[last][1].end), score - null


def best_span(starts: NDArray[np.float32], ends: NDArray[np.float32]) -> tuple[int, int, float]:
    """First and last piece, and summed logits, of the likeliest span of at most 30 pieces; at least one piece."""
    scores = starts[:, None] + ends[None, :]
    lengths = np.arange(len(ends))[None, :] - np.arange(len(starts))[:, None]
    scores = np.where((lengths >= 0) & (lengths < LONGEST_ANSWER), scores, -np.inf)
    first, last = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(first), int(last), float(scores[first, last])
