"""The truth on disk: documents, passages, vectors and full text in one SQLite file, committed per document."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coalition_qa.alike import sketch
from coalition_qa.database import FILE, NAME, Database, seal
from coalition_qa.encoders import Vectors
from coalition_qa.types import Document, DocumentInfo, LibraryDamaged, Passage, Span

__all__ = ["FILE", "NAME", "Found", "Named", "Store"]

_K1 = 1.2  # of FTS5's BM25
_AT_ONCE = 500  # bound variables in one statement; SQLite's own limit may be as low as 999
_RARE_ROWS = 3_000  # passages that are scored for one question's words; see `lexical`
_REMEMBERED = 5_000  # changes; an index that is further behind is filled anew
_OF_NAMES = "SELECT number FROM passages JOIN names USING (document) WHERE name IN (SELECT value FROM json_each(?))"
_IS_CUT = "EXISTS (SELECT 1 FROM passages WHERE passages.document = documents.number)"
_PASSAGE = "p.id, p.document, first, last, sentences, vector, p.seal"


class Named(NamedTuple):
    """What a name stands for: a document, and the file that it was read from."""

    document_id: str
    file_sha256: str
    chunker: str


class Found(NamedTuple):
    """A passage with its document's first name, and the title and page starts under that name."""

    passage: Passage
    doc: str
    title: str
    pages: tuple[int, ...] = ()


class Store(Database):
    """What the library holds. Reads may come from any thread; writes only inside `transaction`.

    Every passage is compared with its seal wherever it is read: LibraryDamaged is raised for one that is not as it was
    written.
    """

    def __init__(self, folder: Path, *, create: bool) -> None:
        super().__init__(folder, create=create)
        self._dimensions: int | None = None

    @property
    def generation(self) -> str:
        """The name of the passages that are stored now: new with each commit that changes them, so that equal
        generations hold the same passages even where a file was deleted and made again, or an older copy put back.
        """
        return self.meta("generation") or ""

    # -- writing -----------------------------------------------------------------------------------------

    def put(
        self,
        document: Document,
        passages: Sequence[Passage],
        vectors: Vectors,
        file_sha256: str,
        chunker: str,
    ) -> None:
        """Make `document.name` stand for this document, replacing what it stood for. One transaction."""
        with self.transaction():
            held = self._rows("SELECT number FROM documents WHERE id = ?", (document.id,))
            if held and not self.holds(document.id, chunker):
                self._delete_document(held[0][0])
                held = []
            number = held[0][0] if held else self._insert(document, passages, vectors, chunker)
            self._forget_name(document.name, but_keep=number)
            said = (document.title, document.date, document.language, json.dumps(document.pages))
            row = (document.name, number, file_sha256, *said)
            self._connection.execute("INSERT INTO names VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, seal(*row)))
            self._name_generation()

    def _insert(self, document: Document, passages: Sequence[Passage], vectors: Vectors, chunker: str) -> int:
        values = (document.id, chunker, document.text, sketch(document.text).tobytes())
        cursor = self._connection.execute("INSERT INTO documents VALUES (NULL, ?, ?, ?, ?)", values)
        number = int(cursor.lastrowid or 0)
        for passage, vector in zip(passages, vectors, strict=True):
            inside = json.dumps([(span.start, span.end) for span in passage.sentences])
            vector_bytes = np.asarray(vector, dtype="<f4").tobytes()
            row = (passage.id, number, passage.span.start, passage.span.end, inside, vector_bytes)
            sealed = (*row, seal(*row))
            cursor = self._connection.execute("INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", sealed)
            self._connection.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (cursor.lastrowid, passage.text))
        self._note("SELECT '', id, 0 FROM passages WHERE document = ?", number)
        return number

    def drop(self, name: str) -> None:
        """Forget a name, and its document where no other name stands for it. One transaction."""
        with self.transaction():
            self._forget_name(name)
            self._name_generation()

    def _forget_name(self, name: str, but_keep: int | None = None) -> None:
        """Also the document, where no other name stands for it and it is not the one to keep."""
        rows = self._rows("SELECT document FROM names WHERE name = ?", (name,))
        if not rows:
            return
        self._connection.execute("DELETE FROM names WHERE name = ?", (name,))
        if rows[0][0] != but_keep and not self._rows("SELECT 1 FROM names WHERE document = ?", rows[0]):
            self._delete_document(rows[0][0])

    def _delete_document(self, number: int) -> None:
        """Its names go with it: whoever re-inserts the document names it again."""
        self._note("SELECT '', id, 1 FROM passages WHERE document = ?", number)
        for statement in (
            "DELETE FROM words WHERE rowid IN (SELECT number FROM passages WHERE document = ?)",
            "DELETE FROM passages WHERE document = ?",
            "DELETE FROM names WHERE document = ?",
            "DELETE FROM documents WHERE number = ?",
        ):
            self._connection.execute(statement, (number,))

    def _note(self, which: str, document: int) -> None:
        self._connection.execute(f"INSERT INTO changes (generation, passage, gone) {which}", (document,))

    def _name_generation(self) -> None:
        """Give the changes noted in this transaction, where there are any, a generation of their own."""
        if self._rows("SELECT 1 FROM changes WHERE generation = '' LIMIT 1"):
            self._connection.execute("UPDATE meta SET value = hex(randomblob(8)) WHERE key = 'generation'")
            self._connection.execute("UPDATE changes SET generation = ? WHERE generation = ''", (self.generation,))
            oldest = "(SELECT max(number) FROM changes) - ?"
            self._connection.execute(f"DELETE FROM changes WHERE number <= {oldest}", (_REMEMBERED,))

    # -- reading -----------------------------------------------------------------------------------------

    def names(self) -> dict[str, Named]:
        """Every name and what it stands for; a document without passages as one that is cut by no chunker, so that it
        is cut again: there was a time when one lost them whose file was saved otherwise and said the same.
        """
        rows = self._rows(
            f"SELECT name, id, file_sha256, iif({_IS_CUT}, chunker, '') FROM names JOIN documents"
            " ON documents.number = document ORDER BY name"
        )
        return {name: Named(*rest) for name, *rest in rows}

    def catalogue(self) -> list[DocumentInfo]:
        """One row a name, by name."""
        rows = self._rows(
            "SELECT name, id, title, date, length(text),"
            " (SELECT count(*) FROM passages WHERE passages.document = documents.number), language, pages"
            " FROM names JOIN documents ON number = document ORDER BY name"
        )
        with self._parsing():
            return [DocumentInfo(*[*row[:7], len(json.loads(row[7]))]) for row in rows]

    def document(self, name: str) -> Document | None:
        """The document of that name, or None."""
        rows = self._rows(
            "SELECT text, title, date, language, pages FROM names JOIN documents ON number = document WHERE name = ?",
            (name,),
        )
        with self._parsing():
            return next((Document(name, *[*row[:4], _pages(row[4])]) for row in rows), None)

    def sketches(self) -> list[tuple[str, str, bytes]]:
        """Name, document id and sketch (see `alike`) of every name, by name."""
        rows = self._rows("SELECT name, id, sketch FROM names JOIN documents ON number = document ORDER BY name")
        return [(str(name), str(id_), bytes(known)) for name, id_, known in rows]

    def passages(self, name: str) -> dict[str, Span]:
        """The ids of the passages of the document of that name, with their places, in order."""
        of_name = "SELECT id, first, last FROM names JOIN passages USING (document) WHERE name = ? ORDER BY first"
        return {id_: Span(first, last) for id_, first, last in self._rows(of_name, (name,))}

    def holds(self, document_id: str, chunker: str) -> bool:
        """Whether the document is there, cut by this chunker: `put` then needs neither passages nor vectors."""
        which = f"(id, chunker) = (?, ?) AND {_IS_CUT}"
        return bool(self._rows(f"SELECT 1 FROM documents WHERE {which}", (document_id, chunker)))

    def stray_words(self) -> int:
        """How many full-text entries there are without their passage."""
        return int(self._rows("SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT number FROM passages)")[0][0])

    def document_ids(self) -> list[str]:
        """The ids of all documents, sorted."""
        return [str(row[0]) for row in self._rows("SELECT id FROM documents ORDER BY id")]

    def found(self, ids: Sequence[str]) -> dict[str, Found]:
        """The passages with these ids; an id that is no longer there is left out."""
        found: dict[str, Found] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            rows = self._rows(
                f"SELECT {_PASSAGE}, d.id, substr(d.text, first + 1, last - first), name, title, pages"
                " FROM passages p JOIN documents d ON d.number = p.document"
                " JOIN names ON name = (SELECT min(name) FROM names n WHERE n.document = d.number)"
                f" WHERE p.id IN ({', '.join('?' * len(some))})",
                some,
            )
            for row in rows:
                self._vector(row)
                with self._parsing():
                    found[row[0]] = Found(_passage(row), row[9], row[10], _pages(row[11]))
        return found

    def check_removed(self, ids: Sequence[str]) -> None:
        """Raises LibraryDamaged where one of these passages was not removed, as far as changes are remembered."""
        gone = self._in_parts("SELECT DISTINCT passage FROM changes WHERE gone AND passage IN", ids)
        if len(gone) < len(set(ids)):
            raise LibraryDamaged(self._damage("a passage that was stored is not found"))

    def lexical(self, terms: Sequence[str], count: int, only: Collection[str] | None = None) -> list[tuple[str, float]]:
        """Passage ids that hold any of the terms, best first, each with its BM25 score as a share of the most
        that a passage could score for these terms: 1 holds them all over and over, 0 none. With `only`, of the
        documents of these names; what a term weighs is the whole library's, so a passage scores the same either way.

        BM25 is SQLite's FTS5: k1 = 1.2, b = 0.75, words stemmed by Porter's algorithm, and a term's weight is
        log((N - n + 0.5) / (n + 0.5)) for n of N passages that hold it, never below 1e-6. Where the terms are in
        more than `_RARE_ROWS` passages, only those passages are scored (by all terms) that hold one of the rarer.
        """
        quoted = ('"' + term.replace('"', '""') + '"' for term in terms)
        counted = {phrase: self._holding(phrase) for phrase in dict.fromkeys(quoted)}
        phrases = sorted((phrase for phrase in counted if counted[phrase]), key=lambda phrase: counted[phrase])
        if not phrases:
            return []
        rare, rows = phrases[:1], counted[phrases[0]]
        for phrase in phrases[1:]:
            rows += counted[phrase]
            if rows > _RARE_ROWS:
                break
            rare.append(phrase)
        if only is not None or rare == phrases:
            ranked = self._ranked(" OR ".join(phrases), count, only)
        else:
            ranked = self._by_rare(rare, phrases, count)
        ids = dict(self._in_parts("SELECT number, id FROM passages WHERE number IN", [row for row, _ in ranked]))
        total = int(self._rows("SELECT count(*) FROM words_docsize")[0][0])
        most = sum((_K1 + 1) * max(1e-6, log((total - n + 0.5) / (n + 0.5))) for n in counted.values())
        hits = [(str(ids[row]), score / most) for row, score in ranked if row in ids]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    def _holding(self, phrase: str) -> int:
        return int(self._rows("SELECT count(*) FROM words WHERE words MATCH ?", (phrase,))[0][0])

    def _ranked(self, expression: str, count: int, only: Collection[str] | None = None) -> list[tuple[int, float]]:
        inside = "" if only is None else f" AND +rowid IN ({_OF_NAMES})"
        rows = self._rows(
            f"SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ?{inside}"
            " ORDER BY score DESC, rowid LIMIT ?",
            (expression, *([] if only is None else [json.dumps(list(only))]), count),
        )
        return [(int(row), float(score)) for row, score in rows]

    def _by_rare(self, rare: Sequence[str], phrases: Sequence[str], count: int) -> list[tuple[int, float]]:
        """Rows with one of the rare phrases, scored by all: (rare) AND (all) counts the rare twice, so once is taken
        off. What is ranked by the double counting is looked at three times as deep.
        """
        once = " OR ".join(rare)
        double = self._ranked(f"({once}) AND ({' OR '.join(phrases)})", 3 * count)
        statement = "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ?"
        chosen = json.dumps([row for row, _ in double])
        single = dict(self._rows(f"{statement} AND +rowid IN (SELECT value FROM json_each(?))", (once, chosen)))
        exact = [(row, score - single.get(row, 0.0)) for row, score in double]
        return sorted(exact, key=lambda hit: (-hit[1], hit[0]))[:count]

    # -- vectors, for an index ---------------------------------------------------------------------------

    def count(self) -> int:
        """How many passages there are."""
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    def passage_ids(self) -> list[str]:
        """The ids of all passages, sorted."""
        return [str(row[0]) for row in self._rows("SELECT id FROM passages ORDER BY id")]

    def changes_since(self, generation: str) -> dict[str, bool] | None:
        """The passages that came (True) or went since that generation; None where that is no longer known."""
        if generation == self.generation:
            return {}
        last = self._rows("SELECT max(number) FROM changes WHERE generation = ?", (generation,))[0][0]
        if last is None:
            return None
        rows = self._rows("SELECT passage, gone FROM changes WHERE number > ? ORDER BY number", (last,))
        return {str(passage): not gone for passage, gone in rows}

    def vectors(self, ids: Sequence[str] | None = None) -> tuple[list[str], Vectors]:
        """Passage ids and their vectors, in the order of the ids: of all passages, or those of the ids that are there.

        Raises LibraryDamaged for a vector of the wrong length or with a value that is not finite.
        """
        with self.snapshot():
            if ids is None:
                total, rows = self.count(), self._stream("ORDER BY p.id")
            else:
                rows = iter(sorted(self._in_parts(f"SELECT {_PASSAGE} FROM passages p WHERE p.id IN", list(ids))))
                total = len(ids)
            matrix = np.empty((total, self._length()), dtype=np.float32)  # filled row by row: half the memory
            found = []
            for place, row in enumerate(rows):
                matrix[place] = self._vector(row)
                found.append(str(row[0]))
        return found, matrix[: len(found)]

    def batches(self, size: int) -> Iterator[tuple[list[str], Vectors]]:
        """All passage ids and vectors, `size` at a time; inside `snapshot` they are of one moment."""
        last = -1
        while True:
            where = "WHERE number > ? ORDER BY number LIMIT ?"
            rows = self._rows(f"SELECT {_PASSAGE}, number FROM passages p {where}", (last, size))
            if not rows:
                return
            yield [str(row[0]) for row in rows], np.stack([self._vector(row) for row in rows])
            last = rows[-1][-1]

    def _stream(self, order: str) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(f"SELECT {_PASSAGE} FROM passages p {order}")

    def _in_parts(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        parts = (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
        return [row for part in parts for row in self._rows(f"{statement} ({', '.join('?' * len(part))})", part)]

    def _length(self) -> int:
        if self._dimensions is None:
            with self._parsing():
                self._dimensions = int(self.meta("dimensions") or 0)
        return self._dimensions

    def _vector(self, row: Sequence[Any]) -> Vectors:
        """The vector of a passage's row, after the row was found to be what was written."""
        *values, sealed = row[:7]
        if seal(*values) != sealed:
            raise LibraryDamaged(self._damage("a stored passage is not what was written"))
        vector = np.frombuffer(values[5], dtype="<f4")
        if len(vector) != self._length() or not np.isfinite(vector).all():
            raise LibraryDamaged(self._damage("a stored vector has the wrong length or holds no numbers"))
        return vector


def _passage(row: Sequence[Any]) -> Passage:
    sentences = tuple(Span(start, end) for start, end in json.loads(row[4]))
    return Passage(id=row[0], document_id=row[7], span=Span(row[2], row[3]), text=row[8], sentences=sentences)


def _pages(stored: str) -> tuple[int, ...]:
    return tuple(int(start) for start in json.loads(stored))
