"""Whatever happens to a file of the library, it is noticed, no wrong answer is given, and it can be mended."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.doctor import examine, repair
from coalition_qa.library import Library
from coalition_qa.store import FILE
from coalition_qa.types import LibraryError
from coalition_qa.words import terms

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

COUNT = 12


def text(n: int) -> str:
    """No two of these are alike, so that nothing is found twice as well as another."""
    dice = random.Random(n)
    return f"Crossing of {' '.join(f'word{dice.randrange(10**6)}' for _ in range(9))}. Owl {n} hunts at night.\n"


QUESTIONS = [text(n).split(". ")[0] for n in range(0, COUNT, 3)]
Damage = Callable[[Path, random.Random], None]


def flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(8):
        content[dice.randrange(len(content))] ^= dice.randrange(1, 256)
    path.write_bytes(content)


def swap(path: Path, dice: random.Random) -> None:
    others = [other for other in path.parent.iterdir() if other.is_file() and other != path]
    other = dice.choice(others) if others else path
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


DAMAGES: dict[str, Damage] = {
    "removed": lambda path, _: path.unlink(),
    "emptied": lambda path, _: path.write_bytes(b"") and None,
    "halved": lambda path, _: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]) and None,
    "flipped": flip,
    "swapped": swap,
}


def files(place: Place) -> list[Path]:
    """Those that hold something: a lock has no content to lose."""
    return sorted(path for path in place.library.rglob("*") if path.is_file() and path.stat().st_size)


def said(place: Place, encoder: FakeEncoder) -> list[object]:
    """All that a library says: its documents, and what it finds for the questions."""
    with Library(place.library, encoder) as library:
        answers: list[object] = [library.fingerprint, library.catalogue()]
        for question in QUESTIONS:
            hits = library.dense(encoder.encode([question])[0], 1)
            found = library.found([id_ for id_, _ in hits])
            answers.append([(id_, round(score, 3), found[id_]) for id_, score in hits])
            answers.append(library.found([id_ for id_, _ in library.lexical(terms(question), 1)]))
        return answers


def fill(place: Place, encoder: FakeEncoder) -> list[object]:
    for n in range(COUNT):
        place.write(f"{n}.txt", text(n))
    place.sync(encoder)
    return said(place, encoder)


def damage_and_mend(place: Place, encoder: FakeEncoder, rounds: int, seed: int) -> int:
    """Each damage to each file in turn; how many changed what the library holds."""
    dice = random.Random(seed)
    before = fill(place, encoder)
    shutil.copytree(place.library, place.folder / "whole")
    harmful = 0
    for number in range(rounds):
        victims = files(place)
        victim = victims[number % len(victims)]
        what = list(DAMAGES)[number // len(victims) % len(DAMAGES)]
        DAMAGES[what](victim, dice)
        where = f"seed {seed}, round {number}: {victim.name} {what}"
        try:
            now = said(place, encoder)
            noticed = False
        except LibraryError:
            noticed = True
        if not noticed:  # what is said is true: at most a passage's rank differs, and then the doctor knows
            assert now[:2] == before[:2] or any(check.fault for check in examine(place.settings(), encoder)), where
        faults = [check for check in examine(place.settings(), encoder) if check.fault]
        assert faults or now == before, where
        if faults:
            harmful += 1
            after = repair(place.settings(), encoder)
            assert not any(check.fault for check in after), (where, after)
            assert said(place, encoder) == before, where
        shutil.rmtree(place.library)
        shutil.copytree(place.folder / "whole", place.library)
    return harmful


def test_damage_to_any_file_is_noticed_and_mended(place: Place, fake_encoder: FakeEncoder) -> None:
    assert damage_and_mend(place, fake_encoder, rounds=8, seed=random.randrange(10**6)) >= 4


@pytest.mark.torture
def test_torture_damage_to_any_file_is_noticed_and_mended(place: Place, fake_encoder: FakeEncoder) -> None:
    assert damage_and_mend(place, fake_encoder, rounds=400, seed=random.randrange(10**6)) >= 200


def test_the_library_that_a_swap_left_aside_is_put_back(place: Place, fake_encoder: FakeEncoder) -> None:
    before = fill(place, fake_encoder)
    aside = place.library.with_name(".library-0123abcd-old")
    place.library.rename(aside)
    assert said(place, fake_encoder) == before
    assert not aside.exists()
    shutil.copytree(place.library, aside)  # as one that was swapped, and not cleaned up
    assert place.faults(fake_encoder) == {"no stale files": ".library-0123abcd-old and 0 more"}
    assert not any(check.fault for check in repair(place.settings(), fake_encoder))
    assert sorted(path.name for path in place.folder.iterdir()) == ["corpus", "library"]


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE passages SET vector = zeroblob(length(vector)) WHERE number = 1", "vectors present and finite"),
        ("UPDATE names SET title = 'Another'", "names are as written"),
        ("UPDATE passages SET first = first + 1", "spans equal text"),
        ("DELETE FROM words WHERE rowid = 2", "nothing orphaned"),
        ("DELETE FROM passages WHERE number = 2", "nothing orphaned"),
        ("DELETE FROM names WHERE name = '3.txt'", "nothing orphaned"),
        ("UPDATE documents SET text = text || ' More.'", "texts have their hash"),
        ("UPDATE words_content SET c0 = 'other words' WHERE id = 1", "full text fits the passages"),
        ("UPDATE meta SET value = 'other@2' WHERE key = 'encoder'", "vectors are the encoder's"),
    ],
)
def test_what_is_wrong_is_named_and_mended(place: Place, fake_encoder: FakeEncoder, statement: str, fault: str) -> None:
    before = fill(place, fake_encoder)
    with sqlite3.connect(place.library / FILE) as other:
        other.execute(statement)
    other.close()
    assert fault in place.faults(fake_encoder)
    assert not any(check.fault for check in repair(place.settings(), fake_encoder))
    assert said(place, fake_encoder) == before


def test_a_passage_that_was_altered_is_not_shown(place: Place, fake_encoder: FakeEncoder) -> None:
    fill(place, fake_encoder)
    with sqlite3.connect(place.library / FILE) as other:
        other.execute("UPDATE passages SET last = last - 5")
    other.close()
    with Library(place.library, fake_encoder) as library, pytest.raises(LibraryError, match="not what was written"):
        library.found([id_ for id_, _ in library.lexical(["crossing"], 4)])
