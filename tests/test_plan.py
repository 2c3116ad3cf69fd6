"""The plan says what is to be done about each file, and what is odd about it, before anything is done."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.plan import Known, Step, dry_run
from coalition_qa.types import Document, DocumentError

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

DICE = random.Random(1)
LONG = ". ".join(" ".join(DICE.choices([f"word{n}" for n in range(300)], k=12)).capitalize() for _ in range(60)) + "."
NEARLY = LONG.replace("Word", "Sword", 2)


@pytest.fixture
def library(place: Place, fake_encoder: FakeEncoder) -> Iterator[Library]:
    """A library of two documents."""
    place.write("long.txt", LONG)
    place.write("owls.txt", "Owls hunt mice.")
    with Library(place.library, fake_encoder, create=True) as made:
        Ingest(place.settings(), made, fake_encoder).sync()
        yield made


def said(steps: list[Step]) -> dict[str, str]:
    return {step.name: f"{step.action} {step.note}".strip() for step in steps}


def test_every_kind_of_row(place: Place, library: Library) -> None:
    place.write("owls.txt", "Owls sleep.")
    place.write("renamed.txt", LONG)
    place.write("near.md", f"# Nearly\n\n{NEARLY}")
    place.write("scan.html", "<html></html>")
    place.write("large.txt", "word " * 300_000)
    place.write("new.html", "<p>Bread needs flour.")
    (place.corpus / "long.txt").unlink()
    plan = said(dry_run(place.settings(max_file_megabytes=1), library))
    assert plan.pop("near.md").startswith("new near-duplicate of long.txt (9")
    assert plan == {
        "large.txt": "refused large.txt: 1.5 MB is over the limit of 1 MB; "
        "split it, or raise COALITION_QA_MAX_FILE_MEGABYTES.",
        "long.txt": "removed",
        "new.html": "new",
        "owls.txt": "changed",
        "renamed.txt": "new same text as long.txt",
        "scan.html": "refused scan.html: the file holds no text; fill it or leave it out.",
    }
    assert [info.name for info in library.catalogue()] == ["long.txt", "owls.txt"]


def test_a_step_knows_the_size_of_its_file(place: Place, library: Library) -> None:
    place.write("new.txt", "Bread.")
    assert [(step.name, step.size) for step in dry_run(place.settings(), library) if step.size] == [("new.txt", 6)]


def test_files_of_one_plan_are_compared_with_each_other(place: Place) -> None:
    place.write("a.txt", LONG)
    place.write("b.txt", LONG)
    place.write("c.txt", NEARLY)
    plan = said(dry_run(place.settings(), None))
    assert (plan["a.txt"], plan["b.txt"]) == ("new", "new same text as a.txt")
    assert plan["c.txt"].startswith("new near-duplicate of ")


def test_a_changed_file_is_no_duplicate_of_what_it_was(place: Place, library: Library) -> None:
    place.write("long.txt", NEARLY)
    assert said(dry_run(place.settings(), library))["long.txt"] == "changed"


def test_many_texts_are_remembered() -> None:
    known = Known([])
    texts = [" ".join(DICE.choices([f"word{n}" for n in range(300)], k=200)) for _ in range(200)]
    assert [known.note(Document(f"{n}.txt", text)) for n, text in enumerate(texts)] == [""] * 200
    assert known.note(Document("again.txt", texts[150])) == "same text as 150.txt"
    assert known.note(Document("near.txt", texts[77] + " more")).startswith("near-duplicate of 77.txt (")


def test_files_to_be_added_are_planned_like_those_in_the_folder(place: Place, library: Library) -> None:
    new, same = place.outside("new.txt", "Bread."), place.outside("long.txt", LONG)
    assert said(dry_run(place.settings(), library, [new, same])) == {"new.txt": "new", "long.txt": "unchanged"}
    assert not (place.corpus / "new.txt").exists()
    with pytest.raises(DocumentError, match="no such file"):
        dry_run(place.settings(), library, [place.folder / "gone.txt"])


def test_a_file_that_would_replace_one_that_the_library_does_not_hold_says_so(place: Place, library: Library) -> None:
    place.write("report.md", "The only copy of this text.")
    other, same = (
        place.outside("report.md", "Another text."),
        place.outside("x/report.md", "The only copy of this text."),
    )
    note = "changed replaces another file of that name in the folder, which was not in the library"
    assert said(dry_run(place.settings(), library, [other])) == {"report.md": note}
    assert said(dry_run(place.settings(), library, [same])) == {"report.md": "new"}
    assert said(dry_run(place.settings(), library))["report.md"] == "new"
