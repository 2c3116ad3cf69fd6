"""A library's folder is swapped for another without a moment in which there is neither."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from coalition_qa.folder import replacing
from coalition_qa.types import DocumentError


def made(folder: Path, said: str) -> None:
    folder.mkdir()
    (folder / "writer").write_text(said)


def test_what_a_swap_that_was_cut_off_moved_aside_outlives_one_that_fails(tmp_path: Path) -> None:
    made(tmp_path / ".lib-deadbeef-old", "the only one")
    with pytest.raises(DocumentError), replacing(tmp_path / "lib"):
        raise DocumentError("a bad backup")
    assert (tmp_path / "lib" / "writer").exists()
    assert os.listdir(tmp_path) == ["lib"]


def test_a_link_to_another_disk_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    made(tmp_path / "disk" / "library", "first")
    link = tmp_path / "lib"
    link.symlink_to(tmp_path / "disk" / "library")
    for said in ("second", "third"):
        with replacing(link) as fresh:
            made(fresh, said)
        assert link.is_symlink()
        assert (tmp_path / "disk" / "library" / "writer").read_text() == said
    assert os.listdir(tmp_path / "disk") == ["library"]
    assert sorted(os.listdir(tmp_path)) == ["disk", "lib"]
