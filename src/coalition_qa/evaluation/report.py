"""A report for the terminal, for reading later, and for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from coalition_qa.evaluation import html, junit
from coalition_qa.evaluation.files import replace_file
from coalition_qa.evaluation.gate import Outcome
from coalition_qa.evaluation.measure import LATENCY, CategoryRow, Report
from coalition_qa.evaluation.statistics import Estimate
from coalition_qa.types import CoalitionQAError

NOTHING = "-"
FILES = ("report.json", "report.md", "report.html", "junit.xml")

Row = tuple[str, str, str, str]


def to_text(report: Report) -> str:
    """A plain aligned table: metric, value, n, 95% interval."""
    header: Row = ("metric", "value", "n", "95% interval")
    found = sections(report)
    rows = [header, *(row for _, each in found for row in each)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [title(report), "", _aligned(header, widths)]
    for section, each in found:
        lines += ["", section, *(_aligned(row, widths) for row in each)]
    return "\n".join([*lines, *_remarks(remarks(report), "\n{}", "  ")]) + "\n"


def _aligned(row: Row, widths: Sequence[int]) -> str:
    name, *numbers = row
    columns = [name.ljust(widths[0]), *(each.rjust(width) for each, width in zip(numbers, widths[1:], strict=True))]
    return "  " + "  ".join(columns).rstrip()


def to_markdown(report: Report, outcome: Outcome | None = None) -> str:
    """The same numbers as `to_text`, a table for each section; and what the gate said."""
    lines = [f"# {title(report)}"]
    if outcome is not None:
        lines += ["", "## gate", "", "```", *outcome.lines, "```"]
    for section, rows in sections(report):
        lines += ["", f"## {section}", "", "| metric | value | n | 95% interval |", "|---|--:|--:|--:|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, *_remarks(remarks(report), "\n## {}\n", "- ")]) + "\n"


def write(report: Report, folder: Path, outcome: Outcome | None = None) -> None:
    """Write report.json, report.md, report.html and junit.xml, each whole or not at all.

    Equal runs write equal bytes, timings apart. Raises CoalitionQAError when the folder can't be written to.
    """
    texts = (
        _json(report_json(report, outcome)) + "\n",
        to_markdown(report, outcome),
        html.to_html(report, sections(report), remarks(report), outcome),
        junit.to_xml(report.results, outcome),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(FILES, texts, strict=True):
            replace_file(folder / name, text)
    except OSError as error:
        raise CoalitionQAError(f"The report cannot be written to {folder}: {error.strerror}.") from error


def report_json(report: Report, outcome: Outcome | None = None) -> dict[str, Any]:
    """The numbers under the names that `Report.metrics` gives them; what differs from run to run is in `timings`."""
    info = report.info.to_json()
    metrics = {name: _rounded(asdict(each)) for name, each in report.metrics.items()}
    timed = {name: metrics.pop(name) for name in list(metrics) if name.startswith(f"{LATENCY}/")}
    gate = {"gate": _gate_json(outcome)} if outcome else {}
    return {
        "items": len(report.results),
        "errors": [{"id": each.id, "error": each.error} for each in report.errors],
        **gate,
        "metrics": metrics,
        "categories": [_rounded(asdict(row)) for row in report.categories],
        "notes": list(report.notes),
        "info": info,
        "timings": timed,
    }


def _gate_json(outcome: Outcome) -> dict[str, Any]:
    flips = {"lost": outcome.comparison.lost, "gained": outcome.comparison.gained}
    return {
        "passed": outcome.passed,
        "checks": [asdict(each) for each in outcome.checks],
        **{name: [flip.b.id for flip in each] for name, each in flips.items()},
    }


def title(report: Report) -> str:
    """One line on what was asked."""
    return f"Evaluation: split {report.info.split}, items {len(report.results)}, errors {len(report.errors)}"


def sections(report: Report) -> list[tuple[str, list[Row]]]:
    """Every number as text, by section; 0/0 is "-". A section in which nothing was counted is left out."""
    by_section = groupby(report.metrics.items(), key=lambda each: each[0].partition("/")[0])
    measured = [(section, dict(each)) for section, each in by_section]
    found = [
        (section, [_row(name.partition("/")[2], estimate) for name, estimate in each.items()])
        for section, each in measured
        if any(estimate.n for estimate in each.values())
    ]
    return (
        [*found, ("right by category", [_category(row) for row in report.categories])] if report.categories else found
    )


def _row(name: str, estimate: Estimate) -> Row:
    return name, number(estimate.value), str(estimate.n), interval(estimate)


def _category(row: CategoryRow) -> Row:
    if row.accuracy is None:
        return row.category, f"{row.right} of {row.n}", str(row.n), NOTHING
    return _row(row.category, row.accuracy)


def number(value: float | None) -> str:
    """Three decimals, fewer where the number is large."""
    return NOTHING if value is None else f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


def interval(estimate: Estimate) -> str:
    """ "low to high"."""
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{number(estimate.low)} to {number(estimate.high)}"


def remarks(report: Report) -> dict[str, list[str]]:
    """Notes, items left out, and errors, by kind; kinds without any are left out."""
    found = {
        "notes": list(report.notes),
        "stale, left out": list(report.info.stale),
        "errors": [f"{each.id}: {each.error}" for each in report.errors],
    }
    return {name: each for name, each in found.items() if each}


def _remarks(found: Mapping[str, Sequence[str]], heading: str, bullet: str) -> Iterable[str]:
    for name, each in found.items():
        yield heading.format(name)
        yield from (f"{bullet}{remark}" for remark in each)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: _rounded(each) if isinstance(each, dict) else _six(each) for key, each in fields.items()}


def _six(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value
