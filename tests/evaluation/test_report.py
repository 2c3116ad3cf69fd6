from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made
import pytest
from made import answered, failed, unanswerable

from coalition_qa.evaluation import gate
from coalition_qa.evaluation.measure import CategoryRow, Report
from coalition_qa.evaluation.report import FILES, to_markdown, to_text, write
from coalition_qa.evaluation.statistics import Estimate
from coalition_qa.types import CoalitionQAError

RESULTS = (answered("q1"), failed("q2"))
REPORT = Report(
    info=replace(made.INFO, split="dev", stale=("q9: its document has changed",)),
    results=RESULTS,
    metrics={
        "headline/reliable accuracy": Estimate(0.5, 2, 0.0945, 0.9055),
        "retrieval/hit@1": Estimate(1.0, 1, 0.2065, 1.0),
        "retrieval/context tokens@5": Estimate(1234.5, 1),
        "retrieval/nDCG@10": Estimate(None, 0),
        "judge/right": Estimate(None, 0),
        "latency/total p50 ms": Estimate(12.5, 1),
        "latency/total p95 ms": Estimate(12.5, 1),
    },
    categories=(
        CategoryRow("factoid", 20, 19, Estimate(0.95, 20, 0.764, 0.991)),
        CategoryRow("follow-up", 2, 1, None),
    ),
    notes=("Take care.",),
)

AS_TEXT = """\
Evaluation: split dev, items 2, errors 1

  metric              value   n    95% interval

headline
  reliable accuracy   0.500   2  0.095 to 0.905

retrieval
  hit@1               1.000   1  0.206 to 1.000
  context tokens@5    1,234   1               -
  nDCG@10                 -   0               -

latency
  total p50 ms       12.500   1               -
  total p95 ms       12.500   1               -

right by category
  factoid             0.950  20  0.764 to 0.991
  follow-up          1 of 2   2               -

notes
  Take care.

stale, left out
  q9: its document has changed

errors
  q2: QuestionError: no
"""

AS_MARKDOWN = """\
# Evaluation: split dev, items 2, errors 1

## headline

| metric | value | n | 95% interval |
|---|--:|--:|--:|
| reliable accuracy | 0.500 | 2 | 0.095 to 0.905 |

## retrieval
"""


def test_the_text_is_one_aligned_table_with_n_and_interval_beside_every_number() -> None:
    assert to_text(REPORT) == AS_TEXT


def test_the_markdown_has_the_same_numbers() -> None:
    markdown = to_markdown(REPORT)
    assert markdown.startswith(AS_MARKDOWN)
    assert "| follow-up | 1 of 2 | 2 | - |" in markdown
    assert "\n## errors\n\n- q2: QuestionError: no\n" in markdown


def test_a_report_without_remarks_or_categories_ends_with_its_numbers() -> None:
    report = replace(REPORT, info=made.INFO, results=RESULTS[:1], categories=(), notes=())
    assert to_text(report).endswith("total p95 ms       12.500  1               -\n")
    assert "## errors" not in to_markdown(report)


def test_the_json_report_holds_every_number_and_no_nan(tmp_path: Path) -> None:
    write(REPORT, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert report["metrics"]["headline/reliable accuracy"] == {"value": 0.5, "n": 2, "low": 0.0945, "high": 0.9055}
    assert report["metrics"]["judge/right"] == {"value": None, "n": 0, "low": None, "high": None}
    assert report["categories"][1] == {"category": "follow-up", "n": 2, "right": 1, "accuracy": None}
    assert report["errors"] == [{"id": "q2", "error": "QuestionError: no"}]
    assert (report["items"], report["notes"]) == (2, ["Take care."])
    assert report["info"]["models"] == {"reader": "r" * 64}


def test_equal_runs_differ_in_their_timings_only(tmp_path: Path) -> None:
    slower = replace(REPORT, metrics={**REPORT.metrics, "latency/total p50 ms": Estimate(99.0, 1)})
    slower = replace(slower, info=replace(REPORT.info, timings={"run_s": 7.0}))
    write(REPORT, tmp_path / "a")
    write(slower, tmp_path / "b")
    one, other = (json.loads((tmp_path / name / "report.json").read_text("utf-8")) for name in "ab")
    assert one.pop("timings") != other.pop("timings")
    assert one["info"].pop("timings") != other["info"].pop("timings")
    assert one == other


def test_equal_reports_write_equal_bytes_and_leave_nothing_else(tmp_path: Path) -> None:
    for folder in ("a", "b", "b"):
        write(REPORT, tmp_path / folder)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == sorted(FILES)
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in FILES)


def test_what_the_gate_said_is_in_every_report(tmp_path: Path) -> None:
    before = made.report(answered("a"), unanswerable("b"))
    gate.write_baseline(before, tmp_path / "baseline.json")
    now = made.report(answered("a", made.WRONG), unanswerable("b"))
    outcome = gate.check(now, tmp_path / "baseline.json")
    write(now, tmp_path / "out", outcome)
    assert "FAILED  answers/correct: 0.000" in (tmp_path / "out" / "report.md").read_text("utf-8")
    said = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["gate"]
    assert (said["passed"], said["lost"], said["gained"]) == (False, ["a"], [])


def test_text_that_cannot_be_encoded_costs_no_report(tmp_path: Path) -> None:
    broken = replace(REPORT, results=(failed("q2", error="ValueError: \ud800 \x00"),))
    write(broken, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["errors"][0]["error"] == "ValueError: \ud800 \x00"
    assert all((tmp_path / name).read_text("utf-8") for name in FILES)


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"cannot be written to .*taken: File exists\.$"):
        write(REPORT, tmp_path / "taken")


def test_a_file_that_cannot_be_replaced_leaves_no_half_written_one(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(CoalitionQAError, match="cannot be written"):
        write(REPORT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
