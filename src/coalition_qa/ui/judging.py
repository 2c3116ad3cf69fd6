"""What somebody says of an answer, made a gold item: the small form, and what becomes of it. No Gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from coalition_qa.types import Answer, CoalitionQAError, Turn
from coalition_qa.ui.asking import broken
from coalition_qa.ui.behind import Measures
from coalition_qa.ui.exchanges import Exchange, history
from coalition_qa.ui.gold import Draft, answers, fault_line, fields
from coalition_qa.ui.html import escaped
from coalition_qa.ui.render import VERDICTS, VERDICTS_ON_NONE

log = logging.getLogger(__name__)


class Judge:
    """What the links below an answer do; each result is what is shown over the page: a form, or a word on it."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures

    def act(self, exchanges: Sequence[Exchange], data: Mapping[str, Any], user: str) -> str:
        """Open the form, keep what stands in it, or close it. Raises nothing."""
        turn, verdict = _turn(data.get("turn")), str(data.get("verdict", ""))
        answer = exchanges[turn - 1].answer if 1 <= turn <= len(exchanges) else None
        if data.get("do") not in ("judge", "accept") or answer is None or verdict not in _names(answer):
            return ""
        if data.get("do") == "judge":
            return form(turn, verdict, answer, _first(verdict, answer))
        draft = Draft()
        try:
            draft = Draft.of(data.get("fields") or {})
            return toast(f"Kept as {self._kept(user, verdict, answer, draft, _before(exchanges, turn))}.")
        except CoalitionQAError as error:
            fault = str(error)
        except Exception as error:  # the outermost boundary: a page that died would be worse
            log.exception("The gold item could not be added")
            fault = broken(error)
        return form(turn, verdict, answer, draft, fault)

    def _kept(self, user: str, verdict: str, answer: Answer, draft: Draft, before: Sequence[Turn]) -> str:
        item = replace(draft, question=answer.question, absent=verdict == "absent").judged(before)
        if verdict == "right":
            id_ = self._measures.confirm(user, answer, before, item.answers)
        else:
            id_ = self._measures.add(user, item)
        return f"{id_} in your gold questions"


def form(turn: int, verdict: str, answer: Answer, draft: Draft, fault: str = "") -> str:
    """The form, over the page."""
    return (
        f'<dialog data-open aria-labelledby="judging-name"><form><h2 id="judging-name">{_names(answer)[verdict]}</h2>'
        f'<p class="about">{escaped(answer.question)}</p>{fault_line(fault)}{_body(verdict, answer, draft)}'
        '<p class="about">Runs on the Evaluation screen will ask it and compare.</p>'
        '<p class="choices"><button class="go" data-do="accept"'
        f' data-turn="{turn}" data-verdict="{verdict}">Keep as a gold question</button>'
        '<button type="button" data-do="close">Cancel</button></p></form></dialog>'
    )


def toast(said: str) -> str:
    """A word on what was done; it goes away by itself."""
    return f'<p class="toast" role="status">{escaped(said)}</p>'


def _body(verdict: str, answer: Answer, draft: Draft) -> str:
    """Two fields where something is to be said; else what is going to be kept."""
    if verdict == "absent" or (verdict == "right" and answer.status == "abstained"):
        return "<p>It is kept as a question that the documents don’t answer.</p>"
    if verdict == "right":
        quotes = "".join(f"<li>{escaped(citation.quote)}</li>" for citation in answer.citations)
        return f'{answers(draft)}<p class="about">Proven by:</p><ul class="quotes">{quotes}</ul>'
    return fields(draft, answer.hits)


def _names(answer: Answer) -> dict[str, str]:
    return VERDICTS if answer.status == "answered" else VERDICTS_ON_NONE


def _first(verdict: str, answer: Answer) -> Draft:
    """What stands in the form when it opens: the answer, where it is right."""
    if verdict in ("right", "passage") and answer.sentences:
        return Draft(answers=answer.short_answer or answer.sentences[0].text)
    return Draft()


def _before(exchanges: Sequence[Exchange], turn: int) -> list[Turn]:
    """What was asked before, where the question is not understood without it."""
    answer = exchanges[turn - 1].answer
    alone = answer is None or answer.standalone_question == answer.question
    return [] if alone else history(exchanges[: turn - 1])


def _turn(given: object) -> int:
    text = str(given)
    return int(text) if text.isdecimal() and len(text) < 6 else 0
