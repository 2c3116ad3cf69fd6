"""Killed at any instant, a library holds all that it acknowledged, and is whole."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.config import Settings
from coalition_qa.doctor import examine
from coalition_qa.encoders import Encoder
from coalition_qa.ingest import Ingest, rebuild
from coalition_qa.library import Library

if TYPE_CHECKING:
    from tests.conftest import Place

ROUND = 10_000
SENTENCES = (
    "The zebra crossing number {n} in Oslo was painted in {n} days. "
    "Owl {n} hunts mice at night. Nobody has counted the bread that was baked in bakery {n}.\n\n"
)


def text(n: int) -> str:
    return "".join(SENTENCES.format(n=f"{n}{part}") for part in range(12))


def add_until_killed(settings: Settings, encoder: Encoder, first: int, acknowledged: int) -> None:
    """Add and remove documents and rebuild without end; each is acknowledged only when the call has returned."""
    outside = settings.corpus.parent / "outside"
    outside.mkdir(exist_ok=True)
    for start in range(first, first + ROUND, 6):
        with Library(settings.library_path, encoder, create=True) as library:
            ingest = Ingest(settings, library, encoder)
            for n in range(start, start + 6):
                (outside / f"{n}.txt").write_text(text(n))
                ingest.add([outside / f"{n}.txt"])
                os.write(acknowledged, f"+{n}.txt\n".encode())
                if n > start and n % 3 == 2:
                    os.write(acknowledged, f"?{n - 1}.txt\n".encode())
                    ingest.remove([f"{n - 1}.txt"])
                    os.write(acknowledged, f"-{n - 1}.txt\n".encode())
        rebuild(settings, encoder)


def check(settings: Settings, encoder: Encoder, log: Path) -> None:
    """What was acknowledged is there, what was removed is not, and nothing is half there."""
    marks = {line[1:]: line[0] for line in log.read_text().splitlines()}
    with Library(settings.library_path, encoder) as library:
        held = set(library.names())
        assert {name for name, mark in marks.items() if mark == "+"} <= held
        assert not held & {name for name, mark in marks.items() if mark == "-"}
        in_flight = [int(name.removesuffix(".txt")) // ROUND for name in held - set(marks)]
        assert len(set(in_flight)) == len(in_flight), "more than the one that was being added"
        for _ in range(2):  # as it was left, then after the next writer
            faults = {check.name: check.fault for check in examine(settings, encoder) if check.fault}
            assert faults.keys() <= {"index proven", "no stale files"}, faults
            for name in sorted(held)[:3]:
                document = library.document(name)
                assert document is not None
                assert document.text == text(int(name.removesuffix(".txt")))
                hits = library.dense(encoder.encode([document.text[:60]])[0], 50)
                assert library.found([hits[0][0]])
                assert len(hits) == min(50, sum(info.passages for info in library.catalogue()))
            steps = Ingest(settings, library, encoder).sync()
            assert "refused" not in {step.action for step in steps}
        assert library.index_is_current()


def in_child(work: Callable[[], None]) -> int:
    """Run it in a process of its own, whose id is returned."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def kill_again_and_again(folder: Path, times: int, dice: random.Random) -> None:
    """What the test below starts: it loads everything once, and forks what is to be killed."""
    import chromadb  # noqa: F401  # loaded before the forks
    from llama_index.core.node_parser.text import utils  # noqa: F401

    from conftest import FakeEncoder

    settings = Settings(corpus=folder / "corpus", library=folder / "library", threads=1)
    encoder = FakeEncoder()
    log = folder / "acknowledged"
    acknowledged = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for round_ in range(times):
        child = in_child(partial(add_until_killed, settings, encoder, round_ * ROUND, acknowledged))
        enough = log.stat().st_size + dice.randrange(20)
        while log.stat().st_size <= enough:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "it died by itself"
            time.sleep(0.001)
        time.sleep(dice.random() * 0.1)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert os.waitpid(in_child(partial(check, settings, encoder, log)), 0)[1] == 0, f"round {round_}"


def kills(place: Place, times: int) -> None:
    seed = random.randrange(10**6)
    with place.start(__file__, place.folder, str(times), str(seed)) as killing:
        _, err = killing.communicate()
    assert killing.returncode == 0, f"seed {seed}: {err}"
    assert (place.folder / "acknowledged").read_text().count("+") >= times


def test_nothing_acknowledged_is_lost_by_kill_9(place: Place) -> None:
    kills(place, 3)


@pytest.mark.torture
def test_torture_nothing_acknowledged_is_lost_by_kill_9(place: Place) -> None:
    kills(place, 300)


if __name__ == "__main__":
    kill_again_and_again(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))
