from __future__ import annotations

from pathlib import Path

import pytest

from coalition_qa.evaluation.files import replace_file


def test_a_file_is_replaced_as_a_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    replace_file(path, "one\n")
    path.chmod(0o600)
    replace_file(path, "zwölf\r\n")
    assert path.read_bytes() == "zwölf\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_encoded_is_escaped(tmp_path: Path) -> None:
    replace_file(tmp_path / "a", "\ud800")
    assert (tmp_path / "a").read_text() == "\\ud800"


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
