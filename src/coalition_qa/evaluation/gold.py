"""Gold items: read from JSON lines, checked, and each quote resolved to its place in its document.

Gold never names a chunk: evidence is a quote, so re-chunking never breaks it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from coalition_qa.evaluation.form import CATEGORIES, Line, Quote, Split, first_problem
from coalition_qa.evaluation.lock import read_lock
from coalition_qa.evaluation.metrics import Excerpt, contains_any
from coalition_qa.evaluation.normalise import norm, numbers
from coalition_qa.evaluation.quotes import Place, QuoteError, Quotes, cut
from coalition_qa.evaluation.table import is_table, table_lines
from coalition_qa.types import Document, GoldError, Turn

__all__ = ["CATEGORIES", "Gold", "GoldItem", "check_gold", "load_gold"]


@dataclass(frozen=True, slots=True)
class GoldItem:
    """One question and all that decides whether its answer is right.

    `answers` are aliases of one answer; `required` is groups of aliases of which each group must be there.
    Each of `evidence_alt` is another set of places that is enough by itself. `history` holds earlier questions,
    with the gold answer where there is one. `corrections` set a false premise right. `cluster` names the text that
    the question is about, "" where nothing says: questions on one text are not independent.
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
    cluster: str = ""

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
    """What a gold file holds. `stale` says which items were left out because their document has changed, and why;
    `problems` says what is wrong with the lines that were left out.
    """

    items: tuple[GoldItem, ...]
    warnings: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def quoted(self) -> set[str]:
        """The names of the documents that evidence is in."""
        return {place.doc for item in self.items for place in item.evidence_spans}


def load_gold(path: Path, documents: Mapping[str, Document]) -> Gold:
    """Read a gold file, JSON lines or a CSV table, against its documents, by name, fetching each only when needed.

    Raises GoldError for the first thing wrong, with file, line number, item and what to do, or where no item is
    left. What is only suspicious (a quote that matches but for its typography or leaves out numbers of its sentence, an
    answer that isn't in its evidence) is a warning.
    """
    gold = check_gold(path, documents)
    if gold.problems:
        more = len(gold.problems) - 1
        raise GoldError(gold.problems[0] + (f" {more} more: `coalition-qa eval check` lists them." if more else ""))
    if not gold.items:
        raise GoldError(f"every item is stale, the first is {gold.stale[0]}")
    return gold


def check_gold(path: Path, documents: Mapping[str, Document], text: str | None = None) -> Gold:
    """Read a gold file as `load_gold` does, collecting all that is wrong with it; `text` is what it is to hold, if
    that is not what it holds.

    An item is stale where a quote cannot be found and its document, or any where it names none, is not the one that
    the lock file has. Raises GoldError for a file that cannot be read at all.
    """
    reading = _Reading(documents, read_lock(path))
    held = _read(path) if text is None else text
    # Only newlines end a line: JSON strings may hold the other characters at which splitlines() would cut.
    lines = table_lines(held, str(path)) if is_table(path) else enumerate(held.split("\n"), start=1)
    for number, line in lines:
        if line.strip():
            reading.take(f"{path}, line {number}", number, line)
    if not (reading.items or reading.stale or reading.problems):
        reading.problems.append(f"{path}: the gold file holds no items; write one JSON object on each line.")
    return Gold(tuple(reading.items), tuple(reading.warnings), tuple(reading.stale), tuple(reading.problems))


@dataclass
class _Reading:
    documents: Mapping[str, Document]
    lock: Mapping[str, str]
    items: list[GoldItem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._quotes = Quotes(self.documents)
        self._line_of: dict[tuple[str, ...], int] = {}
        self._changed: set[str] | None = None

    def take(self, where: str, number: int, line: str) -> None:
        """Read one line: an item with its warnings, a stale one, or a problem."""
        form = None
        try:
            fields = _object(line)
            if isinstance(fields.get("id"), str):
                where += f", item {fields['id']}"
            form = Line.model_validate(fields)
            self._only_once(f"the id {form.id!r}", ("id", form.id), number)
            asked = (*(" ".join(each.question.split()) for each in form.history), " ".join(form.question.split()))
            self._only_once("the same history and question", asked, number)
            item, notes = _item(form, self._quotes)
        except (ValidationError, QuoteError, _Problem) as error:
            told = _one_line(f"{where}: {_what(error)}")
            is_stale = isinstance(error, QuoteError) and form is not None and self._is_changed(form)
            (self.stale if is_stale else self.problems).append(told)
            return
        self.items.append(item)
        self.warnings += [_one_line(f"{where}: {note}") for note in notes]

    def _only_once(self, what: str, key: tuple[str, ...], line: int) -> None:
        first = self._line_of.setdefault(key, line)
        if first != line:
            raise _Problem(f"{what} is already on line {first}; change or remove one of the two.")

    def _is_changed(self, form: Line) -> bool:
        """Whether a document that the item may quote is not what was locked."""
        if self._changed is None:
            self._changed = {name for name, digest in self.lock.items() if not self._holds(name, digest)}
        quoted = {place.doc for place in chain(form.evidence, *form.evidence_alt)}
        return any(doc in self._changed for doc in quoted) or (None in quoted and bool(self._changed))

    def _holds(self, name: str, digest: str) -> bool:
        return name in self.documents and self.documents[name].id == digest


class _Problem(Exception):
    """What is wrong with a line; the message says what to do."""


def _what(error: ValidationError | QuoteError | _Problem) -> str:
    return first_problem(error) if isinstance(error, ValidationError) else str(error)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise GoldError(f"{path}: the gold file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise GoldError(f"{path}, line {line}: not UTF-8; save the gold file as UTF-8.") from error


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


def _one_line(message: str) -> str:
    return " ".join(message.split()).encode(errors="backslashreplace").decode()


def _item(line: Line, quotes: Quotes) -> tuple[GoldItem, list[str]]:
    notes: list[str] = []

    def resolved(places: list[Quote]) -> tuple[Excerpt, ...]:
        found = [quotes.find(Place(place.quote, place.doc, place.occurrence)) for place in places]
        different = [cut(excerpt.text) for excerpt, exact in found if not exact]
        notes.extend(f"the quote differs in typography from the document, which has {text!r}." for text in different)
        return tuple(excerpt for excerpt, _ in found)

    evidence = resolved(line.evidence)
    item = GoldItem(
        id=line.id,
        question=line.question,
        answerable=line.answerable,
        category=line.category,
        answers=tuple(line.answers),
        required=tuple(map(tuple, line.required)),
        evidence=evidence,
        evidence_alt=tuple(map(resolved, line.evidence_alt)),
        history=tuple(Turn(each.question, each.answer) for each in line.history),
        paraphrases=tuple(line.paraphrases),
        corrections=tuple(line.corrections),
        forbidden=tuple(line.forbidden),
        tags=tuple(line.tags),
        note=line.note,
        must_pass=line.must_pass,
        split=line.split,
        cluster=evidence[0].doc if evidence else "",
    )
    quoted = "\n".join(place.text for place in item.evidence_spans)
    for aliases in item.required or ((item.answers,) if item.answers else ()):
        if not contains_any(quoted, aliases):
            notes.append(f"the answer {aliases[0]!r} is not in the evidence: is it inferred, or is a quote missing?")
    known = [item.question, quoted, *item.answers, *chain.from_iterable(item.required)]
    for place in item.evidence_spans:
        beside = numbers(quotes.sentence(place)) - frozenset[str]().union(*map(numbers, known))
        if beside:
            notes.append(
                f"the sentence of the quote {cut(place.text)!r} says {', '.join(sorted(beside))}, too, and an answer "
                "that quotes it is taken to say other numbers than gold: quote the whole sentence."
            )
    notes.extend(f"the answer {each!r} has no word and matches nothing." for each in item.answers if not norm(each))
    return item, notes
