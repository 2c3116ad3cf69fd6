"""The conversation as escaped HTML. Pure: no Gradio in here.

Each marker `[n]` of turn `t` links to the marked sentence in the sources panel (see `sources`); the links
`#copy-t`, `#edit-t` and `#again-t` below an answer are what page.js listens to, and those named by a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from coalition_qa.types import Answer, Citation, DocumentInfo
from coalition_qa.ui.exchanges import Exchange, key_phrases
from coalition_qa.ui.html import counted, escaped, stressed

VERDICTS = {
    "right": "Right",
    "wrong": "Wrong answer",
    "absent": "Should have said it isn’t there",
    "passage": "Wrong passage",
}
"""What somebody may say of an answer."""

VERDICTS_ON_NONE = {"right": "Right", "wrong": "It is there"}
"""What somebody may say where the documents are said to hold no answer."""


def header(catalogue: Sequence[DocumentInfo], notice: str = "") -> str:
    """The product's name, the way to its screens, and what it can be asked about."""
    passages = sum(info.passages for info in catalogue)
    warning = f'<p class="warning" role="status">{escaped(notice)}</p>' if notice else ""
    return (
        '<div class="brand"><h1>coalition-qa</h1>'
        '<nav aria-label="Screens"><a href="#/ask">Ask</a><a href="#/documents">Documents</a>'
        '<a href="#/evaluation">Evaluation</a></nav>'
        f"<p>{counted(len(catalogue), 'document')}, {counted(passages, 'passage')}, offline</p></div>{warning}"
    )


def welcome(catalogue: Sequence[DocumentInfo], corpus: Path) -> str:
    """What stands in the conversation before the first question."""
    if catalogue:
        return (
            '<div class="welcome"><h2>Ask your documents</h2>'
            "<p>Answers are quoted word for word. Every number leads to the place they come from.</p></div>"
        )
    return (
        '<div class="welcome"><h2>No documents yet</h2>'
        '<p><a class="go" href="#/documents">Add your documents</a></p>'
        f"<p>They are kept in <code>{escaped(str(corpus))}</code> on this machine.</p></div>"
    )


def messages(exchanges: Sequence[Exchange], shown: int | None = None) -> list[dict[str, Any]]:
    """The conversation as chat messages; of the last answer only the first `shown` sentences, where given."""
    result: list[dict[str, Any]] = []
    for turn, exchange in enumerate(exchanges, 1):
        question = f'<div class="question">{escaped(exchange.question)}</div>'
        result.append({"role": "user", "content": question})
        limit = shown if turn == len(exchanges) else None
        result += [{"role": "assistant", **part} for part in _reply(exchange, turn, limit)]
    return result


def _reply(exchange: Exchange, turn: int, shown: int | None) -> Iterable[dict[str, Any]]:
    searched = counted(exchange.searched, "chosen document" if exchange.only else "document")
    again = f'<p class="actions"><a href="#again-{turn}">Ask again</a></p>'
    if exchange.error:
        yield {"content": f'<div class="notice error">{escaped(exchange.error)}</div>{again}'}
    elif exchange.stopped:
        yield {"content": f'<p class="stopped">Stopped before there was an answer.</p>{again}'}
    elif exchange.answer is None:
        yield {"content": "", "metadata": {"title": f"Searching {searched} …", "status": "pending"}}
    else:
        answer = exchange.answer
        title = f"Searched {searched} for: {escaped(answer.standalone_question)}"
        metadata = {"title": title, "status": "done", "duration": round(exchange.seconds, 3)}
        yield {"content": _effort(answer), "metadata": metadata}
        text = _abstention(exchange, searched) if answer.status == "abstained" else _text(answer, turn, shown)
        yield {"content": text if shown is not None else text + _below(exchange, turn)}


def _effort(answer: Answer) -> str:
    places = counted(len(answer.hits), "passage") + " from "
    places += counted(len({hit.doc for hit in answer.hits}), "document")
    stages = "".join(
        f"<li>{escaped(stage.replace('_', ' '))}: {milliseconds:.0f} ms</li>"
        for stage, milliseconds in answer.timings.items()
    )
    return f'<ul class="effort"><li>Read {places}</li>{stages}</ul>'


def _abstention(exchange: Exchange, searched: str) -> str:
    answer = exchange.answer
    if answer is None:
        return ""
    sought = f"Searched {searched} for “{answer.standalone_question}” and read {counted(len(answer.hits), 'passage')}."
    lines = [line for line in (answer.reason, sought if answer.hits else "", exchange.sure) if line]
    paragraphs = "".join(f"<p>{escaped(line)}</p>" for line in lines)
    return f'<div class="notice abstained"><strong>The documents don’t say</strong>{paragraphs}</div>'


def _below(exchange: Exchange, turn: int) -> str:
    """How sure the answer is, and what can be done with it."""
    answered = exchange.answer is not None and exchange.answer.status == "answered"
    said = f'<p class="sure">{escaped(exchange.sure)}</p>' if answered and exchange.sure else ""
    copy = f'<a href="#copy-{turn}">Copy with sources</a>' if answered else ""
    edit = f'<a href="#edit-{turn}">Edit the question</a>'
    acts = f'<p class="actions">{copy}{edit}<a href="#again-{turn}">Ask again</a></p>'
    names = VERDICTS if answered else VERDICTS_ON_NONE
    verdicts = "".join(f'<a href="#{verdict}-{turn}">{name}</a>' for verdict, name in names.items())
    return f'{said}{acts}<p class="actions verdicts"><span>Is it right?</span>{verdicts}</p>'


def _text(answer: Answer, turn: int, shown: int | None) -> str:
    numbers = {citation: number for number, citation in enumerate(answer.citations, 1)}
    seen: set[int] = set()
    sentences, phrases = [], key_phrases(answer)
    for sentence in answer.sentences[:shown]:
        markers = []
        for citation in sentence.citations:
            number = numbers[citation]
            markers.append(_marker(turn, number, citation, first=number not in seen))
            seen.add(number)
        sentences.append(f'<span class="sentence">{stressed(sentence.text, phrases)}{"".join(markers)}</span>')
    return f'<div class="answer">{_short(answer, turn)}<p>{" ".join(sentences)}</p></div>'


def _short(answer: Answer, turn: int) -> str:
    """The short answer, which is a claim as well: its marker leads to the sentence that it stands in."""
    if not answer.short_answer:
        return ""
    first, *_ = key_phrases(answer) or [answer.short_answer]
    holding = [citation for citation in answer.citations if first in citation.quote] or answer.citations
    marker = _marker(turn, answer.citations.index(holding[0]) + 1, holding[0], first=False) if holding else ""
    return f'<p class="short"><strong>{escaped(answer.short_answer)}</strong>{marker}</p>'


def _marker(turn: int, number: int, citation: Citation, *, first: bool) -> str:
    anchor = f' id="ref-{turn}-{number}"' if first else ""
    title = escaped(f"Source {number}: {citation.doc}")
    return f'<a class="cite"{anchor} href="#src-{turn}-{number}" title="{title}">[{number}]</a>'
