"""Ask every gold question and write down what was answered, with its verdicts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Literal, Protocol

from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.journal import Journal
from coalition_qa.evaluation.judging import Shelf, Similar, failed, judge, rounded
from coalition_qa.evaluation.results import Cited, Result, Retrieved, Said, Variant, Verdicts
from coalition_qa.types import Answer, CoalitionQAError, GoldError, Sentence, Turn

WARM_UPS = 3

TUNED_ON_DEV = (
    "Thresholds were tuned on the dev split, so numbers that count it flatter; quote those of the test split."
)

Judge = Callable[[str, Sequence[str], str], Literal["right", "wrong", "invalid"]]
"""What an LLM says of an answer, given the question and the gold answers."""

Progress = Callable[[int, int], None]
"""Told how many items of how many are done."""


class Asks(Shelf, Protocol):
    """What is evaluated: something that answers questions from documents."""

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Answer the question that follows `history`."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What may be measured beside the verdicts; nothing of it counts."""

    similar: Similar | None = None
    judge: Judge | None = None


def choose(items: Sequence[GoldItem], split: str, limit: int | None = None, seed: int = 0) -> list[GoldItem]:
    """The items of a split ("all" takes both); with `limit`, that many of them at random, in their order.

    Raises GoldError where there are none.
    """
    chosen = [item for item in items if split in ("all", item.split)]
    if not chosen:
        raise GoldError(f"The gold file holds no item of the {split} split; choose another with --split.")
    if limit is None or limit >= len(chosen):
        return chosen
    drawn = random.Random(seed).sample(range(len(chosen)), limit)
    return [chosen[at] for at in sorted(drawn)]


def warm_up(assistant: Asks, items: Sequence[GoldItem]) -> None:
    """Ask the first questions, so that no time that is measured afterwards is a first time."""
    for item in items[:WARM_UPS]:
        with suppress(CoalitionQAError):
            assistant.ask(item.question)


def run(
    assistant: Asks,
    items: Sequence[GoldItem],
    journal: Journal,
    extras: Extras | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Ask each item that the journal doesn't hold yet, and finish it; what fails is an error of its item only.

    Gives the path of results.jsonl. Nothing of an answer is held once it is written.
    """
    for item in items:
        if item.id not in journal.done:
            journal.append(ask_item(assistant, item, extras or Extras()))
        if on_progress is not None:
            on_progress(len(journal.done), len(items))
    return journal.finish()


def ask_item(assistant: Asks, item: GoldItem, extras: Extras) -> Result:
    """Ask one item after its history, which is really asked, and judge the answer.

    An item with gold answers to its history is asked a second time after these, and its paraphrases are asked too.
    """
    history: list[Turn] = []
    started = perf_counter()
    try:
        for earlier in item.history:
            said = assistant.ask(earlier.question, tuple(history))
            history.append(Turn(said.standalone_question, said.text, said.short_answer))
        started = perf_counter()
        answer = assistant.ask(item.question, tuple(history))
        seconds = perf_counter() - started
        verdicts = _judged(assistant, item, answer, extras.similar)
    # Whatever goes wrong with one question must not cost the answers to the others.
    except Exception as error:  # noqa: BLE001
        return _failed(item, _reason(error), perf_counter() - started)
    is_judged = verdicts.wording is not None and not verdicts.abstained
    return replace(
        _answered(item, answer, verdicts, seconds),
        gold_history=_variant(assistant, item, item.question, item.history) if _has_answers(item.history) else None,
        paraphrases=tuple(_variant(assistant, item, other, history) for other in item.paraphrases),
        judge=extras.judge(item.question, item.answers, answer.text) if extras.judge and is_judged else None,
    )


def _has_answers(history: Sequence[Turn]) -> bool:
    return any(turn.answer for turn in history)


def _judged(assistant: Asks, item: GoldItem, answer: Answer, similar: Similar | None = None) -> Verdicts:
    if not 0 <= answer.confidence <= 1:
        raise ValueError(f"the confidence {answer.confidence} is not between 0 and 1")
    return judge(item, answer, assistant, similar)


def _variant(assistant: Asks, item: GoldItem, question: str, history: Sequence[Turn]) -> Variant:
    try:
        answer = assistant.ask(question, tuple(history))
        verdicts = _judged(assistant, item, answer)
    except Exception as error:  # noqa: BLE001 - as in ask_item
        return Variant(question, "", "error", "", "", None, failed(item), _reason(error))
    return Variant(
        question=question,
        standalone_question=answer.standalone_question,
        status=answer.status,
        answer=answer.text,
        short_answer=answer.short_answer,
        confidence=rounded(answer.confidence),
        verdicts=verdicts,
    )


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _unanswered(item: GoldItem, error: str, seconds: float) -> Result:
    return Result(
        id=item.id,
        question=item.question,
        standalone_question="",
        history=tuple(turn.question for turn in item.history),
        answerable=item.answerable,
        category=item.category,
        split=item.split,
        status="error",
        verdicts=failed(item),
        tags=item.tags,
        must_pass=item.must_pass,
        cluster=item.cluster,
        gold_answers=item.answers,
        timings={"total": round(1000 * seconds, 3)},
        error=error,
    )


def _failed(item: GoldItem, error: str, seconds: float) -> Result:
    """An item that got no answer got none in other words either, nor after the gold answers."""

    def variant(question: str) -> Variant:
        return Variant(question, "", "error", "", "", None, failed(item), error)

    return replace(
        _unanswered(item, error, seconds),
        gold_history=variant(item.question) if _has_answers(item.history) else None,
        paraphrases=tuple(map(variant, item.paraphrases)),
    )


def _answered(item: GoldItem, answer: Answer, verdicts: Verdicts, seconds: float) -> Result:
    unanswered = _unanswered(item, "", seconds)
    return replace(
        unanswered,
        standalone_question=answer.standalone_question,
        status=answer.status,
        verdicts=verdicts,
        reason=answer.reason,
        answer=answer.text,
        short_answer=answer.short_answer,
        sentences=_said(answer.sentences),
        confidence=rounded(answer.confidence),
        best_answer=_said(answer.best),
        retrieved=_retrieved(answer),
        timings={**{stage: round(value, 3) for stage, value in answer.timings.items()}, **unanswered.timings},
    )


def _said(sentences: Sequence[Sentence]) -> tuple[Said, ...]:
    return tuple(
        Said(
            sentence.text,
            tuple(Cited(c.doc, c.span.start, c.span.end, c.quote, c.document_id) for c in sentence.citations),
        )
        for sentence in sentences
    )


def _retrieved(answer: Answer) -> tuple[Retrieved, ...]:
    return tuple(
        Retrieved(hit.doc, hit.passage.span.start, hit.passage.span.end, rounded(hit.score), hit.passage.text)
        for hit in answer.hits
    )
