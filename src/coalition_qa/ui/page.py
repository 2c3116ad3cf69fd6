"""The web page: Gradio's Blocks around its screens, and the machine interface."""

import json
import logging
import os
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from coalition_qa.config import Settings
from coalition_qa.types import CoalitionQAError, DocumentInfo
from coalition_qa.ui import bench, past, render, shelf, talk
from coalition_qa.ui.behind import Asks, Behind
from coalition_qa.ui.guard import user_of
from coalition_qa.ui.sessions import CAPACITY, open_blocks
from coalition_qa.ui.talk import QUIET

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)

TRIED = 20
"""Questions to begin with are about the first so many documents."""


class Greeting:
    """What the page shows of the library and the user's conversations, made anew when they change."""

    def __init__(self, behind: Behind, corpus: Path) -> None:
        self._behind = behind
        self._corpus = corpus
        self._examples: tuple[tuple[DocumentInfo, ...], list[dict[str, str]]] = ((), [])
        self._lock = Lock()

    def _tried(self, catalogue: tuple[DocumentInfo, ...]) -> list[dict[str, str]]:
        """Questions to begin with, from the first documents, tried again when these are others; by one at a time."""
        first = catalogue[:TRIED]
        with self._lock:
            if first != self._examples[0]:
                questions = self._behind.assistant.example_questions()
                self._examples = (first, [{"text": question} for question in questions])
            return self._examples[1]

    def welcome(self) -> tuple[str, list[dict[str, str]]]:
        """What stands in a new conversation, and questions to begin with: slow, each of them is tried."""
        catalogue = tuple(self._behind.assistant.documents())
        return render.welcome(catalogue, self._corpus), self._tried(catalogue)

    def lists(self, sought: str, kept: str, user: str) -> tuple[str, str, str]:
        """The header, the conversations and the documents."""
        catalogue = self._behind.assistant.documents()
        conversations = past.conversations(self._behind.archive.listed(user), kept)
        documents = shelf.listed(catalogue, sought, self._corpus)
        return render.header(catalogue, self._behind.notice), conversations, documents


def build(behind: Behind, settings: Settings) -> "gr.Blocks":
    """The page: screens to ask, for the documents, and for the evaluation. Only the machine interface is public."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: no request leaves this machine
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")  # noted of so many events, for a page of Gradio's own
    import gradio as gr

    greeting = Greeting(behind, settings.corpus)

    def lists(sought: str, kept: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            return greeting.lists(sought, kept, user_of(request))
        except Exception:  # a page that shows what it showed is better than none
            log.exception("The library could not be read again")
            return (gr.skip(),) * 3

    def greet() -> Any:  # noqa: ANN401 - Gradio's update
        try:
            welcome, questions = greeting.welcome()
        except Exception:  # as above
            log.exception("The library could not be asked for questions to begin with")
            return gr.skip()
        return gr.update(placeholder=welcome, examples=questions)

    with open_blocks(title="coalition-qa", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as page:
        header_now, _, listed = greeting.lists("", "", "")
        with gr.Row(elem_id="top"):
            header = gr.HTML(header_now, elem_id="brand", **talk.PLAIN)
            chats = '<button id="chats" aria-controls="past" aria-expanded="false">Chats</button>'
            gr.HTML(chats, elem_id="way", **talk.PLAIN)
            new = gr.Button("New chat", elem_id="new", size="sm", scale=0, min_width=0)
        asked = talk.lay_out(behind, *greeting.welcome())
        documents = shelf.lay_out(listed, settings)
        measured = bench.lay_out()
        to_list = (lists, [documents.find, asked.kept], [header, asked.past, documents.listing])
        to_greet = (greet, None, [asked.bot])
        talk.connect(asked, new, behind, settings.answers_at_once)
        shelf.connect(
            documents, asked, behind, settings, lambda done: done.then(*to_list, **shelf.LISTS).then(*to_greet, **QUIET)
        )
        bench.connect(measured, asked, page, behind)
        page.load(*to_list, **shelf.LISTS).then(*to_greet, **QUIET)
        _add_interface(behind.assistant, settings)
    page.queue(max_size=settings.most_waiting)
    page.state_session_capacity = CAPACITY
    return page


def has_mcp() -> bool:
    """Whether what Gradio needs to offer tools is installed."""
    return find_spec("mcp") is not None


def _add_interface(assistant: Asks, settings: Settings) -> None:
    """The endpoint for programs; and for language models, where that can be offered, the tool."""
    import gradio as gr

    def query(question: str) -> dict[str, Any]:
        """Answer one question, on its own, as `coalition-qa ask --json` does.

        Args:
            question: what to look up, as a whole question that stands on its own
        """
        try:
            return assistant.ask(question).to_json()
        except CoalitionQAError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def ask(question: str) -> str:
        """Answer a question from the documents, with the place of every quote, or say that they don't hold it: JSON.

        Args:
            question: what to look up, as a whole question that stands on its own
        """
        return json.dumps(query(question), ensure_ascii=False)

    gr.api(query, api_name="query", concurrency_id="ask", concurrency_limit=settings.answers_at_once)
    if has_mcp():
        gr.api(ask, api_name="ask", concurrency_id="ask")  # Gradio would give a tool's user Python's form of a dict
