from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from coalition_qa.evaluation.results import (
    Cited,
    Citing,
    Result,
    Retrieval,
    Retrieved,
    RunInfo,
    Said,
    Variant,
    Verdicts,
    Wording,
    read_results,
    to_line,
)
from coalition_qa.types import GoldError

VERDICTS = Verdicts(
    right=True,
    forbidden=False,
    best_correct=True,
    retrieval=Retrieval(True, True, True, False, 1 / 3, None, 0.5, 0.25, 0.125, False, 120),
    wording=Wording(True, False, 0.4, 0.5, True, False, 12, 3, 0.75),
    citing=Citing(("verbatim", None), (True, False), (True, False), (), (True,)),
)
SAID = (Said("They met in “Rome”.", (Cited("rome.txt", 0, 19, "They met in “Rome”.", "d" * 8),)), Said("So."))
RESULT = Result(
    id="q1",
    question="There?",
    standalone_question="Did they meet there?",
    history=("Where?",),
    answerable=True,
    category="follow-up",
    split="dev",
    status="answered",
    verdicts=VERDICTS,
    tags=("paraphrase",),
    must_pass=True,
    cluster="rome.txt",
    gold_answers=("Rome",),
    reason="",
    answer="They met in “Rome”. So.",
    short_answer="Rome",
    sentences=SAID,
    confidence=0.75,
    best_answer=SAID,
    retrieved=(Retrieved("rome.txt", 0, 19, 0.5, "They met in “Rome”."),),
    gold_history=Variant("There?", "In Rome?", "abstained", "", "", 0.25, Verdicts(False, True)),
    paraphrases=(Variant("Where?", "", "error", "", "", None, Verdicts(False), "ValueError: no"),),
    judge="invalid",
    timings={"read": 1.5, "total": 2.0},
    error="",
)
INFO = RunInfo(
    split="test",
    gold="gold.jsonl",
    gold_sha256="g",
    corpus_sha256="c",
    index_fingerprint="f",
    documents=1,
    n=2,
    limit=60,
    seed=3,
    settings={"encoder": "shipped", "passages_read": 5, "scale": 0.5, "fast": True, "folder": None},
    models={"reader": "r"},
    packages={"numpy": "2"},
    notes=("Take care.",),
    stale=("q7: gone",),
    timings={"peak_rss_mb": 250.5},
)


def test_a_result_survives_json_unchanged() -> None:
    line = to_line(RESULT)
    assert Result.from_json(json.loads(line)) == RESULT
    assert to_line(Result.from_json(json.loads(line))) == line
    assert line.count("\n") == 1
    assert list(json.loads(line)) == [field.name for field in fields(Result)]


def test_the_record_of_a_run_survives_json_unchanged() -> None:
    read = RunInfo.from_json(json.loads(to_line(INFO)))
    assert read == INFO
    assert [type(value) for value in read.settings.values()] == [str, int, float, bool, type(None)]


@pytest.mark.parametrize(
    "changes",
    [{"colour": "red"}, {"confidence": float("nan")}, {"id": 7}, {"status": "asleep"}, {"verdicts": {"right": "?"}}],
)
def test_what_was_not_written_here_is_not_read(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Result.from_json({**RESULT.to_json(), **changes})


def test_nothing_that_is_no_number_is_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        to_line(replace(RESULT, confidence=float("nan")))


def test_half_a_surrogate_pair_can_be_written_and_read(tmp_path: Path) -> None:
    broken = replace(RESULT, error="ValueError: \ud800")
    path = tmp_path / "results.jsonl"
    path.write_bytes(to_line(broken).encode())
    assert read_results(path) == [broken]


def test_two_runs_are_the_same_when_they_differ_in_nothing_but_timings() -> None:
    assert INFO.is_same_run(replace(INFO, timings={}))
    assert not INFO.is_same_run(replace(INFO, seed=4))
    assert not INFO.is_same_run(replace(INFO, models={"reader": "s"}))


def test_results_are_read_with_or_without_the_passages_texts(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(to_line(RESULT) + to_line(replace(RESULT, id="q2")), "utf-8")
    assert read_results(path) == [RESULT, replace(RESULT, id="q2")]
    (slim, _) = read_results(path, texts=False)
    assert slim == replace(RESULT, retrieved=(replace(RESULT.retrieved[0], text=""),))


@pytest.mark.parametrize("line", ['{"id": "q1"}', "{", "[1]", "7"])
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(to_line(RESULT) + line + "\n", "utf-8")
    with pytest.raises(GoldError, match=r"results\.jsonl, line 2: this is no result of `eval run`; run it again\.$"):
        read_results(path)


def test_results_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_bytes(b"\xff\xfe")
    for path, why in ((tmp_path / "results.jsonl", "not UTF-8"), (tmp_path / "nothing", "No such file or directory")):
        with pytest.raises(GoldError, match=rf"the results cannot be read \({why}\)"):
            read_results(path)


def test_a_false_premise_that_was_corrected_is_no_hallucination() -> None:
    premise = replace(RESULT, answerable=False, category="false-premise", verdicts=Verdicts(False))
    assert premise.hallucinated
    assert not replace(premise, verdicts=Verdicts(True, corrected=True)).hallucinated
    assert not replace(premise, verdicts=Verdicts(True, abstained=True)).hallucinated
    assert not replace(premise, error="ValueError: no").hallucinated
    assert not replace(premise, answerable=True).hallucinated
