"""A conversation as the page has it: questions and what became of them; and the form it is kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from coalition_qa.types import Answer, CoalitionQAError, Turn

TITLE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of the conversation and what became of it: an answer, an error, or given up by the user.

    `searched` is how many documents were searched, `only` their names where they were chosen, `dates` has the dates
    of those that were found, `seconds` is how long the answer took, and `sure` says in words how sure it is.
    """

    question: str
    searched: int = 0
    answer: Answer | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    stopped: bool = False
    only: tuple[str, ...] = ()
    sure: str = ""

    @property
    def pending(self) -> bool:
        """Whether it is still waiting for its answer."""
        return self.answer is None and not self.error and not self.stopped


def key_phrases(answer: Answer) -> list[str]:
    """The short answer's parts, one for each question that was asked at once, as they stand in the sentences."""
    return [part for part in answer.short_answer.split("; ") if part]


def settled(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """The conversation with its pending question, where there is one, given up."""
    return tuple(replace(one, stopped=True) if one.pending else one for one in exchanges)


def history(exchanges: Sequence[Exchange]) -> list[Turn]:
    """What an assistant needs to know of a conversation to understand its next question."""
    answers = [exchange.answer for exchange in exchanges if exchange.answer is not None]
    return [Turn(answer.standalone_question, answer.text, answer.short_answer) for answer in answers]


def title_of(exchanges: Sequence[Exchange]) -> str:
    """The first question, cut at a word."""
    first = exchanges[0].question if exchanges else ""
    if len(first) <= TITLE_CHARACTERS:
        return first
    return first[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"


def dumped(exchanges: Sequence[Exchange]) -> str:
    """The conversation as JSON that `loaded` reads."""
    body: bytes = _adapter().dump_json(tuple(exchanges))
    return body.decode()


def loaded(body: str) -> tuple[Exchange, ...]:
    """The conversation that was dumped. Raises CoalitionQAError for anything else."""
    try:
        found: tuple[Exchange, ...] = _adapter().validate_json(body)
    except ValueError as error:
        raise CoalitionQAError("This conversation was kept in a form that cannot be read any more.") from error
    return found


@cache
def _adapter() -> Any:  # noqa: ANN401 - pydantic's adapter of exchanges
    from pydantic import TypeAdapter

    return TypeAdapter(tuple[Exchange, ...])
