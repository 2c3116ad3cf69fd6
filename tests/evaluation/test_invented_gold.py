"""The invented documents' gold questions fit their documents, and their halves never share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from coalition_qa.evaluation.gold import Gold, load_gold
from coalition_qa.types import Document

INVENTED = Path(__file__).parents[2] / "eval" / "invented"


def gold(folder: Path) -> Gold:
    files = sorted((folder / "docs").iterdir())
    return load_gold(folder / "gold.jsonl", {file.name: Document(file.name, file.read_text("utf-8")) for file in files})


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("manuals", "dev"),
        ("reports", "dev"),
        ("coast", "dev"),
        ("care", "dev"),
        ("past", "dev"),
        ("office", "test"),
        ("press", "test"),
        ("town", "test"),
        ("work", "test"),
        ("summit", "test"),
        ("products", "test"),
        ("council", "test"),
    ],
)
def test_quotes_stand_in_their_documents(name: str, half: str) -> None:
    found = gold(INVENTED / name)
    assert len(found.items) >= 70
    assert found.warnings == ()
    assert {item.split for item in found.items} == {half}
    assert sum(not item.answerable for item in found.items) >= 14


@pytest.mark.parametrize("name", ["asked", "voices"])
def test_no_document_of_a_set_with_both_halves_is_in_both(name: str) -> None:
    found = gold(INVENTED / name)
    assert found.warnings == ()
    dev, test = ({item.cluster for item in found.items if item.split == half} - {""} for half in ("dev", "test"))
    assert len(dev) == len(test) == 5
    assert not dev & test
