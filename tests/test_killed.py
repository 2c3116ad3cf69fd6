"""Killed at any instant, a library holds all that it acknowledged, and is whole."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coalition_qa.config import Settings
from coalition_qa.doctor import examine
from coalition_qa.encoders import Encoder
from coalition_qa.index import ChromaIndex
from coalition_qa.ingest import Ingest, rebuild
from coalition_qa.library import Library

if TYPE_CHECKING:
    from tests.conftest import Place

ROUND = 10_000
MOST_HELD = 6
SENTENCES = (
    "The zebra crossing number {n} in Oslo was painted in {n} days. "
    "Owl {n} hunts mice at night. Nobody has counted the bread that was baked in bakery {n}.\n\n"
)


AIMS = ("any time", "remove", "rebuild", "Chroma flush")
"""A kill comes at a random instant of these: left to chance, nearly all would come while a file is parsed."""


def text(n: int) -> str:
    return "".join(SENTENCES.format(n=f"{n}{part}") for part in range(12))


def change_until_killed(settings: Settings, encoder: Encoder, first: int, log: int, seed: int, action: str) -> None:
    """Add, remove and rebuild without end; each is acknowledged only when the call has returned. `action` is first."""
    dice = random.Random(seed)
    outside = settings.corpus.parent / "outside"
    for n in range(first, first + ROUND):
        with Library(settings.library_path, encoder, create=True) as library:
            ingest = Ingest(settings, library, encoder)
            held = [name for name in library.names() if (settings.corpus / name).exists()]
            if action == "remove" or len(held) > MOST_HELD:
                gone = dice.sample(held, min(len(held), dice.randint(1, 3)))
                say(log, "remove", gone)
                if gone:
                    ingest.remove(gone)
                say(log, "removed", gone)
            elif action == "add":
                (outside / f"{n}.txt").write_text(text(n))
                say(log, "add", [f"{n}.txt"])
                ingest.add([outside / f"{n}.txt"])
                say(log, "added", [f"{n}.txt"])
        if action == "rebuild":
            say(log, "rebuild", [])
            rebuild(settings, encoder, emptied=True)
            say(log, "rebuilt", [])
        action = dice.choice(("add", "add", "remove", "rebuild"))


def say(log: int, what: str, names: Sequence[str]) -> None:
    os.write(log, f"{' '.join([what, *names])}\n".encode())


def last_said(log: Path) -> str:
    return (log.read_text().splitlines() or [""])[-1]


def check(settings: Settings, encoder: Encoder, log: Path) -> None:
    """What was acknowledged is there, what was removed is not, and nothing is half there."""
    last = {name: what for what, *names in map(str.split, log.read_text().splitlines()) for name in names}
    with Library(settings.library_path, encoder) as library:
        held = set(library.names())
        assert {name for name, what in last.items() if what == "added"} <= held
        assert held <= {name for name, what in last.items() if what != "removed"}
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
            steps = Ingest(settings, library, encoder).sync(emptied=True)
            assert "refused" not in {step.action for step in steps}
            held = set(library.names())
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
    (folder / "outside").mkdir()
    Library(settings.library_path, encoder, create=True).close()
    index = ChromaIndex(settings.library_path / "index")
    log = folder / "log"
    writing = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    killed_in: Counter[str] = Counter()
    for round_ in range(times):
        before = log.stat().st_size
        aim = dice.choice(AIMS)
        action = aim if aim in ("remove", "rebuild") else "add"
        change = partial(change_until_killed, settings, encoder, round_ * ROUND, writing, dice.randrange(10**9), action)
        child = in_child(change)
        while log.stat().st_size == before or (aim == "Chroma flush" and not index.died):
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "it died by itself"
            time.sleep(0.0005)
        time.sleep(dice.random() * (1 if aim == "any time" else 0.06))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        killed_in[last_said(log).split()[0]] += 1
        killed_in["Chroma flush"] += index.died
        assert os.waitpid(in_child(partial(check, settings, encoder, log)), 0)[1] == 0, f"round {round_}"
        (folder / "killed").write_text(f"{round_ + 1} kills, in {dict(killed_in)}")


def kills(place: Place, times: int) -> None:
    seed = random.randrange(10**6)
    with place.start(__file__, place.folder, str(times), str(seed)) as killing:
        _, err = killing.communicate()
    assert killing.returncode == 0, f"seed {seed}: {err}"
    assert (place.folder / "killed").read_text().startswith(f"{times} kills")


def test_nothing_acknowledged_is_lost_by_kill_9(place: Place) -> None:
    kills(place, 2)


@pytest.mark.torture
def test_torture_nothing_acknowledged_is_lost_by_kill_9(place: Place) -> None:
    kills(place, 1_000)


if __name__ == "__main__":
    kill_again_and_again(Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3])))
