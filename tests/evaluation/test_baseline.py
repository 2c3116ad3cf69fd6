from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made
import pytest
from made import answered, declined, failed, unanswerable

from coalition_qa.evaluation import baseline
from coalition_qa.evaluation.baseline import Bounds, Scored
from coalition_qa.types import GoldError

REPORT = made.report(
    *(answered(str(at)) for at in range(8)),
    declined("d"),
    answered("w", made.WRONG),
    unanswerable("u"),
    failed("x", error="ValueError: \ud800"),
)


def test_a_baseline_that_is_written_is_read_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    made_of = baseline.of(REPORT, {"retrieval/hit@5": Bounds(min=0.9)})
    path.write_text(baseline.to_text(made_of), "utf-8")
    assert baseline.read(path) == made_of.model_copy(update={"items": baseline.read(path).items})
    assert baseline.read(path).items[:-1] == made_of.items[:-1]
    assert baseline.read(path).items[-1].answer == "ValueError: \ud800"
    assert baseline.to_text(baseline.read(path)) == baseline.to_text(made_of)


def test_each_item_is_on_a_line_of_its_own() -> None:
    lines = baseline.to_text(baseline.of(REPORT, {})).splitlines()
    at = lines.index('"items": [')
    assert [json.loads(line.rstrip(","))["id"] for line in lines[at + 1 : -2]] == [each.id for each in REPORT.results]


def test_two_writings_of_a_run_differ_in_their_timings_only() -> None:
    slower = [replace(each, timings={"total": 99.0}) for each in REPORT.results]
    again = made.report(*slower, timings={"run_s": 9.0})
    one, other = (json.loads(baseline.to_text(baseline.of(each, {}))) for each in (REPORT, again))
    assert one.pop("timings") != other.pop("timings")
    assert one["info"].pop("timings") != other["info"].pop("timings")
    assert one == other


def test_what_is_kept_of_an_item_is_what_tests_compare() -> None:
    unjudged = replace(made.RIGHT, right=None, wording=None, retrieval=replace(made.FOUND, evidence_recall=1 / 3))
    scored = Scored.of(answered("a", unjudged))
    assert scored.scores == {
        "headline/reliable accuracy": None,
        "answers/correct": None,
        "answers/token F1": None,
        "retrieval/hit@1": 1.0,
        "retrieval/evidence recall@5": 0.333333,
    }
    assert (scored.cluster, scored.status, scored.answer) == ("rome.txt", "answered", "They met in Rome.")
    assert Scored.of(failed("b")).answer == "QuestionError: no"


def test_first_thresholds_are_the_ends_of_the_intervals() -> None:
    thresholds = baseline.first_thresholds(REPORT)
    accuracy, hallucination = (
        REPORT.metrics[name] for name in ("headline/reliable accuracy", "abstention/hallucination")
    )
    assert accuracy.low is not None
    assert accuracy.low - 0.001 < (thresholds["headline/reliable accuracy"].min or 0) <= accuracy.low
    assert hallucination.high is not None
    assert hallucination.high <= (thresholds["abstention/hallucination"].max or 0) < hallucination.high + 0.001
    assert "answers/correct" in thresholds


def test_what_was_not_measured_gets_no_threshold() -> None:
    assert set(baseline.first_thresholds(made.report(unanswerable("u")))) == {
        "headline/reliable accuracy",
        "abstention/hallucination",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("{", "not JSON"),
        ("[]", "not a baseline"),
        ("{}", "not a baseline: info: Field required"),
        (b"\xff", "not JSON"),
        ({"extra": 1}, "not a baseline: extra: Extra inputs"),
        ({"thresholds": {"retrieval/hit@5": {"least": 1}}}, r"thresholds.retrieval/hit@5.least: Extra inputs"),
        ({"thresholds": {"retrieval/hit@5": {}}}, "neither min nor max is given"),
        ({"metrics": {"a/b": {"value": float("nan"), "n": 1}}}, "finite number"),
    ],
)
def test_what_is_no_baseline_is_one_clear_line(tmp_path: Path, text: object, message: str) -> None:
    path = tmp_path / "baseline.json"
    if isinstance(text, dict):
        path.write_text(json.dumps(json.loads(baseline.to_text(baseline.of(REPORT, {}))) | text))
    elif isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(str(text))
    with pytest.raises(GoldError, match=message) as raised:
        baseline.read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
