"""The library as one thing: store and index agree or the store answers, one writes, the rest read on."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from coalition_qa import filling
from coalition_qa.encoders import Encoder, Vectors
from coalition_qa.index import ChromaIndex
from coalition_qa.ingest import rebuild
from coalition_qa.library import Library
from coalition_qa.passages import passage_id
from coalition_qa.store import FILE, Store
from coalition_qa.types import (
    Document,
    EncoderMismatch,
    LibraryBusy,
    LibraryDamaged,
    LibraryError,
    Passage,
    Span,
)
from conftest import FakeEncoder

if TYPE_CHECKING:
    from tests.conftest import Place

TEXTS = {
    "zebra.txt": "The zebra crossing in Oslo was painted by Kari Nordmann in 1987.\n",
    "owls.md": "# Owls\n\nOwls hunt mice at night in the forests of Finland, and they sleep during the whole day.\n",
    "bread.txt": "A sourdough loaf needs flour, water, salt and twelve hours of patience before it is baked.\n",
}
HOLD = """
import sys
from pathlib import Path
from coalition_qa.folder import only_writer
with only_writer(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.read()
"""
READ_ONLY = """
import os, sys
from pathlib import Path
folder, tests = map(Path, sys.argv[1:])
sys.path.insert(0, str(tests))
from conftest import FakeEncoder
from coalition_qa.library import Library
from coalition_qa.types import LibraryError
encoder = FakeEncoder()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
with Library(folder, encoder) as library:
    print([info.name for info in library.catalogue()])
    print(len(library.dense(encoder.encode(["zebra"])[0], 10)))
    try:
        with library.writing():
            pass
    except LibraryError as error:
        print(error)
"""


def fill(place: Place, encoder: Encoder) -> None:
    for name, text in TEXTS.items():
        place.write(name, text)
    place.sync(encoder)


def text_of(library: Library, ids: list[tuple[str, float]]) -> list[str]:
    found = library.found([id_ for id_, _ in ids])
    return [found[id_].passage.text for id_, _ in ids]


def marker(place: Place) -> Path:
    return place.library / "index" / "READY.json"


def test_contract_each_passage_is_found_by_its_own_words_and_cut_from_its_document(
    place: Place, any_encoder: Encoder
) -> None:
    fill(place, any_encoder)
    with Library(place.library, any_encoder) as library:
        assert library.index_is_current()
        everything = library.dense(any_encoder.encode(["anything"])[0], 100)
        assert len(everything) == 3
        for id_, item in library.found([id_ for id_, _ in everything]).items():
            document = library.document(item.doc)
            assert document is not None
            assert item.passage.span.of(document.text) == item.passage.text
            assert all(item.passage.sentence_text(each) == each.of(document.text) for each in item.passage.sentences)
            (nearest, cosine), *_ = library.dense(any_encoder.encode([item.passage.text])[0], 3)
            assert nearest == id_
            assert cosine == pytest.approx(1, abs=1e-4)
        assert text_of(library, library.lexical(["zebras", "painted"], 3)) == [TEXTS["zebra.txt"].strip()]
        assert place.faults(any_encoder) == {}


def test_contract_chroma_and_exact_search_agree(place: Place, any_encoder: Encoder) -> None:
    fill(place, any_encoder)
    query = any_encoder.encode(["Who painted the crossing in Oslo?"])[0]
    with Library(place.library, any_encoder) as library:
        by_chroma = library.dense(query, 3)
    marker(place).unlink()
    with Library(place.library, any_encoder) as library:
        exactly = library.dense(query, 3)
    assert [id_ for id_, _ in by_chroma] == [id_ for id_, _ in exactly]
    assert [score for _, score in by_chroma] == pytest.approx([score for _, score in exactly], abs=1e-4)


def test_contract_the_fingerprint_says_what_is_in_it_and_nothing_else(place: Place, any_encoder: Encoder) -> None:
    fill(place, any_encoder)
    with Library(place.library, any_encoder) as library:
        ingest = place.ingest(library, any_encoder)
        first = library.fingerprint
        ingest.add([place.outside("later.txt", "Something else entirely happened in Peru in 2003.")])
        assert library.fingerprint != first
        ingest.remove(["later.txt"])
        assert library.fingerprint == first
    for name in reversed(TEXTS):
        (place.corpus / name).rename(place.corpus / f"renamed-{name}")
    with Library(place.folder / "other", any_encoder, create=True) as other:
        place.ingest(other, any_encoder).sync()
        assert other.fingerprint == first


def test_one_document_under_two_names_is_found_once_and_stays_until_both_are_gone(
    place: Place, fake_encoder: FakeEncoder
) -> None:
    place.write("a.txt", TEXTS["zebra.txt"])
    place.write("copy.txt", TEXTS["zebra.txt"])
    place.sync(fake_encoder)
    with Library(place.library, fake_encoder) as library:
        query = fake_encoder.encode(["zebra"])[0]
        assert [info.name for info in library.catalogue()] == ["a.txt", "copy.txt"]
        assert len(library.dense(query, 10)) == len(library.lexical(["zebra"], 10)) == 1
        place.ingest(library, fake_encoder).remove(["a.txt"])
        ((id_, _),) = library.dense(query, 10)
        assert library.found([id_])[id_].doc == "copy.txt"
        place.ingest(library, fake_encoder).remove(["copy.txt"])
        assert library.dense(query, 10) == library.lexical(["zebra"], 10) == library.catalogue() == []


@pytest.mark.parametrize("state", ["missing", "garbage", "older", "no index at all"])
def test_without_a_proof_the_store_answers_until_a_writer_has_refreshed_the_index(
    place: Place, fake_encoder: FakeEncoder, state: str
) -> None:
    place.write("bread.txt", TEXTS["bread.txt"])
    place.sync(fake_encoder)
    older = marker(place).read_text()
    fill(place, fake_encoder)
    if state == "missing":
        marker(place).unlink()
    elif state == "no index at all":
        shutil.rmtree(place.library / "index")
    else:
        marker(place).write_text("\0garbage" if state == "garbage" else older)
    query = fake_encoder.encode(["who painted the zebra crossing"])[0]
    with Library(place.library, fake_encoder) as library:
        assert not library.index_is_current()
        assert text_of(library, library.dense(query, 1)) == [TEXTS["zebra.txt"].strip()]
        with library.writing():
            pass
        assert library.index_is_current()
        assert text_of(library, library.dense(query, 1)) == [TEXTS["zebra.txt"].strip()]
        assert place.faults(fake_encoder) == {}


def test_an_older_copy_of_the_store_put_back_is_not_answered_from_the_newer_index(
    place: Place, fake_encoder: FakeEncoder
) -> None:
    place.write("bread.txt", TEXTS["bread.txt"])
    place.sync(fake_encoder)
    backup = (place.library / FILE).read_bytes()
    fill(place, fake_encoder)
    (place.library / FILE).write_bytes(backup)
    with Library(place.library, fake_encoder) as library:
        query = fake_encoder.encode(["zebra"])[0]
        assert text_of(library, library.dense(query, 5)) == [TEXTS["bread.txt"].strip()]
        assert not library.index_is_current()


def test_the_index_of_a_library_that_was_deleted_is_not_taken_over(place: Place, fake_encoder: FakeEncoder) -> None:
    class Reversed(type(fake_encoder)):  # type: ignore[misc]  # the same ids, other vectors
        def encode(self, texts: list[str]) -> np.ndarray:
            return np.ascontiguousarray(super().encode(texts)[:, ::-1])

    other = Reversed("fake@2")
    fill(place, fake_encoder)
    (place.library / FILE).unlink()
    place.sync(other)
    with Library(place.library, other) as library:
        assert library.index_is_current()
        (first, *_) = library.dense(other.encode([TEXTS["zebra.txt"]])[0], 3)
        assert text_of(library, [first]) == [TEXTS["zebra.txt"].strip()]
        assert first[1] == pytest.approx(1, abs=1e-5)


def test_a_library_of_another_encoder_is_left_alone_and_says_so(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    other = type(fake_encoder)("fake@2", dimensions=32)
    for create in (False, True):
        with pytest.raises(EncoderMismatch, match=r"encoder fake@1, not fake@2.*sync --rebuild"):
            Library(place.library, other, create=create)
    with Library(place.library, fake_encoder) as library:
        assert len(library.catalogue()) == 3
    steps = rebuild(place.settings(), other)
    assert [step.action for step in steps] == ["new"] * 3
    with Library(place.library, other) as library:
        assert len(library.dense(other.encode(["zebra"])[0], 5)) == 3


def test_a_second_writer_is_refused_at_once_and_readers_read_on(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with place.start("-c", HOLD, place.library) as holder, Library(place.library, fake_encoder) as library:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(LibraryBusy, match=rf"process {holder.pid} \(-c.*wait for it or stop it"):
            place.ingest(library, fake_encoder).sync()
        with pytest.raises(LibraryBusy, match=rf"process {holder.pid}"):
            rebuild(place.settings(), fake_encoder)
        assert library.index_is_current()
        assert len(library.dense(fake_encoder.encode(["zebra"])[0], 5)) == 3
        holder.communicate()
        assert [step.action for step in place.ingest(library, fake_encoder).sync()] == ["unchanged"] * 3


def test_a_writer_that_died_holds_nothing(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    (place.library / "writer").write_text("process 1 (nobody)")
    with Library(place.library, fake_encoder) as library, library.writing():
        pass


def test_while_others_search_the_index_a_writer_leaves_it_and_answers_stay_complete(
    place: Place, fake_encoder: FakeEncoder
) -> None:
    fill(place, fake_encoder)
    query = fake_encoder.encode(["whales sing in the ocean"])[0]
    with Library(place.library, fake_encoder) as reading, Library(place.library, fake_encoder) as writing:
        reading.dense(query, 1)  # holds the index from now on
        place.write("whales.txt", "Whales sing long songs to each other in the ocean.")
        place.ingest(writing, fake_encoder).sync()
        for library in (reading, writing):
            assert not library.index_is_current()
            assert text_of(library, library.dense(query, 1)) == ["Whales sing long songs to each other in the ocean."]
    place.sync(fake_encoder)
    with Library(place.library, fake_encoder) as library:
        assert library.index_is_current()
        assert text_of(library, library.dense(query, 1)) == ["Whales sing long songs to each other in the ocean."]


def test_who_has_a_library_open_that_was_made_anew_is_told(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with Library(place.library, fake_encoder) as library:
        (place.corpus / "zebra.txt").unlink()
        rebuild(place.settings(), fake_encoder)
        with pytest.raises(LibraryError, match="made anew meanwhile: start again"):
            library.dense(fake_encoder.encode(["zebra"])[0], 1)
        with pytest.raises(LibraryError, match="made anew meanwhile: start again"):
            place.ingest(library, fake_encoder).sync()


def test_damage_has_a_name(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with sqlite3.connect(place.library / FILE) as other:
        other.execute("UPDATE documents SET text = replace(text, 'zebra', 'tapir')")
    other.close()
    assert place.faults(fake_encoder) == {
        "texts have their hash": "1 documents altered",
        "spans equal text": "1 of 3 passages do not",
    }
    rebuild(place.settings(), fake_encoder)
    generation = json.loads(marker(place).read_text())["generation"]
    index = ChromaIndex(place.library / "index")
    assert index.fill(["nobody"], np.eye(1, 64, dtype=np.float32), generation)
    index.close()
    assert place.faults(fake_encoder) == {"index holds the same passages": "4 differ"}


def test_where_a_library_cannot_be_made_is_said(place: Place, fake_encoder: FakeEncoder) -> None:
    (place.folder / "file").write_text("mine")
    for folder in (place.folder / "file", place.folder / "file" / "below"):
        with pytest.raises(LibraryError, match="cannot be made"):
            Library(folder, fake_encoder, create=True)
    with pytest.raises(LibraryError, match="is not a folder"):
        rebuild(place.settings(library=place.folder / "file"), fake_encoder)
    assert (place.folder / "file").read_text() == "mine"


@pytest.mark.parametrize("closed_well", [True, False])
def test_a_library_that_cannot_be_written_still_answers_from_all_of_it(
    place: Place, fake_encoder: FakeEncoder, closed_well: bool
) -> None:
    fill(place, fake_encoder)
    with tempfile.TemporaryDirectory() as shared:  # where somebody without rights may look
        copy = Path(shared) / "library"
        with Library(place.library, fake_encoder) as library:
            if not closed_well:  # as after a kill: what was written last is in the write-ahead log only
                place.write("late.txt", "Late news of a zebra.")
                place.ingest(library, fake_encoder).sync()
                shutil.copytree(place.library, copy)
        if closed_well:
            shutil.copytree(place.library, copy)
        for path in [Path(shared), *Path(shared).rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        outcome = place.process("-c", READ_ONLY, copy, Path(__file__).parent)
    assert outcome.code == 0, outcome.err
    names = sorted([*TEXTS] if closed_well else [*TEXTS, "late.txt"])
    catalogue, count, refused = outcome.out.splitlines()
    assert (catalogue, count) == (str(names), str(len(names)))
    assert "cannot be written (Permission denied)" in refused


def test_chroma_answers_and_what_changed_since_it_was_filled_is_put_in_its_place(
    place: Place, fake_encoder: FakeEncoder
) -> None:
    fill(place, fake_encoder)
    queries = {name: fake_encoder.encode([text])[0] for name, text in TEXTS.items()}
    whales = "Whales sing long songs to each other in the ocean."
    with Library(place.library, fake_encoder) as reading, Library(place.library, fake_encoder) as writing:
        reading.dense(queries["owls.md"], 1)  # holds the index from now on
        place.write("whales.txt", whales)
        (place.corpus / "zebra.txt").unlink()
        place.ingest(writing, fake_encoder).sync()
        index = ChromaIndex(place.library / "index")
        held = index.generation()
        assert held is not None  # still proven, and behind
        assert not reading.index_is_current()
        assert text_of(reading, reading.dense(queries["owls.md"], 1)) == [TEXTS["owls.md"].strip()]
        for library in (reading, writing):
            found = text_of(library, library.dense(queries["zebra.txt"], 10))
            assert sorted(found) == sorted([TEXTS["bread.txt"].strip(), TEXTS["owls.md"].strip(), whales])
            ((_, cosine),) = library.dense(fake_encoder.encode([whales])[0], 1)
            assert cosine == pytest.approx(1, abs=1e-5)
        assert index.generation() == held
        index.close()
        assert place.faults(fake_encoder) == {}


def test_after_a_filling_that_died_the_next_is_in_a_process_of_its_own(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    marker(place).unlink()
    (place.library / "index" / "FILLING").touch()
    with Library(place.library, fake_encoder) as library:
        assert len(library.dense(fake_encoder.encode(["zebra"])[0], 5)) == 3
        with library.writing():
            pass
        assert library.index_is_current()
    assert not (place.library / "index" / "FILLING").exists()
    assert place.faults(fake_encoder) == {}


class Slow:
    """An index, of what the library needs to fill it, that lets somebody ask while it is written to."""

    address, died, dead = "", False, 0

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self.answer: object = None

    def _ask(self) -> None:
        self.answer = self.meanwhile()

    def generation(self) -> str | None:
        return None

    def refill(self, batches: Iterable[tuple[list[str], Vectors]], count: int, generation: str) -> bool:
        other = Thread(target=self._ask, daemon=True)
        other.start()
        other.join(timeout=10)
        return sum(len(ids) for ids, _ in batches) == count


def test_questions_are_answered_while_the_index_is_filled(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    store = Store(place.library, create=False)
    index = Slow(lambda: len(store.vectors()[0]))
    assert filling.fill(store, index)
    assert index.answer == 3
    store.close()
    with Library(place.library, fake_encoder) as library, library._index_lock:
        assert len(library.dense(fake_encoder.encode(["zebra"])[0], 5)) == 3


def test_the_process_that_fills_says_whether_it_could(place: Place, fake_encoder: FakeEncoder) -> None:
    assert place.process("-m", "coalition_qa.filling", place.folder / "nowhere").code == 1
    fill(place, fake_encoder)
    marker(place).unlink()
    outcome = place.process("-m", "coalition_qa.filling", place.library)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    with Library(place.library, fake_encoder) as library:
        assert library.index_is_current()


def test_the_fingerprint_is_of_the_encoders_bytes_not_of_its_name(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with Library(place.library, fake_encoder) as library:
        first = library.fingerprint
    elsewhere = type(fake_encoder)("moved-to-another-folder@1")
    with Library(place.library, elsewhere) as library:
        assert library.fingerprint == first


def test_a_passage_that_vanished_without_being_removed_is_damage(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with Library(place.library, fake_encoder) as library:
        ids = [id_ for id_, _ in library.dense(fake_encoder.encode(["zebra"])[0], 3)]
        place.ingest(library, fake_encoder).remove(["zebra.txt"])
        assert len(library.found(ids)) == 2
        with sqlite3.connect(place.library / FILE) as other:
            other.execute("DELETE FROM names WHERE name = 'owls.md'")
        other.close()
        with pytest.raises(LibraryDamaged, match="not found"):
            library.found(ids)


def test_a_search_within_documents_finds_all_that_the_whole_search_finds_there(
    place: Place, any_encoder: Encoder
) -> None:
    fill(place, any_encoder)
    vector = any_encoder.encode(["What hunts mice at night?"])[0]
    words = ["night", "bread", "flour", "oslo", "mouse", "mice"]
    with Library(place.library, any_encoder) as library:
        everything, shared = library.dense(vector, 50), library.lexical(words, 50)
        for only in (["owls.md"], ["owls.md", "bread.txt"], list(TEXTS), [], ["no such.txt"]):
            places = {(name, span) for name in only for span in library.spans(name)}
            found = library.found([id_ for id_, _ in everything])
            inside = {id_ for id_, item in found.items() if (item.doc, item.passage.span) in places}
            near = library.dense(vector, 50, only)
            assert [id_ for id_, _ in near] == [id_ for id_, _ in everything if id_ in inside]
            assert np.allclose(
                [score for _, score in near], [score for id_, score in everything if id_ in inside], atol=1e-6
            )
            assert library.lexical(words, 50, only) == [hit for hit in shared if hit[0] in inside]
            assert library.lexical(words, 1, only) == library.lexical(words, 50, only)[:1]
        assert len(shared) > 1, "there was something to leave out"


@pytest.mark.torture
def test_torture_what_is_removed_from_a_large_library_leaves_its_index_at_once(place: Place) -> None:
    encoder = FakeEncoder(dimensions=8)
    number = 21_000  # past what is brought in line with every change
    place.library.mkdir()
    document = Document("large.txt", "x" * number)
    spans = [Span(n, n + 1) for n in range(number)]
    passages = [Passage(passage_id(document.id, span), document.id, span, "x", (span,)) for span in spans]
    vectors = np.random.default_rng(1).normal(size=(number, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with Library(place.library, encoder, create=True) as library:
        ingest = place.ingest(library, encoder)
        with library.writing():
            library.put(document, passages, vectors, "made")
        ingest.add([place.outside("small.txt", "Owls hunt mice at night.")])
        gone = library.passage_ids("small.txt")
        assert not library.index_is_current()
        assert library.refresh_index(now=True)
        assert library.index_is_current()
        (step,) = ingest.remove(["small.txt"])
        assert step.note == "1 passage; not in the list, the full text or the index any more"
        assert library.traces(gone) == []
        assert library.traces(library.passage_ids("large.txt")[:1]) == ["the passages", "Chroma's files"]
        assert library.index_is_current()
