from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.metrics import Estimate, Excerpt
from coalition_qa.evaluation.report import to_markdown, to_text, write
from coalition_qa.evaluation.run import CategoryRow, Citing, Report, Result, Retrieval, Verdicts, Wording
from coalition_qa.types import Answer, Citation, CoalitionQAError, Hit, Passage, Sentence, Span, Turn

TEXT = "They met in “Rome”."
SPAN = Span(0, len(TEXT))
SAID = (Sentence(TEXT, (Citation("rome.txt", "d" * 8, SPAN, TEXT, "p1"),)),)
ANSWER = Answer(
    question="There?",
    standalone_question="Did they meet there?",
    status="answered",
    reason="",
    sentences=SAID,
    best=SAID,
    short_answer="Rome",
    confidence=0.75,
    hits=(Hit(Passage("p1", "d" * 8, SPAN, TEXT, (SPAN,)), "rome.txt", "", 0.5),),
    fingerprint="f" * 8,
    timings={"retrieve": 1.25},
)
ITEM = GoldItem(
    id="q1",
    question="There?",
    answerable=True,
    category="follow-up",
    answers=("Rome",),
    evidence=(Excerpt("rome.txt", SPAN, TEXT),),
    history=(Turn("Where did they meet?"),),
)
VERDICTS = Verdicts(
    right=True,
    best_correct=True,
    retrieval=Retrieval(True, True, True, 1.0, 1 / 3),
    wording=Wording(True, True, 1.0, None, True, True),
    citing=Citing(("verbatim",), (True,), (True,), (True,), (True,)),
)
REPORT = Report(
    split="dev",
    results=(
        Result(ITEM, ANSWER, VERDICTS, 0.0125),
        Result(replace(ITEM, id="q2"), None, Verdicts(False), 0.5, "QuestionError: no"),
    ),
    metrics={
        "headline/reliable accuracy": Estimate(0.5, 2, 0.0945, 0.9055),
        "retrieval/hit@1": Estimate(1.0, 1, 0.2065, 1.0),
        "retrieval/MRR@10": Estimate(1.0, 1),
        "answers/required groups": Estimate(None, 0),
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
  MRR@10              1.000   1               -

answers
  required groups         -   0               -

right by category
  factoid             0.950  20  0.764 to 0.991
  follow-up          1 of 2   2               -

notes
  Take care.

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
    assert "## notes\n\n- Take care.\n\n## errors\n\n- q2: QuestionError: no\n" in markdown


def test_a_report_without_remarks_or_categories_ends_with_its_numbers() -> None:
    report = replace(REPORT, results=REPORT.results[:1], categories=(), notes=())
    assert to_text(report).endswith("required groups        -  0               -\n")
    assert "## errors" not in to_markdown(report)


def test_results_hold_a_line_for_each_item_with_all_there_is_to_know(tmp_path: Path) -> None:
    write(REPORT, tmp_path / "out")
    first, second = map(json.loads, (tmp_path / "out" / "results.jsonl").read_text("utf-8").splitlines())
    sentence = {
        "text": TEXT,
        "citations": [{"doc": "rome.txt", "start": 0, "end": 19, "quote": TEXT, "document_id": "d" * 8}],
    }
    verdicts = first.pop("verdicts")
    assert first == {
        "id": "q1",
        "question": "There?",
        "standalone_question": "Did they meet there?",
        "history": ["Where did they meet?"],
        "answerable": True,
        "category": "follow-up",
        "split": "test",
        "status": "answered",
        "reason": "",
        "answer": TEXT,
        "short_answer": "Rome",
        "sentences": [sentence],
        "confidence": 0.75,
        "best_answer": [sentence],
        "retrieved": [{"doc": "rome.txt", "start": 0, "end": 19, "score": 0.5, "text": TEXT}],
        "timings": {"retrieve": 1.25, "wall": 12.5},
    }
    assert verdicts["right"] is True
    assert verdicts["retrieval"]["evidence_recall"] == 0.333333
    assert verdicts["citing"]["tiers"] == ["verbatim"]
    assert (second["status"], second["reason"], second["answer"]) == ("error", "QuestionError: no", "")
    assert list(second) == [*first, "verdicts"]


def test_the_json_report_holds_every_number_and_no_nan(tmp_path: Path) -> None:
    write(REPORT, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert report["metrics"]["headline/reliable accuracy"] == {"value": 0.5, "n": 2, "low": 0.0945, "high": 0.9055}
    assert report["metrics"]["answers/required groups"] == {"value": None, "n": 0, "low": None, "high": None}
    assert report["categories"][1] == {"category": "follow-up", "n": 2, "right": 1, "accuracy": None}
    assert report["errors"] == [{"id": "q2", "error": "QuestionError: no"}]
    assert (report["split"], report["items"], report["notes"]) == ("dev", 2, ["Take care."])


def test_equal_runs_write_equal_bytes_and_leave_nothing_else(tmp_path: Path) -> None:
    for folder in ("a", "b", "b"):
        write(REPORT, tmp_path / folder)
    names = ["report.json", "report.md", "results.jsonl"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == names
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_text_that_cannot_be_encoded_costs_no_report(tmp_path: Path) -> None:
    broken = replace(REPORT, results=(replace(REPORT.results[1], error="ValueError: \ud800"),))
    write(broken, tmp_path)
    assert json.loads((tmp_path / "results.jsonl").read_text("utf-8"))["reason"] == "ValueError: \ud800"


def test_a_folder_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"cannot be written to .*taken: File exists\.$"):
        write(REPORT, tmp_path / "taken")


def test_a_file_that_cannot_be_replaced_leaves_no_half_written_one(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").mkdir()
    with pytest.raises(CoalitionQAError, match="cannot be written"):
        write(REPORT, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]
