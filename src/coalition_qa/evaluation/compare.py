"""Two runs against each other, item by item: paired tests, and which items flipped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coalition_qa.evaluation import baseline
from coalition_qa.evaluation.baseline import Scored
from coalition_qa.evaluation.results import RESULTS, RunInfo, read_results
from coalition_qa.evaluation.scores import SHARES, TESTED
from coalition_qa.evaluation.statistics import (
    CLUSTERS_FROM,
    Estimate,
    bootstrap,
    mcnemar,
    permutation,
    ratio,
)
from coalition_qa.types import GoldError

SIGNIFICANT = 0.05
FLIPPED_BY = "headline/reliable accuracy"
_TOLD_APART_BY = ("gold_sha256", "corpus_sha256", "split", "limit", "seed", "settings", "models", "code_sha256")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs."""

    name: str
    items: tuple[Scored, ...]
    info: RunInfo | None = None


@dataclass(frozen=True, slots=True)
class Paired:
    """One metric of the items that both runs have: the two means, their difference (b - a), and what it is worth."""

    metric: str
    a: float | None
    b: float | None
    difference: Estimate
    lost: int
    gained: int
    p: float
    test: str

    @property
    def is_loss(self) -> bool:
        """Whether b is significantly worse."""
        return (self.difference.value or 0) < 0 and self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Flip:
    """An item that was right in one run and not in the other."""

    a: Scored
    b: Scored


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run b against run a; `reworded` items have the same id but another question, and are not compared."""

    a: str
    b: str
    n: int
    tests: tuple[Paired, ...]
    lost: tuple[Flip, ...]
    gained: tuple[Flip, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    reworded: tuple[str, ...]
    differences: tuple[str, ...] = ()


def compare(a: Path, b: Path) -> Comparison:
    """Compare two runs, each a folder that `eval run --out` wrote, its results.jsonl, or a baseline.

    Raises GoldError for what cannot be read, and for runs that have no question in common.
    """
    return paired(side(a), side(b))


def side(path: Path) -> Side:
    """One run from its files."""
    if path.suffix == ".json":
        kept = baseline.read(path)
        return Side(str(path), kept.items, kept.info)
    results = path / RESULTS if path.is_dir() else path
    items = tuple(Scored.of(result) for result in read_results(results, texts=False))
    return Side(str(path), items, _info(results.with_name("report.json")))


def _info(path: Path) -> RunInfo | None:
    if not path.is_file():
        return None
    try:
        return RunInfo.from_json(json.loads(path.read_text("utf-8"))["info"])
    except (ValueError, KeyError, TypeError) as error:
        raise GoldError(f"{path}: not the report of a run; run it again, or remove the file.") from error


def paired(a: Side, b: Side) -> Comparison:
    """Compare two sides. Raises GoldError where they have no question in common."""
    ours = {each.id: each for each in b.items}
    both = [(each, ours[each.id]) for each in a.items if each.id in ours]
    same = [Flip(one, other) for one, other in both if one.is_same_question(other)]
    if not same:
        raise GoldError(f"{a.name} and {b.name} have no question in common; compare runs of one gold file.")
    known = {each.id for each in a.items}
    return Comparison(
        a=a.name,
        b=b.name,
        n=len(same),
        tests=tuple(_test(name, same) for name in TESTED),
        lost=tuple(each for each in same if _change(each, FLIPPED_BY) == -1),
        gained=tuple(each for each in same if _change(each, FLIPPED_BY) == 1),
        only_a=tuple(each.id for each in a.items if each.id not in ours),
        only_b=tuple(each.id for each in b.items if each.id not in known),
        reworded=tuple(one.id for one, other in both if not one.is_same_question(other)),
        differences=tuple(_differences(a.info, b.info)),
    )


def _differences(a: RunInfo | None, b: RunInfo | None) -> Iterable[str]:
    if a is None or b is None:
        return
    for name in _TOLD_APART_BY:
        one, other = getattr(a, name), getattr(b, name)
        if isinstance(one, Mapping):
            changed = [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
            yield from (f"{name}.{key}: {one.get(key, '-')} / {other.get(key, '-')}" for key in changed)
        elif one != other:
            yield f"{name}: {one} / {other}"


def _change(pair: Flip, metric: str) -> float | None:
    one, other = pair.a.scores.get(metric), pair.b.scores.get(metric)
    return None if one is None or other is None else other - one


def _test(metric: str, pairs: Sequence[Flip]) -> Paired:
    """McNemar's for right or wrong, a permutation test for the rest; by document where there are ten or more."""
    judged = [(pair, change) for pair in pairs if (change := _change(pair, metric)) is not None]
    changes = [change for _, change in judged]
    lost, gained = sum(change < 0 for change in changes), sum(change > 0 for change in changes)
    clustered = len({pair.b.cluster for pair, _ in judged if pair.b.cluster}) >= CLUSTERS_FROM
    units = [pair.b.cluster if clustered and pair.b.cluster else f"item {pair.b.id}" for pair, _ in judged]
    if clustered:
        totals: dict[str, float] = {}
        for unit, change in zip(units, changes, strict=True):
            totals[unit] = totals.get(unit, 0.0) + change
        p, test = permutation(list(totals.values())), "permutation, by document"
    elif metric in SHARES:
        p, test = mcnemar(lost, gained), "exact McNemar"
    else:
        p, test = permutation(changes), "permutation"
    a, b = (_mean([each.scores[metric] or 0.0 for each in side]) for side in _sides(judged))
    return Paired(metric, a, b, _difference(changes, units), lost, gained, p, test)


def _sides(judged: Sequence[tuple[Flip, float]]) -> tuple[list[Scored], list[Scored]]:
    return [pair.a for pair, _ in judged], [pair.b for pair, _ in judged]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _difference(changes: Sequence[float], units: Sequence[str]) -> Estimate:
    interval = bootstrap({"": ratio(changes, [1.0] * len(changes))}, units)[""] if changes else None
    return Estimate(_mean(changes), len(changes), *(interval or (None, None)))


def to_text(comparison: Comparison) -> str:
    """The comparison for a terminal."""
    c = comparison
    lines = [f"{c.n} questions of both", f"  a: {c.a}", f"  b: {c.b}", ""]
    width = max(len(each.metric) for each in c.tests)
    lines.append(f"  {'metric'.ljust(width)}      a      b    b - a  95% interval       worse  better      p  test")
    lines += [_test_line(each, width) for each in c.tests]
    for title, flips in (("right in a, not in b", c.lost), ("right in b, not in a", c.gained)):
        lines += ["", f"{title}: {len(flips)}"]
        for flip in flips:
            lines += [f"  {flip.a.id} ({flip.a.category}): {flip.a.question}"]
            lines += [f"    {name}: {shown(each)}" for name, each in (("a", flip.a), ("b", flip.b))]
    named = {"only in a": c.only_a, "only in b": c.only_b, "another question under the same id": c.reworded}
    for title, ids in named.items():
        if ids:
            lines += ["", f"{title}: {len(ids)}", f"  {', '.join(ids)}"]
    if c.differences:
        lines += ["", "the runs differ in (a / b)", *(f"  {each}" for each in c.differences)]
    return "\n".join(lines) + "\n"


def _test_line(each: Paired, width: int) -> str:
    metric, a, b, change, interval, lost, gained, p, test = test_row(each)
    numbers = f"{a:>6} {b:>6}  {change:>7}  {interval:17}  {lost:>5}  {gained:>6}  {p:>5}"
    return f"  {metric.ljust(width)} {numbers}  {test}"


def test_row(each: Paired) -> tuple[str, ...]:
    """One metric as texts: its name, a, b, b - a, the interval, how many are worse and better, p, the test."""
    a, b = ("-" if value is None else f"{value:.3f}" for value in (each.a, each.b))
    d = each.difference
    change = "-" if d.value is None else f"{d.value:+.3f}"
    interval = "-" if d.low is None else f"{d.low:+.3f} to {d.high:+.3f}"
    return each.metric, a, b, change, interval, str(each.lost), str(each.gained), chance(each.p), each.test


def chance(p: float) -> str:
    """A p-value in three decimals; it is never 0."""
    return "<.001" if p < 0.001 else f"{p:.3f}"


def shown(scored: Scored) -> str:
    """What was answered, or that nothing was."""
    if scored.status == "answered":
        return " ".join(scored.answer.split())
    return "(declined)" if scored.status == "abstained" else f"(error) {scored.answer}"
