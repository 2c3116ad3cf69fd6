"""A report for the terminal, for reading later, and for other programs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from coalition_qa.evaluation.metrics import Estimate
from coalition_qa.evaluation.run import CategoryRow, Report, Result
from coalition_qa.types import CoalitionQAError

NOTHING = "-"
RESULTS, REPORT, PAGE = "results.jsonl", "report.json", "report.md"

Row = tuple[str, str, str, str]


def to_text(report: Report) -> str:
    """A plain aligned table: metric, value, n, 95% interval."""
    header: Row = ("metric", "value", "n", "95% interval")
    sections = list(_sections(report))
    rows = [header, *(row for _, each in sections for row in each)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [_title(report), "", _aligned(header, widths)]
    for section, each in sections:
        lines += ["", section, *(_aligned(row, widths) for row in each)]
    return "\n".join([*lines, *_remarks(report, "\n{}", "  ")]) + "\n"


def _aligned(row: Row, widths: Sequence[int]) -> str:
    name, *numbers = row
    columns = [name.ljust(widths[0]), *(each.rjust(width) for each, width in zip(numbers, widths[1:], strict=True))]
    return "  " + "  ".join(columns).rstrip()


def to_markdown(report: Report) -> str:
    """The same numbers as `to_text`, a table for each section."""
    lines = [f"# {_title(report)}"]
    for section, rows in _sections(report):
        lines += ["", f"## {section}", "", "| metric | value | n | 95% interval |", "|---|--:|--:|--:|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, *_remarks(report, "\n## {}\n", "- ")]) + "\n"


def write(report: Report, folder: Path) -> None:
    """Write results.jsonl, report.json and report.md, each whole or not at all.

    Equal runs write equal bytes, timings apart. Raises CoalitionQAError when the folder can't be written to.
    """
    results = "".join(_json(result_json(result)) + "\n" for result in report.results)
    files = {RESULTS: results, REPORT: _json(report_json(report), 2) + "\n", PAGE: to_markdown(report)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            _replace(folder / name, text)
    except OSError as error:
        raise CoalitionQAError(f"The report cannot be written to {folder}: {error.strerror}.") from error


def result_json(result: Result) -> dict[str, Any]:
    """One line of results.jsonl; where there was an error the status is "error" and nothing was answered."""
    item = result.item
    answer = result.answer.to_json() if result.answer is not None else {}
    return {
        "id": item.id,
        "question": item.question,
        "standalone_question": answer.get("standalone_question", ""),
        "history": [turn.question for turn in item.history],
        "answerable": item.answerable,
        "category": item.category,
        "split": item.split,
        "status": answer.get("status", "error"),
        "reason": answer.get("reason", result.error),
        "answer": answer.get("answer", ""),
        "short_answer": answer.get("short_answer", ""),
        "sentences": answer.get("sentences", []),
        "confidence": answer.get("confidence"),
        "best_answer": answer.get("best_answer", []),
        "retrieved": answer.get("retrieved", []),
        "timings": {**answer.get("timings", {}), "wall": round(result.seconds * 1000, 3)},
        "verdicts": _rounded(asdict(result.verdicts)),
    }


def report_json(report: Report) -> dict[str, Any]:
    """The numbers of the report under the names that `Report.metrics` gives them."""
    return {
        "split": report.split,
        "items": len(report.results),
        "errors": [{"id": each.item.id, "error": each.error} for each in report.errors],
        "metrics": {name: _rounded(asdict(each)) for name, each in report.metrics.items()},
        "categories": [_rounded(asdict(row)) for row in report.categories],
        "notes": list(report.notes),
    }


def _title(report: Report) -> str:
    return f"Evaluation: split {report.split}, items {len(report.results)}, errors {len(report.errors)}"


def _sections(report: Report) -> Iterable[tuple[str, list[Row]]]:
    for section, names in groupby(report.metrics, key=lambda name: name.partition("/")[0]):
        yield section, [_row(name.partition("/")[2], report.metrics[name]) for name in names]
    if report.categories:
        yield "right by category", [_category(row) for row in report.categories]


def _row(name: str, estimate: Estimate) -> Row:
    return name, _number(estimate.value), str(estimate.n), _interval(estimate)


def _category(row: CategoryRow) -> Row:
    if row.accuracy is None:
        return row.category, f"{row.right} of {row.n}", str(row.n), NOTHING
    return _row(row.category, row.accuracy)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return NOTHING
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def _remarks(report: Report, heading: str, bullet: str) -> list[str]:
    remarks = {"notes": list(report.notes), "errors": [f"{each.item.id}: {each.error}" for each in report.errors]}
    return [
        line
        for name, each in remarks.items()
        if each
        for line in (heading.format(name), *(f"{bullet}{remark}" for remark in each))
    ]


def _json(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: _rounded(each) if isinstance(each, dict) else _six(each) for key, each in fields.items()}


def _six(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        # An error's text may hold half a surrogate pair; it must not cost the whole report.
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
