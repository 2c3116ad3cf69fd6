"""Score the reader on the English part of XQuAD and on ClapNQ (never trained on).

    python evaluate.py --model model.onnx --tokenizer FOLDER --encoder ENCODER --xquad xquad_en_dev.json

XQuAD's articles are split in two halves, in title order: choices (rerank weights) are made on "dev" alone.
Prints a table and, with --out, writes the same as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from data import Builder, Paragraph, Plan, Question, sentence_spans
from reader import Forward, Reading, load_tokenizer, onnx_forward, read, torch_forward
from retrieval import bm25, embed, fuse
from scipy.stats import rankdata

log = logging.getLogger(__name__)
DEPTH = 10  # passages read for each question
Table = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Asked:
    """One question with its paragraph; `half` is "dev" or "test", by article."""

    text: str
    answers: tuple[str, ...]
    context: str
    paragraph: int
    half: str
    starts: tuple[int, ...] = ()
    article: str = ""


def load_xquad(path: Path) -> list[Asked]:
    """Questions of a SQuAD file; articles in title order alternate between the dev and the test half."""
    articles = sorted(json.loads(path.read_text(encoding="utf-8"))["data"], key=lambda a: a["title"])
    asked, number = [], 0
    for position, article in enumerate(articles):
        half = "test" if position % 2 else "dev"
        for paragraph in article["paragraphs"]:
            for item in paragraph["qas"]:
                answers = tuple(a["text"] for a in item["answers"])
                starts = tuple(a["answer_start"] for a in item["answers"])
                context, title = paragraph["context"], article["title"]
                asked.append(Asked(item["question"], answers, context, number, half, starts, title))
            number += 1
    return asked


def squad_words(text: str) -> list[str]:
    """SQuAD's normalisation: lower case, no punctuation, no articles."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def span_scores(predicted: str, answers: Sequence[str]) -> dict[str, float]:
    """Exact match, token F1 and "contains" (prediction contains an answer), best over the answers."""
    said = squad_words(predicted)
    best = {"exact": 0.0, "f1": 0.0, "contains": 0.0}
    for answer in answers:
        gold = squad_words(answer)
        common = sum((Counter(said) & Counter(gold)).values())
        f1 = 2 * common / (len(said) + len(gold)) if common else 0.0
        contains = float(f" {' '.join(gold)} " in f" {' '.join(said)} ")
        values = {"exact": float(said == gold), "f1": f1, "contains": contains}
        best = {key: max(best[key], values[key]) for key in best}
    return best


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Probability that a positive scores above a negative, ties half (Mann-Whitney)."""
    order = rankdata(np.concatenate([positive, negative]))
    n = len(positive)
    return float((order[:n].sum() - n * (n + 1) / 2) / (n * len(negative)))


def lost_at(positive: Sequence[float], negative: Sequence[float], lost: float = 0.1) -> float:
    """Share of negatives under the threshold that loses `lost` of the positives."""
    return float(np.mean(np.asarray(negative) < np.quantile(positive, lost)))


def interval(values: Sequence[float], clusters: Sequence[object], seed: int = 7) -> tuple[float, float]:
    """95% bootstrap interval of the mean, whole articles drawn together."""
    rng = np.random.default_rng(seed)
    names = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    groups = np.array([names[c] for c in clusters])
    sums = np.bincount(groups, weights=np.asarray(values, dtype=float))
    sizes = np.bincount(groups)
    drawn = rng.integers(0, len(sums), (4000, len(sums)))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def paragraph_given(asked: Sequence[Asked], readings: Sequence[Reading]) -> dict[str, float]:
    """Exact match, F1 and contains of the best span, forced; and how often the margin is positive."""
    found = [q.context[r.start : r.end] for q, r in zip(asked, readings, strict=True)]
    scores = [span_scores(text, q.answers) for text, q in zip(found, asked, strict=True)]
    result = {key: float(np.mean([s[key] for s in scores])) for key in scores[0]}
    low, high = interval([s["f1"] for s in scores], [q.article for q in asked])
    answered = float(np.mean([r.margin > 0 for r in readings]))
    return {**result, "f1_low": low, "f1_high": high, "margin>0": answered}


def quick_report(asked: list[Asked], forward: Forward, tokenizer_folder: Path) -> Table:
    """The paragraph-given part of the report alone."""
    readings = read(forward, load_tokenizer(tokenizer_folder), [(q.text, q.context) for q in asked])
    table: Table = {}
    for half in ("dev", "test", "all"):
        rows = [i for i, q in enumerate(asked) if half in (q.half, "all")]
        table[f"{half}: paragraph given (n={len(rows)})"] = paragraph_given(
            [asked[i] for i in rows], [readings[i] for i in rows]
        )
    return table


class Bench:
    """XQuAD with its retrieval scores and the reader's reading of the best passages of each question."""

    def __init__(self, asked: list[Asked], encoder: Path, forward: Forward, tokenizer_folder: Path) -> None:
        self.asked, self.forward = asked, forward
        self.tokenizer = load_tokenizer(tokenizer_folder)
        self.passages = list(dict.fromkeys(q.context for q in asked))
        self.own = np.array([self.passages.index(q.context) for q in asked])
        self.cosine = embed([q.text for q in asked], encoder) @ embed(self.passages, encoder).T
        self.bm25 = bm25([q.text for q in asked], self.passages)
        self.fused = fuse(self.cosine, self.bm25)
        self.order = np.argsort(-self.fused, axis=1, kind="stable")
        self.readings = self._read_all()

    def _read_all(self) -> list[dict[int, Reading]]:
        """For each question: its own passage, the best by fusion, and the best three wrong by MiniLM."""
        wanted = []
        for row, own in enumerate(self.own):
            near = [p for p in np.argsort(-self.cosine[row], kind="stable") if p != own][:3]
            wanted += [(row, p) for p in dict.fromkeys([own, *self.order[row, : DEPTH + 1], *near])]
        pairs = [(self.asked[row].text, self.passages[p]) for row, p in wanted]
        readings: list[dict[int, Reading]] = [{} for _ in self.asked]
        for (row, p), reading in zip(wanted, read(self.forward, self.tokenizer, pairs), strict=True):
            readings[row][int(p)] = reading
        return readings

    def rows(self, half: str) -> list[int]:
        """Questions of a half, or of both ("all")."""
        return [i for i, q in enumerate(self.asked) if half in (q.half, "all")]

    def given(self, rows: Sequence[int]) -> dict[str, float]:
        """Answers with the paragraph given."""
        return paragraph_given([self.asked[i] for i in rows], [self.readings[i][self.own[i]] for i in rows])

    def wrong(self, rows: Sequence[int]) -> dict[str, float]:
        """Margin AUROC: own or wrong paragraph; a library with the paragraph or without it."""
        own = [self.readings[i][self.own[i]].margin for i in rows]
        near = [[p for p in np.argsort(-self.cosine[i], kind="stable") if p != self.own[i]][:3] for i in rows]
        wrong = [[self.readings[i][int(p)].margin for p in ps] for i, ps in zip(rows, near, strict=True)]
        first, three = [w[0] for w in wrong], [max(w) for w in wrong]
        with_it = [max(self.readings[i][int(p)].margin for p in self.order[i, :5]) for i in rows]
        left = [[p for p in self.order[i] if p != self.own[i]][:5] for i in rows]
        without = [max(self.readings[i][int(p)].margin for p in ps) for i, ps in zip(rows, left, strict=True)]
        cosine_with = [self.cosine[i].max() for i in rows]
        cosine_without = [np.delete(self.cosine[i], self.own[i]).max() for i in rows]
        return {
            "own_vs_best_wrong": auroc(own, first),
            "own_vs_max_of_3_wrong": auroc(own, three),
            "library_with_vs_without": auroc(with_it, without),
            "without_declined_at_10%_lost": lost_at(with_it, without),
            "cosine_alone_with_vs_without": auroc(cosine_with, cosine_without),
        }

    def reranked(self, i: int, weights: tuple[float, float, float], depth: int) -> list[int]:
        """The fusion's best `depth` passages by weighted margin + cosine + BM25 (share of the best)."""
        top = [int(p) for p in self.order[i, :depth]]
        lexical = self.bm25[i] / max(1e-9, float(self.bm25[i].max()))
        score = {
            p: weights[0] * self.readings[i][p].margin + weights[1] * self.cosine[i, p] + weights[2] * lexical[p]
            for p in top
        }
        return sorted(top, key=lambda p: (-score[p], top.index(p)))

    def ranking(self, rows: Sequence[int], weights: tuple[float, float, float], depth: int) -> dict[str, float]:
        """Open corpus: hit@1 and MRR of the passage, and the short answer read in the first passage."""
        orders = [self.reranked(i, weights, depth) for i in rows]
        hits = [float(o[0] == self.own[i]) for i, o in zip(rows, orders, strict=True)]
        mrr = [1 / (1 + o.index(self.own[i])) if self.own[i] in o else 0.0 for i, o in zip(rows, orders, strict=True)]
        scores = []
        for i, order in zip(rows, orders, strict=True):
            reading = self.readings[i][order[0]]
            scores.append(span_scores(self.passages[order[0]][reading.start : reading.end], self.asked[i].answers))
        low, high = interval(hits, [self.asked[i].article for i in rows])
        answers = {key: float(np.mean([s[key] for s in scores])) for key in ("exact", "f1", "contains")}
        return {
            "hit@1": float(np.mean(hits)),
            "low": low,
            "high": high,
            "mrr": float(np.mean(mrr)),
            **answers,
        }

    def best_weights(self, depth: int) -> tuple[float, float, float]:
        """Weights with the best hit@1, then MRR, on the dev half."""
        grid = itertools.product([1.0], [0, 5, 10, 15, 20, 30, 40, 60], [0, 2, 4, 6, 8, 12, 16, 24])
        rows = self.rows("dev")
        found = [(self.ranking_quick(rows, w, depth), w) for w in grid]
        return max(found, key=lambda item: item[0])[1]

    def ranking_quick(
        self, rows: Sequence[int], weights: tuple[float, float, float], depth: int
    ) -> tuple[float, float]:
        """hit@1 and MRR alone."""
        places = []
        for i in rows:
            order = self.reranked(i, weights, depth)
            places.append(1 / (1 + order.index(self.own[i])) if self.own[i] in order else 0.0)
        return float(np.mean([p == 1 for p in places])), float(np.mean(places))

    def made_unanswerable(self, half: str) -> dict[str, float]:
        """Own paragraph less the answer sentence, or the question with a name or number swapped."""
        source: dict[str, list[Paragraph]] = {"xquad": []}
        rows = self.rows(half)
        for i in rows:
            q = self.asked[i]
            spans = tuple((s, s + len(a)) for s, a in zip(q.starts, q.answers, strict=True))
            source["xquad"].append(Paragraph(q.context, "xquad", q.article, (Question(q.text, spans),)))
        builder = Builder(source, Plan(whole=1.0), seed=7)
        result: dict[str, float] = {}
        for kind, make in (("removed", builder.removed), ("swapped", builder.swapped)):
            made = [(i, make(p, p.questions[0])) for i, p in zip(rows, source["xquad"], strict=True)]
            kept = [(i, e) for i, e in made if e]
            readings = read(self.forward, self.tokenizer, [(e.question, e.context) for _, e in kept])
            own = [self.readings[i][self.own[i]].margin for i, _ in kept]
            result[f"{kind}_auroc"] = auroc(own, [r.margin for r in readings])
            result[f"{kind}_declined_at_10%_lost"] = lost_at(own, [r.margin for r in readings])
            result[f"{kind}_n"] = len(kept)
        return result


def clapnq(folder: Path, forward: Forward, tokenizer_folder: Path) -> dict[str, float]:
    """ClapNQ, its own passage given: margin of answerable against unanswerable questions; sentence picked."""
    lines = (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [item for item in map(json.loads, lines) if (folder / "docs" / _passage(item)).is_file()]
    pairs = [(g["question"], (folder / "docs" / _passage(g)).read_text(encoding="utf-8")) for g in gold]
    readings = read(forward, load_tokenizer(tokenizer_folder), pairs)
    answerable = [r.margin for r, g in zip(readings, gold, strict=True) if g["answerable"]]
    others = [r.margin for r, g in zip(readings, gold, strict=True) if not g["answerable"]]
    picked = []
    for (_, text), reading, item in zip(pairs, readings, gold, strict=True):
        if item["answerable"]:
            middle = (reading.start + reading.end) // 2
            said = " ".join(text[a:b] for a, b in sentence_spans(text) if a <= middle < b)
            picked.append(any(_same(said, e["quote"]) for e in item["evidence"]))
    return {
        "auroc": auroc(answerable, others),
        "declined_at_10%_lost": lost_at(answerable, others),
        "span_in_gold_sentence": float(np.mean(picked)),
        "answerable_n": len(answerable),
        "unanswerable_n": len(others),
    }


def _passage(item: dict[str, Any]) -> str:
    """File name of a ClapNQ question's own passage; an unanswerable one's stands in its note."""
    return str(item["evidence"][0]["doc"] if item["answerable"] else item["note"].split()[-1])


def _same(sentence: str, quote: str) -> bool:
    a, b = " ".join(squad_words(sentence)), " ".join(squad_words(quote))
    return bool(a) and (a in b or b in a)


def report(bench: Bench) -> Table:
    """Every XQuAD measure for dev, test and both halves."""
    table: Table = {}
    settings = {"fusion": (0.0, 0.0, 0.0)}
    for depth in (5, DEPTH):
        settings[f"margin alone, top {depth}"] = (1.0, 0.0, 0.0)
        settings[f"margin + retrieval, top {depth}"] = bench.best_weights(depth)
    for half in ("dev", "test", "all"):
        rows = bench.rows(half)
        table[f"{half}: paragraph given (n={len(rows)})"] = bench.given(rows)
        table[f"{half}: margin AUROC"] = bench.wrong(rows)
        table[f"{half}: made unanswerable"] = bench.made_unanswerable(half)
        for name, weights in settings.items():
            depth = 5 if name.endswith(" 5") else DEPTH
            row = bench.ranking(rows, weights, depth)
            table[f"{half}: open corpus, {name}"] = {**row, "w_cosine": weights[1], "w_bm25": weights[2]}
    return table


def load_forward(model: Path, threads: int) -> Forward:
    """An .onnx file, or a folder in the Hugging Face layout."""
    if model.suffix == ".onnx":
        return onnx_forward(model, threads)
    from transformers import BertForQuestionAnswering

    return torch_forward(BertForQuestionAnswering.from_pretrained(model).train(False))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help=".onnx file or Hugging Face folder")
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--xquad", type=Path, required=True)
    parser.add_argument("--clapnq", type=Path)
    parser.add_argument("--quick", action="store_true", help="paragraph given only")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    forward = load_forward(options.model, options.threads)
    asked = load_xquad(options.xquad)
    if options.quick:
        table = quick_report(asked, forward, options.tokenizer)
    else:
        table = report(Bench(asked, options.encoder, forward, options.tokenizer))
    if options.clapnq:
        table["clapnq: own passage given"] = clapnq(options.clapnq, forward, options.tokenizer)
    for name, values in table.items():
        log.info("%s\n    %s", name, "  ".join(f"{key} {value:.4g}" for key, value in values.items()))
    if options.out:
        options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
