"""Gold items: read from JSON lines, checked, and each quote resolved to its place in its document.

Gold never names a chunk: evidence is a quote, so re-chunking never breaks it (notes/evaluation.md, section 3).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from coalition_qa.evaluation.metrics import Excerpt, contains_any
from coalition_qa.evaluation.normalise import Plain, find_quote, norm, tok, without_typography
from coalition_qa.types import Document, GoldError, Span, Turn

Category = Literal[
    "factoid", "list", "who-said-what", "why", "temporal", "numeric", "multi-sentence", "follow-up",
    "false-premise", "unanswerable-near", "unanswerable-far", "adversarial", "long-answer", "retrieval-only",
]  # fmt: skip
CATEGORIES: tuple[str, ...] = get_args(Category)
ALWAYS_UNANSWERABLE = ("false-premise", "unanswerable-near", "unanswerable-far")

Split = Literal["dev", "test"]


@dataclass(frozen=True, slots=True)
class GoldItem:
    """One question and all that decides whether its answer is right.

    `answers` are aliases of one answer; `required` is groups of aliases of which each group must be there.
    Each of `evidence_alt` is another set of places that is enough by itself. `history` holds earlier questions,
    with the gold answer where there is one. `corrections` set a false premise right.
    """

    id: str
    question: str
    answerable: bool
    category: str
    answers: tuple[str, ...] = ()
    required: tuple[tuple[str, ...], ...] = ()
    evidence: tuple[Excerpt, ...] = ()
    evidence_alt: tuple[tuple[Excerpt, ...], ...] = ()
    history: tuple[Turn, ...] = ()
    paraphrases: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    must_pass: bool = False
    split: Split = "test"

    @property
    def evidence_sets(self) -> tuple[tuple[Excerpt, ...], ...]:
        """The sets of places of which any one is enough; none where there is no evidence."""
        return (self.evidence, *self.evidence_alt) if self.evidence else ()

    @property
    def evidence_spans(self) -> tuple[Excerpt, ...]:
        """Every place of every set."""
        return tuple(chain.from_iterable(self.evidence_sets))


@dataclass(frozen=True, slots=True)
class Gold:
    """What a gold file holds. `stale` names items left out because their document has changed."""

    items: tuple[GoldItem, ...]
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


def load_gold(path: Path, documents: Mapping[str, Document]) -> Gold:
    """Read a gold file against its documents, by name.

    Raises GoldError at the first thing wrong, with file, line number, item and what to do. What is only
    suspicious (a quote that matches but for its typography, an answer that isn't in its evidence) is a warning.
    """
    corpus = _Corpus(documents)
    items: list[GoldItem] = []
    warnings: list[str] = []
    lines_by_id: dict[str, int] = {}
    lines_by_question: dict[tuple[str, ...], int] = {}
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        try:
            fields = _object(line)
            if isinstance(fields.get("id"), str):
                where += f", item {fields['id']}"
            item, notes = _item(_Line.model_validate(fields), corpus)
            asked = tuple(" ".join(each.split()) for each in (*(t.question for t in item.history), item.question))
            _only_once(f"the id {item.id!r}", lines_by_id.setdefault(item.id, number), number)
            _only_once("the same history and question", lines_by_question.setdefault(asked, number), number)
        except (ValidationError, _Problem) as error:
            problem = _first_problem(error) if isinstance(error, ValidationError) else error
            raise GoldError(_one_line(f"{where}: {problem}")) from error
        items.append(item)
        warnings += [_one_line(f"{where}: {note}") for note in notes]
    if not items:
        raise GoldError(f"{path}: the gold file holds no items; write one JSON object on each line.")
    return Gold(tuple(items), tuple(warnings))


class _Problem(Exception):
    """What is wrong with an item; `load_gold` adds where."""


def _lines(path: Path) -> Iterable[tuple[int, str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise GoldError(f"{path}: the gold file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise GoldError(f"{path}, line {line}: not UTF-8; save the gold file as UTF-8.") from error
    # Only newlines end a line: JSON strings may hold the other characters at which splitlines() would cut.
    return ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())


def _object(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else error
        raise _Problem(f"not valid JSON ({reason}); write one object on one line.") from error
    if not isinstance(fields, dict):
        raise _Problem(f"this is a {type(fields).__name__}, not an object; write {{...}} on one line.")
    return fields


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        repeated = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise _Problem(f"the key {repeated!r} is there twice; keep one.")
    return fields


def _only_once(what: str, first: int, line: int) -> None:
    if first != line:
        raise _Problem(f"{what} is already on line {first}; change or remove one of the two.")


def _one_line(message: str) -> str:
    return " ".join(message.split()).encode(errors="backslashreplace").decode()


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write it or leave it out")
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise ValueError("holds half of a surrogate pair; write the character itself")
    return value


def _phrase(value: str) -> str:
    if not norm(value):
        raise ValueError(f"{value!r} has no word to look for; articles and punctuation do not count")
    return value


def _as_list(short: object) -> object:
    return short if isinstance(short, list) else [short]


def _under(key: str) -> BeforeValidator:
    return BeforeValidator(lambda short: {key: short} if isinstance(short, str) else short)


_Text = Annotated[str, AfterValidator(_text)]
_Phrase = Annotated[_Text, AfterValidator(_phrase)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Quote(_Form):
    quote: _Text
    doc: _Text | None = None
    occurrence: Annotated[int, Field(ge=1)] | None = None


class _Earlier(_Form):
    question: _Text
    answer: str = ""


_Places = Annotated[list[Annotated[_Quote, _under("quote")]], BeforeValidator(_as_list)]


class _Line(_Form):
    id: _Text
    question: _Text
    answerable: bool
    category: Category
    answers: list[_Text] = []
    required: list[Annotated[list[_Phrase], Field(min_length=1)]] = []
    evidence: _Places = []
    evidence_alt: Annotated[list[_Places], BeforeValidator(_as_list)] = []
    history: list[Annotated[_Earlier, _under("question")]] = []
    paraphrases: list[_Text] = []
    corrections: list[_Phrase] = []
    forbidden: list[_Phrase] = []
    tags: list[_Text] = []
    note: str = ""
    must_pass: bool = False
    split: Split = "test"

    @model_validator(mode="after")
    def _consistent(self) -> _Line:
        if self.answerable and self.category in ALWAYS_UNANSWERABLE:
            raise ValueError(f"answerable in the category {self.category}; change one of the two")
        if self.answerable and not self.evidence:
            raise ValueError("answerable without evidence; quote the words that answer it, or set answerable to false")
        if self.answerable and not any(map(norm, self.answers)) and self.category != "retrieval-only":
            raise ValueError("answerable without an answer in words; give one, or set answerable to false")
        if not self.answerable and (self.answers or self.required):
            raise ValueError("unanswerable with answers; remove them or set answerable to true")
        if not self.answerable and (self.evidence or self.evidence_alt) and self.category != "false-premise":
            raise ValueError("unanswerable with evidence; remove it or set answerable to true")
        if self.evidence_alt and not self.evidence:
            raise ValueError("evidence_alt without evidence; name the first place under evidence")
        return self


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _Line if len(first["loc"]) == 1 else _Earlier if first["loc"][0] == "history" else _Quote
        return f"unknown key {key!r}; the keys are {', '.join(known.model_fields)}."
    if first["type"] == "missing":
        return f"the key {key!r} is missing; add it."
    if first["type"] == "model_type":
        return f"{key} should be a string or an object."
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = f" (it is {json.dumps(first['input'])[:80]})" if message.startswith("should be") else ""
    return f"{key} {message}{given}.".lstrip()


def _item(line: _Line, corpus: _Corpus) -> tuple[GoldItem, list[str]]:
    notes: list[str] = []

    def resolved(places: list[_Quote]) -> tuple[Excerpt, ...]:
        found = [corpus.find(place) for place in places]
        different = [_cut(excerpt.text) for excerpt, exact in found if not exact]
        notes.extend(f"the quote differs in typography from the document, which has {text!r}." for text in different)
        return tuple(excerpt for excerpt, _ in found)

    item = GoldItem(
        id=line.id,
        question=line.question,
        answerable=line.answerable,
        category=line.category,
        answers=tuple(line.answers),
        required=tuple(map(tuple, line.required)),
        evidence=resolved(line.evidence),
        evidence_alt=tuple(map(resolved, line.evidence_alt)),
        history=tuple(Turn(each.question, each.answer) for each in line.history),
        paraphrases=tuple(line.paraphrases),
        corrections=tuple(line.corrections),
        forbidden=tuple(line.forbidden),
        tags=tuple(line.tags),
        note=line.note,
        must_pass=line.must_pass,
        split=line.split,
    )
    evidence = "\n".join(place.text for place in item.evidence_spans)
    for aliases in item.required or ((item.answers,) if item.answers else ()):
        if not contains_any(evidence, aliases):
            notes.append(f"the answer {aliases[0]!r} is not in the evidence: is it inferred, or is a quote missing?")
    notes.extend(f"the answer {each!r} has no word and matches nothing." for each in item.answers if not norm(each))
    return item, notes


class _Corpus:
    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._texts = {name: document.text for name, document in documents.items()}
        self._plain: dict[str, Plain] = {}

    def find(self, place: _Quote) -> tuple[Excerpt, bool]:
        """The one place of a quote, and whether the text there is the quote to the letter."""
        names = self._named(place.doc)
        exact = [Excerpt(name, span, place.quote) for name in names for span in self._exactly(name, place.quote)]
        if exact:
            return _chosen(exact, place), True
        alike = [Excerpt(name, s, s.of(self._texts[name])) for name in names for s in self._about(name, place.quote)]
        if alike:
            return _chosen(alike, place), False
        raise _Problem(
            f"the quote {_cut(place.quote)!r} is not in {place.doc or 'any document'}; "
            f"the nearest there is: {self._nearest(names, place.quote)!r}."
        )

    def _named(self, doc: str | None) -> list[str]:
        if doc is None:
            return list(self._texts)
        if doc not in self._texts:
            known = ", ".join(list(self._texts)[:5]) or "none"
            raise _Problem(f"there is no document {doc!r}; the documents are: {known}.")
        return [doc]

    def _exactly(self, name: str, quote: str) -> list[Span]:
        return [Span(*match.span()) for match in re.finditer(re.escape(quote), self._texts[name])]

    def _about(self, name: str, quote: str) -> list[Span]:
        if name not in self._plain:
            self._plain[name] = without_typography(self._texts[name])
        return find_quote(quote, self._plain[name])

    def _nearest(self, names: list[str], quote: str) -> str:
        words = set(tok(quote))
        sentences = chain.from_iterable(re.split(r"(?<=[.!?])\s+|\n+", self._texts[name]) for name in names)
        likely = nlargest(20, sentences, key=lambda sentence: len(words & set(tok(sentence))))
        return _cut(max(likely, key=lambda sentence: _likeness(quote, sentence), default=""), 160)


def _chosen(hits: list[Excerpt], place: _Quote) -> Excerpt:
    documents = sorted({hit.doc for hit in hits})
    if len(documents) > 1:
        raise _Problem(f"the quote {_cut(place.quote)!r} is in {', '.join(documents[:5])}; say which as doc.")
    if place.occurrence is None and len(hits) > 1:
        starts = ", ".join(str(hit.span.start) for hit in hits[:5])
        raise _Problem(
            f"the quote {_cut(place.quote)!r} is in {documents[0]} {len(hits)} times, at characters {starts}; "
            f'add "occurrence": 1 to {len(hits)}, or a longer quote.'
        )
    at = place.occurrence or 1
    if at > len(hits):
        raise _Problem(f"the quote {_cut(place.quote)!r} has no occurrence {at}; it is there {len(hits)} times.")
    return hits[at - 1]


def _likeness(quote: str, sentence: str) -> float:
    matched = SequenceMatcher(None, quote, sentence, autojunk=False).get_matching_blocks()
    return sum(block.size for block in matched) / (len(quote) + len(sentence))


def _cut(text: str, length: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[:length].rstrip()}…"
