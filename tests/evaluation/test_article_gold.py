"""The shipped gold against the shipped article."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from coalition_qa.evaluation.gold import CATEGORIES, Gold, load_gold
from coalition_qa.types import Document

ROOT = Path(__file__).parents[2]
ARTICLE = ROOT / "corpus" / "coalition-against-isis-rome.txt"
FOR_IMPORTS = {"long-answer", "retrieval-only"}


@pytest.fixture(scope="module")
def gold() -> Gold:
    text = ARTICLE.read_bytes().decode("utf-8")
    return load_gold(ROOT / "eval" / "gold.jsonl", {ARTICLE.name: Document(ARTICLE.name, text)})


def test_every_item_loads_and_nothing_is_suspicious(gold: Gold) -> None:
    assert len(gold.items) >= 120
    assert gold.warnings == ()
    assert gold.stale == ()


def test_every_category_is_there(gold: Gold) -> None:
    assert {item.category for item in gold.items} == set(CATEGORIES) - FOR_IMPORTS


def test_at_least_35_are_unanswerable(gold: Gold) -> None:
    assert sum(not item.answerable for item in gold.items) >= 35


def test_at_least_a_third_of_the_answerable_are_paraphrases(gold: Gold) -> None:
    answerable = [item for item in gold.items if item.answerable]
    assert 3 * sum("paraphrase" in item.tags for item in answerable) >= len(answerable)


def test_the_halves_are_balanced_in_every_category(gold: Gold) -> None:
    counts = Counter((item.category, item.split) for item in gold.items)
    for category in set(CATEGORIES) - FOR_IMPORTS:
        assert abs(counts[category, "dev"] - counts[category, "test"]) <= 1, category
    assert abs(sum((item.split == "dev") - (item.split == "test") for item in gold.items)) <= 2
