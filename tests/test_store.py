"""The truth on disk: what is written is there, whole, and what is not what was written is said to be damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread, Timer
from typing import TYPE_CHECKING

import numpy as np
import pytest

from coalition_qa.audit import Audit
from coalition_qa.passages import passage_id
from coalition_qa.store import FILE, Store
from coalition_qa.types import Document, LibraryDamaged, LibraryError, Passage, Span

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder

Put = Callable[..., Document]


@pytest.fixture
def put(fake_encoder: FakeEncoder) -> Put:
    """Stores a text under a name, each line a passage of one sentence."""

    def putting(store: Store, name: str, text: str, chunker: str = "lines") -> Document:
        document = Document(name, text, title=f"Title of {name}")
        passages, start = [], 0
        for line in text.splitlines():
            span = Span(start, start + len(line))
            passages.append(Passage(passage_id(document.id, span), document.id, span, line, (span,)))
            start = span.end + 1
        with store.transaction():
            store.set_meta({"dimensions": str(fake_encoder.dimensions)})
        store.put(document, passages, fake_encoder.encode([each.text for each in passages]), f"sha of {name}", chunker)
        return document

    return putting


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store."""
    with closing(Store(tmp_path, create=True)) as made:
        yield made


def test_a_library_that_another_process_is_about_to_open_for_the_first_time_is_waited_for(tmp_path: Path) -> None:
    Store(tmp_path, create=True).close()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)) as other:
        assert other.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)  # as a library that is just made
        other.execute("BEGIN IMMEDIATE")
        done = Timer(0.3, other.rollback)
        done.start()
        Store(tmp_path, create=True).close()
        done.join()
    with closing(sqlite3.connect(tmp_path / FILE)) as later:
        assert later.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def words_of(store: Store, term: str) -> list[str]:
    found = store.found([id_ for id_, _ in store.lexical([term], 10)])
    return [item.passage.text for item in found.values()]


def test_what_is_put_is_there_after_reopening(store: Store, put: Put, tmp_path: Path) -> None:
    document = put(store, "b.txt", "Zebras cross the street.\nÉtudes, naïve “quotes” and 🦓.")
    store.close()
    with closing(Store(tmp_path, create=False)) as again:
        ids, vectors = again.vectors()
        found = again.found(ids)
        assert again.document("b.txt") == document
        assert again.integrity() == "ok"
    assert {item.passage.text for item in found.values()} == set(document.text.splitlines())
    assert all(item.passage.span.of(document.text) == item.passage.text for item in found.values())
    assert all(item.passage.sentences == (item.passage.span,) for item in found.values())
    assert {(item.doc, item.title) for item in found.values()} == {("b.txt", "Title of b.txt")}
    assert vectors.shape == (2, 64)
    assert vectors.dtype == np.float32


def test_the_catalogue_has_a_row_for_each_name_in_order(store: Store, put: Put) -> None:
    put(store, "b.txt", "Zebras cross.\nLions sleep.")
    document = put(store, "a.txt", "Owls fly.")
    first, second = store.catalogue()
    assert (first.name, first.document_id, first.characters, first.passages) == ("a.txt", document.id, 9, 1)
    assert (second.name, second.characters, second.passages) == ("b.txt", 26, 2)
    assert list(store.names()) == ["a.txt", "b.txt"]
    assert store.names()["a.txt"] == (document.id, "sha of a.txt", "lines")


def test_putting_a_name_again_replaces_all_that_it_stood_for(store: Store, put: Put) -> None:
    old = put(store, "a.txt", "Zebras cross the street.")
    new = put(store, "a.txt", "Owls fly at night.")
    assert store.document("a.txt") == new
    assert store.document_ids() == [new.id] != [old.id]
    assert words_of(store, "zebras") == []
    assert words_of(store, "owls") == ["Owls fly at night."]
    assert len(store.vectors()[0]) == 1


def test_one_document_under_two_names_is_stored_once_and_stays_until_both_are_gone(store: Store, put: Put) -> None:
    document = put(store, "a.txt", "Zebras cross the street.")
    put(store, "b.txt", "Zebras cross the street.")
    assert store.document_ids() == [document.id]
    assert [info.name for info in store.catalogue()] == ["a.txt", "b.txt"]
    store.drop("a.txt")
    assert [item.doc for item in store.found(store.vectors()[0]).values()] == ["b.txt"]
    store.drop("b.txt")
    assert store.document_ids() == store.vectors()[0] == words_of(store, "zebras") == []


def test_a_document_cut_by_another_chunker_is_cut_again(store: Store, put: Put) -> None:
    put(store, "a.txt", "Zebras cross.", chunker="old")
    put(store, "a.txt", "Zebras cross.", chunker="new")
    assert store.names()["a.txt"].chunker == "new"
    assert words_of(store, "zebras") == ["Zebras cross."]


def test_dropping_an_unknown_name_changes_nothing(store: Store, put: Put) -> None:
    put(store, "a.txt", "Zebras cross.")
    store.drop("nobody.txt")
    assert list(store.names()) == ["a.txt"]


def test_a_dropped_text_is_nowhere_on_disk(store: Store, put: Put, tmp_path: Path) -> None:
    put(store, "a.txt", "Zebras cross the xylophonic street.")
    put(store, "b.txt", "Owls fly.")
    store.drop("a.txt")
    store.tidy()
    for path in tmp_path.iterdir():
        assert b"xylophon" not in path.read_bytes(), path
    assert words_of(store, "owls") == ["Owls fly."]


def test_a_transaction_that_fails_leaves_nothing(store: Store, put: Put) -> None:
    put(store, "a.txt", "Zebras cross.")
    before = store.generation
    document = Document("b.txt", "Owls fly.")
    span = Span(0, 9)
    passage = Passage(passage_id(document.id, span), document.id, span, "Owls fly.", (span,))
    with pytest.raises(ValueError, match="zip"):
        store.put(document, [passage], np.zeros((0, 64), np.float32), "sha", "lines")
    assert store.generation == before
    assert store.document("b.txt") is None
    assert list(store.names()) == ["a.txt"]


def test_a_generation_never_comes_back(store: Store, put: Put, tmp_path: Path) -> None:
    seen = [store.generation]
    for text in ("Zebras cross.", "Owls fly.", "Zebras cross."):
        put(store, "a.txt", text)
        seen.append(store.generation)
    (tmp_path / "other").mkdir()
    with closing(Store(tmp_path / "other", create=True)) as other:
        for text in ("Zebras cross.", "Owls fly.", "Zebras cross."):
            put(other, "a.txt", text)
            seen.append(other.generation)
    assert len(set(seen)) == len(seen)


def test_lexical_search_ranks_by_the_share_of_what_could_be_scored(store: Store, put: Put) -> None:
    put(store, "a.txt", "\n".join(f"Line {n} about nothing." for n in range(20)) + "\nZebras cross.\nZebras sleep.")
    ranked = store.lexical(["zebra", "cross"], 5)
    assert [store.found([id_])[id_].passage.text for id_, _ in ranked] == ["Zebras cross.", "Zebras sleep."]
    assert 1 > ranked[0][1] > ranked[1][1] > 0
    assert store.lexical([], 5) == []
    assert store.lexical(["xylophone"], 5) == []
    assert store.lexical(['quote"d', "AND", "NEAR(", "*", "col:on"], 5) == []


def test_more_ids_than_one_statement_can_bind(store: Store, put: Put) -> None:
    put(store, "a.txt", "\n".join(f"Line number {n}." for n in range(1_203)))
    ids, _ = store.vectors()
    assert len(store.found([*ids, "nobody"])) == 1_203


def test_threads_may_read_while_one_writes(store: Store, put: Put) -> None:
    put(store, "kept.txt", "Zebras cross.")
    wrong: list[str] = []

    def read() -> None:
        for _ in range(50):
            ids, vectors = store.vectors()
            if len(ids) != len(vectors) or "Zebras cross." not in words_of(store, "zebras"):
                wrong.append("torn")

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(20):
        put(store, f"{n}.txt", f"Owl {n} flies.")
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(store.names()) == 21


def test_several_may_make_it_at_once(tmp_path: Path, put: Put) -> None:
    (tmp_path / f"{FILE}.new").write_bytes(b"left by one that was killed while making it")
    start = Barrier(6)

    def make(n: int) -> None:
        start.wait()
        with closing(Store(tmp_path, create=True)) as made:
            put(made, f"{n}.txt", f"Zebra {n} crosses.")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    with closing(Store(tmp_path, create=False)) as store:
        assert len(store.names()) == len(store.document_ids()) == 6


def test_there_must_be_a_file_unless_it_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"no library in .*coalition-qa sync"):
        Store(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("damage", ["emptied", "header flipped", "random bytes", "another database"])
def test_a_file_that_is_no_library_is_damage_and_left_alone(
    store: Store, put: Put, tmp_path: Path, create: bool, damage: str
) -> None:
    put(store, "a.txt", "Zebras cross.")
    store.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    if damage == "another database":
        path.unlink()
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE birds (name TEXT)")
        other.close()
    else:
        path.write_bytes(
            {
                "emptied": b"",
                "header flipped": bytes(255 - byte for byte in whole[:100]) + whole[100:],
                "random bytes": np.random.default_rng(1).bytes(len(whole)),
            }[damage]
        )
    before = path.read_bytes()
    with pytest.raises(LibraryDamaged, match=r"sync --rebuild"):
        Store(tmp_path, create=create)
    assert path.read_bytes() == before


def test_a_library_of_another_format_is_named(store: Store, tmp_path: Path) -> None:
    with store.transaction():
        store.set_meta({"schema": "99"})
    store.close()
    with pytest.raises(LibraryError, match=r"format 99.*reads 2.*--rebuild"):
        Store(tmp_path, create=True)


VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chunker TEXT NOT NULL,
    title TEXT NOT NULL, date TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE names (
    name TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, file_sha256 TEXT NOT NULL
);
CREATE INDEX names_by_document ON names (document);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL REFERENCES documents,
    first INTEGER NOT NULL, last INTEGER NOT NULL, sentences TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX passages_by_document ON passages (document);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 remove_diacritics 2");
INSERT INTO meta VALUES ('schema', '1'), ('generation', 'AB'), ('dimensions', '64');
INSERT INTO documents VALUES (1, 'id of zebras', 'lines', 'Zebras', '2021-06-28', 'Zebras cross.');
INSERT INTO names VALUES ('a.txt', 1, 'sha'), ('b.txt', 1, 'sha');
INSERT INTO passages VALUES (1, 'p', 1, 0, 13, '[[0, 13]]', zeroblob(256));
INSERT INTO words (rowid, text) VALUES (1, 'Zebras cross.');
"""


def test_a_library_of_the_format_before_is_brought_to_this_one(tmp_path: Path, put: Put) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as old:
        old.executescript(VERSION_1)
    for _ in range(2):
        with closing(Store(tmp_path, create=False)) as store:
            assert store.integrity() == "ok"
            assert store.generation == "AB"
            assert store.document("b.txt") == Document("b.txt", "Zebras cross.", "Zebras", "2021-06-28")
            assert [(info.title, info.date, info.pages) for info in store.catalogue()] == [
                ("Zebras", "2021-06-28", 0),
                ("Zebras", "2021-06-28", 0),
            ]
            assert words_of(store, "zebra") == ["Zebras cross."]
            assert [known for _, _, known in store.sketches()] == [b"", b""]
    with closing(Store(tmp_path, create=False)) as store:
        put(store, "c.txt", "Owls fly.")
        assert store.document("c.txt") == Document("c.txt", "Owls fly.", "Title of c.txt")


def test_what_a_file_says_of_its_text_is_kept_under_its_name(store: Store, put: Put, tmp_path: Path) -> None:
    put(store, "b.txt", "Zebras cross.\nOwls fly.")
    first = Document("a.pdf", "Zebras cross.\nOwls fly.", "Zebras", "2021-06", "en-GB", (0, 14))
    store.put(first, [], np.zeros((0, 64), np.float32), "sha", "lines")
    store.close()
    with closing(Store(tmp_path, create=False)) as again:
        assert again.document("a.pdf") == first
        assert [(info.language, info.pages) for info in again.catalogue()] == [("en-GB", 2), ("", 0)]
        found = again.found(again.vectors()[0]).values()
        assert {(item.doc, item.title, item.pages) for item in found} == {("a.pdf", "Zebras", (0, 14))}


def test_a_vector_cut_short_or_without_numbers_is_damage(store: Store, put: Put, tmp_path: Path) -> None:
    put(store, "a.txt", "Zebras cross.")
    for vector in (b"short", np.full(64, np.nan, np.float32).tobytes()):
        with sqlite3.connect(tmp_path / FILE) as other:
            other.execute("UPDATE passages SET vector = ?", (vector,))
        other.close()
        with pytest.raises(LibraryDamaged, match="vector"):
            store.vectors()


def test_with_bytes_flipped_what_still_has_its_hash_is_true_and_the_rest_one_clear_error(
    store: Store, put: Put, tmp_path: Path
) -> None:
    for n in range(6):
        put(store, f"{n}.txt", f"Zebra {n} crosses the street.\nOwl {n} flies.")
    store.tidy()
    store.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    random = np.random.default_rng(2)
    read, errors = 0, []
    for _ in range(150):
        at = int(random.integers(len(whole)))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ int(random.integers(1, 256))]) + whole[at + 1 :])
        try:
            with closing(Store(tmp_path, create=False)) as damaged:
                damaged.lexical(["zebra"], 20)
                for item in damaged.found(damaged.vectors()[0]).values():
                    document = damaged.document(item.doc)
                    if document is not None and document.id == item.passage.document_id:
                        assert item.passage.span.of(document.text) == item.passage.text
                        read += 1
        except LibraryError as error:
            errors.append(str(error))
    assert read
    assert errors
    assert all(error.startswith("The library ") and "coalition-qa sync" in error for error in errors)


OLDER = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, chunker TEXT NOT NULL,
    title TEXT NOT NULL, date TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE names (
    name TEXT PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, file_sha256 TEXT NOT NULL
);
CREATE INDEX names_by_document ON names (document);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL REFERENCES documents,
    first INTEGER NOT NULL, last INTEGER NOT NULL, sentences TEXT NOT NULL, vector BLOB NOT NULL
);
CREATE INDEX passages_by_document ON passages (document);
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = "porter unicode61 remove_diacritics 2");
INSERT INTO meta VALUES ('schema', '1'), ('generation', hex(randomblob(8))), ('dimensions', '64');
"""


def test_a_library_of_the_first_format_becomes_one_of_this(tmp_path: Path, put: Put, fake_encoder: FakeEncoder) -> None:
    text = "Zebras cross the street."
    document = Document("a.txt", text, title="Streets", date="1987")
    vector = fake_encoder.encode([text])[0].tobytes()
    id_ = passage_id(document.id, Span(0, len(text)))
    with closing(sqlite3.connect(tmp_path / FILE)) as older:
        older.executescript(OLDER)
        older.execute("INSERT INTO documents VALUES (1, ?, 'lines', 'Streets', '1987', ?)", (document.id, text))
        older.execute("INSERT INTO names VALUES ('a.txt', 1, 'sha')")
        older.execute("INSERT INTO passages VALUES (1, ?, 1, 0, ?, '[[0, 24]]', ?)", (id_, len(text), vector))
        older.execute("INSERT INTO words (rowid, text) VALUES (1, ?)", (text,))
        older.commit()
    for _ in range(2):
        with closing(Audit(tmp_path, create=False)) as store:
            assert store.document("a.txt") == document
            assert words_of(store, "zebras") == [text]
            assert all(fault == "" for _, fault in store.faults())
    with closing(Store(tmp_path, create=False)) as store:
        put(store, "b.txt", "Owls fly.")
        store.drop("a.txt")
        store.tidy()
        assert words_of(store, "owls") == ["Owls fly."]
        assert words_of(store, "zebras") == []


def test_two_names_of_one_text_keep_their_own_titles(store: Store, put: Put) -> None:
    put(store, "b.txt", "Zebras cross.")
    put(store, "a.txt", "Zebras cross.")
    assert [info.title for info in store.catalogue()] == ["Title of a.txt", "Title of b.txt"]
    store.drop("a.txt")
    assert [item.title for item in store.found(store.vectors()[0]).values()] == ["Title of b.txt"]


def test_the_space_of_what_was_removed_comes_back(store: Store, put: Put, tmp_path: Path) -> None:
    def size() -> int:
        return sum(path.stat().st_size for path in tmp_path.iterdir())

    put(store, "kept.txt", "Zebras cross.")
    store.tidy()
    before = size()
    put(store, "large.txt", "\n".join(f"Owl {n} hunts mice in forest {n * n}." for n in range(3_000)))
    assert size() > before + 1_300_000
    store.drop("large.txt")
    store.tidy()
    assert size() < before + 650_000  # the changes that an index may have to follow


def test_what_changed_since_a_generation_is_known(store: Store, put: Put) -> None:
    start = store.generation
    put(store, "a.txt", "Zebras cross.\nLions sleep.")
    one = store.generation
    zebras, lions = (passage_id(store.document_ids()[0], span) for span in (Span(0, 13), Span(14, 26)))
    assert store.changes_since(start) is None  # nobody can hold it: it had no passage
    put(store, "b.txt", "Zebras cross.\nLions sleep.")
    assert store.generation == one  # another name, the same passages
    put(store, "c.txt", "Owls fly.")
    store.drop("c.txt")
    store.drop("a.txt")
    store.drop("b.txt")
    owls = passage_id(Document("", "Owls fly.").id, Span(0, 9))
    assert store.changes_since(one) == {owls: False, zebras: False, lions: False}
    put(store, "a.txt", "Zebras cross.\nLions sleep.")
    assert store.changes_since(one) == {owls: False, zebras: True, lions: True}
    assert store.changes_since(store.generation) == {}
    assert store.changes_since("nobody's") is None


def test_of_very_many_passages_the_rarer_words_choose_and_all_words_score(store: Store, put: Put) -> None:
    put(store, "a.txt", "\n".join(f"Common line {n} of a {'zebra' if n % 50 == 0 else 'lion'}." for n in range(6_000)))
    everything = store.lexical(["zebra", "common"], 7_000)
    assert len(everything) == 120
    assert everything == sorted(everything, key=lambda hit: (-hit[1], hit[0]))
    found = store.found([id_ for id_, _ in everything[:3]])
    assert all("zebra" in item.passage.text for item in found.values())
    alone = dict(store.lexical(["zebra"], 7_000))
    assert alone.keys() == {id_ for id_, _ in everything}
    assert len(store.lexical(["common"], 7_000)) == 6_000
