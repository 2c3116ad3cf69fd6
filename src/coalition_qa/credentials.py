"""The file of users who may log in: a name a line, and what scrypt made of the password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from coalition_qa.types import SettingsError

SHORTEST_PASSWORD = 10
_N, _R, _P = 2**14, 8, 1  # OWASP's password storage cheat sheet gives N = 2**17; this takes a tenth of its memory
_SALT = 16


class Credentials:
    """Names and hashes, read once: who changes the file starts the page again."""

    def __init__(self, file: Path) -> None:
        """Read the file. Raises SettingsError where it can't be, is malformed, holds nobody, or anybody may read it."""
        try:
            lines = file.read_text("utf-8").splitlines()
            shared = file.stat().st_mode & 0o077
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"The file of users {file} cannot be read ({error}).") from error
        if shared:
            raise SettingsError(f"The file of users {file} can be read by others: run `chmod 600 {file}`.")
        self._hashes = dict(_parsed(line, file) for line in lines if line.strip())
        if not self._hashes:
            raise SettingsError(f"The file of users {file} holds nobody: run `coalition-qa login {file} NAME`.")

    def check(self, name: str, password: str) -> bool:
        """Whether that is the user's password; as slow for a name that nobody has."""
        salt, wanted = self._hashes.get(name, (b"\0" * _SALT, b""))
        return hmac.compare_digest(_hash(password, salt), wanted)


def set_password(file: Path, name: str, password: str) -> None:
    """Write a user into the file, whole or not at all; a user who is there gets the new password."""
    if not name or any(character in name for character in ":\n\r\t") or name != name.strip():
        raise SettingsError("A user's name may not be empty or hold a colon, a tab or a line end.")
    if len(password) < SHORTEST_PASSWORD:
        raise SettingsError(f"The password is too short: use {SHORTEST_PASSWORD} characters or more.")
    salt = os.urandom(_SALT)
    line = f"{name}:{base64.b64encode(salt).decode()}:{base64.b64encode(_hash(password, salt)).decode()}"
    try:
        held = file.read_text("utf-8").splitlines() if file.exists() else []
        others = [one for one in held if one.strip() and _parsed(one, file)[0] != name]
        temporary = file.with_name(f".{file.name}.new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as writing:
            writing.write("\n".join([*others, line, ""]))
            writing.flush()
            os.fsync(writing.fileno())
        temporary.replace(file)
    except OSError as error:
        raise SettingsError(f"The file of users {file} cannot be written ({error.strerror}).") from error


def _parsed(line: str, file: Path) -> tuple[str, tuple[bytes, bytes]]:
    try:
        name, salt, made = line.split(":")
        return name, (base64.b64decode(salt, validate=True), base64.b64decode(made, validate=True))
    except ValueError as error:
        raise SettingsError(f"The file of users {file} has a line that is none of its own: {line[:20]!r}.") from error


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=_N, r=_R, p=_P)
