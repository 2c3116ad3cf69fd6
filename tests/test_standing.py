"""The library that stands on disk now, while others are put in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coalition_qa.ingest import rebuild
from coalition_qa.standing import Standing
from coalition_qa.types import LibraryError

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Encoder

QUESTION = "Who bought the old mill in Bergen?"


def test_a_library_that_was_made_anew_is_opened_by_itself(stocked: Place, shipped_encoder: Encoder) -> None:
    settings = stocked.settings()
    with Standing(settings, shipped_encoder) as standing:
        with standing.lent() as before:
            stocked.write("mill.txt", "The old mill in Bergen was bought by Anna Berg, a baker, in 1911.")
            rebuild(settings, shipped_encoder)
            assert "mill.txt" in {info.name for info in standing.documents()}
            assert standing.ask(QUESTION).citations[0].doc == "mill.txt"
            assert "mill.txt" not in {info.name for info in before.library.catalogue()}, "who uses it ends with it"
        with pytest.raises(LibraryError):
            before.library.catalogue()
        with standing.lent() as now:
            assert now is not before
            assert standing.spans("mill.txt")
        assert now.users == 0
    with pytest.raises(LibraryError):
        now.library.catalogue()


def test_for_the_moment_in_which_there_is_none_the_old_one_answers(stocked: Place, shipped_encoder: Encoder) -> None:
    away = stocked.folder / "away"
    with Standing(stocked.settings(), shipped_encoder) as standing:
        stocked.library.rename(away)
        assert len(standing.documents()) == 2
        away.rename(stocked.library)
        assert len(standing.documents()) == 2
