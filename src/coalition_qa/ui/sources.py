"""The sources panel: every passage that an answer rests on, with what it quotes marked. Pure: no Gradio in here.

Markers and marks are tied together turn by turn: the marker `[n]` of turn `t` has the id `ref-t-n` and links
to `src-t-n`, the marked sentence in the panel, whose card links back. `n` counts `Answer.citations` from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from coalition_qa.types import Answer, Citation, Hit, Span
from coalition_qa.ui.exchanges import Exchange, key_phrases
from coalition_qa.ui.export import markdown_of
from coalition_qa.ui.html import escaped, place_of, stressed

CLOSEST_SHOWN = 3
"""How many of the closest passages stand open under an abstention; the others are folded away."""


def panel(exchanges: Sequence[Exchange]) -> str:
    """The sources of the latest answer, and those of the earlier ones folded away below it."""
    turns = [(turn, exchange) for turn, exchange in enumerate(exchanges, 1) if exchange.answer is not None]
    if not turns:
        return (
            '<div class="panel empty"><h2>Sources</h2><p class="about">The passages an answer rests on appear '
            f"here, with the quoted sentences marked.</p>{_said(exchanges)}</div>"
        )
    (latest, exchange), *earlier = reversed(turns)
    folded = "".join(_earlier(*one) for one in earlier)
    return f'<div class="panel" data-turn="{latest}">{_sources(exchange, latest)}{folded}{_said(exchanges)}</div>'


def _said(exchanges: Sequence[Exchange]) -> str:
    """What page.js puts into the box, or on the clipboard, for each turn; a chat message may not carry it."""
    pieces = []
    for turn, exchange in enumerate(exchanges, 1):
        searched = exchange.answer.standalone_question if exchange.answer else exchange.question
        texts = f'data-searched="{escaped(searched)}" data-markdown="{escaped(markdown_of(exchange))}"'
        pieces.append(f'<span hidden id="said-{turn}" {texts}></span>')
    return "".join(pieces)


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
        shown = _marked(text, marks, turn, key_phrases(answer))
        yield _card(first.doc, hit.title if hit else "", dates, shown, (first.document_id, first.span, page), back)


def _passage(hit: Hit, dates: Mapping[str, str]) -> str:
    span = hit.passage.span
    return _card(
        hit.doc, hit.title, dates, escaped(hit.passage.text), (hit.passage.document_id, span, hit.page_of(span))
    )


def _card(
    doc: str, title: str, dates: Mapping[str, str], body: str, place: tuple[str, Span, int | None], back: str = ""
) -> str:
    document_id, span, page = place
    where = f"page {page}" if page else ""
    details = [escaped(part) for part in (doc if title else "", where, dates.get(doc, "")) if part]
    meta = f'<p class="meta">{" · ".join(details)}</p>' if details else ""
    numbers = f'<span class="numbers">{back}</span>' if back else ""
    head = f'<div class="head">{numbers}<div><h3>{escaped(title or doc)}</h3>{meta}</div></div>'
    label = escaped(f"Open {title or doc} at this place, in a new tab")
    to = f'<a class="to" href="{place_of(doc, span, document_id)}" target="_blank" rel="noopener" aria-label="{label}">'
    return f'<article class="card">{head}<p class="passage">{body}</p>{to}Open document</a></article>'


def _marked(text: str, marks: Sequence[tuple[int, int, int]], turn: int, phrases: Sequence[str]) -> str:
    """`text` with each (number, start, end) marked, and in the marks the phrases in bold. Marks may overlap: a stretch
    under several is one mark.
    """
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
            piece = stressed(text[start:end], phrases)
            piece = f'<mark tabindex="-1"{anchor}{label}>{anchors}{piece}</mark>'
        pieces.append(piece)
    return "".join(pieces)
