"""Pure checks: does the cited text support the sentence, and is there enough to answer at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from typing import Any, Literal, get_args

from coalition_qa.config import Dial
from coalition_qa.reading import Candidate
from coalition_qa.types import Citation, Hit, ModelError
from coalition_qa.words import amounts, content, fold, is_negated, names, numbers, stem, words

Tier = Literal["verbatim", "tokens"]
_SHIPPED = Path(__file__).parent / "models" / "confidence.json"
_TOKEN_RECALL = 0.8


def supports(statement: str, cited: str, question: str = "") -> Tier | None:
    """How the cited text supports the statement, or None where it does not.

    "verbatim": the statement's words stand in it, in a row. "tokens": at least 0.8 of the statement's content
    words, every number and every name of it, and whatever it opens with in a capital, stand in the cited text (or
    the question), and both are negated alike.
    """
    said = [fold(word) for word in words(statement)]
    if not said:
        return None
    if f" {' '.join(said)} " in f" {' '.join(fold(word) for word in words(cited))} ":
        return "verbatim"
    known = set(content(cited))
    wanted = content(statement)
    recall = sum(word in known for word in wanted) / len(wanted) if wanted else 0.0
    nearby = {stem(word) for word in words(f"{cited} {question}")}
    named = {stem(word) for name in names(statement, opening=True) for word in words(name)}
    whole = (
        recall >= _TOKEN_RECALL
        and amounts(statement) <= amounts(cited) | amounts(question)
        and named <= nearby
        and is_negated(statement) == is_negated(cited)
    )
    return "tokens" if whole else None


def resolves(citation: Citation, text: str) -> bool:
    """Whether the quote is exactly what stands at that place of the document's text."""
    return bool(citation.quote) and citation.span.of(text) == citation.quote


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for the passages holding the answer."""

    margin: float
    """The reader's margin for the best candidate over "no answer", in tens of logits."""

    retrieval: float
    """Score of the best passage."""

    agreed: float
    """1 where the best candidate is in the best passage, so that reading and retrieval agree; else 0."""

    missing_numbers: float
    """Share of the question's numbers that are in no passage read; 0 where it has none."""

    shared: float
    """Share of the question's content words that some passage read has; 1 where it has none. Retrieval and reader
    both give more for shared words than these prove: this takes the excess back, so its weight is negative."""

    @classmethod
    def of(cls, question: str, hits: Sequence[Hit], candidates: Sequence[Candidate]) -> Signals:
        """The signals of a question, the passages read, and the reader's candidates, best first (at least one)."""
        text = " ".join(hit.passage.text for hit in hits)
        asked, there = numbers(question), numbers(text)
        wanted, known = content(question), set(content(text))
        best = max(hits, key=lambda hit: hit.score)
        return cls(
            margin=candidates[0].margin / 10,
            retrieval=best.score,
            agreed=float(candidates[0].hit == best),
            missing_numbers=len(asked - there) / len(asked) if asked else 0.0,
            shared=sum(word in known for word in wanted) / len(wanted) if wanted else 1.0,
        )

    def values(self) -> dict[str, float]:
        """Name to number, in a fixed order."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model of "the passages hold the answer", and for each place of the dial where the line is drawn.

    `fitted_on` names the questions that weights and thresholds were fitted on, so that nobody reports on them;
    `reader` is the identity of the reader whose margins they are for. `measured` says for each place of the dial, on
    other questions, which share of the answerable it "answered", and which of the unanswerable it "declined".
    """

    intercept: float
    weights: Mapping[str, float]
    thresholds: Mapping[Dial, float]
    fitted_on: str
    reader: str
    measured: Mapping[Dial, Mapping[str, float]] = field(default_factory=dict)

    def confidence(self, signals: Signals) -> float:
        """Probability, between 0 and 1, that the passages hold the answer."""
        values = signals.values()
        total = self.intercept + sum(weight * values[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + exp(-max(-50.0, min(50.0, total))))


def open_calibration(path: Path | None) -> Calibration:
    """The calibration in a file that `scripts/fit_confidence.py` wrote, or the shipped one. Raises ModelError."""
    try:
        card: dict[str, Any] = json.loads((path or _SHIPPED).read_text("utf-8"))
        calibration = Calibration(**card)
        calibration.confidence(Signals(0.0, 0.0, 0.0, 0.0, 0.0))
        if set(calibration.thresholds) != set(get_args(Dial)):
            raise ValueError("it lacks a threshold")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The calibration {path or _SHIPPED} cannot be used ({error}): make it with scripts/fit_confidence.py."
        ) from error
    return calibration
