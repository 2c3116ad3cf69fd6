from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made
import pytest
from made import answered, declined, failed, unanswerable, variant

from coalition_qa.evaluation import gate
from coalition_qa.evaluation.gate import Outcome
from coalition_qa.evaluation.results import Result
from coalition_qa.types import CoalitionQAError, GoldError

FAR = {"category": "unanswerable-far"}
BEFORE = (*(answered(f"q{at}") for at in range(8)), declined("d"), unanswerable("far", **FAR))


def checked(tmp_path: Path, *now: Result, thresholds: dict[str, dict[str, float]] | None = None) -> Outcome:
    """What the gate says of a run after `BEFORE`; without thresholds unless they are given."""
    path = tmp_path / "baseline.json"
    gate.write_baseline(made.report(*BEFORE), path)
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"thresholds": thresholds or {}}))
    return gate.check(made.report(*now), path)


def failing(outcome: Outcome) -> list[str]:
    return [f"{each.name}: {each.detail}" for each in outcome.checks if not each.passed]


def test_the_same_run_again_passes(tmp_path: Path) -> None:
    gate.write_baseline(made.report(*BEFORE), tmp_path / "baseline.json")
    outcome = gate.check(made.report(*BEFORE), tmp_path / "baseline.json")
    assert outcome.passed
    assert outcome.lines[-1] == "Gate: passed"
    assert all(line.startswith("ok ") for line in outcome.lines[: len(outcome.checks)])


INVALID = replace(made.RIGHT, citing=replace(made.SOUND, valid=(False,)))
FORBIDDEN = replace(made.RIGHT, forbidden=True)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (failed("d"), "errors: 1: d"),
        (answered("d", INVALID), "invalid citations: 1: d"),
        (answered("d", FORBIDDEN), "forbidden words said: 1: d"),
        (answered("d", paraphrases=(variant(INVALID),)), "invalid citations: 1: d"),
        (answered("d", gold_history=variant(FORBIDDEN)), "forbidden words said: 1: d"),
        (answered("d", paraphrases=(replace(variant(made.RIGHT), error="no"),)), "errors: 1: d"),
        (answered("d", gold_history=replace(variant(made.RIGHT), error="no")), "errors: 1: d"),
        (unanswerable("far", made.HALLUCINATED, **FAR), "far questions answered: 1 of 1: far"),
        (declined("d", must_pass=True), "must_pass items failed: 1 of 1: d"),
        (
            answered("d", replace(made.WRONG, right=None, wording=None), must_pass=True),
            "must_pass items failed: 1 of 1: d",
        ),
    ],
)
def test_one_broken_promise_fails_whatever_the_numbers_say(tmp_path: Path, broken: Result, message: str) -> None:
    outcome = checked(tmp_path, *(broken if each.id == broken.id else each for each in BEFORE))
    assert failing(outcome) == [message]
    assert not outcome.passed
    assert outcome.lines[-1].startswith("Gate: 1 of ")


def test_promises_that_are_kept_are_no_failure(tmp_path: Path) -> None:
    kept = answered("must", replace(made.RIGHT, forbidden=False), must_pass=True)
    found = answered("found", replace(made.RIGHT, right=None, wording=None), must_pass=True)
    assert checked(tmp_path, *BEFORE, kept, found).passed


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"min": 0.8}, None),
        ({"min": 0.81}, "headline/reliable accuracy: 0.800, should be at least 0.81 (n = 10)"),
        ({"max": 0.8}, None),
        ({"max": 0.79}, "headline/reliable accuracy: 0.800, should be at most 0.79 (n = 10)"),
        (
            {"min": 0.9, "max": 0.95},
            "headline/reliable accuracy: 0.800, should be at least 0.9 and at most 0.95 (n = 10)",
        ),
    ],
)
def test_a_threshold_may_be_met_exactly(tmp_path: Path, bounds: dict[str, float], message: str | None) -> None:
    now = [declined(each.id) if each.id == "q0" else each for each in BEFORE]
    outcome = checked(tmp_path, *now, thresholds={"headline/reliable accuracy": bounds})
    assert failing(outcome) == ([message] if message else [])


def test_a_threshold_on_what_was_not_measured_fails(tmp_path: Path) -> None:
    outcome = checked(tmp_path, *BEFORE, thresholds={"judge/right": {"min": 0.5}})
    assert failing(outcome) == ["judge/right: nothing to measure, should be at least 0.5 (n = 0)"]


def test_a_threshold_on_a_metric_that_there_is_not_fails(tmp_path: Path) -> None:
    outcome = checked(tmp_path, *BEFORE, thresholds={"retrieval/hits": {"min": 0.5}})
    assert failing(outcome) == ["retrieval/hits: the run has no metric of that name; report.json has the names"]


def test_six_lost_fail_and_five_do_not(tmp_path: Path) -> None:
    lost = {f"q{at}": answered(f"q{at}", replace(made.RIGHT, right=False)) for at in range(6)}
    outcome = checked(tmp_path, *(lost.get(each.id, each) for each in BEFORE))
    assert failing(outcome) == ["no loss in headline/reliable accuracy: -0.600, p 0.031 (exact McNemar, n = 10)"]
    assert "        right before, not now: q0, q1, q2, q3, q4, q5" in outcome.lines
    del lost["q0"]
    assert checked(tmp_path, *(lost.get(each.id, each) for each in BEFORE)).passed


def test_items_missing_on_either_side_are_told(tmp_path: Path) -> None:
    reworded = replace(BEFORE[0], question="Another?")
    outcome = checked(tmp_path, reworded, *BEFORE[2:], answered("new"))
    assert outcome.passed
    assert "        in the baseline only: q1" in outcome.lines
    assert "        not in the baseline: new" in outcome.lines
    assert "        another question than in the baseline: q0" in outcome.lines


def test_a_long_list_of_ids_is_cut_and_counted() -> None:
    assert gate.named(str(at) for at in range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert gate.named(["a", "b"]) == "a, b"


def test_another_gold_file_and_the_time_are_told_and_fail_nothing(tmp_path: Path) -> None:
    gate.write_baseline(made.report(*BEFORE), tmp_path / "baseline.json")
    slower = [replace(each, timings={"total": 25.0}) for each in BEFORE]
    outcome = gate.check(made.report(*slower, gold_sha256="h" * 64), tmp_path / "baseline.json")
    assert outcome.passed
    assert "        the gold file is not the one that the baseline was made with" in outcome.lines
    assert "        time for a question: 2.50 times the baseline's (no check)" in outcome.lines


def test_a_baseline_of_other_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="no question in common"):
        checked(tmp_path, answered("other"))


def test_a_new_baseline_keeps_the_thresholds_of_the_old_one(tmp_path: Path) -> None:
    checked(tmp_path, *BEFORE, thresholds={"retrieval/hit@5": {"min": 0.5}})
    path = tmp_path / "baseline.json"
    gate.write_baseline(made.report(*BEFORE, answered("new")), path)
    written = json.loads(path.read_text("utf-8"))
    assert written["thresholds"] == {"retrieval/hit@5": {"min": 0.5}}
    assert len(written["items"]) == len(BEFORE) + 1


def test_a_file_that_is_no_baseline_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text("my notes")
    with pytest.raises(GoldError, match="not JSON"):
        gate.write_baseline(made.report(*BEFORE), path)
    assert path.read_text() == "my notes"


def test_a_baseline_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CoalitionQAError, match=r"none/baseline\.json: the baseline cannot be written: No such file"):
        gate.write_baseline(made.report(*BEFORE), tmp_path / "none" / "baseline.json")
