"""Where a quote stands: the one place in the documents that gold means by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from coalition_qa.evaluation.metrics import Excerpt
from coalition_qa.evaluation.normalise import find_quote, without_typography
from coalition_qa.types import Document, Span

_END = re.compile(r"[.!?][\"'”’»)*_]*\s|\n")
_MARK = re.compile(r"\A\(?\d{1,3}(?:(?:\.\d{1,3})+[.)]?|[.)])\s")  # "4.1" numbers a sentence
_LONGEST = 1_000  # characters of a sentence that are looked at
_SHOWN = 60
_NEAREST_SHOWN = 160
_TEXTS_HELD, _PLAIN_HELD = 256, 4


@dataclass(frozen=True, slots=True)
class Place:
    """What gold says of a place: its words, and where they are said more than once, in which document and which."""

    quote: str
    doc: str | None = None
    occurrence: int | None = None


class QuoteError(Exception):
    """A quote has not just one place; the message says why and what to do."""


class Quotes:
    """Looks quotes up. Texts are fetched from `documents` when they are needed, and few are held."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents
        self._text = lru_cache(_TEXTS_HELD)(lambda name: documents[name].text)
        self._plain = lru_cache(_PLAIN_HELD)(lambda name: without_typography(self._text(name)))

    def find(self, place: Place) -> tuple[Excerpt, bool]:
        """The one place, and whether the text there is the quote to the letter.

        Raises QuoteError for a quote that is nowhere, telling the nearest, or in more than one place.
        """
        names = self._named(place.doc)
        exact = [Excerpt(name, span, place.quote) for name in names for span in spans_of(place.quote, self._text(name))]
        if exact:
            return _chosen(exact, place), True
        alike = [
            Excerpt(name, span, span.of(self._text(name)))
            for name in names
            for span in find_quote(place.quote, self._plain(name))
        ]
        if alike:
            return _chosen(alike, place), False
        raise QuoteError(
            f"the quote {cut(place.quote)!r} is not in {place.doc or 'any document'}; {self._nearest(names, place)}"
        )

    def sentence(self, place: Excerpt) -> str:
        """The sentence that the place is in, or those: from the end of one before it to the end of one behind it."""
        text, (start, end) = self._text(place.doc), (place.span.start, place.span.end)
        first, last = max(0, start - _LONGEST), min(len(text), end + _LONGEST)
        before = [match.end() for match in _END.finditer(text, first, start)]
        behind = _END.search(text, max(start, end - 5), last)  # the quote may have the stop in it, and marks after that
        return _MARK.sub("", text[before[-1] if before else first : behind.start() + 1 if behind else last].strip())

    def _named(self, doc: str | None) -> Sequence[str]:
        if doc is None:
            return list(self._documents)
        if doc not in self._documents:
            known = ", ".join(list(self._documents)[:5]) or "none"
            raise QuoteError(f"there is no document {doc!r}; the documents are: {known}.")
        return [doc]

    def _nearest(self, names: Sequence[str], place: Place) -> str:
        from rapidfuzz.fuzz import partial_ratio_alignment

        best, where = 0.0, "no document has anything like it."
        for name in names:
            text = self._text(name)
            found = partial_ratio_alignment(place.quote, text, score_cutoff=best)
            if found is not None and found.score > best:
                span = _to_words(Span(found.dest_start, found.dest_end), text)
                best = found.score
                where = f"the nearest, in {name} at character {span.start}, is: {cut(span.of(text), _NEAREST_SHOWN)!r}."
        return where


def spans_of(quote: str, text: str) -> list[Span]:
    """Where the quote stands in the text to the letter; places do not overlap."""
    return [Span(*match.span()) for match in re.finditer(re.escape(quote), text)]


def cut(text: str, most: int = _SHOWN) -> str:
    """The text, shortened for a message."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _to_words(span: Span, text: str) -> Span:
    """The span without white space at its ends, stretched to whole words."""
    found = span.of(text)
    start, end = span.start + len(found) - len(found.lstrip()), span.end - len(found) + len(found.rstrip())
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while 0 < end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return Span(start, end)


def _chosen(hits: Sequence[Excerpt], place: Place) -> Excerpt:
    documents = sorted({hit.doc for hit in hits})
    if len(documents) > 1:
        raise QuoteError(f"the quote {cut(place.quote)!r} is in {', '.join(documents[:5])}; say which as doc.")
    if place.occurrence is None and len(hits) > 1:
        starts = ", ".join(str(hit.span.start) for hit in hits[:5])
        raise QuoteError(
            f"the quote {cut(place.quote)!r} is in {documents[0]} {len(hits)} times, at characters {starts}; "
            f'add "occurrence": 1 to {len(hits)}, or a longer quote.'
        )
    at = place.occurrence or 1
    if at > len(hits):
        raise QuoteError(f"the quote {cut(place.quote)!r} has no occurrence {at}; it is there {len(hits)} times.")
    return hits[at - 1]
