"""Whatever a file is called, nothing outside the corpus folder is read, written or removed for it."""

from __future__ import annotations

import itertools
import os
import random
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.corpus import check_inside, copy_whole, file_digest, folded, place_of, sources_in, sources_of
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.plan import dry_run
from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
PARTS = [
    *(
        "..",
        ".",
        "...",
        "~",
        "~root",
        "-rf",
        "--help",
        "$HOME",
        "`id`",
        "a;b",
        "a|b",
        "a&b",
        "%2e%2e",
        "%2F",
        "\\",
        "C:",
    ),
    *(
        "..\\..\\a",
        "CON",
        "nul.txt",
        "aux",
        "com1",
        "a.",
        "a ",
        " a",
        "\t",
        "\n",
        "\x1b[2J",
        "\x7f",
        "\u202egpj",
        "\u2066",
    ),
    *("\u200b", "\ufeff", "e\u0301", "ﬁ", "K", "İ", "ß", "🦓", "\U000e0001", "<b>", '"', "'", "*", "?", ":", "😀" * 60),
    *("x" * 240, "a" * 255, "corpus", "library.sqlite3", "writer", ".hidden", ".part", ".git"),
]


@pytest.fixture
def library(place: Place, fake_encoder: FakeEncoder) -> Iterator[Library]:
    """An empty library."""
    with Library(place.library, fake_encoder, create=True) as made:
        yield made


@pytest.fixture
def ingest(place: Place, library: Library, fake_encoder: FakeEncoder) -> Ingest:
    """Its writer."""
    return place.ingest(library, fake_encoder)


def hostile_names() -> list[str]:
    """Over 200 names that a file may have, one part or two, as they come from the web or a zip archive."""
    dice = random.Random(3)
    pairs = [f"{one}{other}" for one, other in itertools.product(PARTS, PARTS)]
    singles = [f"{part}.txt" for part in PARTS]
    return [name for name in [*singles, *(f"{pair}.md" for pair in dice.sample(pairs, 250))] if "/" not in name]


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def made_in(folder: Path, names: list[str]) -> list[Path]:
    """A file for each name that a file can have here, but one of those that some disks take for the same."""
    folder.mkdir()
    made: dict[str, Path] = {}
    for name in names:
        with suppress(OSError, ValueError):
            if folded(name) not in made:
                (folder / name).write_text(f"{ZEBRA} {len(made)}", "utf-8")
                made[folded(name)] = folder / name
    return list(made.values())


def test_no_name_writes_outside_the_corpus(place: Place, library: Library, ingest: Ingest) -> None:
    place.outside("kept.txt", "Nobody touches this.")
    files = made_in(place.folder / "outside" / "hostile", hostile_names())
    hidden = [file for file in files if file.name.startswith(".")]
    shown = [file for file in files if file not in hidden]
    assert len(shown) + len(hidden) >= 200
    before = tree(place.folder)
    for file in hidden:
        with pytest.raises(DocumentError, match="hidden files are left out"):
            ingest.add([file])
    steps = ingest.add(shown)
    new = [step.name for step in steps if step.action == "new"]
    assert len(new) >= 200
    assert {step.action for step in steps} <= {"new", "refused"}
    assert sorted(library.names()) == sorted(new) == sorted(path.name for path in place.corpus.iterdir())
    assert {step.action for step in ingest.sync()} == {"unchanged"}
    assert {path.split("/")[0] for path in tree(place.folder) - before} <= {"corpus", "library"}
    ingest.remove(new)
    assert not [path for path in tree(place.folder) - before if not path.startswith("library/")]
    assert (place.folder / "outside" / "kept.txt").read_text() == "Nobody touches this."


@pytest.mark.parametrize("name", ["../a.txt", "a/../../a.txt", "/etc/passwd", "", ".", "a/../..", "\0.txt", "/"])
def test_a_name_is_never_a_way_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentError, match="is no name of a file in"):
        place_of(tmp_path, name)


def test_a_linked_folder_is_never_a_way_out(place: Place, library: Library, ingest: Ingest) -> None:
    kept = place.outside("elsewhere/kept.txt", ZEBRA)
    (place.corpus / "deep").mkdir()
    place.write("deep/kept.txt", ZEBRA)
    ingest.sync()
    (place.corpus / "deep" / "kept.txt").unlink()
    (place.corpus / "deep").rmdir()
    (place.corpus / "deep").symlink_to(kept.parent)
    with pytest.raises(DocumentError, match=r"deep/kept\.txt: is a link that leads out of"):
        ingest.remove(["deep/kept.txt"])
    source = place.outside("new/deep/kept.txt", "Something else.").parent.parent
    (step,) = ingest.add([source])
    assert (step.action, "leads out of" in step.note) == ("refused", True)
    assert kept.read_text() == ZEBRA


def test_a_link_in_a_folder_is_read_only_where_it_stays_inside(place: Place, library: Library, ingest: Ingest) -> None:
    secret = place.outside("secret.txt", "The password is xylophone.")
    folder = place.outside("given/a.txt", ZEBRA).parent
    (folder / "inside.txt").symlink_to("a.txt")
    (folder / "out.txt").symlink_to(secret)
    (folder / "up.txt").symlink_to("../secret.txt")
    found = {step.name: step.action for step in ingest.add([folder])}
    assert found == {"a.txt": "new", "inside.txt": "new", "out.txt": "refused", "up.txt": "refused"}
    (place.corpus / "out.txt").symlink_to(secret)
    found = {step.name: step.action for step in ingest.sync()}
    assert found == {"a.txt": "unchanged", "inside.txt": "unchanged", "out.txt": "refused"}
    assert {step.name: step.action for step in ingest.add([folder / "out.txt"])} == {"out.txt": "new"}  # named itself
    assert not (place.corpus / "out.txt").is_symlink()


def test_names_that_some_disks_take_for_the_same_do_not_overwrite_each_other(
    place: Place, library: Library, ingest: Ingest
) -> None:
    ingest.add([place.outside("one/Café.txt", ZEBRA)])
    (refused,) = ingest.add([place.outside("two/café.TXT", "Owls.")])
    assert refused.action == "refused"
    assert refused.note.startswith("café.TXT: the corpus holds Café.txt, which some disks take for the same name")
    with pytest.raises(DocumentError, match=r"Two files would both be called a\.txt or A\.txt"):
        ingest.add([place.outside("one/a.txt", "1"), place.outside("two/A.txt", "2")])
    assert list(library.names()) == ["Café.txt"]


def test_a_name_is_composed_when_it_is_added(place: Place, library: Library, ingest: Ingest) -> None:
    apart = unicodedata.normalize("NFD", "Café.txt")
    assert [step.name for step in ingest.add([place.outside(apart, ZEBRA)])] == ["Café.txt"]
    assert [step.action for step in ingest.add([place.outside("Café.txt", ZEBRA)])] == ["unchanged"]
    assert len(list(place.corpus.iterdir())) == 1


@pytest.mark.parametrize(("one", "other"), [("A", "a"), ("ß", "SS"), ("e\u0301", "É"), ("ﬁ", "FI"), ("Å", "å")])
def test_folded_names_are_equal(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_a_path_of_10000_characters_is_one_line(place: Place, ingest: Ingest) -> None:
    for name in ("x" * 10_000, "/".join(["deep"] * 2_000)):
        with pytest.raises(DocumentError, match="no such file"):
            ingest.add([place.folder / f"{name}.txt"])


def test_a_file_that_changes_while_it_is_added_is_not_half_of_each(tmp_path: Path) -> None:
    source, target = tmp_path / "a.txt", tmp_path / "b.txt"
    source.write_text(ZEBRA)
    digest = file_digest(source)
    target.write_text("old")
    source.write_text("changed")
    with pytest.raises(DocumentError, match="was changed while it was being added; add it again"):
        copy_whole(source, target, digest)
    assert target.read_text() == "old"
    copy_whole(source, target, file_digest(source))
    assert target.read_text() == "changed"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]


def test_the_digest_says_which_reader_reads_a_file(tmp_path: Path) -> None:
    for name in ("a.md", "a.pdf"):
        (tmp_path / name).write_bytes(b"same")
    plain, other = file_digest(tmp_path / "a.md"), file_digest(tmp_path / "a.pdf")
    assert other == f"{plain} pdf-2"


def test_what_is_chosen_twice_is_added_once(place: Place) -> None:
    file = place.outside("deep/a.txt", ZEBRA)
    assert [source.name for source in sources_of([file, file, file.parent], place.corpus)] == ["a.txt"]


def test_inside_is_inside_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "link").symlink_to("corpus")
    check_inside(tmp_path / "link" / "a.txt", tmp_path / "corpus", "a.txt")
    check_inside(tmp_path / "corpus" / "a.txt", tmp_path / "link", "a.txt")
    with pytest.raises(DocumentError, match="leads out of"):
        check_inside(tmp_path / "corpus2" / "a.txt", tmp_path / "corpus", "a.txt")


def test_a_link_to_a_folder_is_named_so_that_it_is_refused_on_its_row(place: Place) -> None:
    place.write("here.txt", ZEBRA)
    (place.corpus / "linked").symlink_to(place.outside("docs/a.txt", ZEBRA).parent)
    assert {source.name for source in sources_in(place.corpus)} == {"here.txt", "linked"}
    refused = [step for step in dry_run(place.settings(), None) if step.action == "refused"]
    assert [step.name for step in refused] == ["linked"]
    assert "is a link that leads out of" in refused[0].note
