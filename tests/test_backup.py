"""A backup is one file, whole or not there; restoring it gives back what it held, or changes nothing."""

from __future__ import annotations

import random
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from coalition_qa.backup import backup, restore
from coalition_qa.library import Library
from coalition_qa.store import FILE
from coalition_qa.types import EncoderMismatch, LibraryDamaged, LibraryError

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place


def text(n: int) -> str:
    return f"The crossing in town {n} was painted with number {n * n}. Owl {n} hunts mice at night.\n"


def said(place: Place, encoder: FakeEncoder) -> list[object]:
    question = encoder.encode(["Which number has the crossing in town 3?"])[0]
    with Library(place.library, encoder) as library:
        hits = library.dense(question, 12)
        nearer = {id_: round(score, 5) for id_, score in hits if score > hits[-1][1] + 1e-5}  # which of equals is last?
        lexical = {id_: round(score, 5) for id_, score in library.lexical(["crossing", "3"], 5)}
        return [library.fingerprint, library.catalogue(), nearer, library.found(list(nearer)), lexical]


def round_trips(place: Place, encoder: FakeEncoder, rounds: int) -> None:
    dice = random.Random(rounds)
    for number in range(rounds):
        for n in dice.sample(range(30), 5):
            place.write(f"{n}.txt", text(n))
        place.sync(encoder)
        before = said(place, encoder)
        file = place.folder / f"{number}.backup"
        backup(place.library, file)
        for path in dice.sample(sorted(place.corpus.iterdir()), 3):
            path.write_text(text(100 + number))
        place.sync(encoder)
        assert said(place, encoder) != before
        assert restore(place.library, file, encoder) == len(before[1])  # type: ignore[arg-type]
        assert said(place, encoder) == before
        assert place.faults(encoder) == {}


def test_what_is_restored_is_what_was_backed_up(place: Place, fake_encoder: FakeEncoder) -> None:
    round_trips(place, fake_encoder, 2)
    assert sorted(path.name for path in place.folder.iterdir()) == ["0.backup", "1.backup", "corpus", "library"]


@pytest.mark.torture
def test_torture_what_is_restored_is_what_was_backed_up(place: Place, fake_encoder: FakeEncoder) -> None:
    round_trips(place, fake_encoder, 20)


def test_a_backup_of_a_library_in_use_is_of_one_moment(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("0.txt", text(0))
    place.sync(fake_encoder)

    def write() -> None:
        with Library(place.library, fake_encoder) as library:
            for n in range(1, 20):
                place.ingest(library, fake_encoder).add([place.outside(f"{n}.txt", text(n))])

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(4):
        backup(place.library, place.folder / f"{number}.backup")  # looks itself over
    writer.join()
    restore(place.library, place.folder / "3.backup", fake_encoder)
    assert place.faults(fake_encoder) == {}


def test_a_backup_replaces_nothing_and_leaves_nothing(place: Place, fake_encoder: FakeEncoder) -> None:
    file = place.folder / "mine"
    with pytest.raises(LibraryError, match="no library in"):
        backup(place.library, file)
    place.write("0.txt", text(0))
    place.sync(fake_encoder)
    file.write_text("mine")
    with pytest.raises(LibraryError, match="is there already: name another"):
        backup(place.library, file)
    assert file.read_text() == "mine"
    with pytest.raises(LibraryError, match="cannot be written"):
        backup(place.library, place.folder / "nowhere" / "file")
    with sqlite3.connect(place.library / FILE) as other:
        other.execute("UPDATE names SET title = 'x'")
    other.close()
    with pytest.raises(LibraryDamaged, match=r"not whole \(names are as written.*doctor --repair"):
        backup(place.library, place.folder / "other")
    assert sorted(path.name for path in place.folder.iterdir()) == ["corpus", "library", "mine"]


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "another database", "halved", "altered", "a folder"])
def test_what_is_no_whole_backup_changes_nothing(place: Place, fake_encoder: FakeEncoder, kind: str) -> None:
    place.write("0.txt", text(0))
    place.sync(fake_encoder)
    before = said(place, fake_encoder)
    file = place.folder / "file"
    backup(place.library, file)
    if kind in ("missing", "another database", "a folder"):
        file.unlink()
    if kind == "a folder":
        file.mkdir()
    if kind in ("another database", "altered"):
        with sqlite3.connect(file) as other:
            other.execute("UPDATE names SET title = 'x'" if kind == "altered" else "CREATE TABLE birds (name TEXT)")
        other.close()
    if kind in ("empty", "text", "halved"):
        content = file.read_bytes()
        file.write_bytes({"empty": b"", "text": b"a" * 5_000, "halved": content[: len(content) // 2]}[kind])
    with pytest.raises(LibraryError, match=r"no file|no whole backup|cannot be copied"):
        restore(place.library, file, fake_encoder)
    assert said(place, fake_encoder) == before
    assert {path.name for path in place.folder.iterdir()} <= {"corpus", "library", "file"}


def test_a_backup_of_another_encoder_is_not_restored(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("0.txt", text(0))
    place.sync(fake_encoder)
    backup(place.library, place.folder / "file")
    with pytest.raises(EncoderMismatch):
        restore(place.library, place.folder / "file", type(fake_encoder)("fake@2"))
    assert said(place, fake_encoder)


def test_a_damaged_library_is_replaced_by_its_backup(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("0.txt", text(0))
    place.sync(fake_encoder)
    before = said(place, fake_encoder)
    backup(place.library, place.folder / "file")
    (place.library / FILE).write_bytes(b"nothing")
    restore(place.library, place.folder / "file", fake_encoder)
    assert said(place, fake_encoder) == before
