"""The web page: Gradio's Blocks around `render`."""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from coalition_qa.config import Settings
from coalition_qa.types import Answer, CoalitionQAError, Document, DocumentInfo, Turn
from coalition_qa.ui import render
from coalition_qa.ui.render import Exchange

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)


class Asks(Protocol):
    """What the page needs of an assistant. It is called from any thread, and from several at once."""

    def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Answer a question asked in a conversation; a CoalitionQAError's message is shown to the user."""

    def documents(self) -> list[DocumentInfo]:
        """The catalogue."""

    def document(self, name: str) -> Document | None:
        """One document, where there is one of that name."""

    def example_questions(self, count: int = 4) -> list[str]:
        """Questions the documents answer, to begin with."""


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows at one moment; `busy` while an answer is on its way."""

    messages: list[dict[str, Any]]
    panel: str
    exchanges: tuple[Exchange, ...]
    busy: bool = False


@dataclass(slots=True)
class Ticket:
    """A question on its way, which its asker may give up. (Gradio's own cancelling fails while `ask` runs.)"""

    given_up: bool = False
    left: tuple[Exchange, ...] = ()

    def give_up(self, left: tuple[Exchange, ...]) -> None:
        """Show the conversation that is `left`, and no answer."""
        self.left, self.given_up = left, True


def converse(
    assistant: Asks, question: str, exchanges: Sequence[Exchange], ticket: Ticket | None = None
) -> Iterator[View]:
    """Ask, and show the answer as it comes: the search, then sentence after sentence. Raises nothing."""
    earlier = settled(exchanges)
    question = question.strip()
    ticket = ticket or Ticket()
    if not question:
        yield view(earlier)
        return
    try:
        for moment in _answering(assistant, question, earlier, ticket):
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
        message = f"Something went wrong; nothing was lost. ({type(error).__name__})"
    yield view(ticket.left if ticket.given_up else (*earlier, Exchange(question, error=message)))


def settled(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """The conversation with its pending question, where there is one, given up."""
    return tuple(replace(one, stopped=True) if one.pending else one for one in exchanges)


def view(exchanges: tuple[Exchange, ...], *, shown: int | None = None, busy: bool = False) -> View:
    """The conversation as it stands; of the last answer only the first `shown` sentences, where given."""
    return View(render.messages(exchanges, shown), render.panel(exchanges), exchanges, busy)


def _answering(assistant: Asks, question: str, earlier: tuple[Exchange, ...], ticket: Ticket) -> Iterator[View]:
    started = perf_counter()
    catalogue = assistant.documents()
    asked = Exchange(question, searched=len(catalogue))
    yield view((*earlier, asked), busy=True)
    worker = ThreadPoolExecutor(1)
    coming = worker.submit(assistant.ask, question, _history(earlier))
    worker.shutdown(wait=False)
    while not wait([coming], timeout=0.1).done:
        if ticket.given_up:
            return
    answer = coming.result()
    found = {hit.doc for hit in answer.hits} | {citation.doc for citation in answer.citations}
    dates = {info.name: info.date for info in catalogue if info.name in found}
    done = (*earlier, replace(asked, answer=answer, dates=dates, seconds=perf_counter() - started))
    for shown in range(len(answer.sentences)):
        yield view(done, shown=shown, busy=True)
    yield view(done)


def _history(exchanges: Sequence[Exchange]) -> list[Turn]:
    answers = [exchange.answer for exchange in exchanges if exchange.answer is not None]
    return [Turn(answer.standalone_question, answer.text) for answer in answers]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The components that events read and write."""

    header: Any
    new: Any
    bot: Any
    box: Any
    panel: Any
    exchanges: Any
    ticket: Any


def build(assistant: Asks, settings: Settings) -> "gr.Blocks":
    """The page: a conversation, the box below it and the sources beside it. Only `query` is public."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: no request leaves this machine
    import gradio as gr

    def query(question: str) -> dict[str, Any]:
        """Answer one question, on its own, as the JSON that `coalition-qa ask --json` prints."""
        try:
            return assistant.ask(question).to_json()
        except CoalitionQAError as error:
            raise gr.Error(str(error), print_exception=False) from error

    @lru_cache(maxsize=1)
    def examples(catalogue: tuple[DocumentInfo, ...]) -> list[str]:
        return assistant.example_questions() if catalogue else []

    def greeting() -> tuple[str, str, list[dict[str, str]]]:
        catalogue = tuple(assistant.documents())
        questions = [{"text": question} for question in examples(catalogue)]
        return render.header(catalogue), render.welcome(catalogue, settings.corpus), questions

    def greet() -> tuple[Any, Any]:
        try:
            header, welcome, questions = greeting()
        except Exception:  # a page that greets as it was built is better than none
            log.exception("The library could not be read again")
            return gr.skip(), gr.skip()
        return header, gr.update(placeholder=welcome, examples=questions)

    with gr.Blocks(title="coalition-qa", analytics_enabled=False, fill_width=True) as page:
        parts = _layout(*greeting())
        _connect(parts, assistant)
        page.load(greet, None, [parts.header, parts.bot], api_visibility="private", show_progress="hidden")
        gr.api(query, api_name="query", concurrency_id="ask")
    return page


def _layout(name: str, welcome: str, examples: list[dict[str, str]]) -> _Parts:
    import gradio as gr

    plain: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Row(elem_id="top"):
        header = gr.HTML(name, elem_id="brand", **plain)
        new = gr.Button("New chat", elem_id="new", size="sm", scale=0, min_width=0)
    with gr.Row(elem_id="room"):
        with gr.Column(elem_id="talk", min_width=0):
            bot = gr.Chatbot(
                elem_id="bot",
                show_label=False,
                height=None,
                buttons=[],
                feedback_options=None,
                latex_delimiters=[],
                layout="bubble",
                placeholder=welcome,
                examples=examples,
            )
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
        with gr.Column(elem_id="sources", min_width=0):
            panel = gr.HTML(render.panel(()), elem_id="panel", **plain)
    return _Parts(header, new, bot, box, panel, gr.State(()), gr.State(None))


def _connect(parts: _Parts, assistant: Asks) -> None:
    import gradio as gr

    shown = [parts.bot, parts.panel, parts.exchanges, parts.ticket, parts.box]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

    def ready() -> Any:  # noqa: ANN401 - Gradio's update; it consumes what it is given
        return gr.update(submit_btn=True, stop_btn=False)

    def asking(value: str, exchanges: tuple[Exchange, ...], event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        question = event.value["text"] if isinstance(event.target, gr.Chatbot) else value
        ticket = Ticket()
        box = gr.update(value="", submit_btn=False, stop_btn=True)
        for now in converse(assistant, question, exchanges, ticket):
            yield now.messages, now.panel, now.exchanges, ticket, box if now.busy else ready()
            box = gr.skip()

    def giving_up(ticket: Ticket | None, left: tuple[Exchange, ...]) -> tuple[Any, ...]:
        if ticket is not None:
            ticket.give_up(left)
        now = view(left)
        return now.messages, now.panel, now.exchanges, None, ready()

    gr.on(
        [parts.box.submit, parts.bot.example_select],
        asking,
        [parts.box, parts.exchanges],
        shown,
        concurrency_id="ask",
        trigger_mode="once",
        **quiet,
    )
    parts.box.stop(
        lambda ticket, exchanges: giving_up(ticket, settled(exchanges)),
        [parts.ticket, parts.exchanges],
        shown,
        **quiet,
    )
    parts.new.click(lambda ticket: giving_up(ticket, ()), [parts.ticket], shown, **quiet)
