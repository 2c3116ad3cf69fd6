from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import made
import pytest
from made import answered, declined, failed, unanswerable

from coalition_qa.evaluation import compare, gate, report
from coalition_qa.evaluation.compare import Comparison, Paired
from coalition_qa.evaluation.results import RESULTS, Result, to_line
from coalition_qa.types import GoldError


def written(folder: Path, *results: Result, **info: object) -> Path:
    """A folder as `eval run --out` leaves it."""
    folder.mkdir()
    (folder / RESULTS).write_text("".join(map(to_line, results)), "utf-8")
    report.write(made.report(*results, **info), folder)
    return folder


def compared(tmp_path: Path, a: list[Result], b: list[Result]) -> Comparison:
    return compare.compare(written(tmp_path / "a", *a), written(tmp_path / "b", *b))


def metric_of(comparison: Comparison, metric: str) -> Paired:
    return next(each for each in comparison.tests if each.metric == metric)


def many(right: int, wrong: int, **rest: object) -> list[Result]:
    return [answered(f"q{at}", made.RIGHT if at < right else made.WRONG, **rest) for at in range(right + wrong)]


def test_right_and_wrong_are_compared_by_the_exact_mcnemar_test(tmp_path: Path) -> None:
    comparison = compared(tmp_path, many(6, 4), many(0, 10))
    accuracy = metric_of(comparison, "headline/reliable accuracy")
    assert (accuracy.a, accuracy.b, accuracy.lost, accuracy.gained) == (0.6, 0.0, 6, 0)
    assert (accuracy.test, accuracy.p) == ("exact McNemar", pytest.approx(2 / 64))
    assert accuracy.is_loss
    assert accuracy.difference.value == pytest.approx(-0.6)
    assert accuracy.difference.low == pytest.approx(-0.9, abs=0.05)
    assert accuracy.difference.high == pytest.approx(-0.3, abs=0.05)


def test_five_lost_of_any_number_are_no_significant_loss(tmp_path: Path) -> None:
    accuracy = metric_of(compared(tmp_path, many(5, 55), many(0, 60)), "headline/reliable accuracy")
    assert accuracy.p == pytest.approx(2 / 32)
    assert not accuracy.is_loss


def test_a_gain_is_never_a_loss(tmp_path: Path) -> None:
    accuracy = metric_of(compared(tmp_path, many(0, 10), many(10, 0)), "headline/reliable accuracy")
    assert accuracy.p < 0.01
    assert not accuracy.is_loss


def test_scores_are_compared_by_a_permutation_test(tmp_path: Path) -> None:
    f1 = metric_of(compared(tmp_path, many(6, 0), many(0, 6)), "answers/token F1")
    assert (f1.test, f1.p, f1.difference.value) == ("permutation", pytest.approx(2 / 64), -1.0)


def test_with_ten_documents_it_is_documents_that_are_compared(tmp_path: Path) -> None:
    def on(documents: int, worse: int) -> list[Result]:
        ids = [(document, at) for document in range(documents) for at in range(6)]
        return [answered(f"{d}-{at}", made.WRONG if d < worse else made.RIGHT, cluster=f"{d}.txt") for d, at in ids]

    accuracy = metric_of(compared(tmp_path, on(10, 0), on(10, 1)), "headline/reliable accuracy")
    assert accuracy.test == "permutation, by document"
    assert (accuracy.lost, accuracy.p) == (6, 1.0)  # six questions on one text are one piece of evidence


def test_items_that_flipped_are_listed_with_both_answers(tmp_path: Path) -> None:
    a = [answered("lost", answer="In Rome."), declined("gained"), answered("same")]
    b = [answered("lost", made.WRONG, answer="In\nOslo."), answered("gained", answer="In Rome."), answered("same")]
    comparison = compared(tmp_path, a, b)
    assert [flip.a.id for flip in comparison.lost] == ["lost"]
    assert [flip.a.id for flip in comparison.gained] == ["gained"]
    text = compare.to_text(comparison)
    assert "right in a, not in b: 1\n  lost (factoid): lost?\n    a: In Rome.\n    b: In Oslo.\n" in text
    assert "right in b, not in a: 1\n  gained (factoid): gained?\n    a: (declined)\n    b: In Rome.\n" in text


def test_items_of_one_side_only_are_listed_and_not_compared(tmp_path: Path) -> None:
    a = [answered("both"), answered("a1"), answered("changed", question="Before?")]
    b = [answered("both"), failed("b1"), answered("changed", question="After?")]
    comparison = compared(tmp_path, a, b)
    assert (comparison.n, comparison.only_a, comparison.only_b) == (1, ("a1",), ("b1",))
    assert comparison.reworded == ("changed",)
    text = compare.to_text(comparison)
    assert "only in a: 1\n  a1\n" in text
    assert "only in b: 1\n  b1\n" in text
    assert "another question under the same id: 1\n  changed\n" in text


def test_the_same_words_after_other_questions_are_another_question(tmp_path: Path) -> None:
    then = answered("q", question="And then?")
    a = [answered("both"), replace(then, history=("Where?",)), answered("turned")]
    b = [answered("both"), replace(then, history=("Who?",)), replace(answered("turned"), answerable=False)]
    assert compared(tmp_path, a, b).reworded == ("q", "turned")


def test_what_the_runs_were_made_with_is_told_where_it_differs(tmp_path: Path) -> None:
    a = written(tmp_path / "a", answered("q"))
    b = written(tmp_path / "b", answered("q"), gold_sha256="h" * 64, models={"reader": "s" * 64, "encoder": "e"})
    differences = compare.compare(a, b).differences
    assert [each.partition(":")[0] for each in differences] == ["gold_sha256", "models.encoder", "models.reader"]
    assert differences[1] == "models.encoder: - / e"
    assert "the runs differ in (a / b)\n  gold_sha256: " in compare.to_text(compare.compare(a, b))


def test_what_cannot_be_judged_on_both_sides_is_no_difference(tmp_path: Path) -> None:
    unjudged = replace(made.RIGHT, right=None, wording=None)
    comparison = compared(tmp_path, [answered("a", unjudged), unanswerable("b")], [answered("a"), unanswerable("b")])
    assert metric_of(comparison, "headline/reliable accuracy").difference.n == 1
    nothing = metric_of(comparison, "answers/token F1")
    assert (nothing.a, nothing.b, nothing.difference.n, nothing.p) == (None, None, 0, 1.0)
    assert not comparison.lost
    assert not comparison.gained
    assert "nan" not in compare.to_text(comparison)


def test_a_run_is_named_by_its_folder_its_results_or_a_baseline(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", *many(3, 3))
    gate.write_baseline(made.report(*many(3, 3)), tmp_path / "baseline.json")
    sides = [compare.side(each) for each in (folder, folder / RESULTS, tmp_path / "baseline.json")]
    assert sides[0].items == sides[1].items == sides[2].items
    assert all(each.info is not None and each.info.gold == "gold.jsonl" for each in sides)


def test_results_without_a_report_are_compared_all_the_same(tmp_path: Path) -> None:
    a, b = written(tmp_path / "a", *many(2, 0)), written(tmp_path / "b", *many(2, 0))
    (a / "report.json").unlink()
    assert compare.compare(a, b).differences == ()


def test_runs_without_a_question_in_common_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GoldError, match="no question in common"):
        compared(tmp_path, [answered("a")], [answered("b")])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (RESULTS, None, "cannot be read"),
        (RESULTS, "{}\n", "line 1: this is no result"),
        ("report.json", "{", "not the report of a run"),
        ("report.json", json.dumps({"info": {"split": 1}}), "not the report of a run"),
        ("report.json", "[]", "not the report of a run"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    a, b = written(tmp_path / "a", answered("q")), written(tmp_path / "b", answered("q"))
    if text is None:
        (b / name).unlink()
    else:
        (b / name).write_text(text)
    with pytest.raises(GoldError, match=message) as raised:
        compare.compare(a, b)
    assert "\n" not in str(raised.value)
    assert str(b / name) in str(raised.value)
