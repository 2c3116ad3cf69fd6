"""What stands behind the served page: one library that is asked while it is changed, over the real thing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from coalition_qa.library import Library
from coalition_qa.plan import Step
from coalition_qa.serving import Desk, lines_of
from coalition_qa.standing import Standing
from coalition_qa.types import CorpusGone, DocumentError
from coalition_qa.ui import Lines, Measured
from coalition_qa.verification import Calibration

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Encoder

MILL = "The old mill in Bergen was bought by Anna Berg, a baker, in 1911."


def test_the_dial_tells_what_was_measured_where_the_calibration_says_so() -> None:
    bare = Calibration(0.0, {}, {"balanced": 0.5}, "nothing", "none@0")
    assert lines_of(bare, "balanced") == Lines({"balanced": 0.5}, "balanced", {})
    told = Calibration(
        0.0, {}, {"balanced": 0.5}, "nothing", "none@0", {"balanced": {"answered": 0.7, "declined": 0.8}}
    )
    assert lines_of(told, "balanced").meaning == {"balanced": Measured(0.7, 0.8)}


def test_what_the_desk_takes_is_answered_from_at_once_and_what_it_removes_is_not(
    stocked: Place, shipped_encoder: Encoder
) -> None:
    settings = stocked.settings()
    heard: list[Step] = []
    file = stocked.outside("mill.txt", MILL)
    with Standing(settings, shipped_encoder) as assistant, assistant.lent() as now:
        library, desk = now.library, Desk(settings, assistant, shipped_encoder)
        assert [(step.action, step.note) for step in desk.plan([file])] == [("new", "")]
        assert desk.plan(None) == [Step("unchanged", "owls.md"), Step("unchanged", "zebra.txt")]
        assert [(step.action, step.name) for step in desk.add([file], heard.append)] == [("new", "mill.txt")]
        assert [step.name for step in heard] == ["mill.txt"]
        assert assistant.ask("Who bought the old mill in Bergen?").citations[0].doc == "mill.txt"
        assert assistant.ask("Who bought the old mill in Bergen?", only=["zebra.txt"]).citations == ()
        assert library.index_is_current(), "the page's own index is brought in line"
        desk.remove(["mill.txt"])
        assert "mill.txt" not in {hit.doc for hit in assistant.ask("Who bought the old mill in Bergen?").hits}
        (stocked.corpus / "zebra.txt").unlink()
        assert ("removed", "zebra.txt") in [(step.action, step.name) for step in desk.sync(heard.append)]
        with pytest.raises(DocumentError):
            desk.remove(["zebra.txt"])


def test_changes_from_two_people_at_once_wait_for_each_other(stocked: Place, shipped_encoder: Encoder) -> None:
    settings = stocked.settings()
    files = [stocked.outside(f"mill{number}.txt", f"{MILL} {number}") for number in range(6)]
    with Standing(settings, shipped_encoder) as standing, ThreadPoolExecutor(6) as pool:
        desk = Desk(settings, standing, shipped_encoder)
        steps = pool.map(lambda file: desk.add([file], lambda step: None)[0].action, files)
        assert list(steps) == ["new"] * 6
        assert len(standing.documents()) == 8


@pytest.mark.parametrize(("most", "taken"), [(1.0, True), (0.000_1, False)])
def test_the_corpus_folder_grows_no_larger_than_it_may(
    stocked: Place, shipped_encoder: Encoder, most: float, taken: bool
) -> None:
    settings = stocked.settings(max_corpus_megabytes=most)
    file = stocked.outside("mill.txt", MILL)
    with Standing(settings, shipped_encoder) as standing:
        desk = Desk(settings, standing, shipped_encoder)
        if taken:
            assert desk.add([file], lambda step: None)[0].action == "new"
        else:
            with pytest.raises(DocumentError, match=r"would hold .* MB, and may hold .*MAX_CORPUS_MEGABYTES"):
                desk.add([file], lambda step: None)
        assert (stocked.corpus / "mill.txt").exists() == taken


def test_where_the_folder_became_empty_the_page_answers_from_what_the_library_holds(stocked: Place) -> None:
    for file in list(stocked.corpus.iterdir()):
        file.unlink()
    with stocked.start("-m", "coalition_qa", "chat", "--no-browser", "--port", "0") as page:
        try:
            assert page.stdout is not None
            assert page.stderr is not None
            assert "http://127.0.0.1" in page.stdout.readline()
            notice = page.stderr.readline()
            assert str(stocked.corpus) in notice
            assert notice.endswith("Serving what it holds now.\n")
        finally:
            page.terminate()
            page.communicate(timeout=30)
    assert len(stocked.run("list").out.splitlines()) == 2


def test_an_empty_folder_is_meant_by_who_saw_the_plan_and_not_by_who_watches(
    stocked: Place, shipped_encoder: Encoder
) -> None:
    settings = stocked.settings()
    for file in list(stocked.corpus.iterdir()):
        file.unlink()
    with Standing(settings, shipped_encoder) as assistant:
        desk = Desk(settings, assistant, shipped_encoder)
        with pytest.raises(CorpusGone):
            desk.follow(lambda _: None)
        assert len(assistant.documents()) == 2
        desk.sync(lambda _: None)
    with Library(stocked.library, shipped_encoder) as library:
        assert library.catalogue() == []
