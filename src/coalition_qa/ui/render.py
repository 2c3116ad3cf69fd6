"""An answer as escaped HTML, for the conversation and for the sources panel. Pure: no Gradio in here.

Markers and marks are tied together turn by turn: the marker `[n]` of turn `t` has the id `ref-t-n` and links
to `src-t-n`, the marked sentence in the panel, whose card links back. `n` counts `Answer.citations` from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from coalition_qa.types import Answer, Citation, DocumentInfo, Hit

CLOSEST_SHOWN = 3
"""How many of the closest passages stand open under an abstention; the others are folded away."""

# Markdown's own characters too, and line ends: a chat message is Markdown, and only an HTML block on one line is safe.
_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<>\"'\\`*_[](){}#!$~|^:.@\n\r\t"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of the conversation and what became of it: an answer, an error, or given up by the user.

    `searched` is how many documents there were, `dates` has those of the documents that were found, and
    `seconds` is how long the answer took.
    """

    question: str
    searched: int = 0
    answer: Answer | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    stopped: bool = False

    @property
    def pending(self) -> bool:
        """Whether it is still waiting for its answer."""
        return self.answer is None and not self.error and not self.stopped


def escaped(text: str) -> str:
    """`text` as it stands, whatever it holds: neither HTML nor Markdown can see anything in it."""
    return text.encode("utf-8", "replace").decode().translate(_ENTITIES)


def header(catalogue: Sequence[DocumentInfo]) -> str:
    """The product's name and what it can be asked about."""
    passages = sum(info.passages for info in catalogue)
    return (
        '<div class="brand"><h1>coalition-qa</h1>'
        f"<p>{_count(len(catalogue), 'document')}, {_count(passages, 'passage')}, offline</p></div>"
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
        "<p>Run <code>coalition-qa add FILE</code> in a terminal, then reload this page.</p>"
        f"<p>Documents are kept in <code>{escaped(str(corpus))}</code></p></div>"
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


def panel(exchanges: Sequence[Exchange]) -> str:
    """The sources of the latest answer, and those of the earlier ones folded away below it."""
    turns = [(turn, exchange) for turn, exchange in enumerate(exchanges, 1) if exchange.answer is not None]
    if not turns:
        return (
            '<div class="panel empty"><h2>Sources</h2><p class="about">The passages an answer rests on appear '
            "here, with the quoted sentences marked.</p></div>"
        )
    (latest, exchange), *earlier = reversed(turns)
    folded = "".join(_earlier(*one) for one in earlier)
    return f'<div class="panel" data-turn="{latest}">{_sources(exchange, latest)}{folded}</div>'


def _reply(exchange: Exchange, turn: int, shown: int | None) -> Iterable[dict[str, Any]]:
    searched = _count(exchange.searched, "document")
    if exchange.error:
        yield {"content": f'<div class="notice error">{escaped(exchange.error)}</div>'}
    elif exchange.stopped:
        yield {"content": '<p class="stopped">Stopped before there was an answer.</p>'}
    elif exchange.answer is None:
        yield {"content": "", "metadata": {"title": f"Searching {searched} …", "status": "pending"}}
    else:
        answer = exchange.answer
        title = f"Searched {searched} for: {escaped(answer.standalone_question)}"
        metadata = {"title": title, "status": "done", "duration": round(exchange.seconds, 3)}
        yield {"content": _effort(answer), "metadata": metadata}
        yield {"content": _abstention(answer) if answer.status == "abstained" else _text(answer, turn, shown)}


def _effort(answer: Answer) -> str:
    places = _count(len(answer.hits), "passage") + " from "
    places += _count(len({hit.doc for hit in answer.hits}), "document")
    stages = "".join(
        f"<li>{escaped(stage.replace('_', ' '))}: {milliseconds:.0f} ms</li>"
        for stage, milliseconds in answer.timings.items()
    )
    return f'<ul class="effort"><li>Read {places}</li>{stages}</ul>'


def _abstention(answer: Answer) -> str:
    reason = f"<p>{escaped(answer.reason)}</p>" if answer.reason else ""
    return f'<div class="notice abstained"><strong>The documents don’t say</strong>{reason}</div>'


def _text(answer: Answer, turn: int, shown: int | None) -> str:
    numbers = {citation: number for number, citation in enumerate(answer.citations, 1)}
    seen: set[int] = set()
    sentences = []
    for sentence in answer.sentences[:shown]:
        markers = []
        for citation in sentence.citations:
            number = numbers[citation]
            markers.append(_marker(turn, number, citation, first=number not in seen))
            seen.add(number)
        sentences.append(f'<span class="sentence">{escaped(sentence.text)}{"".join(markers)}</span>')
    short = f'<p class="short"><strong>{escaped(answer.short_answer)}</strong></p>' if answer.short_answer else ""
    return f'<div class="answer">{short}<p>{" ".join(sentences)}</p></div>'


def _marker(turn: int, number: int, citation: Citation, *, first: bool) -> str:
    anchor = f' id="ref-{turn}-{number}"' if first else ""
    title = escaped(f"Source {number}: {citation.doc}")
    return f'<a class="cite"{anchor} href="#src-{turn}-{number}" title="{title}">[{number}]</a>'


def _earlier(turn: int, exchange: Exchange) -> str:
    question = escaped(exchange.question)
    sources = _sources(exchange, turn)
    return f'<details class="earlier"><summary>Earlier: {question}</summary>{sources}</details>'


def _sources(exchange: Exchange, turn: int) -> str:
    answer = exchange.answer
    if answer is None:
        return ""
    asked = f'<p class="about">{escaped(exchange.question)}</p>'
    if answer.status == "abstained":
        closest = [_passage(hit, exchange.dates) for hit in answer.hits]
        heading = "<h2>Closest passages (not an answer)</h2>" if closest else "<h2>No passage comes close</h2>"
        return f"{heading}{asked}{''.join(closest[:CLOSEST_SHOWN])}{_folded('Further off', closest[CLOSEST_SHOWN:])}"
    cited = {citation.passage_id for citation in answer.citations}
    others = [_passage(hit, exchange.dates) for hit in answer.hits if hit.passage.id not in cited]
    cards = "".join(_cards(answer, exchange.dates, turn))
    return f"<h2>Sources</h2>{asked}{cards}{_folded('Read but not cited', others)}"


def _folded(label: str, cards: Sequence[str]) -> str:
    if not cards:
        return ""
    return f'<details class="others"><summary>{label} ({len(cards)})</summary>{"".join(cards)}</details>'


def _cards(answer: Answer, dates: Mapping[str, str], turn: int) -> Iterable[str]:
    """One card for each cited passage, in the order of its first number, with every cited sentence marked."""
    hits = {hit.passage.id: hit for hit in answer.hits}
    groups: dict[str, list[tuple[int, Citation]]] = {}
    for number, citation in enumerate(answer.citations, 1):
        hit = hits.get(citation.passage_id)
        whole = hit is not None and hit.passage.span.overlap(citation.span) == citation.span.end - citation.span.start
        groups.setdefault(citation.passage_id if whole else f"quote {number}", []).append((number, citation))
    for passage_id, cited in groups.items():
        _, first = cited[0]
        hit = hits.get(passage_id)
        text, start = (hit.passage.text, hit.passage.span.start) if hit else (first.quote, first.span.start)
        marks = [(n, citation.span.start - start, citation.span.end - start) for n, citation in cited]
        back = "".join(f'<a class="number" href="#ref-{turn}-{n}" title="Back to the answer">{n}</a>' for n, _ in cited)
        page = min((citation.page for _, citation in cited if citation.page), default=None)
        yield _card(first.doc, hit.title if hit else "", dates, _marked(text, marks, turn), page, back)


def _passage(hit: Hit, dates: Mapping[str, str]) -> str:
    return _card(hit.doc, hit.title, dates, escaped(hit.passage.text), hit.page_of(hit.passage.span))


def _card(doc: str, title: str, dates: Mapping[str, str], body: str, page: int | None, back: str = "") -> str:
    where = f"page {page}" if page else ""
    details = [escaped(part) for part in (doc if title else "", where, dates.get(doc, "")) if part]
    meta = f'<p class="meta">{" · ".join(details)}</p>' if details else ""
    numbers = f'<span class="numbers">{back}</span>' if back else ""
    head = f'<div class="head">{numbers}<div><h3>{escaped(title or doc)}</h3>{meta}</div></div>'
    return f'<article class="card">{head}<p class="passage">{body}</p></article>'


def _marked(text: str, marks: Sequence[tuple[int, int, int]], turn: int) -> str:
    """`text` with each (number, start, end) marked. Marks may overlap: a stretch under several is one mark."""
    edges = sorted({0, len(text), *(edge for _, start, end in marks for edge in (start, end))})
    pieces = []
    for start, end in pairwise(edges):
        piece = escaped(text[start:end])
        if any(first <= start and end <= last for _, first, last in marks):
            beginning = [n for n, first, _ in marks if first == start]
            ending = " ".join(str(n) for n, _, last in marks if last == end)
            label = f' data-n="{ending}"' if ending else ""
            anchor = f' id="src-{turn}-{beginning[0]}"' if beginning else ""
            anchors = "".join(f'<a id="src-{turn}-{n}"></a>' for n in beginning[1:])
            piece = f'<mark tabindex="-1"{anchor}{label}>{anchors}{piece}</mark>'
        pieces.append(piece)
    return "".join(pieces)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
