"""Passwords are never stored, only what scrypt makes of them; and a file that others may read is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.credentials import Credentials, set_password
from coalition_qa.types import SettingsError

if TYPE_CHECKING:
    from tests.conftest import Place

PASSWORD = "a rather long one"


def test_the_right_password_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "users"
    set_password(file, "ann", PASSWORD)
    set_password(file, "bob", "bob's own password")
    users = Credentials(file)
    assert users.check("ann", PASSWORD)
    assert users.check("bob", "bob's own password")
    for name, password in (("ann", ""), ("ann", "bob's own password"), ("", ""), ("eve", PASSWORD), ("eve", "")):
        assert not users.check(name, password)


def test_the_file_holds_no_password_and_equal_ones_look_different(tmp_path: Path) -> None:
    file = tmp_path / "users"
    set_password(file, "ann", PASSWORD)
    set_password(file, "bob", PASSWORD)
    text = file.read_text("utf-8")
    assert PASSWORD not in text
    assert len({line.split(":")[2] for line in text.splitlines()}) == 2
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_password_takes_the_old_ones_place(tmp_path: Path) -> None:
    file = tmp_path / "users"
    set_password(file, "ann", PASSWORD)
    set_password(file, "ann", "another long one")
    assert Credentials(file).check("ann", "another long one")
    assert not Credentials(file).check("ann", PASSWORD)
    assert len(file.read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize("name", ["", " ann", "a:b", "a\nb"])
def test_a_name_that_would_break_the_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        set_password(tmp_path / "users", name, PASSWORD)
    assert list(tmp_path.iterdir()) == []


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="10 characters"):
        set_password(tmp_path / "users", "ann", "short")


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        ("ann:AAAA:AAAA\n", 0o644, "chmod 600"),
        ("", 0o600, "holds nobody"),
        ("ann\n", 0o600, "none of its own"),
        ("ann:?:?\n", 0o600, "none of its own"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, content: str, mode: int, fault: str) -> None:
    file = tmp_path / "users"
    file.write_text(content, "utf-8")
    file.chmod(mode)
    with pytest.raises(SettingsError, match=fault):
        Credentials(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        Credentials(tmp_path / "missing")


def test_the_command_writes_a_user(place: Place) -> None:
    file = place.folder / "users"
    done = place.process("-m", "coalition_qa", "login", file, "ann", input=f"{PASSWORD}\n")
    assert (done.code, done.out) == (0, f"ann can log in: coalition-qa chat --auth {file}\n")
    assert Credentials(file).check("ann", PASSWORD)


def test_another_address_without_a_login_is_refused_before_anything_is_served(stocked: Place) -> None:
    refused = stocked.run("chat", "--no-browser", "--host", "0.0.0.0")
    assert refused.code == 1
    assert "--auth FILE" in refused.complaint
    broken = stocked.run("chat", "--no-browser", "--auth", stocked.folder / "missing")
    assert "cannot be read" in broken.complaint
