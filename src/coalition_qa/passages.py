"""A document's text to passages: whole sentences, exact spans, never longer than the encoder reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, groupby
from typing import Protocol

from coalition_qa.types import Document, Passage, Span

CHUNKER = "sentences-1"
"""Changes whenever the same text would be cut differently; part of every passage id and fingerprint."""

TARGET_PIECES = 200
"""Passages are filled up to about this many word pieces; a longer paragraph is cut into even parts."""

_MOST_CHARACTERS = 4_000  # a word of 100,000 letters is one piece: cap characters as well
_LINE = re.compile(r"[^\n]+")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪–]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|>\s|\|)")
_SENTENCE_END = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*\s*$")
_LABEL = re.compile(
    r"(?:(?:read|learn|see|find out|know) more|more (?:information|info|news|details|stories|on this)|"
    r"related (?:articles?|news|stories|posts|links|topics|content)|advertisement|sponsored(?: content)?|"
    r"share(?: (?:this|on .*))?|print(?: this)?|comments?|leave a (?:comment|reply)|sign (?:in|up)|log ?in|"
    r"subscribe(?: now)?|newsletter|follow us(?: on .*)?|back to top|previous|next|skip to .*|table of contents|"
    r"continue reading.*|tags?|categories|menu|home|search|source|all rights reserved|cookie (?:policy|settings)|"
    r"privacy policy|terms (?:of (?:use|service)|and conditions))[\s.:…>»]*",
    re.IGNORECASE,
)
_SITE_TALK = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^\W*disclaimer\s*:",
        r"\b(?:contact|email|write to) (?:us|our (?:\w+ )?(?:team|desk|support|staff))\b",
        r"\b(?:this|the) (?:news|article|story|post|page|website|site)\b.{0,40}\b"
        r"(?:please|contact|subscribe|was (?:first|originally) published)\b",
        r"\ball rights reserved\b",
        r"(?:©|\(c\)|\bcopyright\b)\W*(?:19|20)\d\d",
        r"\b(?:sign up|subscribe)\b.{0,40}\b(?:newsletter|updates|email|account|free)\b",
        r"\b(?:we|this (?:web)?site) uses? cookies\b",
        r"\bclick (?:here|the link|below)\b",
        r"\b(?:learn|read) more\W*$",
        r"\bno part of this (?:publication|article|site)\b",
    )
)
_SITE_TALK_WORDS = 60


class Measures(Protocol):
    """The part of an encoder that says how long a text is."""

    @property
    def window(self) -> int:
        """How many word pieces of a text are read."""
        ...

    def pieces(self, text: str) -> list[Span]:
        """The word pieces of `text` as character spans."""
        ...


class SentenceSplitter:
    """Sentence spans by LlamaIndex's sentence tokenizer, with the breaks that broken punctuation makes mended."""

    def __init__(self) -> None:
        from llama_index.core.node_parser.text.utils import split_by_sentence_tokenizer

        self._split: Callable[[str], list[str]] = split_by_sentence_tokenizer()

    def spans(self, text: str, block: Span) -> list[Span]:
        """The sentences of one block of `text`, trimmed, in order; together they hold all of its words.

        A piece that starts in lower case continues the sentence before it ("... the minister warned. of
        State."), and a piece without a letter or digit (a stray closing quote) belongs to it too.
        """
        found: list[Span] = []
        cursor = block.start
        for part in self._split(block.of(text)):
            start = text.index(part, cursor, block.end)
            cursor = start + len(part)
            span = trimmed(text, Span(start, cursor))
            words = re.search(r"\w", span.of(text))
            if found and (words is None or words.group().islower()):
                found[-1] = Span(found[-1].start, span.end)
            elif span.start < span.end:
                found.append(span)
        return found


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, list item or heading, or several in a row. Only what can be an answer has `sentences`."""

    span: Span
    sentences: tuple[Span, ...]


def split_document(document: Document, splitter: SentenceSplitter, encoder: Measures) -> list[Passage]:
    """Cut a document into passages that do not overlap and leave out only white space and boilerplate.

    Every passage is at most `encoder.window` word pieces long; its text is the document's over its span.
    """
    text = document.text
    made: list[Passage] = []
    for run in _runs(text, splitter):
        parts = [part for block in run for part in _even_parts(block, text, encoder)]
        for group in _packed(parts, text, encoder):
            for block in _fitting(group, text, encoder):
                made.append(_passage(document, block))
    return made


def blocks(text: str) -> Iterator[Span]:
    """Paragraphs, list items and headings as trimmed spans: split at blank lines, and at single line breaks
    where the line before has ended or the next is an item of a list.
    """
    start = end = -1
    last = ""
    for line in _LINE.finditer(text):
        content = line.group()
        if not content.strip():
            continue
        apart = end >= 0 and (
            "\n" in text[end : line.start()].strip(" \t").removeprefix("\n")
            or _ITEM.match(content)
            or last.lstrip().startswith("#")
            or _SENTENCE_END.search(last)
        )
        if apart:
            yield trimmed(text, Span(start, end))
        if apart or start < 0:
            start = line.start()
        end, last = line.end(), content
    if start >= 0:
        yield trimmed(text, Span(start, end))


def is_boilerplate(block: str) -> bool:
    """Whether a block is the web site talking, not the document: a navigation label, or a short notice with
    two marks of one (or a disclaimer's opening with one more).
    """
    if _LABEL.fullmatch(block.strip(" \t\n#*_>-|")):
        return True
    if len(block.split()) > _SITE_TALK_WORDS:
        return False
    return sum(bool(pattern.search(block)) for pattern in _SITE_TALK) >= 2


def trimmed(text: str, span: Span) -> Span:
    """The span without white space at its ends."""
    inside = span.of(text)
    return Span(span.start + len(inside) - len(inside.lstrip()), span.start + len(inside.rstrip()))


def passage_id(document_id: str, span: Span) -> str:
    """Content-derived: the same document, chunker and span give the same id on any machine."""
    return sha256(f"{document_id}:{CHUNKER}:{span.start}:{span.end}".encode()).hexdigest()[:32]


def _runs(text: str, splitter: SentenceSplitter) -> Iterator[list[_Block]]:
    """Blocks that may share a passage: boilerplate ends a run and is in none."""
    run: list[_Block] = []
    spans = list(blocks(text))
    for span, following in zip(spans, [*spans[1:], None], strict=True):
        if is_boilerplate(span.of(text)):
            if run:
                yield run
            run = []
            continue
        heading = _is_heading(span.of(text), following.of(text) if following else "")
        run.append(_Block(span, () if heading else tuple(splitter.spans(text, span))))
    if run:
        yield run


def _is_heading(block: str, following: str) -> bool:
    if re.match(r"#{1,6}\s", block) and "\n" not in block:
        return True
    short = len(block.split()) <= 8 and not re.search(r"[.!?:;,…\d][\"'”’)]*$|:|\n", block)
    return short and not _ITEM.match(block) and len(following.split()) >= 12


def _even_parts(block: _Block, text: str, encoder: Measures) -> Iterator[_Block]:
    """The block, or where it is longer than the target, even parts of it cut between sentences."""
    lengths = [len(encoder.pieces(sentence.of(text))) for sentence in block.sentences]
    total = sum(lengths)
    parts = -(-total // TARGET_PIECES)
    if parts < 2:
        yield block
        return
    middles = [before + length / 2 for before, length in zip(accumulate([0, *lengths]), lengths, strict=False)]
    numbered = zip(block.sentences, middles, strict=True)
    for _, group in groupby(numbered, key=lambda pair: int(pair[1] / total * parts)):
        yield _joined_sentences(tuple(sentence for sentence, _ in group))


def _packed(parts: Sequence[_Block], text: str, encoder: Measures) -> Iterator[_Block]:
    """Neighbouring short blocks together, up to the target length."""
    group: list[_Block] = []
    for part in parts:
        whole = Span(group[0].span.start if group else part.span.start, part.span.end)
        if group and len(encoder.pieces(whole.of(text))) > TARGET_PIECES:
            yield _joined(group)
            group = []
        group.append(part)
    if group:
        yield _joined(group)


def _fitting(block: _Block, text: str, encoder: Measures) -> Iterator[_Block]:
    """The block, or halves of it until each fits the encoder's window; a sentence is cut only when it alone is
    too long, and then between words where it has any.
    """
    pieces = encoder.pieces(block.span.of(text))
    if len(pieces) <= encoder.window and block.span.end - block.span.start <= _MOST_CHARACTERS:
        yield block
        return
    if len(block.sentences) > 1:
        middle = len(block.sentences) // 2
        halves = [_joined_sentences(block.sentences[:middle]), _joined_sentences(block.sentences[middle:])]
    else:
        cut = block.span.start + _word_break(block.span.of(text), pieces)
        spans = (Span(block.span.start, cut), Span(cut, block.span.end))
        halves = [_Block(span, (span,) if block.sentences else ()) for span in (trimmed(text, s) for s in spans)]
    for half in halves:
        if half.span.start < half.span.end:
            yield from _fitting(half, text, encoder)


def _word_break(content: str, pieces: Sequence[Span]) -> int:
    """The white space nearest to the middle piece, or that piece's start where a word fills everything."""
    middle = pieces[len(pieces) // 2].start if len(pieces) > 1 else len(content) // 2
    before = content.rfind(" ", 1, middle + 1)
    return before if before > middle // 2 else max(1, middle)


def _joined(group: Sequence[_Block]) -> _Block:
    sentences = tuple(sentence for block in group for sentence in block.sentences)
    return _Block(Span(group[0].span.start, group[-1].span.end), sentences)


def _joined_sentences(sentences: tuple[Span, ...]) -> _Block:
    return _Block(Span(sentences[0].start, sentences[-1].end), sentences)


def _passage(document: Document, block: _Block) -> Passage:
    return Passage(
        id=passage_id(document.id, block.span),
        document_id=document.id,
        span=block.span,
        text=block.span.of(document.text),
        sentences=block.sentences,
    )
