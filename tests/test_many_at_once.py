"""Several at once: one document however often it comes, one writer however many try."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import LibraryBusy

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

TEXT = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
UPLOAD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import FakeEncoder
from coalition_qa.config import load_settings
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import LibraryBusy
settings, encoder = load_settings(), FakeEncoder()
print("ready", flush=True)
sys.stdin.readline()
with Library(settings.library_path, encoder, create=True) as library:
    try:
        (step,) = Ingest(settings, library, encoder).add([Path(sys.argv[2])])
        print(step.action)
    except LibraryBusy as error:
        print("busy", error)
"""


def only_one(place: Place, encoder: FakeEncoder) -> None:
    with Library(place.library, encoder) as library:
        (info,) = library.catalogue()
        assert (info.characters, info.passages) == (len(TEXT), 1)
        assert library.index_is_current()
        assert len(library.dense(encoder.encode([TEXT])[0], 10)) == len(library.lexical(["zebra"], 10)) == 1
    assert place.faults(encoder) == {}
    assert [path.read_text() for path in place.corpus.iterdir()] == [TEXT]


def uploads_of_threads(place: Place, encoder: FakeEncoder, count: int) -> None:
    file = place.outside("a.txt", TEXT)
    start = Barrier(count)

    def upload(_: int) -> str:
        start.wait()
        (step,) = Ingest(place.settings(), library, encoder).add([file])
        return step.action

    with Library(place.library, encoder, create=True) as library, ThreadPoolExecutor(count) as pool:
        done = list(pool.map(upload, range(count)))
    assert sorted(done) == ["new", *["unchanged"] * (count - 1)]
    only_one(place, encoder)


def test_one_document_uploaded_many_times_at_once_is_one(place: Place, fake_encoder: FakeEncoder) -> None:
    uploads_of_threads(place, fake_encoder, 10)


@pytest.mark.torture
def test_torture_one_document_uploaded_fifty_times_at_once_is_one(place: Place, fake_encoder: FakeEncoder) -> None:
    uploads_of_threads(place, fake_encoder, 50)


@contextmanager
def started(place: Place, count: int) -> Iterator[list[str]]:
    """Processes that upload the same document at once; what each said of it."""
    file = place.outside("a.txt", TEXT)
    processes = [place.start("-c", UPLOAD, Path(__file__).parent, file) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        said.append(out.strip())
    yield said


def uploads_of_processes(place: Place, encoder: FakeEncoder, count: int) -> None:
    with started(place, count) as said:
        assert said.count("new") == 1
        assert all(each in ("new", "unchanged") or "is being changed by" in each for each in said), said
    only_one(place, encoder)


def test_one_document_uploaded_by_several_processes_is_one(place: Place, fake_encoder: FakeEncoder) -> None:
    uploads_of_processes(place, fake_encoder, 2)


@pytest.mark.torture
def test_torture_one_document_uploaded_by_fifty_processes_is_one(place: Place, fake_encoder: FakeEncoder) -> None:
    uploads_of_processes(place, fake_encoder, 50)


def refusals(place: Place, encoder: FakeEncoder, tries: int) -> None:
    place.write("a.txt", TEXT)
    place.sync(encoder)
    query = encoder.encode(["zebra"])[0]
    for n in range(tries):
        with Library(place.library, encoder) as first, Library(place.library, encoder) as second, first.writing():
            began = time.monotonic()
            with pytest.raises(LibraryBusy, match=r"process \d+ \(.*\) since \d{4}-.* UTC: wait for it or stop it"):
                place.ingest(second, encoder).add([place.outside(f"{n}.txt", f"{TEXT} {n}")])
            assert time.monotonic() - began < 1
            assert len(second.dense(query, 5)) == 1  # readers read on
    assert place.faults(encoder) == {}
    assert sorted(path.name for path in place.corpus.iterdir()) == ["a.txt"]


def test_a_second_writer_is_always_refused(place: Place, fake_encoder: FakeEncoder) -> None:
    refusals(place, fake_encoder, 5)


@pytest.mark.torture
def test_torture_a_second_writer_is_always_refused(place: Place, fake_encoder: FakeEncoder) -> None:
    refusals(place, fake_encoder, 100)


def test_while_one_writes_the_others_read_what_was_acknowledged(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("a.txt", TEXT)
    place.sync(fake_encoder)
    query = fake_encoder.encode([TEXT])[0]
    wrong: list[object] = []

    def read(_: int) -> None:
        with Library(place.library, fake_encoder) as library:
            for _ in range(20):
                hits = library.dense(query, 3)
                best = library.found([hits[0][0]])[hits[0][0]].passage.text if hits else None
                if best != TEXT:
                    wrong.append(best)

    with ThreadPoolExecutor(4) as pool, Library(place.library, fake_encoder) as writing:
        readers = pool.map(read, range(3))
        for n in range(8):
            place.ingest(writing, fake_encoder).add([place.outside(f"{n}.txt", f"Owl {n} hunts mice at night.")])
        list(readers)
    assert wrong == []
