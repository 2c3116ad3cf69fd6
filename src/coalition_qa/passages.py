"""A document's text to passages: whole sentences, exact spans, never longer than the encoder reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, groupby, zip_longest
from typing import Protocol

from coalition_qa.types import Document, Passage, Span
from coalition_qa.words import is_function_word

CHUNKER = "sentences-4"
"""Changes whenever the same text would be cut differently; part of every passage id and fingerprint."""

TARGET_PIECES = 200
"""Passages are filled up to about this many word pieces; a longer paragraph is cut into even parts."""

_MOST_CHARACTERS = 4_000  # a word of 100,000 letters is one piece: cap characters as well
_LINE = re.compile(r"[^\n]+")
_ITEM = re.compile(r"\s*(?:[-*+•‣▪–]\s|\(?\d{1,3}[.)]\s|#{1,6}\s|>\s|\|)")
_SENTENCE_END = re.compile(r"[.!?:;…。！？।۔؟][\"'”’»)\]]*\s*$")
_UNWRAPPED = 160  # characters: nobody wraps lines later
_ROOM = 0.75  # a line with more of its width free than a quarter was broken on purpose
_STRETCH = 20_000  # characters; NLTK's tokenizer raises an error where a text takes it five seconds
_TAIL = 40  # characters of a sentence that say whether it has ended
_WIDE_END = re.compile(r"(?<=[。！？।۔؟])(?![」』”’）])")  # the tokenizer knows no full stop but the Latin one
_WORD = re.compile(r"[^\W_]+")
_BEFORE_NAME = re.compile(
    r"(?<![^\s(\"'“‘])(?:Mrs?|Ms|Dr|Prof|St|Gen|Lt|Col|Sgt|Capt|Maj|Cmdr|Adm|Gov|Sen|Rep|Rev|Hon|Mt|Ft|vs?|cf)\.$"
)
_BEFORE_NUMBER = re.compile(
    r"\b(?:Nos?|Figs?|Secs?|Art|Vol|Ch|pp?|c|ca|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.$", re.IGNORECASE
)
_ACRONYM = re.compile(r"(?:\b\w\.){2,}$|\b(?:Inc|Ltd|Co|Corp|Jr|Sr|Bros)\.$")
_MARKER = re.compile(r"\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)]")
_LABEL = re.compile(
    r"(?:(?:read|learn|see|find out|know) more|more (?:information|info|on this(?: story| topic)?)|"
    r"related (?:articles|news|stories|posts|links|topics|content|coverage)|advertisement|sponsored content|"
    r"share this(?: \w+)?|(?:share|follow us) on \w+|print this \w+|leave a (?:comment|reply)|subscribe now|"
    r"back to top|skip to (?:main )?(?:content|navigation)|continue reading|all rights reserved)[\s.…>»→]*",
    re.IGNORECASE,
)
_CHANGE_PAGE = re.compile(
    r"\b(?:update|edit|correct|remov|delet|report|republish|reproduc|take down)\w*\b.{0,60}"
    r"\bthis (?:news|article|story|post|page)\b",
    re.IGNORECASE,
)
_GET_IN_TOUCH = re.compile(
    r"\b(?:contact|e-?mail|write to) (?:us|our (?:\w+ )?(?:team|desk|support|staff|editors?))\b", re.IGNORECASE
)
_NEWSLETTER = re.compile(r"(?:sign up|subscribe)\b.{0,60}\bnewsletters?\b.*\b(?:inbox|latest)\b", re.IGNORECASE)
_NOTICE_WORDS = 60
_LEADING = ("?", "？", ":", "：")
_LONGEST_HEADING = 80  # characters: Chinese has no spaces between words
_NO_HEADING = re.compile(r"^(?:[Ww]ritten )?[Bb]y [A-Z]|[.!?:;,…。！？：；，।۔؟\d][\"'”’」』)]*$|:|\n")


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

        Pieces that belong together are joined: see `_is_one_sentence`.
        """
        found: list[Span] = []
        cursor = block.start
        stretches = (stretch.of(text) for stretch in _stretches(text, block))
        wholes = (whole for stretch in stretches for whole in self._split(stretch))
        for part in (part for whole in wholes for part in _WIDE_END.split(whole)):
            start = text.index(part, cursor, block.end)
            cursor = start + len(part)
            span = trimmed(text, Span(start, cursor))
            if found and _is_one_sentence(text[max(found[-1].start, found[-1].end - _TAIL) : found[-1].end], part):
                found[-1] = Span(found[-1].start, span.end)
            elif span.start < span.end:
                found.append(span)
        return found


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph, list item or heading, or several in a row. Only what can be an answer has `sentences`."""

    span: Span
    sentences: tuple[Span, ...]


def _stretches(text: str, block: Span) -> Iterator[Span]:
    """The block in stretches that the tokenizer can do in its time limit, cut between sentences where it can be."""
    start = block.start
    while block.end - start > _STRETCH:
        ahead = text[start : start + _STRETCH]
        length = max(ahead.rfind(". "), ahead.rfind("\n")) + 1 or ahead.rfind(" ") + 1 or _STRETCH
        yield Span(start, start + length)
        start += length
    yield Span(start, block.end)


def _is_one_sentence(before: str, after: str) -> bool:
    """Whether a tokenizer without a list of abbreviations was wrong to break here.

    It was before a lower-case letter ("... the minister warned. of State."), beside a piece without a letter or
    digit (a stray closing quote), after a list item's number, between "Dr." and a name, "No." and a number, and
    between "U.S." and anything but a word that opens a sentence.
    """
    first = _WORD.search(after)
    if first is None or first.group()[0].islower() or not _WORD.search(before) or _MARKER.fullmatch(before):
        return True
    if first.group()[0].isdigit():
        return _BEFORE_NUMBER.search(before) is not None
    opens = is_function_word(first.group(), after)
    return _BEFORE_NAME.search(before) is not None or (_ACRONYM.search(before) is not None and not opens)


def split_document(document: Document, splitter: SentenceSplitter, encoder: Measures) -> list[Passage]:
    """Cut a document into passages that do not overlap and leave out only boilerplate and what holds no word.

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
    where the line before has ended, the next is an item of a list, one of them is a web page's label, or the line
    was broken on purpose, since the next word would have fitted on it.
    """
    start = end = -1
    last = ""
    width = _line_width(text)
    for line in _LINE.finditer(text):
        content = line.group()
        if not content.strip():
            continue
        apart = end >= 0 and (
            "\n" in text[end : line.start()].strip(" \t").removeprefix("\n")
            or _ITEM.match(content)
            or last.lstrip().startswith("#")
            or _SENTENCE_END.search(last)
            or _is_label_line(content)
            or _is_label_line(last)
            or _is_broken_on_purpose(last, content, width)
        )
        if apart:
            yield trimmed(text, Span(start, end))
        if apart or start < 0:
            start = line.start()
        end, last = line.end(), content
    if start >= 0:
        yield trimmed(text, Span(start, end))


def _line_width(text: str) -> int:
    """About where lines are wrapped: nine in ten are no longer; 160 characters where they aren't wrapped at all."""
    lengths = sorted(len(line.group()) for line in _LINE.finditer(text) if line.group().strip())
    return min(lengths[len(lengths) * 9 // 10], _UNWRAPPED) if lengths else 0


def _is_broken_on_purpose(line: str, following: str, width: int) -> bool:
    """Whether the next line's first word, which opens something, would have fitted on this line with much room left."""
    first, kept = following.split(maxsplit=1)[0], line.rstrip()
    opens = first.lstrip("\"'“‘«([")[:1]
    goes_on = kept.endswith((",", "-", "–", "—", "(", "&", "/")) or is_function_word(kept.split()[-1], "a")
    fits = width == _UNWRAPPED or len(kept) + 1 + len(first) <= _ROOM * width
    return fits and (opens.isupper() or opens.isdigit()) and not goes_on


def is_boilerplate(block: str) -> bool:
    """Whether a block is the web site talking, not the document: a label ("Read more"), or a short notice that tells
    the reader whom to ask for a change of this page, or to take the newsletter.

    Only what is unmistakable, because real content must not be lost: no heading in Markdown, no list item, no
    copyright line, no word that may be a title ("Search", "Sources", "Privacy policy").
    """
    if _is_label(block):
        return True
    plain = " ".join(block.split())
    if len(block.split()) > _NOTICE_WORDS:
        return False
    return _NEWSLETTER.match(plain) is not None or bool(_CHANGE_PAGE.search(plain) and _GET_IN_TOUCH.search(plain))


def _is_label(block: str) -> bool:
    return not _ITEM.match(block) and _LABEL.fullmatch(block.strip(" \t\n*_")) is not None


def _is_label_line(line: str) -> bool:
    """Amid other lines a label opens with a capital and ends without a full stop; else it is a line's wrapped rest."""
    return line.lstrip(" \t*_")[:1].isupper() and not line.rstrip().endswith(".") and _is_label(line)


def trimmed(text: str, span: Span) -> Span:
    """The span without white space at its ends."""
    inside = span.of(text)
    return Span(span.start + len(inside) - len(inside.lstrip()), span.start + len(inside.rstrip()))


def passage_id(document_id: str, span: Span) -> str:
    """Content-derived: the same document, chunker and span give the same id on any machine."""
    return sha256(f"{document_id}:{CHUNKER}:{span.start}:{span.end}".encode()).hexdigest()[:32]


def _runs(text: str, splitter: SentenceSplitter) -> Iterator[list[_Block]]:
    """Blocks that may share a passage: boilerplate ends a run and is in none, as is a block without a word."""
    run: list[_Block] = []
    spans = [span for span in blocks(text) if _WORD.search(span.of(text))]
    for span, following in zip_longest(spans, spans[1:]):
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
    short = len(block.split()) <= 8 and len(block) <= _LONGEST_HEADING and not _NO_HEADING.search(block)
    item = _ITEM.match(block) and not block.isupper()  # "6. MARKETS" is a heading
    return short and not item and len(following.split()) >= 12


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
        part = tuple(sentence for sentence, _ in group)
        yield _Block(Span(part[0].start, part[-1].end), part)


def _packed(parts: Sequence[_Block], text: str, encoder: Measures) -> Iterator[_Block]:
    """Neighbouring short blocks together, up to the target length; what leads on goes with what follows it."""
    group: list[_Block] = []
    filled = 0
    for part in parts:
        length = len(encoder.pieces(part.span.of(text)))
        if group and filled + length > TARGET_PIECES:
            kept = len(group)
            while kept > 1 and _leads_on(group[kept - 1], text):
                kept -= 1
            yield _joined(group[:kept])
            group = group[kept:]
            filled = sum(len(encoder.pieces(block.span.of(text))) for block in group)
        group.append(part)
        filled += length
    if group:
        yield _joined(group)


def _leads_on(block: _Block, text: str) -> bool:
    """Whether it is a heading, a question, or what a list begins with: by itself it answers nothing."""
    end = text[block.span.start : block.span.end].rstrip("*_ \"'”’»")[-1:]
    return not block.sentences or (len(block.sentences) == 1 and end in _LEADING)


def _fitting(block: _Block, text: str, encoder: Measures) -> Iterator[_Block]:
    """The block, or halves of it until each fits the encoder's window; a sentence is cut only when it alone is
    too long, and then between words where it has any.
    """
    pieces = encoder.pieces(block.span.of(text))
    if len(pieces) <= encoder.window and block.span.end - block.span.start <= _MOST_CHARACTERS:
        yield block
        return
    if len(block.sentences) > 1:
        cut = block.sentences[len(block.sentences) // 2 - 1].end
    else:
        cut = block.span.start + _word_break(block.span.of(text), pieces)
    for half in (trimmed(text, Span(block.span.start, cut)), trimmed(text, Span(cut, block.span.end))):
        if _WORD.search(half.of(text)):
            inside = (Span(max(s.start, half.start), min(s.end, half.end)) for s in block.sentences if s.overlap(half))
            yield from _fitting(_Block(half, tuple(inside)), text, encoder)


def _word_break(content: str, pieces: Sequence[Span]) -> int:
    """The white space nearest before the middle piece, or that piece's start where a word fills everything."""
    middle = pieces[len(pieces) // 2].start if len(pieces) > 1 else len(content) // 2
    before = max((space.start() for space in re.finditer(r"\s", content[: middle + 1])), default=0)
    return before if before > middle // 2 else max(1, middle)


def _joined(group: Sequence[_Block]) -> _Block:
    sentences = tuple(sentence for block in group for sentence in block.sentences)
    return _Block(Span(group[0].span.start, group[-1].span.end), sentences)


def _passage(document: Document, block: _Block) -> Passage:
    return Passage(
        id=passage_id(document.id, block.span),
        document_id=document.id,
        span=block.span,
        text=block.span.of(document.text),
        sentences=block.sentences,
    )
