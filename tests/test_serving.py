"""What stands behind the served page: one library that is asked while it is changed, over the real thing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from coalition_qa.assistant import Assistant
from coalition_qa.library import Library
from coalition_qa.serving import Desk
from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Encoder
    from coalition_qa.ingest import Step

MILL = "The old mill in Bergen was bought by Anna Berg, a baker, in 1911."


def test_what_the_desk_takes_is_answered_from_at_once_and_what_it_removes_is_not(
    stocked: Place, shipped_encoder: Encoder
) -> None:
    settings = stocked.settings()
    heard: list[Step] = []
    file = stocked.outside("mill.txt", MILL)
    with Library(settings.library_path, shipped_encoder) as library:
        assistant, desk = Assistant.over(library, shipped_encoder, settings), Desk(settings, library, shipped_encoder)
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
    with Library(settings.library_path, shipped_encoder) as library, ThreadPoolExecutor(6) as pool:
        desk = Desk(settings, library, shipped_encoder)
        steps = pool.map(lambda file: desk.add([file], lambda step: None)[0].action, files)
        assert list(steps) == ["new"] * 6
        assert len(library.catalogue()) == 8
