"""On a full disk nothing is lost, questions are answered, and with space again all goes on by itself.

The disk is a small one in memory that only the tested process sees; where the system lends none, this is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.config import Settings
from coalition_qa.doctor import examine
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import CoalitionQAError

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

OWN_DISKS = ["unshare", "--map-root-user", "--mount"]
DISK = 24 << 20
SENTENCE = "The zebra crossing number {n} in Oslo was painted in {n} days, and owl {n} hunts mice at night.\n\n"


def text(n: int) -> str:
    return "".join(SENTENCE.format(n=f"{n}x{part}") for part in range(40))


def fill_disk(disk: Path, leave: int) -> None:
    """Leave so many bytes free on it."""
    (disk / "ballast").unlink(missing_ok=True)
    os.sync()
    with (disk / "ballast").open("wb") as ballast:
        while (free := shutil.disk_usage(disk).free) > leave:
            ballast.write(bytes(min(free - leave, 1 << 20)))
            ballast.flush()


def check(settings: Settings, encoder: FakeEncoder, acknowledged: set[str]) -> None:
    """All that was acknowledged is there, and is found, in a library opened anew."""
    with Library(settings.library_path, encoder) as library:
        held = library.names()
        assert acknowledged <= set(held), acknowledged - set(held)
        for name in sorted(acknowledged)[-3:]:
            document = library.document(name)
            assert document is not None
            assert document.text == text(int(name.removesuffix(".txt")))
            hits = library.dense(encoder.encode([document.text[:80]])[0], 3)
            assert library.found([id_ for id_, _ in hits])
            assert library.lexical([f"{name.removesuffix('.txt')}x3"], 3)


def write_until_full(disk: Path, encoder: FakeEncoder, levels: list[int]) -> None:
    """At each level of free bytes: add until it is refused, answer, get space back, go on; nothing is lost."""
    settings = Settings(corpus=disk / "corpus", library=disk / "library", threads=1)
    outside = disk.parent / "outside"
    outside.mkdir()
    settings.corpus.mkdir()
    Library(settings.library_path, encoder, create=True).close()
    acknowledged: set[str] = set()
    number = errors = 0
    said: list[str] = []
    for level in levels:
        fill_disk(disk, level)
        with Library(settings.library_path, encoder) as library:
            refused = False
            while not refused:
                number += 1
                (outside / f"{number}.txt").write_text(text(number))
                try:
                    (step,) = Ingest(settings, library, encoder).add([outside / f"{number}.txt"])
                    refused = step.action == "refused"
                    if not refused:
                        acknowledged.add(f"{number}.txt")
                except CoalitionQAError as error:
                    said.append(str(error))
                    refused = True
                errors += refused
            if acknowledged:
                check(settings, encoder, acknowledged)  # answers on the full disk, in a library opened anew
            (disk / "ballast").unlink()
            began = time.monotonic()
            Ingest(settings, library, encoder).add([outside / f"{number}.txt"])  # the same process goes on
            acknowledged.add(f"{number}.txt")
            assert time.monotonic() - began < 10
        check(settings, encoder, acknowledged)
        for n in range(1, number):  # room for the next level
            if f"{n}.txt" in acknowledged and len(acknowledged) > 5:
                with Library(settings.library_path, encoder) as library:
                    Ingest(settings, library, encoder).remove([f"{n}.txt"])
                acknowledged.discard(f"{n}.txt")
    with Library(settings.library_path, encoder) as library:
        Ingest(settings, library, encoder).sync()
    faults = [each for each in examine(settings, encoder) if each.fault]
    assert not faults, faults
    assert errors == len(levels)
    assert all("room" in each or "space" in each for each in said), said


def in_own_disk(place: Place, levels: list[int]) -> None:
    if shutil.which("unshare") is None or subprocess.run([*OWN_DISKS, "true"], check=False).returncode:
        pytest.skip("no unshare here that lends a process a disk of its own")
    disk = place.folder / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size={DISK} tmpfs {disk} && exec {sys.executable} {__file__} {disk} $*"
    command = [*OWN_DISKS, "sh", "-c", script, "sh", *map(str, levels)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=580)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_loses_nothing(place: Place) -> None:
    in_own_disk(place, [100_000])


@pytest.mark.torture
def test_torture_a_disk_that_is_full_at_every_step(place: Place) -> None:
    in_own_disk(place, [n * 37_000 for n in range(24)])


if __name__ == "__main__":
    from conftest import FakeEncoder

    write_until_full(Path(sys.argv[1]), FakeEncoder(), [int(level) for level in sys.argv[2:]])
