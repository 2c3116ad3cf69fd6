"""How retrieval scales: make a library of many passages from a folder of texts, and measure it small and large.

    python scripts/scale.py TEXTS WORK --passages 100000 --questions questions.txt

TEXTS may hold .txt and .md files, and .json and .jsonl files whose long strings are taken. Passages are windows of
three sentences. They are embedded by the shipped encoder (about 10 ms each on one core, kept in WORK for the next
run); when there are more passages wanted than windows, or than --embed, the rest are windows with their sentences
turned round and a real vector with a little noise, which is good for timing and says nothing about recall: recall is
measured on the real ones alone. Questions are lines of a file; by default, runs of eight words from the texts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coalition_qa.config import Settings
from coalition_qa.encoders import Encoder, Vectors, open_encoder
from coalition_qa.index import ChromaIndex
from coalition_qa.library import Library
from coalition_qa.nearest import exact_search
from coalition_qa.passages import passage_id
from coalition_qa.retrieval import Retriever
from coalition_qa.types import Document, Passage, Span

SMALL = 1_000
PER_DOCUMENT = 20
CHUNK = 2_500


def main() -> None:
    """Make, measure in a fresh process, print."""
    parser = argparse.ArgumentParser(description="Measure a library of many passages.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--embed", type=int, default=100_000, help="passages that are really embedded")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    settings = Settings(corpus=given.work / "corpus", library=given.work / "library", threads=1)
    questions = given.work / "questions.json"
    if given.measure:
        print(json.dumps(measured(settings, json.loads(questions.read_text("utf-8")))))
        return
    given.work.mkdir(parents=True, exist_ok=True)
    windows = sorted(set(cut(given.texts)))
    random.Random(1).shuffle(windows)
    asked = given.questions.read_text("utf-8").splitlines() if given.questions else fragments(windows)
    questions.write_text(json.dumps(asked[:300]), "utf-8")
    encoder = open_encoder(settings)
    real = embedded(windows[: min(given.embed, given.passages)], encoder, given.work)
    recall(real, encoder.encode(asked[:300]), given.work / "recall")
    shutil.rmtree(settings.library_path, ignore_errors=True)
    for size in (SMALL, given.passages):
        with Library(settings.library_path, encoder, create=True) as library:
            grow(library, windows, real, size)
        command = [sys.executable, __file__, str(given.texts), str(given.work), "--measure"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report(size, json.loads(done.stdout), settings.library_path)


def cut(folder: Path) -> Iterator[str]:
    """Windows of three sentences, of at most 700 characters."""
    for text in dict.fromkeys(texts(folder)):
        sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n\n+", text)]
        kept = [sentence for sentence in sentences if len(sentence) > 20]
        for start in range(len(kept) - 2):
            window = " ".join(kept[start : start + 3])
            if len(window) <= 700:
                yield window


def texts(folder: Path) -> Iterator[str]:
    """The texts below a folder."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix in (".txt", ".md"):
            yield path.read_text("utf-8", errors="replace")
        elif path.suffix == ".json":
            yield from strings(json.loads(path.read_text("utf-8")))
        elif path.suffix == ".jsonl":
            for line in path.read_text("utf-8").splitlines():
                yield from strings(json.loads(line))


def strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    """The long strings in a JSON value."""
    if isinstance(value, str) and len(value) >= 300:
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def fragments(windows: Sequence[str]) -> list[str]:
    """Runs of eight words, as if they were questions."""
    return [" ".join(window.split()[3:11]) for window in windows[:300]]


def embedded(windows: Sequence[str], encoder: Encoder, work: Path) -> Vectors:
    """Their vectors, each chunk kept as a file when it is done."""
    chunks = []
    for start in range(0, len(windows), CHUNK):
        some = windows[start : start + CHUNK]
        file = work / f"vectors-{start:06}-{len(some)}.npy"
        if not file.exists():
            draft = work / "draft.npy"
            np.save(draft, encoder.encode(some))
            draft.rename(file)
        chunks.append(np.load(file))
    return np.concatenate(chunks)


def recall(real: Vectors, questions: Vectors, folder: Path) -> None:
    """Of the ten truly nearest passages, how many the index finds among its ten."""
    shutil.rmtree(folder, ignore_errors=True)
    ids = [f"{row:08}" for row in range(len(real))]
    index = ChromaIndex(folder)
    began = time.perf_counter()
    assert index.fill(ids, real, "all")
    filled = time.perf_counter() - began
    shares = []
    for question in questions:
        worst = exact_search(ids, real, question, 10)[-1][1] - 1e-6
        found = index.search(question, 10) or []
        shares.append(sum(score >= worst for _, score in found) / 10)
    index.close()
    print(f"recall@10 of the index on {len(real)} real vectors: {np.mean(shares):.4f} ({len(questions)} questions)")
    print(f"filling it took {filled:.0f} s")


def grow(library: Library, windows: Sequence[str], real: Vectors, size: int) -> None:
    """Add documents until the library holds `size` passages."""
    held = sum(info.passages for info in library.catalogue())
    began = time.perf_counter()
    with library.writing():
        for start in range(held, size, PER_DOCUMENT):
            store(library, windows, real, range(start, min(size, start + PER_DOCUMENT)))
        print(f"{size - held} passages added in {time.perf_counter() - began:.0f} s", flush=True)
        began = time.perf_counter()
    print(f"index brought in line in {time.perf_counter() - began:.1f} s", flush=True)


def store(library: Library, windows: Sequence[str], real: Vectors, rows: range) -> None:
    """One document of these passages."""
    said, vectors, dice = [], [], np.random.default_rng(rows.start)
    for row in rows:
        vector, said_here = real[row % len(real)], windows[row % len(windows)]
        if row >= len(real):
            vector = vector + dice.normal(0, 0.02, vector.shape).astype(np.float32)
            said_here = " ".join(reversed(re.split(r"(?<=[.!?]) ", said_here)))
        vectors.append(vector / np.linalg.norm(vector))
        said.append(said_here)
    document = Document(f"{rows.start:07}.txt", "\n\n".join(said))
    passages, start = [], 0
    for text in said:
        span = Span(start, start + len(text))
        passages.append(Passage(passage_id(document.id, span), document.id, span, text, (span,)))
        start = span.end + 2
    library.put(document, passages, np.array(vectors, dtype=np.float32), "made")


def measured(settings: Settings, questions: Sequence[str]) -> dict[str, float]:
    """In a fresh process: opening, the first answer, the others, adding a document, memory."""
    encoder = open_encoder(settings)
    encoder.encode(["warm"])
    began = time.perf_counter()
    library = Library(settings.library_path, encoder)
    opened = time.perf_counter()
    retriever = Retriever(library, encoder)
    retriever.search(questions[0], 5)
    first = time.perf_counter()
    times = []
    for question in questions:
        start = time.perf_counter()
        retriever.search(question, 5)
        times.append(1000 * (time.perf_counter() - start))
    memory = most_memory()
    adding = []
    for number in range(3):
        text = f"Document {number} of {os.getpid()} is about owls that hunt mice at night."
        document = Document(f"added-{number}.txt", text)
        passage = Passage(passage_id(document.id, Span(0, len(text))), document.id, Span(0, len(text)), text, ())
        start = time.perf_counter()
        with library.writing():
            library.put(document, [passage], encoder.encode([text]), "made")
        adding.append(time.perf_counter() - start)
    nearest = library.dense(encoder.encode([text])[0], 1)
    assert library.found([nearest[0][0]])[nearest[0][0]].doc == "added-2.txt"
    start = time.perf_counter()
    with library.writing():
        library.drop([f"added-{number}.txt" for number in range(3)])
    removing = time.perf_counter() - start
    library.close()
    p50, p95 = np.percentile(times, [50, 95])
    facts = {"open_s": opened - began, "first_s": first - opened, "p50_ms": p50, "p95_ms": p95, "memory_mb": memory}
    return {**facts, "add_s": max(adding), "remove_s": removing}


def most_memory() -> float:
    """The most that this process has held at once, in MB; getrusage would count the parent's before the exec."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(size: int, facts: dict[str, float], library: Path) -> None:
    """One line."""
    disk = sum(path.stat().st_size for path in library.rglob("*") if path.is_file()) >> 20
    said = ", ".join(f"{name} {value:.3g}" for name, value in facts.items())
    print(f"{size} passages: {said}, disk_mb {disk}", flush=True)


if __name__ == "__main__":
    main()
