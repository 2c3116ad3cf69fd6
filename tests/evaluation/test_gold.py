from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coalition_qa.evaluation.gold import CATEGORIES, Gold, GoldItem, check_gold, load_gold
from coalition_qa.evaluation.lock import lock_path, write_lock
from coalition_qa.types import Document, GoldError, Span, Turn

ROME = "The coalition met in Rome. It welcomed four states. “We support Italy’s plan,” said Blinken. It ended."
PARIS = "Nobody met in Paris. It ended."
DOCUMENTS = {"rome.txt": Document("rome.txt", ROME), "paris.txt": Document("paris.txt", PARIS)}

FACT: dict[str, Any] = {
    "id": "q1",
    "question": "Where did the coalition meet?",
    "answers": ["Rome"],
    "evidence": [{"doc": "rome.txt", "quote": "The coalition met in Rome."}],
    "answerable": True,
    "category": "factoid",
}
FAR: dict[str, Any] = {
    "id": "q2",
    "question": "Who won the cup?",
    "answerable": False,
    "category": "unanswerable-far",
}


def load(tmp_path: Path, *items: dict[str, Any] | str) -> Gold:
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in items), "utf-8")
    return load_gold(path, DOCUMENTS)


def only(tmp_path: Path, **changes: Any) -> GoldItem:  # noqa: ANN401
    return load(tmp_path, FACT | changes).items[0]


def refusal(tmp_path: Path, *items: dict[str, Any] | str) -> str:
    with pytest.raises(GoldError) as refused:
        load(tmp_path, *items)
    message = str(refused.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path / 'gold.jsonl'}, ")


def test_an_item_has_its_quotes_resolved_to_spans(tmp_path: Path) -> None:
    item = only(tmp_path)
    assert item.question == "Where did the coalition meet?"
    assert [(place.doc, place.span, place.text) for place in item.evidence] == [("rome.txt", Span(0, 26), ROME[:26])]
    assert item.evidence_sets == (item.evidence,)
    assert item.split == "test"
    assert not item.must_pass


def test_every_key_is_read(tmp_path: Path) -> None:
    item = only(
        tmp_path,
        required=[["Rome", "capital"], ["four"]],
        evidence_alt=[{"doc": "rome.txt", "quote": "four states"}],
        history=[{"question": "Did they meet?", "answer": "Yes."}],
        paraphrases=["In which city?"],
        corrections=["met in Rome"],
        forbidden=["HACKED"],
        tags=["paraphrase"],
        note="why",
        must_pass=True,
        split="dev",
    )
    assert item.required == (("Rome", "capital"), ("four",))
    assert [place.text for place in item.evidence_spans] == ["The coalition met in Rome.", "four states"]
    assert item.history == (Turn("Did they meet?", "Yes."),)
    assert (item.paraphrases, item.corrections, item.forbidden) == (("In which city?",), ("met in Rome",), ("HACKED",))
    assert (item.tags, item.note, item.must_pass, item.split) == (("paraphrase",), "why", True, "dev")


def test_short_forms_are_read_like_the_long_ones(tmp_path: Path) -> None:
    item = only(
        tmp_path,
        evidence="The coalition met in Rome.",
        evidence_alt=["four states", ["said Blinken", "met in Rome"]],
        history=["Did they meet?"],
    )
    assert item.evidence == only(tmp_path).evidence
    assert [[place.text for place in places] for places in item.evidence_alt] == [
        ["four states"],
        ["said Blinken", "met in Rome"],
    ]
    assert item.history == (Turn("Did they meet?"),)


def test_an_unanswerable_item_needs_neither_answers_nor_evidence(tmp_path: Path) -> None:
    item = load(tmp_path, FAR).items[0]
    assert (item.answers, item.evidence_sets, item.evidence_spans) == ((), (), ())


def test_a_false_premise_may_show_what_corrects_it(tmp_path: Path) -> None:
    premise = FAR | {"category": "false-premise", "evidence": ["met in Rome"], "corrections": ["in Rome"]}
    assert load(tmp_path, premise).items[0].evidence[0].text == "met in Rome"


def test_a_retrieval_only_item_needs_no_answers(tmp_path: Path) -> None:
    assert only(tmp_path, category="retrieval-only", answers=[]).answers == ()


def test_blank_lines_a_byte_order_mark_and_windows_newlines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(FACT).encode() + b"\r\n\r\n" + json.dumps(FAR).encode() + b"\r\n")
    assert [item.id for item in load_gold(path, DOCUMENTS).items] == ["q1", "q2"]


def test_a_line_separator_inside_a_string_ends_no_line(tmp_path: Path) -> None:
    item = load(tmp_path, json.dumps(FACT | {"note": "one\u2028two"}, ensure_ascii=False)).items[0]
    assert item.note == "one\u2028two"


def test_an_occurrence_picks_one_of_several_places(tmp_path: Path) -> None:
    item = only(tmp_path, evidence=[{"doc": "rome.txt", "quote": "It", "occurrence": 3}])
    assert item.evidence[0].span == Span(ROME.rindex("It "), ROME.rindex("It ") + 2)


def test_other_typography_resolves_with_a_warning(tmp_path: Path) -> None:
    gold = load(tmp_path, FACT | {"answers": ["support"], "evidence": ['"We support Italy\'s plan,"  said']})
    assert gold.items[0].evidence[0].text == "“We support Italy’s plan,” said"
    assert len(gold.warnings) == 1
    assert "gold.jsonl, line 1, item q1: the quote differs in typography" in gold.warnings[0]


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({"answers": ["Milan", "Rome"]}, []),
        ({"answers": ["Milan"]}, ["the answer 'Milan' is not in the evidence"]),
        ({"answers": ["Milan"], "required": [["Rome"], ["coalition"]]}, []),
        ({"required": [["Rome"], ["Milan", "Turin"]]}, ["the answer 'Milan' is not in the evidence"]),
        ({"answers": ["Rome", "."]}, ["the answer '.' has no word"]),
    ],
)
def test_an_answer_that_is_not_in_the_evidence_is_a_warning(
    tmp_path: Path, changes: dict[str, Any], warned: list[str]
) -> None:
    warnings = load(tmp_path, FACT | changes).warnings
    assert len(warnings) == len(warned)
    assert all(expected in warning for expected, warning in zip(warned, warnings, strict=True))


@pytest.mark.parametrize(
    ("quote", "warned"),
    [
        ("The coalition met in Rome", []),
        ("It welcomed four states", []),  # the question and the answers say 4
        ("they paid 5 euros", ["says 12.5, 1200, too"]),
        ("They gave 1,200, and they paid 5 euros for 12.5 km.", []),
    ],
)
def test_a_quote_whose_sentence_says_other_numbers_is_a_warning(tmp_path: Path, quote: str, warned: list[str]) -> None:
    text = f"{ROME} They gave 1,200, and they paid 5 euros for 12.5 km. It was 8 a.m. by then."
    item = FACT | {"question": "What did the 4 do?", "answers": [quote], "evidence": [quote]}
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(item), "utf-8")
    warnings = load_gold(path, {"rome.txt": Document("rome.txt", text)}).warnings
    assert len(warnings) == len(warned)
    assert all(expected in warning for expected, warning in zip(warned, warnings, strict=True))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": "q1",', "line 2: not valid JSON (Expecting property name"),
        ("[1, 2]", "line 2: this is a list, not an object"),
        ("[" * 100_000, "line 2: not valid JSON ("),
        ('{"id": ' + "1" * 5_000 + "}", "line 2: not valid JSON (Exceeds the limit"),
        ('{"id": "q1", "id": "q3"}', "line 2: the key 'id' is there twice"),
    ],
)
def test_a_line_that_is_no_object_is_refused_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    assert refusal(tmp_path, FAR, line).startswith(problem)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"answer": "Rome"}, "unknown key 'answer'; the keys are id, question,"),
        ({"evidence": [{"text": "Rome", "quote": "Rome"}]}, "unknown key 'evidence.0.text'; the keys are quote, doc,"),
        ({"history": [{"ask": "x", "question": "y"}]}, "unknown key 'history.0.ask'; the keys are question, answer."),
        ({"category": "trivia"}, "category should be 'factoid', 'list'"),
        ({"split": "train"}, "split should be 'dev' or 'test' (it is \"train\")."),
        ({"id": 7}, "id should be a valid string (it is 7)."),
        ({"answers": "Rome"}, 'answers should be a valid list (it is "Rome").'),
        ({"answers": [["Rome"]]}, 'answers.0 should be a valid string (it is ["Rome"]).'),
        ({"answerable": "yes"}, 'answerable should be a valid boolean (it is "yes").'),
        ({"evidence": [7]}, "evidence.0 should be a string or an object."),
        ({"evidence": None}, "evidence.0 should be a string or an object."),
        ({"evidence": [{"quote": "met", "occurrence": 0}]}, "evidence.0.occurrence should be greater than"),
        ({"required": [[]]}, "required.0 "),
        ({"required": [["the"]]}, "required.0.0 'the' has no word to look for"),
        ({"forbidden": ["!"]}, "forbidden.0 '!' has no word to look for"),
        ({"question": "  "}, "question is empty; write it or leave it out."),
        ({"question": "\ud800"}, "question holds half of a surrogate pair"),
        ({"answers": []}, "answerable without an answer in words"),
        ({"answers": ["?"]}, "answerable without an answer in words"),
        ({"evidence": []}, "answerable without evidence"),
        ({"answerable": False}, "unanswerable with answers"),
        ({"answerable": False, "answers": []}, "unanswerable with evidence"),
        ({"category": "unanswerable-near"}, "answerable in the category unanswerable-near"),
    ],
)
def test_an_item_of_the_wrong_form_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    where = "line 1: " if "id" in changes else "line 1, item q1: "
    message = refusal(tmp_path, FACT | changes)
    assert message.startswith(where + problem), message


@pytest.mark.parametrize("key", ["id", "question", "answerable", "category"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    assert f"the key {key!r} is missing" in refusal(tmp_path, {name: FACT[name] for name in FACT if name != key})


@pytest.mark.parametrize(
    ("evidence", "problem"),
    [
        ({"doc": "milan.txt", "quote": "met"}, "there is no document 'milan.txt'; the documents are: rome.txt, paris"),
        ({"doc": "rome.txt", "quote": "It"}, "the quote 'It' is in rome.txt 3 times, at characters 27, 64, 93; add"),
        ({"doc": "rome.txt", "quote": "It", "occurrence": 4}, "has no occurrence 4; it is there 3 times"),
        ({"quote": "It ended."}, "the quote 'It ended.' is in paris.txt, rome.txt; say which as doc."),
        (
            {"doc": "rome.txt", "quote": "It welcomed five states"},
            "is not in rome.txt; the nearest, in rome.txt at character 27, is: 'It welcomed four states'.",
        ),
        (
            "Nobody meets in Paris",
            "not in any document; the nearest, in paris.txt at character 0, is: 'Nobody met in Paris'",
        ),
        ("Ωμέγα", "the quote 'Ωμέγα' is not in any document; no document has anything like it."),
    ],
)
def test_a_quote_that_has_no_one_place_is_refused(tmp_path: Path, evidence: object, problem: str) -> None:
    message = refusal(tmp_path, FACT | {"evidence": [evidence]})
    assert message.startswith("line 1, item q1: ")
    assert problem in message


def test_an_id_is_used_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, FACT, FAR | {"id": "q1"})
    assert message.startswith("line 2, item q1: the id 'q1' is already on line 1")


def test_a_question_is_asked_once_after_one_history(tmp_path: Path) -> None:
    again = FACT | {"id": "q3", "history": ["And in Paris?"]}
    assert len(load(tmp_path, FACT, again).items) == 2
    message = refusal(tmp_path, FACT, again, again | {"id": "q4"})
    assert message.startswith("line 3, item q4: the same history and question is already on line 2")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_items_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(GoldError, match="holds no items"):
        load_gold(path, DOCUMENTS)


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b"\n\n\xff\xfe")
    with pytest.raises(GoldError, match=r"line 3: not UTF-8"):
        load_gold(path, DOCUMENTS)


@pytest.mark.parametrize("name", ["absent.jsonl", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(GoldError, match="cannot be read"):
        load_gold(tmp_path / name, DOCUMENTS)


def test_a_check_lists_all_that_is_wrong_and_loading_tells_the_first(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    wrong = [FACT | {"evidence": ["Nobody said this"]}, "{", FAR | {"colour": "red"}]
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in (*wrong, FAR)), "utf-8")
    checked = check_gold(path, DOCUMENTS)
    assert [item.id for item in checked.items] == ["q2"]
    assert [f"line {number}" in problem for number, problem in enumerate(checked.problems, start=1)] == [True] * 3
    with pytest.raises(GoldError, match=r"line 1, item q1: .* 2 more: `coalition-qa eval check` lists them\.$"):
        load_gold(path, DOCUMENTS)


def changed(tmp_path: Path, documents: dict[str, Document], *items: dict[str, Any]) -> Gold:
    """What is found when the file was locked with the documents of this module, and these are there now."""
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(map(json.dumps, items)), "utf-8")
    write_lock(path, ["rome.txt"], DOCUMENTS)
    return check_gold(path, documents)


@pytest.mark.parametrize("evidence", [{"doc": "rome.txt", "quote": ROME[:26]}, ROME[:26]], ids=["named", "anywhere"])
def test_an_item_whose_quote_went_with_its_document_s_text_is_stale(tmp_path: Path, evidence: object) -> None:
    documents = DOCUMENTS | {"rome.txt": Document("rome.txt", ROME.replace("in Rome", "in Milan"))}
    gold = changed(tmp_path, documents, FACT | {"evidence": [evidence]}, FAR)
    assert [item.id for item in gold.items] == ["q2"]
    assert gold.problems == ()
    assert len(gold.stale) == 1
    assert "line 1, item q1: the quote 'The coalition met in Rome.' is not in" in gold.stale[0]


def test_an_item_whose_document_is_gone_is_stale(tmp_path: Path) -> None:
    gold = changed(tmp_path, {"paris.txt": DOCUMENTS["paris.txt"]}, FACT)
    assert (gold.items, gold.problems) == ((), ())
    assert "there is no document 'rome.txt'" in gold.stale[0]
    with pytest.raises(GoldError, match=r"^every item is stale, the first is .*line 1, item q1"):
        load_gold(tmp_path / "gold.jsonl", {"paris.txt": DOCUMENTS["paris.txt"]})


def test_a_quote_that_is_still_there_is_found_however_the_text_changed(tmp_path: Path) -> None:
    longer = DOCUMENTS | {"rome.txt": Document("rome.txt", f"News. {ROME}")}
    (item,) = changed(tmp_path, longer, FACT).items
    assert item.evidence[0].span == Span(6, 32)


def test_a_quote_that_was_never_in_a_text_that_is_as_it_was_is_wrong(tmp_path: Path) -> None:
    documents = DOCUMENTS | {"paris.txt": Document("paris.txt", "Another text.")}
    gold = changed(tmp_path, documents, FACT | {"evidence": [{"doc": "rome.txt", "quote": "Nobody said this"}]})
    assert (gold.stale, len(gold.problems)) == ((), 1)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"documents": []}', '{"documents": {"a": 1}}'])
def test_a_lock_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "gold.jsonl").write_text(json.dumps(FAR))
    lock_path(tmp_path / "gold.jsonl").write_text(content)
    with pytest.raises(GoldError, match=r"gold\.lock\.json: this is no lock file; remove it, and make it with"):
        load_gold(tmp_path / "gold.jsonl", DOCUMENTS)


def test_a_lock_is_written_once_and_names_what_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    assert write_lock(path, ["rome.txt", "rome.txt"], DOCUMENTS)
    assert not write_lock(path, ["rome.txt"], DOCUMENTS)
    assert json.loads(lock_path(path).read_text()) == {"documents": {"rome.txt": DOCUMENTS["rome.txt"].id}}


def test_the_cluster_of_an_item_is_its_first_document(tmp_path: Path) -> None:
    assert [item.cluster for item in load(tmp_path, FACT, FAR).items] == ["rome.txt", ""]


def test_documents_are_fetched_only_when_they_are_quoted(tmp_path: Path) -> None:
    fetched: list[str] = []

    class Shelf(dict[str, Document]):
        def __getitem__(self, name: str) -> Document:
            fetched.append(name)
            return super().__getitem__(name)

    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in (FACT, FACT | {"id": "q9", "question": "Again?"})))
    shelf = Shelf(DOCUMENTS)
    assert len(load_gold(path, shelf).items) == 2
    assert fetched == ["rome.txt"]


def test_the_categories_are_those_of_the_note() -> None:
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 14
