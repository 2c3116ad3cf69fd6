from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import DOCUMENT, FOCUS, MET, NAME, TEXT, declines, quotes, says

from coalition_qa.evaluation.adding import add_item, fields_of
from coalition_qa.evaluation.gold import load_gold
from coalition_qa.evaluation.lock import lock_path, read_lock
from coalition_qa.types import CoalitionQAError, Document, GoldError, Turn

DOCUMENTS = {NAME: DOCUMENT}
WHERE: dict[str, Any] = {
    "question": "Where did they meet?",
    "answerable": True,
    "category": "factoid",
    "answers": ["Rome"],
    "evidence": [{"quote": "met in Rome"}],
}
FAR: dict[str, Any] = {"question": "Who won the cup?", "answerable": False, "category": "unanswerable-far"}


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return tmp_path / "eval" / "gold.jsonl"


def refusal(gold: Path, fields: dict[str, Any]) -> str:
    """What adding says, and nothing is changed."""
    before = gold.read_bytes() if gold.exists() else None
    with pytest.raises(GoldError) as refused:
        add_item(gold, fields, DOCUMENTS)
    assert (gold.read_bytes() if gold.exists() else None) == before
    return str(refused.value)


def test_an_item_is_appended_with_the_next_id_and_its_document_locked(gold: Path) -> None:
    first = add_item(gold, WHERE, DOCUMENTS)
    assert (first.id, first.evidence[0].text) == ("q001", "met in Rome")
    assert add_item(gold, FAR | {"id": "q017"}, DOCUMENTS).id == "q017"
    assert add_item(gold, FAR | {"question": "And the league?"}, DOCUMENTS).id == "q018"
    assert [item.id for item in load_gold(gold, DOCUMENTS).items] == ["q001", "q017", "q018"]
    assert read_lock(gold) == {NAME: DOCUMENT.id}


def test_what_was_left_empty_is_not_written(gold: Path) -> None:
    add_item(gold, FAR | {"answers": [], "evidence": [], "note": "", "split": "dev"}, DOCUMENTS)
    assert json.loads(gold.read_text()) == {"id": "q001", **FAR, "split": "dev"}


@pytest.mark.parametrize("before", ["%s", "%s\n", "\ufeff%s\r\n"], ids=["no newline", "newline", "mark and Windows"])
def test_what_the_file_holds_stays_as_it_is(gold: Path, before: str) -> None:
    gold.parent.mkdir()
    held = (before % json.dumps({"id": "mine", **FAR}, indent=None)).encode()
    gold.write_bytes(held)
    add_item(gold, WHERE, DOCUMENTS)
    assert gold.read_bytes().startswith(held)
    assert [item.id for item in load_gold(gold, DOCUMENTS).items] == ["mine", "q001"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            WHERE | {"evidence": [{"quote": "met in Milan"}]},
            "the quote 'met in Milan' is not in any document; the near",
        ),
        (WHERE | {"evidence": []}, "answerable without evidence"),
        (WHERE | {"evidence": [{"quote": "met in Rome", "doc": "milan.txt"}]}, "there is no document 'milan.txt'"),
        (WHERE | {"evidence": [{"quote": "e"}]}, 'add "occurrence": 1 to'),
        (WHERE | {"category": "trivia"}, "category should be 'factoid'"),
        (WHERE | {"answerable": False}, "unanswerable with answers"),
        (WHERE | {"id": "q001"}, "item q001: the id 'q001' is already on line 1"),
        (FAR, "this question is already among the gold questions, on line 1."),
    ],
)
def test_an_item_that_is_not_right_is_not_written(gold: Path, fields: dict[str, Any], problem: str) -> None:
    add_item(gold, FAR, DOCUMENTS)
    assert problem in refusal(gold, fields)
    assert refusal(gold, fields).startswith("The item was not added: ")


def test_a_first_item_that_is_not_right_makes_no_file(gold: Path) -> None:
    assert "answerable without evidence" in refusal(gold, WHERE | {"evidence": []})
    assert not gold.exists()


def test_what_is_wrong_with_other_items_is_no_hindrance(gold: Path) -> None:
    gold.parent.mkdir()
    gold.write_text('{"id": "broken"}\n')
    assert add_item(gold, WHERE, DOCUMENTS).id == "q001"
    assert gold.read_text().startswith('{"id": "broken"}\n{')


def test_stale_items_stay_stale(gold: Path) -> None:
    add_item(gold, WHERE, DOCUMENTS)
    changed = {NAME: Document(NAME, TEXT.replace("Rome", "Milan"))}
    add_item(gold, FAR, changed)
    assert read_lock(gold) == {NAME: DOCUMENT.id}
    assert len(load_gold(gold, changed).stale) == 1


def test_items_that_are_added_at_once_are_all_there(gold: Path) -> None:
    def add(number: int) -> str:
        return add_item(gold, FAR | {"question": f"Who won cup {number}?"}, DOCUMENTS).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(add, range(24)))
    assert ids == {item.id for item in load_gold(gold, DOCUMENTS).items} == {f"q{n:03d}" for n in range(1, 25)}


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"taken/gold\.jsonl cannot be written: (File exists|Not a directory)"):
        add_item(tmp_path / "taken" / "gold.jsonl", FAR, DOCUMENTS)
    (tmp_path / "gold.jsonl").mkdir()
    with pytest.raises(GoldError, match=r"gold\.jsonl: the gold file cannot be read: Is a directory"):
        add_item(tmp_path / "gold.jsonl", FAR, DOCUMENTS)
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")
    with pytest.raises(GoldError, match="not UTF-8"):
        add_item(tmp_path / "latin.jsonl", FAR, DOCUMENTS)
    assert not lock_path(tmp_path / "gold.jsonl").exists()


def test_nothing_is_added_to_a_table(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("question,answer,quote\n")
    assert "items are not added to a table" in refusal(tmp_path / "gold.csv", FAR)


def test_an_answer_from_the_chat_becomes_an_item(gold: Path) -> None:
    answer = replace(quotes(MET, FOCUS), question="Where did they meet?", short_answer="in Rome")
    item = add_item(gold, fields_of(answer, DOCUMENTS), DOCUMENTS)
    assert (item.question, item.answerable, item.category) == ("Where did they meet?", True, "factoid")
    assert item.answers == ("in Rome",)
    assert [place.span for place in item.evidence] == [citation.span for citation in answer.citations]


def test_the_gold_answer_may_be_given_or_is_the_first_sentence() -> None:
    answer = replace(quotes(MET), question="Where?")
    assert fields_of(answer, DOCUMENTS)["answers"] == ["The coalition met in Rome."]
    assert fields_of(answer, DOCUMENTS, answers=["Rome", "the capital"])["answers"] == ["Rome", "the capital"]


def test_a_follow_up_takes_its_history_along(gold: Path) -> None:
    answer = replace(quotes(FOCUS), question="And then?", short_answer="Africa")
    item = add_item(gold, fields_of(answer, DOCUMENTS, [Turn("Where did they meet?", "In Rome.")]), DOCUMENTS)
    assert (item.category, item.history) == ("follow-up", (Turn("Where did they meet?", "In Rome."),))


def test_an_abstention_becomes_an_unanswerable_question(gold: Path) -> None:
    answer = replace(declines(), question="Who won the cup?")
    item = add_item(gold, fields_of(answer, DOCUMENTS), DOCUMENTS)
    assert (item.answerable, item.category, item.answers, item.evidence) == (False, "unanswerable-near", (), ())


def test_a_citation_of_words_that_are_there_twice_keeps_its_place(gold: Path) -> None:
    twice = Document(NAME, f"{TEXT} The coalition met in Rome.")
    answer = replace(says(("The coalition met in Rome.", [MET])), question="Where?", short_answer="Rome")
    later = replace(answer.citations[0], span=type(answer.citations[0].span)(len(TEXT) + 1, len(twice.text)))
    moved = replace(answer, sentences=(replace(answer.sentences[0], citations=(later,)),))
    item = add_item(gold, fields_of(moved, {NAME: twice}), {NAME: twice})
    assert item.evidence[0].span == later.span


def test_what_is_wrong_is_seen_wherever_the_file_lies(tmp_path: Path) -> None:
    gold = tmp_path / "a  b" / "gold.jsonl"
    answer = replace(quotes(MET), question="Where did they meet?", short_answer="in Rome")
    add_item(gold, fields_of(answer, DOCUMENTS), DOCUMENTS)
    before = gold.read_text()
    with pytest.raises(GoldError, match="The item was not added"):
        add_item(gold, {**fields_of(answer, DOCUMENTS), "question": "Who?", "evidence": ["not there"]}, DOCUMENTS)
    assert gold.read_text() == before
