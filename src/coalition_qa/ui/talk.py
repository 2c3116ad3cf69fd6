"""The screen where you ask: the conversations, the talk, the box and the sources, and the events between them."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Lock, Semaphore
from typing import Any

from coalition_qa.types import CoalitionQAError
from coalition_qa.ui import past, sources, sureness
from coalition_qa.ui.asking import How, Ticket, View, broken, converse, view
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.exchanges import Exchange, loaded, settled
from coalition_qa.ui.guard import user_of
from coalition_qa.ui.tabs import Tab, listing

log = logging.getLogger(__name__)

PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
ACTS: dict[str, Any] = {
    "js_on_load": "element.addEventListener('click', (event) => window.coalition.act(event, trigger));",
    "apply_default_css": False,
}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True, slots=True)
class Talk:
    """The components of the screen, and what it remembers of a session."""

    past: Any
    bot: Any
    chips: Any
    within: Any
    box: Any
    dial: Any
    meaning: Any
    panel: Any
    judging: Any
    exchanges: Any
    ticket: Any
    kept: Any
    only: Any
    going: Any

    @property
    def shown(self) -> list[Any]:
        """What an answer changes, in the order of `_moment`."""
        return [self.bot, self.panel, self.exchanges, self.ticket, self.box, self.kept, self.past, self.chips]


class Busy:
    """How many answers are on their way."""

    def __init__(self) -> None:
        self.asking = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.asking += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self.asking -= 1


def lay_out(behind: Behind, welcome: str, examples: list[dict[str, str]]) -> Talk:
    """Make the components, within a page that is being made."""
    import gradio as gr

    usual = behind.lines.usual
    with gr.Row(elem_id="room"):
        with gr.Column(elem_id="past", min_width=0):
            kept = gr.HTML(past.conversations((), ""), **ACTS)
        with gr.Column(elem_id="talk", min_width=0):
            bot = gr.Chatbot(
                elem_id="bot",
                show_label=False,
                height=None,
                buttons=[],
                feedback_options=None,
                latex_delimiters=[],
                layout="bubble",
                autoscroll=False,  # to the end: page.js shows an answer from its beginning
                placeholder=welcome,
                examples=examples,
            )
            chips = gr.HTML("", elem_id="chips", **PLAIN)
            within = gr.HTML("", elem_id="within", **ACTS)
            box = gr.Textbox(
                elem_id="ask",
                label="Your question",
                show_label=False,
                container=False,
                placeholder="Ask a question of your documents",
                max_lines=6,
                submit_btn=True,
                autofocus=True,
            )
            with gr.Row(elem_id="how"):
                dial = gr.Radio(
                    [(name, dial) for dial, name in sureness.NAMES.items()],
                    value=usual,
                    label="How sure an answer must be",
                    elem_id="dial",
                    container=False,
                )
                meaning = gr.HTML(_meaning(behind, usual), elem_id="meaning", **PLAIN)
        with gr.Column(elem_id="sources", min_width=0):
            again = "window.coalition.again = (turn) => trigger('click', {turn});"
            panel = gr.HTML(sources.panel(()), elem_id="panel", js_on_load=again, apply_default_css=False)
    judge = "window.coalition.judge = (data) => trigger('click', data);"
    judging = gr.HTML("", elem_id="judging", **{**ACTS, "js_on_load": ACTS["js_on_load"] + judge})
    states = (gr.State(()), gr.State(None), gr.State(""), gr.State(()), gr.State(None))
    return Talk(kept, bot, chips, within, box, dial, meaning, panel, judging, *states)


def connect(talk: Talk, new: Any, behind: Behind, at_once: int) -> None:  # noqa: ANN401 - Gradio's button
    """Tie the screen's events to what they do; so many answers are worked out at once."""
    import gradio as gr

    busy = Busy()

    def asking(going: "_Going | None") -> Iterator[tuple[Any, ...]]:
        if going is None or going.ticket.begun or going.ticket.given_up:
            yield tuple(gr.skip() for _ in talk.shown)
            return
        going.ticket.begun = True
        with busy:
            yield from _asked(going)

    asked = gr.on(
        [talk.box.submit, talk.bot.example_select, talk.panel.click],
        _taking(behind, Semaphore(at_once)),
        [talk.box, talk.exchanges, talk.kept, talk.going, talk.dial, talk.only],
        [talk.going, talk.ticket, talk.box],
        queue=False,
        **QUIET,
    )
    asks = asked.then(asking, [talk.going], talk.shown, concurrency_id="ask", **QUIET)
    asks.then(partial(leading_on, behind, busy), [talk.exchanges], [talk.chips], concurrency_id="lead", **QUIET)
    talk.dial.change(lambda dial: _meaning(behind, dial), [talk.dial], [talk.meaning], **QUIET)
    talk.within.click(lambda: ((), ""), None, [talk.only, talk.within], **QUIET)
    _connect_past(talk, new, behind)


def _taking(behind: Behind, slots: Semaphore) -> Callable[..., tuple[Any, ...]]:
    """What takes a question at once, with the conversation that it is asked in: its turn may come later, when another
    conversation is open.
    """
    import gradio as gr

    def take(
        value: str,
        exchanges: tuple[Exchange, ...],
        kept: str,
        going: "_Going | None",
        dial: Any,  # noqa: ANN401 - one of the radio's values, Gradio sees to it
        only: tuple[str, ...],
        event: gr.EventData,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        if going is not None and not (going.ticket.over or going.ticket.given_up):
            return gr.skip(), gr.skip(), gr.skip()
        question, earlier, clears = value, exchanges, True
        if isinstance(event.target, gr.Chatbot):
            question = event.value["text"]
        elif isinstance(event.target, gr.HTML):
            question, earlier = _again(exchanges, event._data)
            clears = False
        page = Tab(behind, user_of(request), kept or os.urandom(8).hex(), settled(exchanges))
        # asked again, the old answer stays until there is a new one
        ticket = Ticket(page.known if len(earlier) < len(page.known) else ())
        how = How(dial, only, partial(sureness.sure, lines=behind.lines), slots)
        box = gr.update(submit_btn=False, stop_btn=True, **({"value": ""} if clears else {}))
        return _Going(page, question, earlier, how, ticket), ticket, box

    return take


def _connect_past(talk: Talk, new: Any, behind: Behind) -> None:  # noqa: ANN401 - Gradio's button
    import gradio as gr

    def stop(ticket: Ticket | None, exchanges: tuple[Exchange, ...], kept: str, request: gr.Request) -> tuple[Any, ...]:
        pending = exchanges[-1:] and exchanges[-1].pending
        left = (ticket.instead if ticket and pending else ()) or settled(exchanges)
        _give_up(ticket, left)
        page = Tab(behind, user_of(request), kept, left[:-1])  # the question that is given up is not on disk
        return _moment(view(left), None, *page.kept_with(left))

    def begin(ticket: Ticket | None, request: gr.Request) -> tuple[Any, ...]:
        _give_up(ticket, ())
        return _moment(view(()), None, "", listing(behind, user_of(request), ""))

    def act(ticket: Ticket | None, kept: str, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        data, user = {key: str(value) for key, value in event._data.items()}, user_of(request)
        did, id_, fault = data.get("do"), data.get("id", ""), ""
        try:
            if did == "open":
                opened = loaded(behind.archive.read(user, id_) or "[]")
                _give_up(ticket, opened)
                return _moment(view(opened), None, id_, listing(behind, user, id_))
            if did == "rename":
                behind.archive.rename(user, id_, data.get("value", ""))
            elif did == "delete":
                behind.archive.delete(user, id_)
                if id_ == kept:
                    return begin(ticket, request)
        except CoalitionQAError as error:
            fault = str(error)
        return (*[gr.skip()] * 6, listing(behind, user, kept, fault), gr.skip())

    talk.box.stop(stop, [talk.ticket, talk.exchanges, talk.kept], talk.shown, **QUIET)
    new.click(begin, [talk.ticket], talk.shown, **QUIET)
    talk.past.click(act, [talk.ticket, talk.kept], talk.shown, **QUIET)


@dataclass(frozen=True, slots=True)
class _Going:
    """A question that was taken, and all that it was asked with."""

    page: Tab
    question: str
    earlier: tuple[Exchange, ...]
    how: How
    ticket: Ticket


def _asked(going: _Going) -> Iterator[tuple[Any, ...]]:
    """What an answer on its way changes, moment after moment; it is kept once it is there."""
    import gradio as gr

    page, ticket = going.page, going.ticket
    chips: Any = ""
    try:
        for now in converse(page.behind.assistant, going.question, going.earlier, ticket, going.how):
            if ticket.given_up:  # whoever gave it up has said what is shown
                yield (now.messages, now.panel, now.exchanges, *[gr.skip()] * 5)
                return
            if now.busy:
                yield (now.messages, now.panel, now.exchanges, ticket, gr.skip(), page.kept, gr.skip(), chips)
                chips = gr.skip()
            else:
                yield _moment(now, ticket, *page.kept_with(now.exchanges))
    finally:
        ticket.over = True


def _moment(now: View, ticket: Ticket | None, kept: str, listing: str) -> tuple[Any, ...]:
    import gradio as gr

    return now.messages, now.panel, now.exchanges, ticket, gr.update(submit_btn=True, stop_btn=False), kept, listing, ""


def _again(exchanges: tuple[Exchange, ...], data: dict[str, Any]) -> tuple[str, tuple[Exchange, ...]]:
    """The question of that turn; where it is the last one, its new answer takes the old one's place."""
    turn = int(data.get("turn", 0))
    if not 1 <= turn <= len(exchanges):
        return "", exchanges
    return exchanges[turn - 1].question, exchanges[:-1] if turn == len(exchanges) else exchanges


def _give_up(ticket: Ticket | None, left: tuple[Exchange, ...]) -> None:
    if ticket is not None:
        ticket.give_up(left)


def _meaning(behind: Behind, dial: Any) -> str:  # noqa: ANN401 - one of the radio's values
    return f'<p class="about">{sureness.meaning(dial, behind.lines)}</p>'


def leading_on(behind: Behind, busy: Busy, exchanges: tuple[Exchange, ...]) -> str:
    """Questions that lead on from the last answer, where nobody waits for theirs; without any the page is whole."""
    answer = exchanges[-1].answer if exchanges else None
    if answer is None or answer.status == "abstained" or busy.asking:
        return ""
    follow: Callable[..., list[str]] = behind.assistant.follow_ups
    try:
        return past.chips(follow(answer))
    except Exception as error:  # the outermost boundary of this event
        log.exception("No questions that lead on: %s", broken(error))
        return ""
