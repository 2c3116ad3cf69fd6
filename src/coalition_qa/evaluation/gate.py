"""Whether a run may pass: what must always hold, the thresholds, and no significant loss against the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coalition_qa.evaluation import baseline
from coalition_qa.evaluation.baseline import Baseline, Bounds, Scored
from coalition_qa.evaluation.compare import Comparison, Side, chance, paired
from coalition_qa.evaluation.files import replace_file
from coalition_qa.evaluation.measure import Report
from coalition_qa.evaluation.results import Result, Variant, Verdicts
from coalition_qa.evaluation.statistics import Estimate
from coalition_qa.types import CoalitionQAError

_NAMED = 10  # ids in one line


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked; `items` are the ids of those to blame."""

    name: str
    passed: bool
    detail: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All checks, and the comparison that some of them rest on."""

    checks: tuple[Check, ...]
    comparison: Comparison
    remarks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(each.passed for each in self.checks)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each check, the flipped items, and what else should be known."""
        failed = sum(not each.passed for each in self.checks)
        verdict = f"Gate: {failed} of {len(self.checks)} checks failed" if failed else "Gate: passed"
        checks = (f"{'ok    ' if each.passed else 'FAILED'}  {each.name}: {each.detail}" for each in self.checks)
        return (*checks, *self.remarks, verdict)


def check(report: Report, path: Path) -> Outcome:
    """Hold a report against a baseline file.

    Raises GoldError for a baseline that cannot be read, or that has no question in common with the run.
    """
    kept = baseline.read(path)
    comparison = paired(Side(str(path), kept.items, kept.info), Side("this run", tuple(map(Scored.of, report.results))))
    checks = [*_invariants(report.results), *_thresholds(report, kept), *_losses(comparison)]
    return Outcome(tuple(checks), comparison, tuple(_remarks(report, kept, comparison)))


def write_baseline(report: Report, path: Path) -> None:
    """Make a report the baseline; thresholds that the file has are kept, a new file gets `first_thresholds`.

    Raises GoldError for a file that is no baseline, CoalitionQAError for one that cannot be written.
    """
    thresholds = baseline.read(path).thresholds if path.exists() else baseline.first_thresholds(report)
    try:
        replace_file(path, baseline.to_text(baseline.of(report, thresholds)))
    except OSError as error:
        raise CoalitionQAError(f"{path}: the baseline cannot be written: {error.strerror}.") from error


def _invariants(results: Iterable[Result]) -> Iterator[Check]:
    every = list(results)
    yield _none("errors", [each.id for each in every if each.error or any(v.error for v in _asked_again(each))])
    yield _none("invalid citations", [each.id for each in every if any(map(_invalid, _verdicts(each)))])
    yield _none("forbidden words said", [each.id for each in every if any(v.forbidden for v in _verdicts(each))])
    far = [each for each in every if each.category == "unanswerable-far"]
    yield _none("far questions answered", [each.id for each in far if not each.verdicts.abstained], of=len(far))
    must = [each for each in every if each.must_pass]
    yield _none("must_pass items failed", [each.id for each in must if not _passes(each)], of=len(must))


def _none(name: str, ids: list[str], of: int | None = None) -> Check:
    counted = f"{len(ids)}" if of is None else f"{len(ids)} of {of}"
    return Check(name, not ids, f"{counted}{': ' if ids else ''}{named(ids)}", tuple(ids))


def named(ids: Iterable[str]) -> str:
    """The first few of some ids, and how many more there are."""
    listed = list(ids)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more


def _asked_again(result: Result) -> tuple[Variant, ...]:
    return result.paraphrases if result.gold_history is None else (*result.paraphrases, result.gold_history)


def _verdicts(result: Result) -> list[Verdicts]:
    return [result.verdicts, *(each.verdicts for each in _asked_again(result))]


def _invalid(verdicts: Verdicts) -> bool:
    return verdicts.citing is not None and not all(verdicts.citing.valid)


def _passes(result: Result) -> bool:
    """Whether it is right; an item that is judged by retrieval alone, whether its evidence is among the first 5."""
    if result.verdicts.right is None:
        return result.verdicts.retrieval is not None and result.verdicts.retrieval.hit_5
    return result.verdicts.right


def _thresholds(report: Report, kept: Baseline) -> Iterator[Check]:
    for name, bounds in kept.thresholds.items():
        estimate = report.metrics.get(name)
        if estimate is None:
            yield Check(name, passed=False, detail="the run has no metric of that name; report.json has the names")
        else:
            yield Check(name, _within(estimate, bounds), _bounded(estimate, bounds))


def _within(estimate: Estimate, bounds: Bounds) -> bool:
    if estimate.value is None:
        return False
    return (bounds.min is None or estimate.value >= bounds.min) and (bounds.max is None or estimate.value <= bounds.max)


def _bounded(estimate: Estimate, bounds: Bounds) -> str:
    value = "nothing to measure" if estimate.value is None else f"{estimate.value:.3f}"
    limits = [
        f"at {end} {limit:g}" for end, limit in (("least", bounds.min), ("most", bounds.max)) if limit is not None
    ]
    return f"{value}, should be {' and '.join(limits)} (n = {estimate.n})"


def _losses(comparison: Comparison) -> Iterator[Check]:
    for each in comparison.tests:
        if each.difference.value is not None:
            detail = f"{each.difference.value:+.3f}, p {chance(each.p)} ({each.test}, n = {each.difference.n})"
            yield Check(f"no loss in {each.metric}", not each.is_loss, detail)


def _remarks(report: Report, kept: Baseline, comparison: Comparison) -> Iterator[str]:
    flips = {"right before, not now": comparison.lost, "right now, not before": comparison.gained}
    for name, flipped in flips.items():
        if flipped:
            yield f"        {name}: {named(flip.a.id for flip in flipped)}"
    missing = {
        "in the baseline only": comparison.only_a,
        "not in the baseline": comparison.only_b,
        "another question than in the baseline": comparison.reworded,
    }
    for name, ids in missing.items():
        if ids:
            yield f"        {name}: {named(ids)}"
    if kept.info.gold_sha256 != report.info.gold_sha256:
        yield "        the gold file is not the one that the baseline was made with"
    before, now = kept.timings.get("latency/total p50 ms"), report.metrics.get("latency/total p50 ms")
    if before and now and before.value and now.value:
        yield f"        time for a question: {now.value / before.value:.2f} times the baseline's (no check)"
