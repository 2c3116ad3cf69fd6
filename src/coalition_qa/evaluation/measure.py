"""Results to numbers: every metric of the report by name, with n and a 95% interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from coalition_qa.evaluation.confidence import Ranked
from coalition_qa.evaluation.gold import CATEGORIES
from coalition_qa.evaluation.results import Result, RunInfo
from coalition_qa.evaluation.scores import CITATION_PRECISION, CITATION_RECALL, MEANS, SHARES, Each, right
from coalition_qa.evaluation.statistics import (
    CLUSTERS_FROM,
    Array,
    Estimate,
    Statistic,
    bootstrap,
    divided,
    quantile,
    ratio,
    share,
    value_of,
)

VERDICT_FROM = 20  # a category of fewer items shows its counts and no accuracy
KINDS = ("unanswerable-near", "unanswerable-far", "false-premise", "adversarial")
LATENCY = "latency"
"""The section that the clock and the memory meter write; all others are the same in every run."""


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """How many of a category's items are right; the accuracy only where there are enough to say."""

    category: str
    n: int
    right: int
    accuracy: Estimate | None


@dataclass(frozen=True, slots=True)
class Report:
    """The results and what they amount to; `metrics` are named "section/metric"."""

    info: RunInfo
    results: tuple[Result, ...]
    metrics: Mapping[str, Estimate]
    categories: tuple[CategoryRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Result, ...]:
        """The results of items that could not be asked or judged; each scores 0."""
        return tuple(result for result in self.results if result.error)


def report(results: Sequence[Result], info: RunInfo) -> Report:
    """Draw the results of one run together."""
    by_document = units(results)
    notes = (*info.notes, _interval_note(results))
    categories = tuple(_categories(results, by_document))
    return Report(info, tuple(results), measure(results, by_document, info), categories, notes)


def units(results: Sequence[Result]) -> list[str]:
    """What each result is resampled with: its document where there are ten or more, else itself.

    A question about no document in particular is always by itself.
    """
    clustered = _documents(results) >= CLUSTERS_FROM
    return [f"document {each.cluster}" if clustered and each.cluster else f"item {each.id}" for each in results]


def _documents(results: Iterable[Result]) -> int:
    return len({each.cluster for each in results if each.cluster})


def _interval_note(results: Sequence[Result]) -> str:
    documents = _documents(results)
    if documents >= CLUSTERS_FROM:
        return f"Intervals are over {documents} documents: questions on one text are not independent of each other."
    if documents > 1:
        return f"The questions are on {documents} documents, too few to resample: the intervals are over questions."
    return "All evidence is in one document: the intervals are over questions about this text only."


def measure(results: Sequence[Result], drawn_with: Sequence[str], info: RunInfo) -> dict[str, Estimate]:
    """Every number of the report by name; definitions are in `metrics` and `confidence`."""
    table = _Table(results, drawn_with)
    for name, shares in SHARES.items():
        table.mean(name, shares, proportion=True)
    for name, values in MEANS.items():
        table.mean(name, values)
    _citation_f1(table)
    _abstention(table)
    _confidence(table)
    measured = table.estimates() | _conciseness(results) | _latency(results, info)
    order = list(dict.fromkeys(name.partition("/")[0] for name in SHARES))
    return dict(sorted(measured.items(), key=lambda each: _place(each[0], order)))


def _place(name: str, order: Sequence[str]) -> int:
    section = name.partition("/")[0]
    return order.index(section) if section in order else len(order)


class _Table:
    """Statistics by name, all estimated over the same resamples."""

    def __init__(self, results: Sequence[Result], drawn_with: Sequence[str]) -> None:
        self.results = results
        self._units = drawn_with
        self._by_item = len(set(drawn_with)) == len(drawn_with)
        self._statistics: dict[str, Statistic] = {}
        self._known: dict[str, Estimate] = {}

    def mean(self, name: str, each: Each, *, proportion: bool = False) -> Statistic:
        """The mean of what all results add.

        A proportion has a Wilson interval where items are independent, and where all are alike, since resampling
        could not tell that the next might differ.
        """
        values = [[float(value) for value in each(result)] for result in self.results]
        counts = [len(of_item) for of_item in values]
        totals = [sum(of_item) for of_item in values]
        total, n = sum(totals), sum(counts)
        statistic = ratio(totals, counts)
        if proportion and (self._by_item or total in (0, n)):
            self._known[name] = share(int(total), n)
            self._statistics[name] = statistic
        else:
            self.add(name, statistic, n)
        return statistic

    def add(self, name: str, statistic: Statistic, n: int) -> None:
        """Any statistic, counted over `n`."""
        self._statistics[name] = statistic
        self._known[name] = Estimate(value_of(statistic, len(self.results)), n)

    def estimates(self) -> dict[str, Estimate]:
        """All of them; one number alone has no interval."""
        open_ended = {name: self._statistics[name] for name, each in self._known.items() if _wants_interval(each)}
        intervals = bootstrap(open_ended, self._units)
        made = dict(self._known)
        for name, interval in intervals.items():
            if interval is not None:
                made[name] = Estimate(made[name].value, made[name].n, *interval)
        return made


def _wants_interval(estimate: Estimate) -> bool:
    return estimate.value is not None and estimate.low is None and estimate.n > 1


def _citation_f1(table: _Table) -> None:
    """Harmonic mean of citation precision and recall: 2·P·R / (P + R)."""
    names = (CITATION_PRECISION, CITATION_RECALL)
    precision, recall = (table.mean(name, SHARES[name], proportion=True) for name in names)

    def statistic(weights: Array) -> Array:
        p, r = precision(weights), recall(weights)
        return divided(2 * p * r, p + r)

    cited = [each.verdicts.citing for each in table.results if each.verdicts.citing]
    table.add("citations/F1", statistic, sum(len(each.tiers) for each in cited))


def _abstention(table: _Table) -> None:
    """F1 of abstaining; and all of it by kind of unanswerable question, beside the answerable ones only."""
    _abstention_f1(table, "abstention/F1", None)
    there = {each.category for each in table.results if not each.answerable}
    for kind in (kind for kind in KINDS if kind in there):
        for name in ("precision", "recall", "hallucination"):
            table.mean(
                f"abstention/{name}, {kind}", _beside_answerable(kind, SHARES[f"abstention/{name}"]), proportion=True
            )
        _abstention_f1(table, f"abstention/F1, {kind}", kind)


def _abstention_f1(table: _Table, name: str, kind: str | None) -> None:
    """2·TP / (abstained + unanswerable)."""
    counted = [kind is None or each.answerable or each.category == kind for each in table.results]
    cases = list(zip(counted, table.results, strict=True))
    found = [2.0 * (here and each.verdicts.abstained and not each.answerable) for here, each in cases]
    either = [float(here and each.verdicts.abstained) + (here and not each.answerable) for here, each in cases]
    table.add(name, ratio(found, either), sum(counted))


def _beside_answerable(kind: str, each: Each) -> Each:
    return lambda result: each(result) if result.answerable or result.category == kind else ()


def _only(category: str, each: Each) -> Each:
    return lambda result: each(result) if result.category == category else ()


def risks(results: Sequence[Result]) -> Ranked:
    """By confidence, whether the best answer, forced where it was declined, is wrong; any is, to the unanswerable."""
    wrong = [None if each.verdicts.right is None else not each.verdicts.best_correct for each in results]
    return Ranked([each.confidence for each in results], wrong)


def _confidence(table: _Table) -> None:
    wrong = risks(table.results)
    table.add("confidence/AURC", wrong.aurc, wrong.n)
    table.add("confidence/E-AURC", wrong.excess_aurc, wrong.n)
    for risk in (0.05, 0.1):
        table.add(f"confidence/coverage at risk {risk:.0%}", wrong.coverage_at(risk), wrong.n)
    held = Ranked([each.confidence for each in table.results], [each.answerable for each in table.results])
    table.add("confidence/AUROC answerable", held.auroc, held.n)
    table.add("confidence/Brier score", held.brier, held.n)
    table.add("confidence/ECE, 10 bins", held.calibration_error, held.n)


def _conciseness(results: Iterable[Result]) -> dict[str, Estimate]:
    """Median of the tokens shown for each token of the shortest gold answer; `contains` alone rewards length."""
    answered = [each.verdicts.wording for each in results if each.status == "answered" and each.verdicts.wording]
    ratios = [each.tokens / each.gold_tokens for each in answered if each.gold_tokens]
    return {"answers/conciseness: tokens for one of gold": quantile(ratios, 0.5)}


def _latency(results: Sequence[Result], info: RunInfo) -> dict[str, Estimate]:
    stages = dict.fromkeys(stage for each in results for stage in each.timings)
    return {
        f"{LATENCY}/{stage} p{p} ms": quantile([t.timings[stage] for t in results if stage in t.timings], p / 100)
        for stage in stages
        for p in (50, 95)
    } | {f"{LATENCY}/{name.replace('_', ' ')}": Estimate(value, 1) for name, value in info.timings.items()}


def _categories(results: Sequence[Result], drawn_with: Sequence[str]) -> Iterable[CategoryRow]:
    table = _Table(results, drawn_with)
    for name in dict.fromkeys(each.category for each in results):
        table.mean(name, _only(name, right), proportion=True)
    estimates = table.estimates()
    known = {name: at for at, name in enumerate(CATEGORIES)}
    for name in sorted(estimates, key=lambda name: (known.get(name, len(known)), name)):
        estimate = estimates[name]
        if estimate.value is not None:
            enough = estimate.n >= VERDICT_FROM
            yield CategoryRow(name, estimate.n, round(estimate.value * estimate.n), estimate if enough else None)
