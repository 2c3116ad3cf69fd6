"""The report as one HTML page that needs nothing else: no script, no font, no address.

jinja2 fills the template because it escapes every text; it is there already, since gradio needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coalition_qa.evaluation import charts
from coalition_qa.evaluation.compare import Comparison, Flip, shown, test_row
from coalition_qa.evaluation.gate import Outcome
from coalition_qa.evaluation.measure import LATENCY, CategoryRow, Report, risks
from coalition_qa.evaluation.results import Result
from coalition_qa.evaluation.statistics import Estimate, share

MOST_ROWS = 200
TILES = {
    "headline/reliable accuracy": "right and cited, or rightly declined",
    "retrieval/hit@5": "evidence among the first 5 passages",
    "citations/recall: statements supported": "of the sentences shown are supported by what they cite",
    "abstention/hallucination": "of the unanswerable questions were answered",
    "abstention/over-abstention": "of the answerable questions were declined",
}
_RISK, _CATEGORIES, _LATENCY = "Risk against coverage", "Right by category", "Time for a question"

Rows = Sequence[tuple[str, Sequence[tuple[str, ...]]]]


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that people look at first."""

    value: str
    interval: str
    said: str
    n: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing, a sentence on how to read it, and the same as a table."""

    name: str
    reading: str
    svg: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """An item that is not right."""

    id: str
    category: str
    question: str
    answer: str
    gold: str


def to_html(
    report: Report, sections: Rows, remarks: Mapping[str, Sequence[str]], outcome: Outcome | None = None
) -> str:
    """The page; `sections` are the tables of all numbers and `remarks` what stands below them."""
    wrong = [each for each in report.results if each.verdicts.right is False]
    return _filled(
        "report.html",
        info=report.info,
        items=len(report.results),
        errors=len(report.errors),
        tiles=list(_tiles(report.metrics)),
        plots=list(_plots(report)),
        outcome=outcome,
        flips=_flips(outcome.comparison, "Right before, not now", "Right now, not before") if outcome else (),
        wrong=[wrong_of(each) for each in wrong[:MOST_ROWS]],
        wrong_count=len(wrong),
        sections=sections,
        remarks=remarks,
    )


def comparison_html(comparison: Comparison) -> str:
    """Two runs against each other, as such a page too."""
    c = comparison
    return _filled(
        "comparison.html",
        a=c.a,
        b=c.b,
        n=c.n,
        header=("metric", "a", "b", "b - a", "95% interval", "worse", "better", "p", "test"),
        rows=[test_row(each) for each in c.tests],
        flips=_flips(c, "Right in a, not in b", "Right in b, not in a"),
        remarks={
            "Only in a": c.only_a,
            "Only in b": c.only_b,
            "Another question under the same id": c.reworded,
            "What the runs differ in (a / b)": c.differences,
        },
    )


def _filled(template: str, **texts: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template(template).render(**texts)
    return page.encode("utf-8", "backslashreplace").decode() + "\n"


def _tiles(metrics: Mapping[str, Estimate]) -> Iterable[Tile]:
    for name, said in TILES.items():
        estimate = metrics.get(name)
        if estimate is not None and estimate.value is not None:
            yield Tile(f"{estimate.value:.1%}", _between(estimate), said, estimate.n)


def _between(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{estimate.low:.1%} to {estimate.high:.1%}"


def _plots(report: Report) -> Iterable[Plot]:
    drawn = (_risk(report.results), _categories(report.categories), _latency(report.metrics))
    return (plot for plot in drawn if plot is not None)


def _risk(results: Sequence[Result]) -> Plot | None:
    ranked = risks(results)
    if not ranked.n:
        return None
    curve = ranked.curve()
    wrong = round(curve[-1][1] * ranked.n)
    answered = [each for each in results if each.status == "answered" and each.verdicts.right is not None]
    coverage = len(answered) / ranked.n
    here = (coverage, sum(not each.verdicts.best_correct for each in answered) / len(answered)) if answered else None
    tenths = [next(point for point in curve if point[0] >= tenth / 10 - 1e-9) for tenth in range(1, 11)]
    return Plot(
        _RISK,
        "Questions are answered from the most confident on; the line is the share of wrong answers so far. "
        "Dashed: the best that any confidence could do. An answer to an unanswerable question is wrong.",
        charts.risk_coverage(_RISK, curve, _oracle(ranked.n, wrong), here),
        ("answered", "of these wrong"),
        tuple((f"{point[0]:.0%}", f"{point[1]:.1%}") for point in dict.fromkeys(tenths)),
    )


def _oracle(n: int, wrong: int) -> list[tuple[float, float]]:
    """Every right answer before every wrong one."""
    return [(at / n, max(0, at - (n - wrong)) / at) for at in range(1, n + 1)]


def _categories(rows: Sequence[CategoryRow]) -> Plot | None:
    if not rows:
        return None
    drawn = []
    for each in rows:
        around = each.accuracy or share(each.right, each.n)
        verdict = each.accuracy is not None
        drawn.append(charts.Bar(each.category, each.right / each.n, _counted(each), around.low, around.high, verdict))
    return Plot(
        _CATEGORIES,
        "Share right, with the 95% interval. Pale: fewer than 20 questions, too few for a verdict.",
        charts.bars(_CATEGORIES, drawn),
        ("category", "right", "share", "95% interval"),
        tuple(
            (each.category, _counted(each), f"{each.right / each.n:.1%}", _between(each.accuracy) or "-")
            if each.accuracy
            else (each.category, _counted(each), "-", "-")
            for each in rows
        ),
    )


def _counted(row: CategoryRow) -> str:
    return f"{row.right} of {row.n}"


def _latency(metrics: Mapping[str, Estimate]) -> Plot | None:
    stages = [name.removesuffix(" p50 ms") for name in metrics if name.startswith(LATENCY) and name.endswith(" p50 ms")]
    times = []
    for stage in stages:
        p50, p95 = metrics[f"{stage} p50 ms"].value, metrics[f"{stage} p95 ms"].value
        if p50 is not None and p95 is not None:
            times.append(charts.Times(stage.removeprefix(f"{LATENCY}/"), p50, p95))
    if not times:
        return None
    return Plot(
        _LATENCY,
        "Dark: the median. Pale: the 95th percentile. After a warm-up, on the machine that ran this.",
        charts.latency(_LATENCY, times),
        ("stage", "median", "95th percentile"),
        tuple((each.stage, f"{each.p50:.1f} ms", f"{each.p95:.1f} ms") for each in times),
    )


def _flips(comparison: Comparison, lost: str, gained: str) -> list[tuple[str, int, list[tuple[str, str, str, str]]]]:
    """What changed, how often, and of the first ones id, question, and both answers."""

    def row(flip: Flip) -> tuple[str, str, str, str]:
        return flip.b.id, flip.b.question, shown(flip.a), shown(flip.b)

    kinds = {lost: comparison.lost, gained: comparison.gained}
    return [(name, len(flips), [row(each) for each in flips[:MOST_ROWS]]) for name, flips in kinds.items() if flips]


def wrong_of(result: Result) -> Wrong:
    """What was said, and what gold says instead."""
    said = result.error or result.answer or "(declined)"
    gold = " | ".join(result.gold_answers) if result.answerable else "(not in the documents)"
    return Wrong(result.id, result.category, result.question, said, gold)
