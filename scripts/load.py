"""Many people at once on one page: does it fail, does it get slow, does it grow?

Starts the page over a throw-away library and uses it as browsers do, over the same events: some people ask, some add
and remove documents. Fails where anything failed, where retrieval took over 50 ms (95th percentile of the time that
answers report), or where the server's memory grew by over 2% after the warm-up.

    python scripts/load.py --users 50 --uploaders 10 --seconds 600
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from typing import Any

import httpx

HERE = Path(__file__).parents[1]
RETRIEVAL_MS = 50.0
GROWTH = 0.02
TURNS = 6
"""Questions until somebody begins another conversation."""

_RETRIEVED = re.compile(r"retrieve: (\d+) ms")


@dataclass
class Seen:
    """What happened."""

    questions: int = 0
    changes: int = 0
    faults: list[str] = field(default_factory=list)
    retrieval: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


class Layout:
    """The page's events, by what they hang on."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._components = {each["id"]: each for each in config["components"]}
        self._named = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        self._events = {each["id"]: each for each in config["dependencies"]}

    def event(self, name: str, what: str) -> tuple[int, int]:
        """The event's number, and that of the component of that name which it hangs on."""
        component = self._named[name]
        found = next(id_ for id_, each in self._events.items() if [component, what] in map(list, each["targets"]))
        return found, component

    def after(self, event: int) -> list[int]:
        """The events that a browser lets follow."""
        return [id_ for id_, each in self._events.items() if each.get("trigger_after") == event]

    def data(self, event: int, given: dict[str, Any]) -> list[Any]:
        """What a browser sends: what was typed, None for what the server remembers, and else what stands there."""
        return [self._datum(self._components[id_], given) for id_ in self._events[event]["inputs"]]

    @staticmethod
    def _datum(component: dict[str, Any], given: dict[str, Any]) -> Any:  # noqa: ANN401 - any component's value
        name, kind = component["props"].get("elem_id"), component["type"]
        if name in given:
            return given[name]
        return None if kind == "state" else component["props"].get("value") or ""


class Person:
    """One open page."""

    def __init__(self, client: httpx.AsyncClient, layout: Layout, seed: int) -> None:
        self.random = random.Random(seed)
        self._client = client
        self._layout = layout
        self._session = f"{self.random.getrandbits(60):015x}"

    async def does(self, name: str, what: str, /, given: dict[str, Any] | None = None, **said: object) -> str:
        """Let an event happen, and what follows; what the page then shows. Raises RuntimeError where it failed."""
        event, component = self._layout.event(name, what)
        shown = await self._happens(event, component, given or {}, said)
        following = self._layout.after(event)
        while following:
            event = following.pop()
            await self._happens(event, None, {}, {})
            following += self._layout.after(event)
        return shown

    async def _happens(self, event: int, component: int | None, given: dict[str, Any], said: dict[str, object]) -> str:
        body = {
            "data": self._layout.data(event, given),
            "fn_index": event,
            "session_hash": self._session,
            "trigger_id": component,
            "event_data": said or None,
        }
        joined = await self._client.post("/gradio_api/queue/join", json=body)
        joined.raise_for_status()
        id_, shown = joined.json()["event_id"], ""
        stream = self._client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session})
        async with stream as coming:
            async for line in coming.aiter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("event_id") != id_:
                    continue
                shown += line
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise RuntimeError(f"the event failed: {line[:300]}")
                    return shown
        raise RuntimeError("the stream ended before the event")

    async def uploads(self, name: str, text: str) -> str:
        """Drop a file; what the page shows of it."""
        sent = await self._client.post("/gradio_api/upload", files={"files": (name, text.encode())})
        sent.raise_for_status()
        file = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
        return await self.does("drop", "upload", {"drop": [file]})


async def asks(person: Person, questions: list[str], think: float, until: float, seen: Seen) -> None:
    """Ask, read, ask again; now and then begin another conversation."""
    await asyncio.sleep(person.random.uniform(0, think))
    for turn in count(1):
        if monotonic() > until:
            return
        began = monotonic()
        with _noting(seen, "a question"):
            shown = await person.does("ask", "submit", {"ask": person.random.choice(questions)})
            seen.questions += 1
            seen.waits.append(monotonic() - began)
            if "notice error" in shown:
                seen.faults.append("an error card instead of an answer")
            took = _RETRIEVED.findall(shown)
            seen.retrieval += [float(took[-1])] if took else []
            if turn % TURNS == 0:
                await person.does("new", "click")
        await asyncio.sleep(person.random.uniform(0.5, 1.5) * think)


async def changes(person: Person, number: int, words: list[str], think: float, until: float, seen: Seen) -> None:
    """Add a document, later remove it."""
    await asyncio.sleep(person.random.uniform(0, think))
    for turn in count(1):
        if monotonic() > until:
            return
        name = f"upload-{number}-{turn}.txt"
        with _noting(seen, "an upload"):
            if "Added" not in await person.uploads(name, written(person.random, words, 20)):
                seen.faults.append("a file that was not added")
            seen.changes += 1
            await asyncio.sleep(person.random.uniform(0.5, 1.5) * think)
            if "is removed" not in await person.does("listing", "click", do="remove", name=name):
                seen.faults.append("a document that was not removed")
            seen.changes += 1
        await asyncio.sleep(person.random.uniform(0.5, 1.5) * think)


@contextmanager
def _noting(seen: Seen, what: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, RuntimeError, ValueError, KeyError) as error:
        seen.faults.append(f"{what}: {type(error).__name__} {error}"[:400])


async def weighs(process: subprocess.Popen[str], until: float, seen: Seen) -> None:
    """Note the server's memory every second, in millions of bytes."""
    while monotonic() < until:
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            seen.memory.append((monotonic(), int(found[1]) * 1024 / 1e6 if found else 0.0))
        await asyncio.sleep(1)


def written(made: random.Random, words: list[str], sentences: int) -> str:
    """A text that nobody else has."""
    return " ".join(" ".join(made.choices(words, k=12)).capitalize() + "." for _ in range(sentences))


@contextmanager
def page(folder: Path, documents: int, words: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The page over a library of its own: its process and address."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for article in (HERE / "corpus").iterdir():
        (corpus / article.name).write_bytes(article.read_bytes())
    made = random.Random(0)
    for number in range(documents):
        (corpus / f"document-{number}.txt").write_text(written(made, words, 60), "utf-8")
    (folder / "config.toml").touch()
    own = {"CONFIG": str(folder / "config.toml"), "REQUESTS_PER_MINUTE": "1000000", "MOST_WAITING": "100"}
    environment = {**os.environ, **{f"COALITION_QA_{key}": value for key, value in own.items()}}
    command = [sys.executable, "-m", "coalition_qa", "--corpus", str(corpus), "--library", str(folder / "library")]
    command += ["chat", "--port", "0", "--no-browser"]
    log = (folder / "log.txt").open("w")
    with log, subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            assert process.stdout is not None
            address = next((found[0] for line in process.stdout if (found := re.findall(r"http://\S+", line))), "")
            yield process, address
        finally:
            process.terminate()
            process.wait(30)


async def load(given: argparse.Namespace, process: subprocess.Popen[str], address: str, words: list[str]) -> Seen:
    """Everybody at once, until the time is up."""
    seen, until = Seen(), monotonic() + given.seconds
    lines = (HERE / "eval" / "gold.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line)["question"] for line in lines]
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        layout = Layout((await client.get("/config")).json())
        people = [Person(client, layout, seed) for seed in range(given.users + given.uploaders)]
        work = [asks(each, questions, given.think, until, seen) for each in people[: given.users]]
        uploaders = enumerate(people[given.users :])
        work += [changes(each, number, words, given.think, until, seen) for number, each in uploaders]
        await asyncio.gather(weighs(process, until, seen), *work)
    return seen


def growth(memory: list[tuple[float, float]]) -> tuple[float, float]:
    """The memory after the warm-up, a quarter of the time, and at the end: each the median of a tenth of the time."""
    began, ended = memory[0][0], memory[-1][0]
    tenth = (ended - began) / 10
    warm = [size for when, size in memory if 2.5 * tenth <= when - began <= 3.5 * tenth]
    last = [size for when, size in memory if when >= ended - tenth]
    return median(warm), median(last)


def main() -> int:
    """1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--uploaders", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--think", type=float, default=30, help="seconds from an answer to the next question, about")
    parser.add_argument("--documents", type=int, default=100, help="beside those of corpus/")
    given = parser.parse_args()
    words = re.findall(r"[a-z]{3,}", " ".join(each.read_text("utf-8") for each in (HERE / "corpus").glob("*.txt")))
    with tempfile.TemporaryDirectory() as folder, page(Path(folder), given.documents, words) as (process, address):
        print(f"{given.users} asking, {given.uploaders} changing documents, {given.seconds:.0f} s, at {address}")
        seen = asyncio.run(load(given, process, address, words))
        complaints = [line for line in (Path(folder) / "log.txt").read_text().splitlines() if "Error" in line]
    before, after = growth(seen.memory)
    at = quantiles(seen.retrieval, n=20)
    waits = quantiles(seen.waits, n=20)
    print(f"{seen.questions} questions, {seen.changes} changes, {len(seen.faults)} errors")
    print(f"retrieval: median {median(seen.retrieval):.0f} ms, 95th percentile {at[-1]:.0f} ms")
    print(f"from question to answer: median {median(seen.waits):.1f} s, 95th percentile {waits[-1]:.1f} s")
    print(f"memory: {before:.0f} MB after the warm-up, {after:.0f} MB at the end, {after / before - 1:+.1%}")
    for line in (*seen.faults[:10], *complaints[:5]):
        print(f"  {line}")
    missed = {
        "errors": bool(seen.faults),
        "retrieval": at[-1] > RETRIEVAL_MS,
        "memory": after / before - 1 > GROWTH,
    }
    print("missed: " + (", ".join(name for name, is_so in missed.items() if is_so) or "nothing"))
    return int(any(missed.values()))


if __name__ == "__main__":
    sys.exit(main())
