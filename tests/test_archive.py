"""Conversations are kept whole or not at all, and nobody sees another's."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.archive import MOST_LISTED, Archive
from coalition_qa.types import CoalitionQAError

if TYPE_CHECKING:
    from tests.conftest import Place

ONE, TWO = "0" * 15 + "1", "0" * 15 + "2"
SAVES = """
import sys
from pathlib import Path
from coalition_qa.archive import Archive
archive = Archive(Path(sys.argv[1]))
for body in ("a" * 200_000, "b" * 200_000) * 10_000:
    archive.save("", "0000000000000001", "Title", body)
    print("saved", flush=True)
"""


def test_what_is_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    Archive(tmp_path).save("ann", ONE, "First", "body ünï \n <b>")
    again = Archive(tmp_path)
    assert again.read("ann", ONE) == "body ünï \n <b>"
    assert [(kept.id, kept.title) for kept in again.listed("ann")] == [(ONE, "First")]
    assert again.read("ann", TWO) is None


def test_a_list_shows_what_another_process_made_of_a_conversation(tmp_path: Path) -> None:
    archive, other = Archive(tmp_path), Archive(tmp_path)
    archive.save("", ONE, "First", "body")
    assert [kept.title for kept in archive.listed("")] == ["First"]
    other.rename("", ONE, "Other")
    assert [kept.title for kept in archive.listed("")] == ["Other"]
    other.delete("", ONE)
    assert archive.listed("") == []


def test_the_latest_comes_first_and_a_title_stays(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for id_ in (ONE, TWO):
        archive.save("", id_, f"Title {id_[-1]}", "body")
    for file in tmp_path.rglob(f"{ONE}.json"):
        file.write_text(file.read_text("utf-8").replace('"changed": "20', '"changed": "10'), "utf-8")
    assert [kept.id for kept in archive.listed("")] == [TWO, ONE]
    archive.rename("", ONE, "  Mine \n now ")
    archive.save("", ONE, "Another title", "new body")
    assert [kept.title for kept in archive.listed("") if kept.id == ONE] == ["Mine now"]
    assert archive.read("", ONE) == "new body"
    archive.rename("", ONE, "   ")
    assert [kept.title for kept in archive.listed("") if kept.id == ONE] == ["Mine now"]


def test_a_deleted_one_is_gone_from_the_disk(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.save("", ONE, "Secret title", "secret body")
    archive.delete("", ONE)
    archive.delete("", ONE)
    assert archive.listed("") == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("other", ["", "Ann", "ann ", "../ann", "bob", "\ud800"])
def test_nobody_sees_or_changes_anothers(tmp_path: Path, other: str) -> None:
    archive = Archive(tmp_path)
    archive.save("ann", ONE, "Mine", "body")
    assert archive.listed(other) == []
    assert archive.read(other, ONE) is None
    archive.rename(other, ONE, "Taken")
    archive.delete(other, ONE)
    assert [kept.title for kept in archive.listed("ann")] == ["Mine"]


@pytest.mark.parametrize("id_", ["", "../../etc/passwd", "0" * 15, "0" * 17, "G" * 16, f"{ONE}\n", f"../x/{ONE}"])
def test_an_id_leads_nowhere_else(tmp_path: Path, id_: str) -> None:
    archive = Archive(tmp_path / "kept")
    for act in (archive.read, archive.delete):
        with pytest.raises(CoalitionQAError, match=r"^There is no such conversation\.$"):
            act("", id_)
    with pytest.raises(CoalitionQAError):
        archive.save("", id_, "Title", "body")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"title": 1, "changed": "", "body": ""}', b"\xff"])
def test_a_file_that_is_no_conversation_is_left_out(tmp_path: Path, content: bytes) -> None:
    archive = Archive(tmp_path)
    archive.save("", ONE, "Fine", "body")
    (file,) = tmp_path.rglob("*.json")
    file.with_name(f"{TWO}.json").write_bytes(content)
    file.with_name("notes.json").write_bytes(b"{}")
    assert [kept.id for kept in archive.listed("")] == [ONE]
    assert archive.read("", TWO) is None


def test_a_list_has_an_end(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.save("", ONE, "Title", "body")
    (file,) = tmp_path.rglob("*.json")
    for number in range(MOST_LISTED + 5):
        file.with_name(f"{number:016x}.json").write_bytes(file.read_bytes())
    assert len(archive.listed("")) == MOST_LISTED


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"^The conversation cannot be kept \(.+\)\.$"):
        Archive(tmp_path / "kept").save("", ONE, "Title", "body")


def test_only_the_owner_of_the_files_may_look_into_a_users_folder(tmp_path: Path) -> None:
    Archive(tmp_path).save("ann", ONE, "Title", "body")
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert "ann" not in folder.name
    assert folder.stat().st_mode & 0o077 == 0


def test_a_kill_while_saving_leaves_one_whole_body(place: Place) -> None:
    for _ in range(3):
        process = place.start("-c", SAVES, place.folder / "kept")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.kill()
        process.communicate()
        body = Archive(place.folder / "kept").read("", ONE)
        assert body in ("a" * 200_000, "b" * 200_000)
        assert len(Archive(place.folder / "kept").listed("")) == 1


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    bodies = [letter * 50_000 for letter in "abcd"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda body: archive.save("", ONE, "Title", body), bodies * 5))
    assert archive.read("", ONE) in bodies
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == [f"{ONE}.json"]


def test_of_several_who_replace_the_same_body_one_does(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.save("", ONE, "Title", "old", lambda there: there is None)
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda n: archive.save("", ONE, "Title", f"new {n}", "old".__eq__), range(40)))
    assert sum(saved) == 1
    assert archive.read("", ONE) == f"new {saved.index(True)}"
