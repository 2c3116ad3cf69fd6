"""A question on its way: what the page shows at each moment, as plain generators. No Gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from coalition_qa.config import Dial
from coalition_qa.types import Answer, CoalitionQAError
from coalition_qa.ui import render, sources
from coalition_qa.ui.behind import Asks
from coalition_qa.ui.exchanges import Exchange, history, settled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows at one moment; `busy` while an answer is on its way."""

    messages: list[dict[str, Any]]
    panel: str
    exchanges: tuple[Exchange, ...]
    busy: bool = False


@dataclass(slots=True)
class Ticket:
    """A question on its way, which its asker may give up. (Gradio's own cancelling fails while `ask` runs.) `instead`
    is the conversation that stays when nothing comes of it, where that is another than it was asked in.
    """

    instead: tuple[Exchange, ...] = ()
    given_up: bool = False
    begun: bool = False
    over: bool = False
    left: tuple[Exchange, ...] = ()

    def give_up(self, left: tuple[Exchange, ...]) -> None:
        """Show the conversation that is `left`, and no answer."""
        self.left, self.given_up = left, True


@dataclass(frozen=True, slots=True)
class How:
    """How to ask: how sure an answer must be, in which documents to look, and how to say how sure an answer is."""

    dial: Dial | None = None
    only: tuple[str, ...] = ()
    sure: Callable[[Answer, Dial | None], str] = lambda answer, dial: ""
    slots: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held while an answer is worked out: so many are at once, those given up among them."""


def converse(
    assistant: Asks, question: str, exchanges: Sequence[Exchange], ticket: Ticket | None = None, how: How | None = None
) -> Iterator[View]:
    """Ask, and show the answer as it comes: the search, then sentence after sentence. Raises nothing."""
    earlier = settled(exchanges)
    question = question.encode("utf-8", "replace").decode().strip()
    ticket = ticket or Ticket()
    if not question:
        yield view(earlier)
        return
    try:
        for moment in _answering(assistant, question, earlier, ticket, how or How()):
            if ticket.given_up:
                break
            yield moment
        if ticket.given_up:
            yield view(ticket.left)
        return
    except CoalitionQAError as error:
        message = str(error)
    except Exception as error:  # the outermost boundary: a page that died would be worse
        log.exception("The question could not be answered")
        message = broken(error)
    yield view(ticket.left if ticket.given_up else (*(ticket.instead or earlier), Exchange(question, error=message)))


def broken(error: Exception) -> str:
    """What to say of an error that is not ours: its kind, and no more; the rest is in the log."""
    return f"Something went wrong; nothing was lost. ({type(error).__name__})"


def view(exchanges: tuple[Exchange, ...], *, shown: int | None = None, busy: bool = False) -> View:
    """The conversation as it stands; of the last answer only the first `shown` sentences, where given."""
    return View(render.messages(exchanges, shown), sources.panel(exchanges), exchanges, busy)


def _answering(
    assistant: Asks, question: str, earlier: tuple[Exchange, ...], ticket: Ticket, how: How
) -> Iterator[View]:
    started = perf_counter()
    catalogue = assistant.documents()
    asked = Exchange(question, searched=len(how.only) or len(catalogue), only=how.only)
    yield view((*earlier, asked), busy=True)

    def ask() -> Answer | None:
        with how.slots:  # a question that was given up is worked out to its end, unless it still waits here
            return None if ticket.given_up else assistant.ask(question, history(earlier), how.dial, how.only or None)

    worker = ThreadPoolExecutor(1)
    coming = worker.submit(ask)
    worker.shutdown(wait=False)
    while not wait([coming], timeout=0.1).done:
        if ticket.given_up:
            return
    answer = coming.result()
    if answer is None:
        return
    found = {hit.doc for hit in answer.hits} | {citation.doc for citation in answer.citations}
    done = replace(
        asked,
        answer=answer,
        dates={info.name: info.date for info in catalogue if info.name in found},
        seconds=perf_counter() - started,
        sure=how.sure(answer, how.dial),
    )
    for shown in range(len(answer.sentences)):
        yield view((*earlier, done), shown=shown, busy=True)
    yield view((*earlier, done))
