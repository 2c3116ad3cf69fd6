"""Fit the model of answerability that ships as `models/confidence.json`, and report it on other questions.

    python scripts/fit_confidence.py --squad FILE.json --gold FOLDER --gold FOLDER2 \
        --out src/coalition_qa/models/confidence.json

`--squad` names a SQuAD file: each question is asked with its paragraph in the library, and an answerable one also with
it left out.
`--gold` names a folder with `gold.jsonl` and `docs/` (or `../corpus/`) in the gold format. The first half of the
SQuAD articles, every other gold item, or the items that say "split": "dev", are fitted on; the rest is reported.
`--twice` names sources that count twice: questions that nobody wrote to be hard, as most of a program's users ask.
What ships was fitted with XQuAD and ClapNQ's development questions and coast, care and past of eval/invented/, all
these twice, `data.py --squad questions_dev.tsv` of training/, eval/, manuals, reports, and the dev halves of voices and
asked; office and press, which are all test, were given for the report.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from coalition_qa.answering import compose
from coalition_qa.config import load_settings
from coalition_qa.documents import Limits, Parser
from coalition_qa.encoders import Encoder, Vectors, open_encoder
from coalition_qa.library import Library
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.reading import Reader, open_reader
from coalition_qa.retrieval import Retriever
from coalition_qa.types import Document
from coalition_qa.verification import Signals

PENALTY = 0.1
READ = 5
STRICT, HELPFUL = 0.95, 0.95
ANSWERABLE = 2 / 3
"""The share of questions that the documents answer for which "balanced" is drawn; .60 to .84 in the gold sets."""

EVEN = 0.01
"""Lines whose shares right or rightly declined differ by less are as good: which is best among them is chance. A
bootstrap standard error of the difference between two lines a tenth apart is .009."""


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

    def __init__(self, documents: list[Document], encoder: Encoder, reader: Reader, folder: Path) -> None:
        library = Library(folder, encoder, create=True)
        splitter = SentenceSplitter()
        with library.writing():
            for document in documents:
                passages = split_document(document, splitter, encoder)
                if passages:
                    library.put(document, passages, encoder.encode([p.text for p in passages]), "")
        self._retriever = Retriever(library, encoder)
        self._document, self._reader = library.document, reader

    def read(self, question: str, without: str = "") -> tuple[list[str], tuple[float, ...]]:
        """The sentences quoted for a question and the signals, the document `without` left out."""
        hits = [hit for hit in self._retriever.search(question, READ * 4) if hit.doc != without][:READ]
        shown = compose(question, self._reader.read(question, hits), self._document, self._reader.margin).sentences
        return [c.text for c in shown], tuple(Signals.of(question, hits, shown).values().values())


def squad_examples(path: Path, encoder: Encoder, reader: Reader) -> Iterator[Example]:
    """Each question with its paragraph, and an answerable one without it, too."""
    articles = json.loads(path.read_text("utf-8"))["data"]
    documents: list[Document] = []
    asked: list[tuple[str, str, list[str], bool]] = []  # no answers: the paragraph doesn't hold one
    for number, article in enumerate(articles):
        for paragraph in article["paragraphs"]:
            documents.append(Document(f"{len(documents):05}", paragraph["context"]))
            dev = number < len(articles) // 2
            for item in paragraph["qas"]:
                answers = [answer["text"] for answer in item["answers"]]
                asked.append((item["question"], documents[-1].name, answers, dev))
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(documents, encoder, reader, Path(scratch))
        for question, name, answers, dev in asked:
            shown, values = bench.read(question)
            right = any(answer in each for answer in answers for each in shown)
            yield Example(path.stem, dev, bool(answers), right, values)
            if answers:
                yield Example(path.stem, dev, False, False, bench.read(question, without=name)[1])


def gold_examples(folder: Path, encoder: Encoder, reader: Reader) -> Iterator[Example]:
    """Each item that needs no history, as the gold file labels it."""
    docs = folder / "docs" if (folder / "docs").is_dir() else folder.parent / "corpus"
    with Parser(Limits()) as parser:
        documents = [parser.document(file, file.name) for file in sorted(docs.iterdir())]
    items = [json.loads(line) for line in (folder / "gold.jsonl").read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(documents, encoder, reader, Path(scratch))
        for number, item in enumerate(items):
            if not item.get("history"):
                dev = item["split"] == "dev" if "split" in item else number % 2 == 0
                shown, values = bench.read(item["question"])
                places = [*item.get("evidence", []), *chain.from_iterable(item.get("evidence_alt", []))]
                quotes = [place if isinstance(place, str) else place["quote"] for place in places]
                right = item["answerable"] and any(quote in each or each in quote for quote in quotes for each in shown)
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
    parser.add_argument("--twice", action="append", default=[], metavar="NAME")
    parser.add_argument("--reader", help="a Hugging Face model by name or path instead of the shipped one")
    parser.add_argument("--out", type=Path, help="write the calibration to this file")
    given = parser.parse_args()
    sources = [*(path.stem for path in given.squad), *(folder.name for folder in given.gold)]
    if unknown := set(given.twice).difference(sources):
        parser.error(f"--twice {', '.join(sorted(unknown))}: the sources are {', '.join(sources)}")
    settings = load_settings({"threads": 1, "reader": given.reader})
    encoder = Remembering(open_encoder(settings))
    reader = open_reader(settings, encoder)
    examples = [e for path in given.squad for e in squad_examples(path, encoder, reader)]
    examples += [e for folder in given.gold for e in gold_examples(folder, encoder, reader)]
    x = np.array([e.values for e in examples])
    y = np.array([e.answerable for e in examples])
    right = np.array([e.right for e in examples])
    dev = np.array([e.dev for e in examples])
    # every source and label weighs the same, however many questions it has, or twice as much
    groups = [(e.source, e.answerable, e.dev) for e in examples]
    weight = np.array([(2 if group[0] in given.twice else 1) / groups.count(group) for group in groups])
    solution = fit(x[dev], y[dev].astype(float), weight[dev])
    score = 1 / (1 + np.exp(-(x @ solution[:-1] + solution[-1])))
    cuts = thresholds(score[dev], y[dev], right[dev], weight[dev])
    for source in dict.fromkeys(e.source for e in examples):
        for name, half in (("dev", True), ("test", False)):
            part = np.array([e.source == source and e.dev == half for e in examples])
            if part.any():
                report(f"{source} {name}", score[part], y[part], right[part], cuts)
    names = Signals.__slots__
    card = {
        "intercept": round(float(solution[-1]), 4),
        "weights": {name: round(float(value), 4) for name, value in zip(names, solution[:-1], strict=True)},
        "thresholds": cuts,
        "fitted_on": "dev halves of " + ", ".join(dict.fromkeys(e.source for e in examples if e.dev)),
        "reader": reader.identity,
        "measured": measured(score[~dev], y[~dev], weight[~dev], cuts),
    }
    print(json.dumps(card, indent=2))
    if given.out:
        given.out.write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def thresholds(
    score: NDArray[np.float64], answerable: NDArray[np.bool_], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> dict[str, float]:
    """Where the dial's lines are drawn on development questions.

    "balanced": most questions are either answered with the right sentence or rightly declined, and of lines that are
    even in that, the one in the middle. "strict": 95% of the unanswerable ones are declined. "helpful": 95% of the
    answerable ones whose best sentences are right are answered.
    """
    cuts = np.unique(np.round(score, 3))
    asked = np.where(answerable, ANSWERABLE / weight[answerable].sum(), (1 - ANSWERABLE) / weight[~answerable].sum())
    gains = np.array([(asked * weight)[np.where(score >= cut, right, ~answerable)].sum() for cut in cuts])
    even = cuts[gains >= gains.max() - EVEN]
    balanced = round(float(even[0] + even[-1]) / 2, 3)
    declined = [weight[~answerable & (score < cut)].sum() / weight[~answerable].sum() for cut in cuts]
    answered = [weight[right & (score >= cut)].sum() / weight[right].sum() for cut in cuts]
    strict = next((float(cut) for cut, share in zip(cuts, declined, strict=True) if share >= STRICT), 1.0)
    helpful = next((float(c) for c, share in zip(cuts[::-1], answered[::-1], strict=True) if share >= HELPFUL), 0.0)
    return {"strict": max(strict, balanced), "balanced": balanced, "helpful": min(helpful, balanced)}


def measured(
    score: NDArray[np.float64], answerable: NDArray[np.bool_], weight: NDArray[np.float64], cuts: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """For each place of the dial the share of the answerable questions that it answers, and of the others that it
    declines, on questions that were not fitted on, weighed as those that were.
    """
    yes, no = (score[answerable], weight[answerable]), (score[~answerable], weight[~answerable])
    return {
        place: {
            "answered": round(float(np.average(yes[0] >= cut, weights=yes[1])), 3),
            "declined": round(float(np.average(no[0] < cut, weights=no[1])), 3),
        }
        for place, cut in cuts.items()
    }


def report(
    name: str,
    score: NDArray[np.float64],
    answerable: NDArray[np.bool_],
    right: NDArray[np.bool_],
    cuts: Mapping[str, float],
) -> None:
    """Print one source's AUROC and what each place of the dial does on it."""
    yes, no = score[answerable], score[~answerable]
    print(
        f"{name:20} n={len(score):5}  AUROC {auroc(score, answerable):.3f}  best right {right[answerable].mean():.3f}"
    )
    for place, cut in cuts.items():
        kept = answerable & (score >= cut)
        print(
            f"    {place:9} answers {np.mean(yes >= cut):.3f} of {len(yes)} answerable, right {right[kept].mean():.3f} "
            f"of {kept.sum()}, declines {np.mean(no < cut):.3f} of {len(no)} unanswerable"
        )


if __name__ == "__main__":
    main()
