"""A folder that is watched: what happens to its files happens to the library, soon, and is said in one line each."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

from coalition_qa.folder import only_writer
from coalition_qa.library import Library
from coalition_qa.plan import Step
from coalition_qa.serving import Desk
from coalition_qa.standing import Standing
from coalition_qa.watching import watching

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

OWLS = "Owls hunt mice at night in the forests of Finland.\n"
ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann.\n"


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@contextmanager
def watched(place: Place, encoder: FakeEncoder, quiet: float = 0.2) -> Iterator[tuple[list[str], Library]]:
    """What was said, and the library that is served."""
    said: list[str] = []
    settings = place.settings()
    Library(place.library, encoder, create=True).close()
    with Standing(settings, encoder) as standing, standing.lent() as now:
        desk = Desk(settings, standing, encoder)
        with watching(place.corpus, desk.sync, said.append, quiet):
            yield said, now.library


def test_what_happens_to_files_happens_to_the_library(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("before.txt", ZEBRA)
    with watched(place, fake_encoder) as (said, library):
        until(lambda: said == ["new        before.txt"])
        place.write("notes/owls.txt", OWLS)
        place.write(".hidden.txt", OWLS)
        place.write("picture.png", b"\x89PNG")
        until(lambda: len(said) == 2)
        place.write("notes/owls.txt", OWLS * 2)
        until(lambda: len(said) == 3)
        place.write("broken.pdf", b"%PDF-1.7")
        until(lambda: len(said) == 4)
        shutil.rmtree(place.corpus / "notes")
        until(lambda: len(said) == 5)
        until(lambda: list(library.names()) == ["before.txt"] and library.index_is_current())
    assert said[1:3] == ["new        notes/owls.txt", "changed    notes/owls.txt"]
    assert said[3].startswith("refused    broken.pdf: ")
    assert said[4] == "removed    notes/owls.txt"  # and the broken one is not named again


def test_what_is_being_written_is_waited_for(place: Place, fake_encoder: FakeEncoder) -> None:
    quiet, lines = 0.6, 25
    with watched(place, fake_encoder, quiet) as (said, library):
        written = []
        with (place.corpus / "slow.txt").open("w") as file:
            for _ in range(lines):
                file.write(OWLS)
                file.flush()
                os.fsync(file.fileno())
                written.append(time.monotonic())
                time.sleep(0.1)

        def whole() -> bool:
            document = library.document("slow.txt")
            return document is not None and document.text.count("Owls") == lines

        until(whole)
    slowest = max(after - before for before, after in pairwise(written))
    assert len(said) == 1 or slowest > quiet / 2, "on a busy machine the writer itself may have paused for so long"
    assert said[0] == "new        slow.txt"


def test_a_library_that_is_busy_is_waited_for(place: Place, fake_encoder: FakeEncoder) -> None:
    place.sync(fake_encoder)
    with watched(place, fake_encoder) as (said, library):
        with only_writer(place.library):
            place.write("owls.txt", OWLS)
            until(lambda: bool(said))
            assert "is being changed by process" in said[0]
            assert library.names() == {}
        until(lambda: bool(library.names()))
    assert [line.split()[0] for line in said] == ["waiting", "new"]


def test_a_folder_that_goes_and_comes_back_is_watched_again(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("owls.txt", OWLS)
    with watched(place, fake_encoder) as (said, library):
        until(lambda: bool(library.names()))
        place.corpus.rename(place.folder / "away")
        until(lambda: "is missing" in said[-1])
        assert list(library.names()) == ["owls.txt"]
        place.write("zebra.txt", ZEBRA)
        until(lambda: list(library.names()) == ["zebra.txt"])
        place.write("more.txt", OWLS)
        until(lambda: len(library.names()) == 2)


def test_the_page_watches_its_folder(stocked: Place) -> None:
    with stocked.start("-m", "coalition_qa", "chat", "--watch", "--no-browser", "--port", "0") as page:
        try:
            assert page.stdout is not None
            assert page.stderr is not None
            assert "http://127.0.0.1" in page.stdout.readline()
            stocked.write("mill.txt", "The old mill in Bergen was bought by Anna Berg, a baker, in 1911.\n")
            lines = iter(page.stderr.readline, "")
            assert next(line for line in lines if "mill.txt" in line).split()[1:] == ["new", "mill.txt"]
        finally:
            page.terminate()
            page.communicate(timeout=30)


def test_after_a_failure_it_is_tried_again_and_said_once(place: Place) -> None:
    said: list[str] = []
    calls: list[str] = []

    def sync(_: Callable[[Step], None]) -> None:
        calls.append("sync")
        if len(calls) < 3:
            raise OSError("No space left on device")

    with watching(place.corpus, sync, said.append, 0.1):
        until(lambda: len(calls) == 3)
        place.write("owls.txt", OWLS)
        until(lambda: len(calls) == 4)
    assert said == ["No space left on device"]
