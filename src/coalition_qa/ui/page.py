"""The web page: Gradio's Blocks around its screens, and the machine interface."""

import json
import logging
import os
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from coalition_qa.config import Settings
from coalition_qa.types import CoalitionQAError, DocumentInfo
from coalition_qa.ui import past, render, shelf, talk
from coalition_qa.ui.behind import Asks, Behind
from coalition_qa.ui.guard import user_of

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)


def build(behind: Behind, settings: Settings) -> "gr.Blocks":
    """The page: a screen to ask and one for the documents. Only the machine interface is public."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import: no request leaves this machine
    import gradio as gr

    assistant = behind.assistant

    @lru_cache(maxsize=1)
    def examples(catalogue: tuple[DocumentInfo, ...]) -> list[str]:
        return assistant.example_questions() if catalogue else []

    def greeting(catalogue: tuple[DocumentInfo, ...]) -> tuple[str, str, list[dict[str, str]]]:
        questions = [{"text": question} for question in examples(catalogue)]
        return render.header(catalogue, behind.notice), render.welcome(catalogue, settings.corpus), questions

    def greet(sought: str, kept: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            catalogue = tuple(assistant.documents())
            header, welcome, questions = greeting(catalogue)
            conversations = past.conversations(behind.archive.listed(user_of(request)), kept)
        except Exception:  # a page that greets as it was built is better than none
            log.exception("The library could not be read again")
            return (gr.skip(),) * 4
        listed = shelf.listed(catalogue, sought, settings.corpus)
        return header, gr.update(placeholder=welcome, examples=questions), conversations, listed

    with gr.Blocks(title="coalition-qa", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as page:
        catalogue = tuple(assistant.documents())
        name, welcome, questions = greeting(catalogue)
        with gr.Row(elem_id="top"):
            header = gr.HTML(name, elem_id="brand", **talk.PLAIN)
            chats = '<button id="chats" aria-controls="past" aria-expanded="false">Chats</button>'
            gr.HTML(chats, elem_id="way", **talk.PLAIN)
            new = gr.Button("New chat", elem_id="new", size="sm", scale=0, min_width=0)
        asked = talk.lay_out(behind, welcome, questions)
        documents = shelf.lay_out(catalogue, settings)
        refreshed = ([documents.find, asked.kept], [header, asked.bot, asked.past, documents.listing])
        talk.connect(asked, new, behind)
        shelf.connect(documents, asked, behind, settings, lambda event: event.then(greet, *refreshed, **talk.QUIET))
        page.load(greet, *refreshed, **talk.QUIET)
        _add_interface(assistant, settings)
    page.queue(max_size=settings.most_waiting)
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
