"""The first write to the files of store and index fails, the second ... until a run passes untouched: each recovers.

strace makes the system call fail; where there is none, or it may not trace, this is skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.library import Library
from coalition_qa.store import FILE

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

CALLS = "write,writev,pwrite64,pwritev,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat"
BESIDE = ("", "-wal", "-shm", "-journal", ".new")  # what SQLite, Chroma and we write beside a file
KEPT = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
CHANGE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import FakeEncoder
from coalition_qa.config import load_settings
from coalition_qa.ingest import Ingest
from coalition_qa.library import Library
from coalition_qa.types import CoalitionQAError
settings, encoder = load_settings(), FakeEncoder()
try:
    with Library(settings.library_path, encoder) as library:
        ingest = Ingest(settings, library, encoder)
        print("+", *[step.name for step in ingest.add([Path(sys.argv[2])]) if step.action == "new"], flush=True)
        ingest.remove(["removed.txt"])
        print("- removed.txt", flush=True)
except CoalitionQAError as error:
    print("!", error)
"""


def tracer(place: Place, number: int, error: str) -> list[str]:
    index = place.library / "index"
    files = [place.library / FILE, index / "FILLING", *(path for path in index.rglob("*") if path.is_file())]
    paths = [f"{path}{end}" for path in files for end in BESIDE]
    chosen = [part for path in [*paths, str(place.corpus / "new.txt")] for part in ("-P", path)]
    inject = f"inject={CALLS}:error={error}:when={number}"
    quick = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(place.folder / "trace")]
    return [*quick, *chosen, "-e", f"trace={CALLS}", "-e", inject]


def fails_at(place: Place, encoder: FakeEncoder, number: int, error: str) -> bool:
    """One run with the `number`th call failing; whether any did."""
    file = place.outside("new.txt", "Owls hunt mice at night in the forests of Finland.")
    command = [*tracer(place, number, error), sys.executable, "-c", CHANGE, str(Path(__file__).parent), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (number, done.stderr)
    injected = "(INJECTED)" in (place.folder / "trace").read_text()
    with Library(place.library, encoder) as library:
        held = set(library.names())
        assert "kept.txt" in held
        assert "+ new.txt" not in done.stdout or "new.txt" in held, (number, done.stdout)
        assert "- removed.txt" not in done.stdout or "removed.txt" not in held, (number, done.stdout)
        assert injected or held == {"kept.txt", "new.txt"}, (number, done.stdout)
        ((id_, _),) = library.dense(encoder.encode([KEPT])[0], 1)
        assert library.found([id_])[id_].passage.text == KEPT
        place.ingest(library, encoder).sync()
    faults = place.faults(encoder)
    assert faults == {}, (number, error, faults)
    return injected


def each_fails(place: Place, encoder: FakeEncoder, numbers: range, error: str) -> int:
    """How many of these calls there were to fail."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("no strace here that may trace")
    place.write("kept.txt", KEPT)
    place.write("removed.txt", "A sourdough loaf needs flour, water, salt and twelve hours of patience.")
    place.sync(encoder)
    shutil.copytree(place.folder, place.folder.parent / f"{place.folder.name}-whole")
    for number in numbers:
        if not fails_at(place, encoder, number, error):
            return number - 1
        for part in ("corpus", "library"):
            shutil.rmtree(place.folder / part)
            shutil.copytree(place.folder.parent / f"{place.folder.name}-whole" / part, place.folder / part)
    return len(numbers)


def test_a_write_that_fails_is_recovered_from(place: Place, fake_encoder: FakeEncoder) -> None:
    assert each_fails(place, fake_encoder, range(5, 6), "ENOSPC") == 1


@pytest.mark.torture
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_torture_every_write_that_fails_is_recovered_from(place: Place, fake_encoder: FakeEncoder, error: str) -> None:
    passed = each_fails(place, fake_encoder, range(1, 1_000), error)
    assert 20 < passed < 999
