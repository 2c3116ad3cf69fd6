"""`eval check`, `eval add` and `eval compare` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

WHO: dict[str, Any] = {
    "id": "who",
    "question": "Who painted the zebra crossing in Oslo?",
    "answers": ["Kari Nordmann"],
    "evidence": ["The zebra crossing in Oslo was painted by Kari Nordmann in 1987."],
    "answerable": True,
    "category": "factoid",
}
CUP: dict[str, Any] = {"id": "cup", "question": "Who won?", "answerable": False, "category": "unanswerable-far"}


@pytest.fixture
def gold(stocked: Place) -> Path:
    return written(stocked, WHO, CUP | {"split": "dev"})


def written(place: Place, *items: object) -> Path:
    path = place.folder / "gold.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    return path


def test_a_gold_file_that_is_right_is_counted(stocked: Place, gold: Path) -> None:
    outcome = stocked.run("eval", "check", "--gold", gold)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"{gold}: 2 items, 1 answerable, 1 dev and 1 test, in 2 documents; 0 warnings, 0 stale, 0 wrong.\n"
    )
    assert not gold.with_suffix(".lock.json").exists()


def test_all_that_is_wrong_is_listed(stocked: Place) -> None:
    gold = written(stocked, WHO | {"evidence": ["painted by Ola Nordmann"]}, CUP | {"colour": "red"}, [])
    outcome = stocked.run("eval", "check", "--gold", gold)
    assert outcome.code == 2
    first, second, third = outcome.err.splitlines()
    assert first.startswith(f"wrong: {gold}, line 1, item who: the quote 'painted by Ola Nordmann' is not in any doc")
    assert first.endswith("the nearest, in zebra.txt at character 31, is: 'painted by Kari Nordmann'.")
    assert "line 2, item cup: unknown key 'colour'" in second
    assert "line 3: this is a list" in third
    assert outcome.out.endswith("0 stale, 3 wrong.\n")


def test_a_file_without_items_is_wrong(stocked: Place) -> None:
    outcome = stocked.run("eval", "check", "--gold", written(stocked))
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "gold.jsonl: the gold file holds no items; write one JSON object on each line." in outcome.err


def test_a_long_list_is_cut(stocked: Place) -> None:
    gold = written(stocked, *([CUP] * 30))
    lines = stocked.run("eval", "check", "--gold", gold).err.splitlines()
    assert (len(lines), lines[-1]) == (21, "wrong: and 9 more")


def test_what_is_suspicious_is_a_warning(stocked: Place) -> None:
    gold = written(stocked, WHO | {"answers": ["Ola"]})
    outcome = stocked.run("eval", "check", "--strict", "--gold", gold)
    assert outcome.code == 0
    assert outcome.err.startswith("warning: ")
    assert "the answer 'Ola' is not in the evidence" in outcome.err


def test_a_text_that_changed_since_it_was_locked_makes_its_items_stale(stocked: Place, gold: Path) -> None:
    locked = stocked.run("eval", "check", "--lock", "--gold", gold)
    assert (locked.code, locked.out.splitlines()[1]) == (
        0,
        f"The texts are locked in {gold.with_suffix('.lock.json')}.",
    )
    assert len(stocked.run("eval", "check", "--lock", "--gold", gold).out.splitlines()) == 1
    stocked.write("zebra.txt", "Nobody painted it.")
    changed = stocked.run("eval", "check", "--gold", gold)
    assert changed.code == 0
    assert changed.err.startswith(
        f"stale: {gold}, line 1, item who: the quote 'The zebra crossing in Oslo was painted by"
    )
    assert "1 items, 0 answerable, 1 dev and 0 test, in 2 documents; 0 warnings, 1 stale, 0 wrong." in changed.out
    assert stocked.run("eval", "check", "--strict", "--gold", gold).code == 2
    refused = stocked.run("eval", "check", "--lock", "--gold", gold)
    assert (refused.code, "stale items would be locked out" in refused.err) == (2, True)


def test_another_corpus_can_be_named_and_what_cannot_be_read_is_left_out(stocked: Place, gold: Path) -> None:
    stocked.write("binary.txt", b"\0\1")
    assert "in 2 documents" in stocked.run("eval", "check", "--gold", gold).out
    other = stocked.outside("other/note.txt", "It was painted by Kari Nordmann herself.").parent
    assert "in 1 documents" in stocked.run("eval", "check", "--gold", gold, "--corpus", other).out
    missing = stocked.run("eval", "check", "--gold", gold, "--corpus", stocked.folder / "missing")
    assert missing.code == 2
    assert "There is no corpus folder" in missing.complaint


def test_check_loads_no_model_and_no_store(place: Place) -> None:
    place.write("zebra.txt", "The zebra crossing in Oslo was painted by Kari Nordmann in 1987.")
    gold = written(place, WHO)
    program = (
        "import sys; from coalition_qa.cli import main; assert not main(sys.argv[1:]);"
        "print([name for name in ('onnxruntime', 'chromadb', 'gradio', 'torch', 'scipy') if name in sys.modules])"
    )
    outcome = place.process("-c", program, "eval", "check", "--gold", gold)
    assert outcome.out.splitlines()[-1] == "[]", outcome.err


def test_an_item_is_added_once_it_is_checked(stocked: Place, gold: Path) -> None:
    words = ["eval", "add", "When was it painted?", "--answer", "1987", "--category", "temporal", "--gold", gold]
    outcome = stocked.run(*words, "--quote", "Kari Nordmann in 1987", "--split", "dev")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"q001 added to {gold}: zebra.txt, characters 42-63.\n"
    assert json.loads(gold.read_text().splitlines()[-1]) == {
        "id": "q001",
        "question": "When was it painted?",
        "answerable": True,
        "category": "temporal",
        "answers": ["1987"],
        "evidence": [{"quote": "Kari Nordmann in 1987"}],
        "split": "dev",
    }
    assert stocked.run("eval", "check", "--gold", gold).code == 0


def test_an_unanswerable_question_is_added_without_evidence(stocked: Place) -> None:
    gold = stocked.folder / "new" / "gold.jsonl"
    outcome = stocked.run("eval", "add", "Who won the cup?", "--unanswerable", "--gold", gold)
    assert outcome.out == f"q001 added to {gold}: no evidence.\n"
    assert json.loads(gold.read_text())["category"] == "unanswerable-near"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--answer", "Ola", "--quote", "Ola"], "the quote 'Ola' is not in any document; the nearest"),
        (["--quote", "Kari Nordmann"], "answerable without an answer in words"),
        (["--answer", "Kari"], "answerable without evidence; quote the words that answer it"),
        (["--answer", "Kari", "--unanswerable"], "unanswerable with answers"),
        (["--answer", "x", "--quote", " the ", "--doc", "owls.md"], "is in owls.md 2 times, at characters"),
        (["--answer", "x", "--quote", " the ", "--doc", "owls.md", "--occurrence", "3"], "has no occurrence 3"),
    ],
)
def test_an_item_that_is_not_right_is_not_added(stocked: Place, gold: Path, words: list[str], says: str) -> None:
    before = gold.read_bytes()
    outcome = stocked.run("eval", "add", "Who painted it?", *words, "--gold", gold)
    assert outcome.code == 2
    assert says in outcome.complaint
    assert gold.read_bytes() == before


def test_a_category_that_is_none_is_wrong_usage_and_the_known_ones_are_those_of_the_format(stocked: Place) -> None:
    from coalition_qa.eval_commands import _CATEGORIES
    from coalition_qa.evaluation.form import CATEGORIES

    assert sorted(_CATEGORIES.split()) == sorted(CATEGORIES)
    with pytest.raises(SystemExit) as leaving:
        stocked.run("eval", "add", "Who?", "--category", "trivia")
    assert leaving.value.code == 2


def test_compare_wants_two_runs(stocked: Place) -> None:
    outcome = stocked.run("eval", "compare", stocked.folder / "a", stocked.folder / "b")
    assert outcome.code == 2
    assert "/a" in outcome.complaint
