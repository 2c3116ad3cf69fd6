"""What stands behind the Evaluation screen, over the real thing: runs in their process, the users' gold files."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from coalition_qa.eval_serving import Evaluation
from coalition_qa.standing import Standing
from coalition_qa.types import CoalitionQAError, GoldError
from coalition_qa.ui import Judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Place

    from coalition_qa.encoders import Encoder

ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
WHO = Judged("Who painted the zebra crossing in Oslo?", True, ("Kari Nordmann",), "painted by Kari Nordmann")


@pytest.fixture
def standing(stocked: Place, shipped_encoder: Encoder) -> Iterator[Standing]:
    with Standing(stocked.settings(), shipped_encoder) as made:
        yield made


@pytest.fixture
def evaluation(stocked: Place, standing: Standing) -> Iterator[Evaluation]:
    """Over two documents; the gold file that everybody may run has a test question and seven others."""
    gold = stocked.folder / "shared.jsonl"
    cup = {"id": "cup", "question": "Who won the cup?", "answerable": False, "category": "unanswerable-far"}
    others = [{**cup, "id": f"o{n}", "question": f"Who won race {n}?", "split": "dev"} for n in range(7)]
    lines = [cup, *others]
    gold.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with closing(Evaluation(stocked.settings(gold=gold), standing)) as made:
        yield made


def until(told: Callable[[], Any], seconds: float = 60) -> Any:  # noqa: ANN401 - what it tells
    """What is told once it is something."""
    end = time.monotonic() + seconds
    while not (found := told()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def ended(evaluation: Evaluation, user: str = "") -> None:
    until(lambda: evaluation.going(user) is None)


def test_a_run_is_stopped_goes_on_and_is_reported_beside_its_questions(
    evaluation: Evaluation, standing: Standing
) -> None:
    assert evaluation.add("", WHO) == "q001"
    assert [each.key for each in evaluation.sets("")] == ["own", "test", "all"]
    evaluation.start("", "all")
    with pytest.raises(CoalitionQAError, match="running already"):
        evaluation.start("ann", "all")
    assert standing.ask(WHO.question).status == "answered", "asking goes on meanwhile"
    until(lambda: (going := evaluation.going("")) is not None and going.total == 8)
    evaluation.stop("ann")
    assert evaluation.going("") is not None, "only their own can be stopped"
    with pytest.raises(CoalitionQAError, match="stop it first"):
        evaluation.forget("", evaluation.runs("")[0].id)
    evaluation.stop("")
    (stopped,) = evaluation.runs("")
    assert (stopped.whole, stopped.total, evaluation.fault("")) == (False, 8, "")
    evaluation.start("", "all")
    ended(evaluation)
    (whole,) = evaluation.runs("")
    assert (whole.id, whole.asked, whole.gold) == (stopped.id, 8, "shared.jsonl, all")
    assert whole.verdict == "100% right and cited, or rightly declined"
    assert evaluation.failures("", whole.id) == []
    assert "<!doctype html>" in evaluation.report("", whole.id)
    page = evaluation.compared("", whole.id, whole.id)
    assert "8 questions of both" in page
    assert str(evaluation._settings.library_path) not in page
    assert evaluation.runs("ann") == []
    for act in (evaluation.report, evaluation.failures):
        with pytest.raises(CoalitionQAError):
            act("ann", whole.id)
    evaluation.forget("", whole.id)
    assert evaluation.runs("") == []


def test_why_a_run_failed_is_one_line(evaluation: Evaluation, stocked: Place) -> None:
    (stocked.folder / "shared.jsonl").write_text('{"id": "x"}\n')
    evaluation.start("", "test")
    ended(evaluation)
    assert "shared.jsonl, line 1, item x: the key 'question' is missing" in evaluation.fault("")
    assert evaluation.fault("ann") == ""
    assert evaluation.runs("") == []
    with pytest.raises(CoalitionQAError, match="no such questions"):
        evaluation.start("", "own")


@pytest.mark.parametrize("id_", ["", "..", "../x", "20261101-120000-other", "20261101-120000-all/..", "x" * 300])
def test_no_name_of_a_run_leads_elsewhere(evaluation: Evaluation, id_: str) -> None:
    for act in (evaluation.report, evaluation.failures, evaluation.forget):
        with pytest.raises(CoalitionQAError, match="no such run"):
            act("", id_)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Judged("Who?", True, ("Ann",), "not in any document"), "is not in any document; the nearest"),
        (Judged("Who?", True, ("Ann",), "Kari Nordmann", "owls.md"), "is not in owls.md"),
        (Judged("Who?", True, ("Ann",), "Kari Nordmann", "../x"), "there is no document"),
        (Judged("Who?", True, ("Ann",)), "without evidence"),
        (Judged("Who?", True, (), "Kari Nordmann"), "without an answer"),
        (Judged("", False), "question"),
    ],
)
def test_an_item_that_is_not_right_is_not_written(evaluation: Evaluation, item: Judged, said: str) -> None:
    with pytest.raises(GoldError, match="The item was not added") as caught:
        evaluation.add("", item)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [each.key for each in evaluation.sets("")] == ["test", "all"]


def test_users_have_gold_files_of_their_own(evaluation: Evaluation, standing: Standing, stocked: Place) -> None:
    def own(user: str) -> Path:
        return next(stocked.folder.__class__(each.file) for each in evaluation.sets(user) if each.key == "own")

    answer = standing.ask(WHO.question)
    assert evaluation.confirm("ann", answer, (), ["Kari Nordmann"]) == "q001"
    assert evaluation.add("bob", Judged("Who won?", False)) == "q001"
    assert own("ann") != own("bob")
    assert json.loads(own("ann").read_text())["evidence"] == [{"doc": "zebra.txt", "quote": ZEBRA}]
    assert "ann" not in str(own("ann").relative_to(stocked.folder))
    assert [each.key for each in evaluation.sets("")] == ["test", "all"]
    with pytest.raises(GoldError, match="already"):
        evaluation.confirm("ann", answer, (), ())
