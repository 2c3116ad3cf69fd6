from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coalition_qa.evaluation.squad import Squad, load_squad
from coalition_qa.types import GoldError

CONTEXT = "Dr. Who met J. Smith in Oslo. He paid 3.5 kroner to No. 7! “Was it much?” asked Anna."


def answer(text: str, context: str = CONTEXT) -> dict[str, Any]:
    return {"text": text, "answer_start": context.index(text)}


def asks(name: object, *answers: str, **rest: object) -> dict[str, Any]:
    return {"id": name, "question": f"{name}?", "answers": [answer(text) for text in answers], **rest}


def article(*questions: dict[str, Any], title: str = "Trips & “Visits”", context: str = CONTEXT) -> dict[str, Any]:
    return {"title": title, "paragraphs": [{"context": context, "qas": list(questions)}]}


def load(tmp_path: Path, *articles: object) -> Squad:
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}), "utf-8")
    return load_squad(path)


def refusal(path: Path) -> str:
    with pytest.raises(GoldError) as refused:
        load_squad(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


def refused(tmp_path: Path, *articles: object) -> str:
    with pytest.raises(GoldError):
        load(tmp_path, *articles)
    return refusal(tmp_path / "squad.json")


def test_a_paragraph_is_a_document_and_a_question_has_its_answers(tmp_path: Path) -> None:
    squad = load(tmp_path, article(asks("q1", "Oslo", "in Oslo", "Oslo")))
    assert squad.documents == {"0001-trips-visits-0001.txt": CONTEXT}
    (item,) = squad.items
    assert (item.id, item.question, item.answerable, item.category, item.split) == (
        "q1",
        "q1?",
        True,
        "factoid",
        "test",
    )
    assert item.answers == ("Oslo", "in Oslo")
    assert item.cluster == "Trips & “Visits”"
    assert [(place.doc, place.text) for place in item.evidence] == [
        ("0001-trips-visits-0001.txt", "Dr. Who met J. Smith in Oslo.")
    ]
    assert item.evidence_alt == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Smith", "Dr. Who met J. Smith in Oslo."),
        ("3.5 kroner", "He paid 3.5 kroner to No. 7!"),
        ("No. 7!", "He paid 3.5 kroner to No. 7!"),
        ("Anna.", "“Was it much?” asked Anna."),
        ("Oslo. He", "Dr. Who met J. Smith in Oslo. He paid 3.5 kroner to No. 7!"),
    ],
)
def test_the_evidence_is_the_sentence_around_an_answer(tmp_path: Path, text: str, sentence: str) -> None:
    (place,) = load(tmp_path, article(asks("q1", text))).items[0].evidence
    assert place.text == sentence == place.span.of(CONTEXT)


def test_an_answer_in_another_sentence_is_another_place(tmp_path: Path) -> None:
    (item,) = load(tmp_path, article(asks("q1", "Oslo", "Anna"))).items
    assert [[place.text for place in places] for places in item.evidence_sets] == [
        ["Dr. Who met J. Smith in Oslo."],
        ["“Was it much?” asked Anna."],
    ]


def test_an_impossible_question_is_unanswerable(tmp_path: Path) -> None:
    plausible = {"plausible_answers": [answer("Oslo")], "is_impossible": True}
    (item,) = load(tmp_path, article(asks("q1", **plausible))).items
    assert (item.answerable, item.category, item.answers, item.evidence) == (False, "unanswerable-near", (), ())
    assert item.cluster == "Trips & “Visits”"


def test_one_text_is_one_document_and_names_are_safe_and_unique(tmp_path: Path) -> None:
    odd = {"title": "../../etc: Čapek " + "x" * 200, "context": "Another text in Oslo."}
    none = {"title": "日本", "context": "A third text in Oslo."}
    squad = load(
        tmp_path,
        article(asks("q1", "Oslo")),
        article(asks("q2", "Oslo"), title="A copy"),
        {"title": odd["title"], "paragraphs": [{"context": odd["context"], "qas": []}]},
        {"title": none["title"], "paragraphs": [{"context": none["context"], "qas": []}]},
    )
    first, second, third = squad.documents
    assert {place.doc for item in squad.items for place in item.evidence} == {first}
    assert second == "0003-etc-capek-" + "x" * 30 + "-0001.txt"
    assert third == "0004-untitled-0001.txt"


def test_offsets_are_those_of_the_document_that_is_read_from_the_file(tmp_path: Path) -> None:
    context = "Cafe\u0301 one.\r\nCafe\u0301 two in Oslo."
    question = {"id": "q1", "question": "Where?", "answers": [answer("Cafe\u0301 two", context)]}
    squad = load(tmp_path, article(question, context=context))
    (text,) = squad.documents.values()
    assert text == "Café one.\nCafé two in Oslo."
    (place,) = squad.items[0].evidence
    assert place.span.of(text) == place.text == "Café two in Oslo."
    assert squad.items[0].answers == ("Café two",)


def test_numbers_as_ids_and_unknown_keys_are_taken_as_they_come(tmp_path: Path) -> None:
    assert load(tmp_path, article(asks(262, "Oslo", note="x"))).items[0].id == "262"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (
            {"text": "Oslo", "answer_start": 7},
            "question q1: the answer 'Oslo' is not at character 7 of its paragraph, where ' met' stands; it is at 24; "
            "correct answer_start.",
        ),
        ({"text": "Bergen", "answer_start": 24}, "where 'Oslo. ' stands; and nowhere else in the paragraph"),
        ({"text": "Oslo", "answer_start": -4}, "is not at character -4"),
        ({"text": "Oslo", "answer_start": 10_000}, "where '' stands; it is at 24"),
        ({"text": " ", "answer_start": 3}, "question q1: an answer is empty"),
    ],
)
def test_an_answer_that_is_not_where_it_is_said_to_be_is_refused(
    tmp_path: Path, wrong: dict[str, Any], problem: str
) -> None:
    assert problem in refused(tmp_path, article({"id": "q1", "question": "Where?", "answers": [wrong]}))


@pytest.mark.parametrize(
    ("articles", "problem"),
    [
        ([], "the file holds no questions"),
        ([article(asks("q1", "Oslo"), asks("q1", "Anna"))], "the id 'q1' is there twice"),
        ([article(asks("q1"))], "question q1: it has no answer; give one, or set is_impossible to true."),
        ([article({"id": "q1", "question": " "})], "data.0.paragraphs.0.qas.0.question: String should match"),
        ([article({"id": "q1"})], "data.0.paragraphs.0.qas.0.question: Field required"),
        ([article({"id": None, "question": "Who?"})], "qas.0.id: Input should be a valid string"),
        (["text"], "not in SQuAD's format: data.0: Input should be"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused_with_the_place(
    tmp_path: Path, articles: list[object], problem: str
) -> None:
    assert problem in refused(tmp_path, *articles)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not valid JSON (line 1: Expecting value)"),
        (b'{"data": [\n', "not valid JSON (line 2"),
        (b"[" * 100_000, "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "not in SQuAD's format: the file:"),
        (b"{}", "not in SQuAD's format: data: Field required"),
    ],
)
def test_a_file_that_is_no_squad_file_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "squad.json"
    path.write_bytes(content)
    assert problem in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.json") == ": the SQuAD file cannot be read: No such file or directory."
