"""What is judged of one item, as pure functions.

Where nothing is to be counted the answer is None, never NaN: 0/0 is shown as "-".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log2

from coalition_qa.evaluation.normalise import norm, numbers, tok
from coalition_qa.types import Span

Supports = Callable[[str, str], str | None]
"""Whether a cited text supports a statement: the tier that says so, or None."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a document: gold evidence, a retrieved passage or a cited place."""

    doc: str
    span: Span
    text: str


# --- retrieval ---


def relevant(place: Excerpt, gold: Iterable[Excerpt], share: float = 0.5) -> bool:
    """Whether some gold span overlaps `place` by at least `share` of the shorter of the two, same document."""
    return any(_overlaps(place, span, share) for span in gold)


def _overlaps(place: Excerpt, gold: Excerpt, share: float) -> bool:
    overlap = place.span.overlap(gold.span) if place.doc == gold.doc else 0
    return overlap > 0 and overlap >= share * min(_length(place.span), _length(gold.span))


def hit_at(k: int, ranked: Sequence[bool]) -> bool:
    """Whether any of the first `k` of a ranking is relevant."""
    return any(ranked[:k])


def reciprocal_rank(ranked: Sequence[bool], k: int = 10) -> float:
    """1 / rank of the first relevant one in the first `k`; 0 where there is none (Voorhees, TREC-8 QA, 1999)."""
    return next((1 / rank for rank, hit in enumerate(ranked[:k], start=1) if hit), 0.0)


def ndcg(ranked: Sequence[bool], relevant_in_index: int, k: int = 10) -> float | None:
    """Binary nDCG@k: sum of 1/log2(rank + 1) over the best possible sum (Järvelin & Kekäläinen, 2002).

    `relevant_in_index` counts the relevant passages of the whole index, not of those retrieved.
    """
    if relevant_in_index == 0:
        return None
    gain = sum(1 / log2(rank + 1) for rank, hit in enumerate(ranked[:k], start=1) if hit)
    return gain / sum(1 / log2(rank + 1) for rank in range(1, min(k, relevant_in_index) + 1))


def evidence_recall(retrieved: Sequence[Excerpt], gold_sets: Sequence[Sequence[Excerpt]]) -> float | None:
    """Share of the gold's characters that were retrieved, of the best of the alternative sets.

    |union(retrieved) ∩ union(gold)| / |union(gold)|, as chunking_evaluation and LegalBench-RAG define it.
    """
    found = _union(retrieved)
    shares = [_shared(found, gold) / _size(gold) for gold in map(_union, gold_sets) if _size(gold)]
    return max(shares, default=None)


def evidence_precision(retrieved: Sequence[Excerpt], gold_sets: Sequence[Sequence[Excerpt]]) -> float | None:
    """Share of the retrieved characters that are gold, of the best of the alternative sets."""
    found = _union(retrieved)
    if not _size(found):
        return None
    return max((_shared(found, _union(gold)) / _size(found) for gold in gold_sets), default=None)


def iou(retrieved: Sequence[Excerpt], gold_sets: Sequence[Sequence[Excerpt]]) -> float | None:
    """|retrieved ∩ gold| / |retrieved ∪ gold| in characters (Jaccard), of the best of the alternative sets."""
    found = _union(retrieved)
    ratios = []
    for gold in map(_union, gold_sets):
        shared = _shared(found, gold)
        if _size(gold):
            ratios.append(shared / (_size(found) + _size(gold) - shared))
    return max(ratios, default=None)


def all_evidence(retrieved: Sequence[Excerpt], gold_sets: Sequence[Sequence[Excerpt]], share: float = 0.9) -> bool:
    """Whether of some alternative set every gold span is retrieved, each by at least `share` of its characters."""
    found = _union(retrieved)

    def covered(span: Excerpt) -> bool:
        return _shared(found, _union([span])) >= share * _length(span.span)

    return any(all(map(covered, gold)) for gold in gold_sets if gold)


Places = dict[str, list[Span]]


def _union(excerpts: Iterable[Excerpt]) -> Places:
    """Disjoint sorted spans by document that cover just what the excerpts cover."""
    places: Places = {}
    for excerpt in sorted(excerpts, key=lambda each: (each.doc, each.span)):
        spans = places.setdefault(excerpt.doc, [])
        if spans and excerpt.span.start <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, excerpt.span.end))
        else:
            spans.append(excerpt.span)
    return places


def _size(places: Places) -> int:
    return sum(_length(span) for spans in places.values() for span in spans)


def _shared(left: Places, right: Places) -> int:
    return sum(a.overlap(b) for doc, spans in left.items() for a in spans for b in right.get(doc, ()))


def _length(span: Span) -> int:
    return span.end - span.start


# --- answers ---


def exact_match(prediction: str, answers: Iterable[str]) -> bool:
    """Whether prediction and some answer have the same normal form (SQuAD, Rajpurkar et al., 2016)."""
    return any(norm(prediction) == norm(answer) for answer in answers)


def token_f1(prediction: str, answers: Iterable[str]) -> float:
    """Best F1 of the two multisets of tokens over the answers (SQuAD); two empty ones agree (SQuAD 2.0)."""
    return max((_token_f1(tok(prediction), tok(answer)) for answer in answers), default=0.0)


def _token_f1(prediction: list[str], answer: list[str]) -> float:
    if not prediction or not answer:
        return float(prediction == answer)
    shared = sum((Counter(prediction) & Counter(answer)).values())
    return 2 * shared / (len(prediction) + len(answer))


def contains(text: str, phrase: str) -> bool:
    """Whether the phrase's tokens are a contiguous run of the text's: "79" is not in "1979"."""
    run = norm(phrase)
    return bool(run) and f" {run} " in f" {norm(text)} "


def contains_any(text: str, phrases: Iterable[str]) -> bool:
    """Whether some phrase is contained in the text."""
    return any(contains(text, phrase) for phrase in phrases)


def required_recall(text: str, groups: Sequence[Sequence[str]]) -> float | None:
    """Share of the groups of which some alias is contained: nugget recall (TREC QA)."""
    return sum(contains_any(text, group) for group in groups) / len(groups) if groups else None


def agreement(answers: Sequence[str]) -> float | None:
    """Mean token F1 of every two answers to one question: 1 where all wordings get the same answer."""
    pairs = list(combinations(answers, 2))
    return sum(token_f1(one, [other]) for one, other in pairs) / len(pairs) if pairs else None


def numbers_guarded(headline: str, known: Iterable[str]) -> bool:
    """Whether each number of the headline is in a known text: the question, the gold answers, the gold evidence."""
    return numbers(headline) <= frozenset[str]().union(*map(numbers, known))


# --- citations ---


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer with the texts at the places that it cites."""

    text: str
    cited: tuple[str, ...]


def valid(cited: Excerpt, document: str | None) -> bool:
    """Whether the document exists and holds just the cited text at just that place."""
    return document is not None and bool(cited.text) and cited.span.of(document) == cited.text


def support(statement: Statement, supports: Supports) -> str | None:
    """The tier by which all that a statement cites, taken together, supports it (ALCE's citation recall)."""
    cited = " ".join(statement.cited)
    return supports(statement.text, cited) if cited else None


def precise_citations(statement: Statement, supports: Supports) -> list[bool]:
    """For each of a statement's citations, whether it does work (ALCE, Gao et al., 2023, citation precision).

    It does when it supports the statement alone, or when all together do and without it they don't.
    """
    whole = support(statement, supports)

    def works(at: int) -> bool:
        others = statement.cited[:at] + statement.cited[at + 1 :]
        if support(Statement(statement.text, (statement.cited[at],)), supports):
            return True
        return bool(whole) and not support(Statement(statement.text, others), supports)

    return [works(at) for at in range(len(statement.cited))]


def gold_cited(cited: Sequence[Excerpt], gold_sets: Sequence[Sequence[Excerpt]]) -> list[bool]:
    """For each gold span, whether it is cited, in the alternative set where that share is best."""
    reached = [[relevant(span, cited) for span in gold] for gold in gold_sets if gold]
    return max(reached, key=lambda each: sum(each) / len(each), default=[])
