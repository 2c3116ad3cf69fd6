"""One document as a page of its own, without a script: its passages, and a sentence marked among them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from coalition_qa.types import Document, Span
from coalition_qa.ui.html import counted

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_STYLE = (
    ":root{color-scheme:light dark;--ink:#1c2226;--paper:#f6f5f1;--muted:#5a646b;--line:#c9a04a;--mark:#fff0b3}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e7e9ea;--paper:#15181b;--muted:#a2acb3;--mark:#5c4c17}}"
    "body{max-width:44rem;margin:0 auto;padding:2rem 1.5rem 40vh 2rem;background:var(--paper);color:var(--ink);"
    "font:16px/1.65 Charter,Georgia,serif;overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.25}"
    ".meta{color:var(--muted);font:.85rem/1.5 system-ui,sans-serif}"
    "main{white-space:pre-wrap}main>*{display:block;margin:1rem 0}.gap{display:none}"
    ".passage{border-left:2px solid var(--line);padding-left:calc(1rem - 2px);margin-left:-1rem!important}"
    ".passage:target{outline:2px solid var(--line)}.out{color:var(--muted)}"
    "mark{background:var(--mark);color:inherit;padding:1px 0;scroll-margin:30vh}"
)


_CHANGED = "This document was changed after it was quoted, so the quote is not marked."


def document_page(
    document: Document, spans: Sequence[Span], place: Span | None = None, *, changed: bool = False
) -> str:
    """The document's text with its passages told apart; `place` is marked and has the id `here`. `changed` says that
    it is no longer the text that was quoted.
    """
    title = escape(document.title or document.name)
    about = [document.name, document.date, counted(len(spans), "passage"), counted(len(document.text), "character")]
    note = "A line marks what is searched as one passage; grey text is left out of the search."
    note = f"{_CHANGED} {note}" if changed else note
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<h1>{title}</h1><p class="meta">{escape(" · ".join(part for part in about if part))}</p>'
        f'<p class="meta">{note}</p><main>{_body(document.text, spans, place)}</main></body></html>'
    )


def _body(text: str, spans: Sequence[Span], place: Span | None) -> str:
    edges = _edges(text, spans)
    numbers = {span.start: number for number, span in enumerate(spans, 1)}
    pieces, marked = [], False
    for start, end in pairwise(edges):
        inside = any(span.start <= start and end <= span.end for span in spans)
        piece = _marked(text, Span(start, end), place, first=not marked)
        marked = marked or "<mark" in piece
        kind = f'class="passage" id="p{numbers[start]}"' if start in numbers else 'class="passage"'
        other = "gap" if text[start:end].isspace() else "out"  # each part is a block already: no empty lines between
        pieces.append(f"<div {kind}>{piece}</div>" if inside else f'<span class="{other}">{piece}</span>')
    return "".join(pieces)


def _edges(text: str, spans: Sequence[Span]) -> list[int]:
    """Where the page's parts begin and end: the passages, what is between them, and the line ends around that."""
    edges = sorted({0, len(text), *(edge for span in spans for edge in (span.start, span.end))})
    for start, end in pairwise(tuple(edges)):
        between = text[start:end]
        inside = any(span.start <= start and end <= span.end for span in spans)
        if not inside and between.strip("\n"):
            edges += [start + len(between) - len(between.lstrip("\n")), start + len(between.rstrip("\n"))]
    return sorted(set(edges))


def _marked(text: str, part: Span, place: Span | None, *, first: bool) -> str:
    if place is None or not part.overlap(place):
        return escape(part.of(text))
    start, end = max(part.start, place.start), min(part.end, place.end)
    here = ' id="here"' if first else ""
    before, inside, after = (escape(text[a:b]) for a, b in ((part.start, start), (start, end), (end, part.end)))
    return f"{before}<mark{here}>{inside}</mark>{after}"
