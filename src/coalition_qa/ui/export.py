"""A conversation to take away, with every quote, its place and the index's fingerprint. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape

from coalition_qa.types import Answer, Citation
from coalition_qa.ui.exchanges import Exchange

NOT_SAID = "The documents don’t say."
_STYLE = (
    "body{max-width:44rem;margin:2rem auto;padding:0 1rem;font:16px/1.6 system-ui,sans-serif;color:#1c2226}"
    "h2{margin-top:2.5rem;font-size:1.15rem}blockquote{margin:.4rem 0 1rem;padding-left:1rem;"
    "border-left:3px solid #c9a04a}.meta{color:#5a646b;font-size:.85rem;overflow-wrap:anywhere}"
)


def markdown_of(exchange: Exchange) -> str:
    """One question and its answer as Markdown, with the sources it quotes."""
    answer = exchange.answer
    if answer is None:
        return f"**{_plain(exchange.question)}**\n\n{_plain(exchange.error or 'Stopped before there was an answer.')}\n"
    lines = [f"**{_plain(exchange.question)}**", ""]
    if answer.standalone_question != exchange.question:
        lines += [f"Searched for: {_plain(answer.standalone_question)}", ""]
    if answer.status == "abstained":
        return "\n".join([*lines, NOT_SAID, ""])
    numbers = {citation: number for number, citation in enumerate(answer.citations, 1)}
    if answer.short_answer:
        lines += [f"**{_plain(answer.short_answer)}**", ""]
    said = (
        _plain(sentence.text) + "".join(f"[{numbers[citation]}]" for citation in sentence.citations)
        for sentence in answer.sentences
    )
    lines += [" ".join(said), ""]
    lines += [
        f"{number}. {_plain(citation.doc)}, {_place(citation)}: “{_plain(citation.quote)}”"
        for citation, number in numbers.items()
    ]
    return "\n".join([*lines, ""])


def markdown(title: str, exchanges: Sequence[Exchange]) -> str:
    """The conversation as Markdown."""
    prints = "".join(f"Index fingerprint: `{one}`\n" for one in _fingerprints(exchanges))
    return "\n".join([f"# {_plain(title)}", "", *(markdown_of(one) for one in exchanges), "---", "", prints])


def html(title: str, exchanges: Sequence[Exchange]) -> str:
    """The conversation as one HTML page that needs nothing else."""
    turns = "".join(f"<h2>{escape(one.question)}</h2>{_answer(one)}" for one in exchanges)
    prints = "".join(f'<p class="meta">Index fingerprint: {escape(one)}</p>' for one in _fingerprints(exchanges))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{turns}<hr>{prints}</html>\n"
    )


def receipt(title: str, exchanges: Sequence[Exchange]) -> str:
    """The conversation as JSON: each answer whole, its quotes with places and the hash of their document."""
    turns = [
        {"question": one.question, "within": list(one.only), "error": one.error, "stopped": one.stopped}
        | {"answer": one.answer.to_json() if one.answer else None}
        for one in exchanges
    ]
    return json.dumps({"format": "coalition-qa receipt 1", "title": title, "turns": turns}, indent=2) + "\n"


FORMS = {"md": (markdown, "text/markdown"), "html": (html, "text/html"), "json": (receipt, "application/json")}
"""How to write a conversation, and what kind of file that is, by the ending of its name."""


def _answer(exchange: Exchange) -> str:
    answer = exchange.answer
    if answer is None:
        return f"<p>{escape(exchange.error or 'Stopped before there was an answer.')}</p>"
    searched = f'<p class="meta">Searched for: {escape(answer.standalone_question)}</p>'
    if answer.status == "abstained":
        return f"{searched}<p>{NOT_SAID} {escape(answer.reason)}</p>"
    numbers = {citation: number for number, citation in enumerate(answer.citations, 1)}
    said = " ".join(
        escape(sentence.text) + "".join(f" [{numbers[citation]}]" for citation in sentence.citations)
        for sentence in answer.sentences
    )
    short = f"<p><strong>{escape(answer.short_answer)}</strong></p>" if answer.short_answer else ""
    sources = "".join(
        f"<blockquote>{escape(citation.quote)}</blockquote>"
        f'<p class="meta">[{number}] {escape(citation.doc)}, {_place(citation)}, document {citation.document_id}</p>'
        for citation, number in numbers.items()
    )
    return f"{searched}{short}<p>{said}</p>{sources}"


def _place(citation: Citation) -> str:
    page = f"page {citation.page}, " if citation.page else ""
    return f"{page}characters {citation.span.start} to {citation.span.end}"


def _fingerprints(exchanges: Sequence[Exchange]) -> list[str]:
    answers: list[Answer] = [one.answer for one in exchanges if one.answer is not None]
    return list(dict.fromkeys(answer.fingerprint for answer in answers))


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|~!$&])", r"\\\1", " ".join(text.split()))
