"""Fit the model of answerability that ships as `models/confidence.json`, and report it on other questions.

    python scripts/fit_confidence.py --squad FILE.json --gold FOLDER --gold FOLDER2 --write

`--squad` names a SQuAD v1.1 file: each question is asked with its paragraph in the library and with it left out.
`--gold` names a folder with `gold.jsonl` and `docs/` (or `../corpus/`) in the gold format. The first half of the
SQuAD articles, every other gold item, or the items that say "split": "dev", are fitted on; the rest is reported.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from coalition_qa.config import load_settings
from coalition_qa.encoders import MODELS, Encoder, Vectors, open_encoder
from coalition_qa.library import Library
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.reading import Reader, SpanReader
from coalition_qa.retrieval import Retriever
from coalition_qa.types import Document
from coalition_qa.verification import Signals

TARGET = Path(__file__).parent.parent / "src/coalition_qa/models/confidence.json"
PENALTY = 0.1
READ = 5


@dataclass(frozen=True)
class Example:
    """One question against one library: does it hold the answer, was the best sentence right, what was signalled."""

    source: str
    dev: bool
    answerable: bool
    right: bool
    values: tuple[float, ...]


class Remembering:
    """An encoder that encodes each text once: the same sentences are read for many questions."""

    def __init__(self, encoder: Encoder) -> None:
        self._known: dict[str, Vectors] = {}
        self._encoder = encoder
        self.identity, self.dimensions, self.window = encoder.identity, encoder.dimensions, encoder.window
        self.pieces = encoder.pieces

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As the encoder does."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._encoder.encode([text])[0]
        return np.stack([self._known[text] for text in texts])


class Bench:
    """A throw-away library of some documents, and the parts that read it."""

    def __init__(self, documents: list[Document], encoder: Encoder, folder: Path) -> None:
        library = Library(folder, encoder, create=True)
        splitter = SentenceSplitter()
        with library.writing():
            for document in documents:
                passages = split_document(document, splitter, encoder)
                if passages:
                    library.put(document, passages, encoder.encode([p.text for p in passages]), "")
        self._retriever = Retriever(library, encoder)
        self._reader: Reader = SpanReader(MODELS / "reader", threads=1)

    def read(self, question: str, without: str = "") -> tuple[str, tuple[float, ...]]:
        """The best sentence for a question and the signals, the document `without` left out."""
        hits = [hit for hit in self._retriever.search(question, READ * 4) if hit.doc != without][:READ]
        candidates = self._reader.read(question, hits)
        return candidates[0].text, tuple(Signals.of(question, hits, candidates).values().values())


def squad_examples(path: Path, encoder: Encoder) -> Iterator[Example]:
    """Each question twice: with its paragraph and without."""
    articles = json.loads(path.read_text("utf-8"))["data"]
    documents: list[Document] = []
    asked: list[tuple[str, str, list[str], bool]] = []
    for number, article in enumerate(articles):
        for paragraph in article["paragraphs"]:
            documents.append(Document(f"{len(documents):05}", paragraph["context"]))
            dev = number < len(articles) // 2
            for item in paragraph["qas"]:
                answers = [answer["text"] for answer in item["answers"]]
                asked.append((item["question"], documents[-1].name, answers, dev))
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(documents, encoder, Path(scratch))
        for question, name, answers, dev in asked:
            best, values = bench.read(question)
            yield Example(path.stem, dev, True, any(answer in best for answer in answers), values)
            yield Example(path.stem, dev, False, False, bench.read(question, without=name)[1])


def gold_examples(folder: Path, encoder: Encoder) -> Iterator[Example]:
    """Each item that needs no history, as the gold file labels it."""
    docs = folder / "docs" if (folder / "docs").is_dir() else folder.parent / "corpus"
    documents = [Document(file.name, file.read_text("utf-8")) for file in sorted(docs.iterdir())]
    items = [json.loads(line) for line in (folder / "gold.jsonl").read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(documents, encoder, Path(scratch))
        for number, item in enumerate(items):
            if not item.get("history"):
                dev = item["split"] == "dev" if "split" in item else number % 2 == 0
                best, values = bench.read(item["question"])
                quotes = [place["quote"] for place in item.get("evidence", [])]
                right = item["answerable"] and any(quote in best or best in quote for quote in quotes)
                yield Example(folder.name, dev, item["answerable"], right, values)


def fit(x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights, then the intercept, of a logistic regression with an L2 penalty on the weights."""

    def loss(parameters: NDArray[np.float64]) -> float:
        margin = (x @ parameters[:-1] + parameters[-1]) * (2 * y - 1)
        penalty = PENALTY * float(parameters[:-1] @ parameters[:-1]) / len(y)
        return float(weight @ np.logaddexp(0, -margin) / weight.sum()) + penalty

    solution = minimize(loss, np.zeros(x.shape[1] + 1), method="L-BFGS-B")
    return np.asarray(solution.x, dtype=np.float64)


def auroc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Probability that an answerable question scores above an unanswerable one."""
    positive = int(labels.sum())
    ranks = rankdata(scores)[labels].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * (len(labels) - positive)))


def main() -> None:
    """Collect, fit, report, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--squad", type=Path, action="append", default=[])
    parser.add_argument("--gold", type=Path, action="append", default=[])
    parser.add_argument("--write", action="store_true", help=f"write {TARGET.name}")
    given = parser.parse_args()
    encoder = Remembering(open_encoder(load_settings({"threads": 1})))
    examples = [e for path in given.squad for e in squad_examples(path, encoder)]
    examples += [e for folder in given.gold for e in gold_examples(folder, encoder)]
    x = np.array([e.values for e in examples])
    y = np.array([e.answerable for e in examples])
    dev = np.array([e.dev for e in examples])
    sources = [e.source for e in examples]
    # every source and label weighs the same, however many questions it has
    groups = list(zip(sources, y, dev, strict=True))
    weight = np.array([1 / groups.count(group) for group in groups])
    solution = fit(x[dev], y[dev].astype(float), weight[dev])
    score = 1 / (1 + np.exp(-(x @ solution[:-1] + solution[-1])))
    # the line where most questions are either answered with the right sentence or rightly declined
    cuts = np.unique(np.round(score[dev], 3))
    right = np.array([e.right for e in examples])
    gains = [weight[dev & np.where(score >= c, right, ~y)].sum() for c in cuts]
    threshold = float(cuts[int(np.argmax(gains))])
    for source in dict.fromkeys(sources):
        for name, part in (("dev", dev), ("test", ~dev)):
            mask = part & (np.array(sources) == source)
            yes, no = mask & y, mask & ~y
            print(
                f"{source:24} {name:5} n={mask.sum():5}  AUROC {auroc(score[mask], y[mask]):.3f}  at {threshold:.3f}: "
                f"answers {np.mean(score[yes] >= threshold):.3f} of answerable, "
                f"declines {np.mean(score[no] < threshold):.3f} of unanswerable; best right {right[yes].mean():.3f}"
            )
    names = Signals.__slots__
    card = {
        "intercept": round(float(solution[-1]), 4),
        "weights": {name: round(float(value), 4) for name, value in zip(names, solution[:-1], strict=True)},
        "threshold": round(threshold, 3),
        "fitted_on": "dev halves of " + ", ".join(dict.fromkeys(sources)),
    }
    print(json.dumps(card, indent=2))
    if given.write:
        TARGET.write_text(json.dumps(card, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
