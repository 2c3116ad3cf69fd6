"""New gold items: from a question and selected words, or from an answer that was given; checked, then written."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coalition_qa.evaluation.files import replace_file
from coalition_qa.evaluation.gold import Gold, GoldItem, check_gold
from coalition_qa.evaluation.lock import write_lock
from coalition_qa.evaluation.quotes import spans_of
from coalition_qa.evaluation.table import is_table
from coalition_qa.types import Answer, Citation, CoalitionQAError, Document, GoldError, Turn

NO_CATEGORY = {True: "factoid", False: "unanswerable-near"}
"""The category of an item that was given none, by whether it is answerable."""


def add_item(gold: Path, fields: Mapping[str, Any], documents: Mapping[str, Document]) -> GoldItem:
    """Append one item to a gold file, making it where there is none, and lock the documents that are quoted.

    `fields` has the keys of a line; the id is made where it is left out. The file is replaced as a whole once the
    item is found to be right beside all the others. Raises GoldError for an item or a file that is not, and
    CoalitionQAError where it can't be written; then nothing is changed.
    """
    if is_table(gold):
        raise GoldError(f"{gold}: items are not added to a table; add the row yourself, or name a .jsonl file.")
    with _only_writer(gold):
        before = _text(gold)
        name = fields.get("id") or _next_id(before)
        given = {key: value for key, value in fields.items() if value not in ([], "", None)}
        line = json.dumps({"id": name, **given}, ensure_ascii=False)
        after = before + ("\n" if before and not before.endswith("\n") else "") + line + "\n"
        item, checked = _checked(gold, after, documents)
        try:
            replace_file(gold, after)
            if not checked.stale:  # else the lock is what tells that they are
                write_lock(gold, checked.quoted, documents)
        except OSError as error:
            raise CoalitionQAError(f"{gold} cannot be written: {error.strerror}.") from error
    return item


def fields_of(
    answer: Answer, documents: Mapping[str, Document], history: Sequence[Turn] = (), answers: Sequence[str] = ()
) -> dict[str, Any]:
    """The keys of a gold item that holds what was answered in chat to be right, to be added after a look at it.

    The gold answer is the short one, or what `answers` says instead; the evidence is every citation. An abstention
    becomes an unanswerable question. `history` is what was asked before.
    """
    fields: dict[str, Any] = {"question": answer.question, "answerable": answer.status == "answered"}
    if history:
        fields["history"] = [{"question": turn.question, "answer": turn.answer} for turn in history]
    if answer.status == "answered":
        fields["category"] = "follow-up" if history else NO_CATEGORY[True]
        fields["answers"] = list(answers) or [answer.short_answer or answer.sentences[0].text]
        fields["evidence"] = [_evidence(citation, documents) for citation in answer.citations]
    else:
        fields["category"] = NO_CATEGORY[False]
    return fields


def _evidence(citation: Citation, documents: Mapping[str, Document]) -> dict[str, Any]:
    found = spans_of(citation.quote, documents[citation.doc].text) if citation.doc in documents else []
    place: dict[str, Any] = {"doc": citation.doc, "quote": citation.quote}
    return place if len(found) < 2 else {**place, "occurrence": found.index(citation.span) + 1}


def _text(gold: Path) -> str:
    try:
        return gold.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise GoldError(f"{gold}: the gold file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise GoldError(f"{gold}: not UTF-8; save the gold file as UTF-8.") from error


def _next_id(text: str) -> str:
    """q001, q002 ...: one above the highest."""
    used = [int(number) for number in re.findall(r'"id"\s*:\s*"q(\d{1,9})"', text)]
    return f"q{max(used, default=0) + 1:03d}"


def _checked(gold: Path, after: str, documents: Mapping[str, Document]) -> tuple[GoldItem, Gold]:
    """The item on the last line, and all there are. Raises GoldError where it is none."""
    checked = check_gold(gold, documents, after.removeprefix("\ufeff"))
    where = " ".join(f"{gold}, line {after.count(chr(10))}".split())  # as in a problem, which is one line
    wrong = next((each for each in (*checked.problems, *checked.stale) if each.startswith(where)), None)
    if wrong is not None and (there := re.search(r"the same history and question is already on (line \d+)", wrong)):
        raise GoldError(f"The item was not added: this question is already among the gold questions, on {there[1]}.")
    if wrong is not None:
        raise GoldError(f"The item was not added: {wrong.removeprefix(where).lstrip(', ')}")
    return checked.items[-1], checked


@contextmanager
def _only_writer(gold: Path) -> Iterator[None]:
    """One process at a time, or of two items that are added at once one would be lost."""
    try:
        gold.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(gold.parent, os.O_RDONLY)
    except OSError as error:
        raise CoalitionQAError(f"{gold} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
