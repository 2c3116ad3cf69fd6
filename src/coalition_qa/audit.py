"""A store looked over from end to end: is everything in it what was written, and what can be mended in place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256

from coalition_qa.database import seal
from coalition_qa.store import Store
from coalition_qa.types import LibraryDamaged, LibraryError

_WORDS = (
    "DROP TABLE words",
    'CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 remove_diacritics 2")',
    "INSERT INTO words (rowid, text)"
    " SELECT p.number, substr(d.text, first + 1, last - first) FROM passages p JOIN documents d ON d.number = document",
)


class Audit(Store):
    """The store with its checks. They read everything; nothing is changed but by `mend`."""

    def faults(self) -> list[tuple[str, str]]:
        """Named checks, each with its fault or an empty string."""
        checks: tuple[tuple[str, Callable[[], str]], ...] = (
            ("SQLite integrity", self._integrity),
            ("texts have their hash", self._texts),
            ("names are as written", self._names),
            ("spans equal text", self._spans),
            ("vectors present and finite", self._vectors),
            ("full text fits the passages", self._words),
            ("nothing orphaned", self._orphans),
        )
        return [(name, _said(check)) for name, check in checks]

    def mend(self) -> None:
        """Make the full text anew from the passages; the rest of what the checks find is only in the files."""
        with self.transaction():
            for statement in _WORDS:
                self._connection.execute(statement)
        self.tidy()

    def _integrity(self) -> str:
        verdict = self.integrity()
        return "" if verdict == "ok" else verdict

    def _texts(self) -> str:
        rows = self._documents()
        wrong = sum(sha256(text.encode()).hexdigest() != id_ for _, id_, text in rows)
        return f"{wrong} documents altered" if wrong else ""

    def _names(self) -> str:
        rows = self._rows("SELECT * FROM names")
        wrong = sum(seal(*values) != sealed for *values, sealed in rows)
        return f"{wrong} of {len(rows)} altered" if wrong else ""

    def _spans(self) -> str:
        """Each passage's full-text entry is its document's text at its span, and its sentences lie within."""
        wrong = total = 0
        for number, _, text in self._documents():
            statement = "SELECT first, last, sentences, w.text FROM passages p LEFT JOIN words w ON w.rowid = p.number"
            for first, last, sentences, written in self._rows(f"{statement} WHERE document = ?", (number,)):
                total += 1
                inside = all(first <= start < end <= last for start, end in json.loads(sentences))
                wrong += text[first:last] != written or not inside
        return f"{wrong} of {total} passages do not" if wrong else ""

    def _vectors(self) -> str:
        for _ in self.batches(1_000):  # raises what it finds
            pass
        return ""

    def _words(self) -> str:
        if not self.read_only:
            with self.transaction():
                self._connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        return ""

    def _orphans(self) -> str:
        counts = {
            "documents without a name": "documents WHERE number NOT IN (SELECT document FROM names)",
            "documents without a passage": "documents WHERE number NOT IN (SELECT document FROM passages)",
            "passages without full text": "passages WHERE number NOT IN (SELECT id FROM words_docsize)",
            "full texts without a passage": "words_docsize WHERE id NOT IN (SELECT number FROM passages)",
        }
        found = {what: int(self._rows(f"SELECT count(*) FROM {where}")[0][0]) for what, where in counts.items()}
        return ", ".join(f"{count} {what}" for what, count in found.items() if count)

    def _documents(self) -> Iterator[tuple[int, str, str]]:
        for (number,) in self._rows("SELECT number FROM documents ORDER BY number"):
            ((id_, text),) = self._rows("SELECT id, text FROM documents WHERE number = ?", (number,))
            yield number, str(id_), str(text)


def _said(check: Callable[[], str]) -> str:
    try:
        return check()
    except LibraryDamaged as error:
        return str(error).partition(" is damaged (")[2].partition("). Your documents")[0] or str(error)
    except (LibraryError, TypeError, ValueError) as error:
        return str(error)
