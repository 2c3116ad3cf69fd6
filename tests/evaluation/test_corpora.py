from __future__ import annotations

from pathlib import Path

import pytest

from coalition_qa.evaluation.corpora import made_corpus, with_noise
from coalition_qa.types import CoalitionQAError, GoldError


def held(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_a_made_corpus_holds_just_what_was_given(tmp_path: Path) -> None:
    file = tmp_path / "file.md"
    file.write_text("From a file.")
    folder = made_corpus(tmp_path / "cache", {"a.txt": "A text.", "below/b.md": file})
    assert held(folder) == {"a.txt": "A text.", "below/b.md": "From a file."}
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]


def test_equal_documents_are_one_corpus_and_others_another(tmp_path: Path) -> None:
    first = made_corpus(tmp_path, {"a.txt": "A", "b.txt": "B"})
    made = (first / "a.txt").stat().st_mtime_ns
    assert made_corpus(tmp_path, {"b.txt": "B", "a.txt": "A"}) == first
    assert (first / "a.txt").stat().st_mtime_ns == made
    others = [{"a.txt": "A", "b.txt": "b"}, {"a.txt": "A"}, {"a.txt": "A", "c.txt": "B"}]
    assert len({first, *(made_corpus(tmp_path, other) for other in others)}) == 4


def test_a_corpus_that_was_thrown_away_is_made_again(tmp_path: Path) -> None:
    folder = made_corpus(tmp_path, {"a.txt": "A"})
    (folder / "a.txt").unlink()
    folder.rmdir()
    assert held(made_corpus(tmp_path, {"a.txt": "A"})) == {"a.txt": "A"}


def test_a_corpus_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"cannot be brought together in .*taken: .*Not a directory"):
        made_corpus(tmp_path / "taken", {"a.txt": "A"})
    with pytest.raises(CoalitionQAError, match=r"cannot be brought together in .*No such file"):
        made_corpus(tmp_path / "cache", {"a.txt": tmp_path / "missing.txt"})
    assert not list((tmp_path / "cache").glob("*/corpus"))


def test_distractors_stand_in_a_folder_of_their_own(tmp_path: Path) -> None:
    other = tmp_path / "a.txt"
    assert with_noise({"a.txt": "A"}, {"a.txt": other}) == {"a.txt": "A", "noise/a.txt": other}
    with pytest.raises(GoldError, match=r"has a folder 'noise' already \(noise/x\.txt\): rename it"):
        with_noise({"noise/x.txt": "X"}, {"a.txt": other})
    assert with_noise({"noise/x.txt": "X"}, {}) == {"noise/x.txt": "X"}
