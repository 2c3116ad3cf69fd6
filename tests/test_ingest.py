"""The library is made to match the files, and what happened to each is said."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.ingest import Ingest, Progress, rebuild
from coalition_qa.library import Library
from coalition_qa.plan import Step, dry_run
from coalition_qa.types import CorpusGone, DocumentError, LibraryError
from conftest import FakeEncoder

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Vectors

ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
OWLS = "Owls hunt mice at night in the forests of Finland."
AS_NOBODY = """
import os, sys
from pathlib import Path
from coalition_qa.corpus import readable_files
from coalition_qa.types import DocumentError
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(list(readable_files(Path(sys.argv[1]))))
except DocumentError as error:
    print(error)
"""


class Told(Progress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.plan: list[Step] = []
        self.files: list[tuple[int, int]] = []

    def reading(self, done: int, total: int) -> None:
        self.files.append((done, total))

    def planned(self, steps: Sequence[Step]) -> None:
        self.plan = list(steps)

    def done(self, step: Step) -> None:
        self.steps.append(step)


@pytest.fixture
def library(place: Place, fake_encoder: FakeEncoder) -> Iterator[Library]:
    """An empty library of the fake encoder's."""
    with Library(place.library, fake_encoder, create=True) as made:
        yield made


@pytest.fixture
def ingest(place: Place, library: Library, fake_encoder: FakeEncoder) -> Ingest:
    """The library's only writer."""
    return place.ingest(library, fake_encoder)


def rows(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.action, step.name) for step in steps]


def test_sync_follows_every_change_of_the_folder(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt", ZEBRA)
    place.write("deep/er/b.md", f"# Birds\n\n{OWLS}")
    assert rows(ingest.sync()) == [("new", "a.txt"), ("new", "deep/er/b.md")]
    assert rows(ingest.sync()) == [("unchanged", "a.txt"), ("unchanged", "deep/er/b.md")]
    place.write("a.txt", OWLS.upper())
    (place.corpus / "deep/er/b.md").rename(place.corpus / "c.md")
    assert rows(ingest.sync()) == [("changed", "a.txt"), ("new", "c.md"), ("removed", "deep/er/b.md")]
    assert [info.name for info in library.catalogue()] == ["a.txt", "c.md"]
    assert library.document("a.txt").text == OWLS.upper()  # type: ignore[union-attr]
    assert [info.title for info in library.catalogue()] == ["a", "Birds"]


def test_the_plan_changes_nothing(place: Place, library: Library) -> None:
    place.write("a.txt", ZEBRA)
    assert rows(dry_run(place.settings(), library)) == [("new", "a.txt")]
    assert library.catalogue() == []


def test_progress_is_told_of_each_step(place: Place, ingest: Ingest) -> None:
    told = Told()
    place.write("a.txt", ZEBRA)
    assert ingest.sync(told) == told.steps == told.plan
    assert ingest.add([place.outside("b.txt", OWLS)], told) == told.steps[1:] == told.plan
    assert told.files == [(1, 1), (1, 1)]


def test_a_folder_that_is_missing_is_not_an_empty_one(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    ingest.sync()
    place.corpus.rename(place.folder / "away")
    with pytest.raises(DocumentError, match=r"no corpus folder .*make it, or name another"):
        ingest.sync()
    assert len(library.catalogue()) == 2
    place.corpus.mkdir()  # as where a disk is not mounted
    with pytest.raises(CorpusGone, match=r"no documents any more, and the library 2: nothing is removed.*emptied"):
        ingest.sync()
    assert len(library.catalogue()) == 2
    assert rows(ingest.sync(emptied=True)) == [("removed", "a.txt"), ("removed", "b.txt")]
    assert ingest.sync() == []  # nor is there anything to lose


def test_the_only_document_may_be_taken_away(place: Place, ingest: Ingest) -> None:
    place.write("b.txt", OWLS)
    ingest.sync()
    (place.corpus / "b.txt").unlink()
    assert rows(ingest.sync()) == [("removed", "b.txt")]


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(place: Place) -> None:
    with tempfile.TemporaryDirectory() as shared:  # where somebody without rights may look
        closed = Path(shared) / "closed"
        closed.mkdir(mode=0)
        Path(shared).chmod(0o755)
        outcome = place.process("-c", AS_NOBODY, shared)
    assert outcome.out.startswith(f"{closed}: the folder cannot be read (Permission denied)"), outcome


def test_what_is_no_document_is_left_out(place: Place, ingest: Ingest) -> None:
    place.write(".hidden.txt", ZEBRA)
    place.write(".git/a.txt", ZEBRA)
    place.write("picture.png", ZEBRA)
    place.write("folder.txt/readme", ZEBRA)
    place.write("A.TXT", ZEBRA)
    assert rows(ingest.sync()) == [("new", "A.TXT")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds no text"),
        (b" \n\t\n", "holds no text"),
        (b"***\n---\n", "holds no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        ("\ufeffnul \0 inside".encode("utf-16-le"), "binary"),
        (b"\xef\xbb\xbfnul \0 inside", "binary"),
        (b"\xff\xfe\0", "not valid utf-16"),
        (b"Read more\n", "nothing but headings or boilerplate"),
    ],
)
def test_a_file_that_is_no_text_is_refused_and_not_copied(
    place: Place, library: Library, ingest: Ingest, content: bytes, why: str
) -> None:
    bad, good = place.outside("bad.txt", content), place.outside("good.txt", ZEBRA)
    refused, new = ingest.add([bad, good])
    assert (refused.action, refused.name, new.action) == ("refused", "bad.txt", "new")
    assert why in refused.note
    assert refused.note.startswith("bad.txt: ")
    assert [path.name for path in place.corpus.iterdir()] == ["good.txt"]
    assert list(library.names()) == ["good.txt"]


def test_a_file_over_the_limit_is_refused(place: Place, library: Library, fake_encoder: FakeEncoder) -> None:
    ingest = Ingest(place.settings(max_file_megabytes=0.001), library, fake_encoder)
    (step,) = ingest.add([place.outside("big.txt", ZEBRA * 100)])
    assert step.action == "refused"
    assert "0.0 MB is over the limit of 0.001 MB; split it, or raise" in step.note


def test_a_file_that_became_unreadable_is_refused_and_no_longer_answered_from(
    place: Place, library: Library, ingest: Ingest
) -> None:
    place.write("a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    place.write("c.txt", ZEBRA + OWLS)
    ingest.sync()
    place.write("a.txt", b"\0\1\2")
    (place.corpus / "b.txt").unlink()
    (place.corpus / "b.txt").symlink_to("nowhere")
    assert rows(ingest.sync()) == [("refused", "a.txt"), ("refused", "b.txt"), ("unchanged", "c.txt")]
    assert list(library.names()) == ["c.txt"]
    assert rows(ingest.sync()) == [("refused", "a.txt"), ("refused", "b.txt"), ("unchanged", "c.txt")]


def test_what_would_be_read_for_ever_is_not_read(place: Place, ingest: Ingest) -> None:
    os.mkfifo(place.corpus / "pipe.txt")
    (place.corpus / "device.txt").symlink_to("/dev/zero")
    assert rows(ingest.sync()) == [("refused", "device.txt"), ("refused", "pipe.txt")]
    with pytest.raises(DocumentError, match="no such file"):
        ingest.add([place.corpus / "pipe.txt"])


def test_a_name_that_is_not_utf8_is_refused(place: Place, library: Library, ingest: Ingest) -> None:
    strange = os.fsdecode(b"caf\xe9.txt")
    place.write(strange, ZEBRA)
    place.write("café 🦓 \n.txt", OWLS)
    steps = ingest.sync()
    assert sorted(step.action for step in steps) == ["new", "refused"]
    assert any(step.note == "'caf\\udce9.txt': its name is not UTF-8; rename it." for step in steps)
    assert list(library.names()) == ["café 🦓 \n.txt"]


def test_add_copies_and_indexes(place: Place, library: Library, ingest: Ingest) -> None:
    file = place.outside("a.txt", ZEBRA)
    place.outside("notes/b.md", OWLS)
    place.outside("notes/deep/c.txt", OWLS + ZEBRA)
    place.outside("notes/.secret.txt", ZEBRA)
    assert rows(ingest.add([file, place.folder / "outside/notes"])) == [
        ("new", "a.txt"),
        ("new", "b.md"),
        ("new", "deep/c.txt"),
    ]
    assert (place.corpus / "deep/c.txt").read_text() == OWLS + ZEBRA
    assert {step.action for step in ingest.sync()} == {"unchanged"}
    assert list(library.names()) == ["a.txt", "b.md", "deep/c.txt"]


def test_adding_the_same_again_changes_nothing(place: Place, library: Library, ingest: Ingest) -> None:
    file = place.outside("a.txt", ZEBRA)
    ingest.add([file])
    before = library.fingerprint, library.catalogue(), (place.corpus / "a.txt").stat().st_mtime_ns
    assert rows(ingest.add([file, file.parent / "." / "a.txt"])) == [("unchanged", "a.txt")]
    assert before == (library.fingerprint, library.catalogue(), (place.corpus / "a.txt").stat().st_mtime_ns)


def test_adding_a_file_whose_copy_was_edited_puts_it_back(place: Place, library: Library, ingest: Ingest) -> None:
    file = place.outside("a.txt", ZEBRA)
    ingest.add([file])
    place.write("a.txt", OWLS)
    assert rows(ingest.add([file])) == [("changed", "a.txt")]
    assert (place.corpus / "a.txt").read_text() == ZEBRA
    assert rows(ingest.sync()) == [("unchanged", "a.txt")]


def test_adding_what_is_in_the_corpus_already_keeps_its_name(place: Place, ingest: Ingest) -> None:
    place.write("deep/a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    assert rows(ingest.add([place.corpus / "deep", place.corpus / "b.txt"])) == [
        ("new", "deep/a.txt"),
        ("new", "b.txt"),
    ]
    assert not (place.corpus / "a.txt").exists()


def test_adding_what_would_vanish_at_the_next_sync_is_refused(place: Place, ingest: Ingest) -> None:
    with pytest.raises(DocumentError, match="hidden"):
        ingest.add([place.outside(".hidden.txt", ZEBRA)])
    assert list(place.corpus.iterdir()) == []


@pytest.mark.parametrize("wrong", ["nothing.txt", "empty", "loop.txt", "nowhere.txt", "x" * 10_000 + ".txt"])
def test_a_path_that_is_nothing_stops_all_before_anything_is_changed(place: Place, ingest: Ingest, wrong: str) -> None:
    good = place.outside("good.txt", ZEBRA)
    (good.parent / "empty").mkdir()
    (good.parent / "loop.txt").symlink_to("loop.txt")
    (good.parent / "nowhere.txt").symlink_to("gone.txt")
    with pytest.raises(DocumentError, match=r"no such file|no file that can be read"):
        ingest.add([good, good.parent / wrong])
    assert list(place.corpus.iterdir()) == []


def test_two_files_of_one_name_are_refused(place: Place, ingest: Ingest) -> None:
    with pytest.raises(DocumentError, match=r"Two files would both be called a\.txt"):
        ingest.add([place.outside("one/a.txt", ZEBRA), place.outside("two/a.txt", OWLS)])


def test_the_longest_name_a_file_can_have(place: Place, library: Library, ingest: Ingest) -> None:
    name = "x" * 251 + ".txt"
    assert rows(ingest.add([place.outside(name, ZEBRA)])) == [("new", name)]
    assert list(library.names()) == [name]


def test_a_folder_in_the_way_is_one_refused_row(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt/inside.md", OWLS)
    refused, new = ingest.add([place.outside("a.txt", ZEBRA), place.outside("b.txt", OWLS)])
    assert (refused.action, new.action) == ("refused", "new")
    assert "cannot be copied" in refused.note
    assert list(library.names()) == ["b.txt"]
    assert sorted(path.name for path in place.corpus.iterdir()) == ["a.txt", "b.txt"]


def test_remove_takes_a_document_out_of_the_folder_and_the_library(
    place: Place, library: Library, ingest: Ingest
) -> None:
    place.write("a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    place.write("c.txt", OWLS + ZEBRA)
    ingest.sync()
    id_of_b = library.names()["b.txt"].document_id
    assert rows(ingest.remove(["a.txt", "a.txt", id_of_b[:6]])) == [("removed", "a.txt"), ("removed", "b.txt")]
    assert [path.name for path in place.corpus.iterdir()] == ["c.txt"]
    assert list(library.names()) == ["c.txt"]
    assert rows(ingest.sync()) == [("unchanged", "c.txt")]


def test_remove_says_what_it_found_when_it_looked_afterwards(
    place: Place, library: Library, ingest: Ingest, fake_encoder: FakeEncoder
) -> None:
    place.write("a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    place.write("copy.txt", OWLS)
    ingest.sync()
    assert [step.note for step in ingest.remove(["b.txt"])] == ["its text stays, as copy.txt"]
    with Library(place.library, fake_encoder) as other:
        assert other.dense(fake_encoder.encode([ZEBRA])[0], 1)  # it has Chroma's files open now
        (step,) = ingest.remove(["a.txt"])
        assert step.note.startswith("1 passage; still in Chroma's files: sync again")
        assert [id_ for id_, _ in other.dense(fake_encoder.encode([ZEBRA])[0], 5)] == library.passage_ids("copy.txt")
    ingest.sync()
    assert library.index_is_current()
    (step,) = ingest.remove(["copy.txt"])
    assert step.note == "1 passage; not in the list, the full text or the index any more"


def test_a_text_that_is_held_is_not_embedded_again(place: Place, library: Library) -> None:
    class Counting(FakeEncoder):
        texts = 0

        def encode(self, texts: Sequence[str]) -> Vectors:
            self.texts += len(texts)
            return super().encode(texts)

    encoder = Counting()
    ingest = place.ingest(library, encoder)
    place.write("a.txt", ZEBRA)
    place.write("b.txt", OWLS)
    ingest.sync()
    held = library.fingerprint
    before = encoder.texts
    (place.corpus / "a.txt").rename(place.corpus / "renamed.txt")
    ingest.sync()
    assert (encoder.texts, library.fingerprint) == (before, held)
    place.write("b.txt", ZEBRA.lower())  # each text takes another's name
    place.write("renamed.txt", OWLS)
    ingest.sync()
    assert [info.name for info in library.catalogue()] == ["b.txt", "renamed.txt"]
    assert library.document("renamed.txt").text == OWLS  # type: ignore[union-attr]
    assert len(library.passage_ids("renamed.txt")) == 1
    assert place.faults(encoder) == {}


def test_a_file_that_is_saved_otherwise_and_says_the_same_is_still_found(
    place: Place, library: Library, ingest: Ingest
) -> None:
    place.write("a.txt", f"{ZEBRA}\n{OWLS}")
    ingest.sync()
    before = library.passage_ids("a.txt")
    (place.corpus / "a.txt").write_bytes(f"\ufeff{ZEBRA}\r\n{OWLS}".encode())
    assert rows(ingest.sync()) == [("changed", "a.txt")]
    assert before
    assert library.passage_ids("a.txt") == before
    assert rows(ingest.sync()) == [("unchanged", "a.txt")]


def test_a_document_that_lost_its_passages_is_cut_again(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt", ZEBRA)
    ingest.sync()
    before = library.passage_ids("a.txt")
    with closing(sqlite3.connect(place.library / "library.sqlite3")) as damaged, damaged:
        damaged.execute("DELETE FROM words")
        damaged.execute("DELETE FROM passages")
    assert library.passage_ids("a.txt") == []
    assert rows(ingest.sync()) == [("changed", "a.txt")]
    assert library.passage_ids("a.txt") == before
    assert [id_ for id_, _ in library.lexical(["zebra"], 5)] == before


def test_remove_removes_nothing_where_one_is_unknown_or_not_just_one(
    place: Place, library: Library, ingest: Ingest
) -> None:
    place.write("a.txt", ZEBRA)
    place.write("b.txt", ZEBRA)
    ingest.sync()
    both = library.names()["a.txt"].document_id
    for wrong, why in (("c.txt", "no document 'c.txt'.*list"), (both[:5], "no document"), (both, r"a\.txt, b\.txt")):
        with pytest.raises(DocumentError, match=why):
            ingest.remove(["a.txt", wrong])
    assert list(library.names()) == ["a.txt", "b.txt"]
    assert len(list(place.corpus.iterdir())) == 2


def test_what_was_removed_is_nowhere_on_disk(place: Place, library: Library, ingest: Ingest) -> None:
    place.write("a.txt", "The xylophonic zebra of Oslo.")
    place.write("b.txt", OWLS)
    ingest.sync()
    ingest.remove(["a.txt"])
    library.close()
    for path in (path for path in place.folder.rglob("*") if path.is_file()):
        assert b"xylophon" not in path.read_bytes(), path


def test_rebuild_makes_the_library_anew_and_leaves_nothing_behind(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("a.txt", ZEBRA)
    assert rows(rebuild(place.settings(), fake_encoder)) == [("new", "a.txt")]
    place.write("b.txt", OWLS)
    assert rows(rebuild(place.settings(), fake_encoder)) == [("new", "a.txt"), ("new", "b.txt")]
    with Library(place.library, fake_encoder) as library:
        assert library.index_is_current()
        assert place.faults(fake_encoder) == {}
    assert sorted(path.name for path in place.folder.iterdir()) == ["corpus", "library"]


def test_rebuild_touches_no_folder_that_holds_more_than_a_library(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("a.txt", ZEBRA)
    place.library.mkdir()
    (place.library / "thesis.doc").write_text("mine")
    with pytest.raises(LibraryError, match=r"holds more than a library \(thesis\.doc\)"):
        rebuild(place.settings(), fake_encoder)
    assert [path.name for path in place.library.iterdir()] == ["thesis.doc"]


def test_a_library_is_not_made_of_a_folder_that_became_empty(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("a.txt", ZEBRA)
    place.sync(fake_encoder)
    (place.corpus / "a.txt").unlink()
    with pytest.raises(CorpusGone, match="holds no documents to make the library of: it stays as it is"):
        rebuild(place.settings(), fake_encoder)
    with Library(place.library, fake_encoder) as library:
        assert list(library.names()) == ["a.txt"]
    assert rebuild(place.settings(), fake_encoder, emptied=True) == []


def test_a_rebuild_that_fails_leaves_the_library_as_it_was(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("a.txt", ZEBRA)
    place.sync(fake_encoder)
    place.corpus.rename(place.folder / "away")
    with pytest.raises(DocumentError, match="no corpus folder"):
        rebuild(place.settings(), fake_encoder)
    with Library(place.library, fake_encoder) as library:
        assert list(library.names()) == ["a.txt"]
    assert sorted(path.name for path in place.folder.iterdir()) == ["away", "library"]
