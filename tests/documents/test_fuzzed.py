"""Damaged files of every format: each becomes a document or one line, in time, and none changes what comes after it.

`make torture` runs the same with TORTURE=1000 damaged files of each format.
"""

from __future__ import annotations

import os
import random
import time
import unicodedata
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from making import one_of_each, zipped

from coalition_qa.documents import Limits, Parser
from coalition_qa.types import Document, DocumentError

TIMES = int(os.environ.get("TORTURE", "60"))
SECONDS = 30
MEGABYTES = 1_000
TOKENS = [
    b"\0",
    b"\xff\xfe",
    b"<",
    b">",
    b"&",
    b'"',
    b"{",
    b"}",
    b"\\",
    b"\n",
    b"(",
    b"<<",
    b"/Kids",
    b"obj",
    b"%",
    b"]]>",
]


def damaged(raw: bytes, dice: random.Random) -> bytes:
    """One to four of: cut off, bytes flipped, a stretch repeated, moved, taken out or made huge, a token put in."""
    made = bytearray(raw)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made) + 1)
        end = min(len(made), at + dice.randint(1, 200))
        match dice.randrange(7):
            case 0:
                del made[at:]
            case 1:
                made[at : at + 8] = dice.randbytes(min(8, end - at))
            case 2:
                made[at:at] = made[at:end]
            case 3:
                made[at:end] = b""
            case 4:
                made[at:end] = bytes(reversed(made[at:end]))
            case 5:
                made[at:at] = made[at:end] * dice.choice((10, 1_000, 20_000 // (end - at + 1)))
            case 6:
                made[at:at] = dice.choice(TOKENS) * dice.choice((1, 3, 10_000))
    return bytes(made)


def damaged_inside(raw: bytes, dice: random.Random) -> bytes:
    """An archive whose parts are damaged and whose checksums are not."""
    with ZipFile(BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = dice.choice(sorted(set(parts) - {"mimetype"}))
    return zipped({**parts, name: damaged(parts[name], dice)})


def check(outcome: Document | str, name: str) -> None:
    if isinstance(outcome, str):
        assert outcome.startswith(f"{name}: "), outcome
        assert "\n" not in outcome
        assert len(outcome) < 300, outcome[:600]
        assert "COALITION_QA" in outcome or outcome.endswith("."), outcome
        return
    assert unicodedata.is_normalized("NFC", outcome.text)
    assert outcome.text.encode()
    assert any(character.isalnum() for character in outcome.text)
    assert list(outcome.pages) == sorted(outcome.pages)
    assert not outcome.pages or 0 == outcome.pages[0] <= outcome.pages[-1] <= len(outcome.text)
    assert "\n" not in outcome.title + outcome.date + outcome.language


@pytest.mark.parametrize("name", sorted(one_of_each()))
def test_a_damaged_file_is_a_document_or_one_line(tmp_path: Path, name: str) -> None:
    whole = one_of_each()[name]
    seed = random.randrange(10**9)
    dice = random.Random(seed)
    path = tmp_path / name
    otherwise = 0
    with Parser(Limits(seconds=SECONDS, memory_megabytes=MEGABYTES)) as parser:
        path.write_bytes(whole)
        expected = parser.document(path, name)
        for turn in range(TIMES):
            inside = whole.startswith(b"PK") and dice.random() < 0.7
            path.write_bytes(damaged_inside(whole, dice) if inside else damaged(whole, dice))
            begun = time.monotonic()
            outcome: Document | str
            try:
                outcome = parser.document(path, name)
            except DocumentError as error:
                outcome = str(error)
            otherwise += outcome != expected
            assert time.monotonic() - begun < SECONDS + 2, f"seed {seed}, turn {turn}"
            try:
                check(outcome, name)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, turn {turn}: {error}") from error
        path.write_bytes(whole)
        assert parser.document(path, name) == expected
    assert os.listdir(tmp_path) == [name]
    assert otherwise > TIMES / 2, "the files were hardly damaged"
