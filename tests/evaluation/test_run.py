"""Who is asked what, after which history, and what is written down of it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from scripted import (
    FOCUS,
    INFO,
    MET,
    SUPPORTS,
    WELCOMED,
    Scripted,
    declines,
    excerpt,
    fact,
    quotes,
    span,
    unanswerable,
)

from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.journal import Journal
from coalition_qa.evaluation.results import Cited, Result, Retrieved, Said, read_results
from coalition_qa.evaluation.run import Asks, Extras, ask_item, choose, run, warm_up
from coalition_qa.types import Answer, GoldError, Turn


def results(folder: Path, assistant: Asks, *items: GoldItem, extras: Extras | None = None) -> list[Result]:
    with Journal(folder, INFO) as journal:
        return read_results(run(assistant, items, journal, extras))


def only(assistant: Asks, item: GoldItem, extras: Extras | None = None) -> Result:
    return ask_item(assistant, item, extras or Extras())


def test_a_result_holds_all_there_is_to_know_of_an_answer() -> None:
    item = fact(tags=("paraphrase",), must_pass=True, split="dev")
    answer = replace(quotes(MET, WELCOMED), short_answer="Rome", confidence=0.12345678)
    result = only(Scripted({"fact?": answer}), item)
    met, welcomed = excerpt(MET), excerpt(WELCOMED)
    document_id = answer.citations[0].document_id
    said = tuple(
        Said(each.text, (Cited("rome.txt", each.span.start, each.span.end, each.text, document_id),))
        for each in (met, welcomed)
    )
    assert (result.id, result.question, result.standalone_question) == ("fact", "fact?", "fact? in full")
    assert (result.answerable, result.category, result.split, result.tags) == (True, "factoid", "dev", ("paraphrase",))
    assert (result.must_pass, result.cluster, result.gold_answers) == (True, "rome.txt", ("Rome",))
    assert (result.status, result.answer, result.short_answer) == ("answered", f"{met.text} {welcomed.text}", "Rome")
    assert result.sentences == result.best_answer == said
    assert result.confidence == 0.123457
    assert result.retrieved[0] == Retrieved("rome.txt", span(MET).start, span(MET).end, 1.0, met.text)
    assert result.verdicts.right
    assert result.timings["read"] == 1.235
    assert result.timings["total"] >= 0
    assert (result.error, result.gold_history, result.paraphrases, result.judge) == ("", None, (), None)


def test_a_declined_question_keeps_its_reason_and_its_best_answer() -> None:
    result = only(Scripted({"u?": declines(FOCUS)}), unanswerable("u"))
    assert (result.status, result.reason, result.answer, result.sentences) == ("abstained", "not held", "", ())
    assert [said.text for said in result.best_answer] == [excerpt(FOCUS).text]
    assert not result.hallucinated
    assert only(Scripted({"u?": quotes(FOCUS)}), unanswerable("u")).hallucinated


def test_an_error_is_its_item_s_alone_and_ends_nothing(tmp_path: Path) -> None:
    assistant = Scripted({"fine?": quotes(MET)})
    broken, lost, fine = results(tmp_path, assistant, fact("broken"), unanswerable("lost"), fact("fine"))
    assert broken.error == "QuestionError: no script for broken?"
    assert (broken.status, broken.confidence, broken.verdicts.right) == ("error", None, False)
    assert (lost.verdicts.right, lost.verdicts.abstained, lost.hallucinated) == (False, False, False)
    assert fine.verdicts.right


@pytest.mark.parametrize("confidence", [float("nan"), 1.5, -0.1])
def test_a_confidence_that_is_no_probability_is_an_error(confidence: float) -> None:
    result = only(Scripted({"fact?": quotes(MET, confidence=confidence)}), fact())
    assert "is not between 0 and 1" in result.error


def test_history_is_made_by_really_asking_the_earlier_questions() -> None:
    item = fact("then", history=(Turn("first?"), Turn("second?")))
    assistant = Scripted({"first?": quotes(MET), "second?": declines(), "then?": quotes(MET)})
    result = only(assistant, item)
    first = Turn("first? in full", "The coalition met in Rome.")
    second = Turn("second? in full", "")
    assert assistant.asked == [("first?", ()), ("second?", (first,)), ("then?", (first, second))]
    assert result.history == ("first?", "second?")
    assert result.gold_history is None


def test_gold_answers_to_the_history_are_tried_too() -> None:
    item = fact("then", history=(Turn("first?", "In Rome."),))
    assistant = Scripted({"first?": quotes(FOCUS), "then?": quotes(MET)})
    result = only(assistant, item)
    own = Turn("first? in full", "The focus moves to Africa.")
    assert assistant.asked == [("first?", ()), ("then?", (own,)), ("then?", item.history)]
    assert result.gold_history is not None
    assert result.gold_history.verdicts.right
    assert result.gold_history.standalone_question == "then? in full"


def test_an_earlier_question_that_fails_fails_the_item() -> None:
    result = only(Scripted({"fact?": quotes(MET)}), fact(history=(Turn("never scripted"),)))
    assert "never scripted" in result.error


def test_an_item_that_fails_fails_in_every_wording() -> None:
    item = fact(history=(Turn("never scripted", "In Rome."),), paraphrases=("in other words?",))
    result = only(Scripted({"fact?": quotes(MET)}), item)
    assert result.gold_history is not None
    variants = (result.gold_history, *result.paraphrases)
    assert [(each.status, each.verdicts.right) for each in variants] == [("error", False)] * 2


def test_paraphrases_are_asked_after_the_same_history_and_fail_alone() -> None:
    item = fact(history=(Turn("first?"),), paraphrases=("in other words?", "unheard of?"))
    script = {"first?": quotes(FOCUS), "fact?": quotes(MET), "in other words?": declines(MET)}
    assistant = Scripted(script)
    result = only(assistant, item)
    own = (Turn("first? in full", "The focus moves to Africa."),)
    assert assistant.asked[2:] == [("in other words?", own), ("unheard of?", own)]
    declined, failed = result.paraphrases
    assert (declined.status, declined.verdicts.right, declined.confidence) == ("abstained", False, 0.1)
    assert (failed.status, failed.confidence, failed.error) == (
        "error",
        None,
        "QuestionError: no script for unheard of?",
    )
    assert result.verdicts.right
    assert result.error == ""


def test_a_judge_is_asked_about_answers_to_what_has_gold_answers_and_changes_nothing() -> None:
    asked: list[tuple[str, Sequence[str], str]] = []

    def judge(question: str, references: Sequence[str], answer: str) -> Literal["wrong"]:
        asked.append((question, references, answer))
        return "wrong"

    assistant = Scripted({"a?": quotes(MET), "b?": declines(MET), "c?": quotes(SUPPORTS)})
    judged = [
        only(assistant, item, Extras(judge=judge))
        for item in (fact("a", ("Rome", "in Rome")), fact("b"), unanswerable("c"))
    ]
    assert asked == [("a?", ("Rome", "in Rome"), "The coalition met in Rome.")]
    assert [result.judge for result in judged] == ["wrong", None, None]
    assert judged[0].verdicts.right


def test_an_interrupt_is_not_an_error_of_the_item(tmp_path: Path) -> None:
    class Interrupted(Scripted):
        def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
            if question == "b?":
                raise KeyboardInterrupt
            return super().ask(question, history)

    with pytest.raises(KeyboardInterrupt):
        results(tmp_path, Interrupted({"a?": quotes(MET)}), fact("a"), fact("b"))
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl.part"]


def test_what_is_written_already_is_not_asked_again(tmp_path: Path) -> None:
    first = Scripted({"a?": quotes(MET)})
    with Journal(tmp_path, INFO) as journal:
        journal.append(only(first, fact("a")))
    second = Scripted({"a?": declines(), "b?": quotes(MET)})
    told: list[tuple[int, int]] = []
    with Journal(tmp_path, INFO) as journal:
        path = run(second, [fact("a"), fact("b")], journal, on_progress=lambda *both: told.append(both))
    assert second.asked == [("b?", ())]
    assert [(each.id, each.status) for each in read_results(path)] == [("a", "answered"), ("b", "answered")]
    assert told == [(1, 2), (2, 2)]


def test_two_runs_write_the_same_bytes_but_for_timings(tmp_path: Path) -> None:
    def written(name: str) -> list[dict[str, object]]:
        assistant = Scripted({"a?": quotes(MET), "b?": declines()})
        results(tmp_path / name, assistant, fact("a"), unanswerable("b"))
        lines = (tmp_path / name / "results.jsonl").read_text("utf-8").splitlines()
        return [{key: value for key, value in json.loads(line).items() if key != "timings"} for line in lines]

    assert json.dumps(written("one")) == json.dumps(written("two"))


def test_memory_does_not_grow_with_the_number_of_questions(tmp_path: Path) -> None:
    class Endless(Scripted):
        def ask(self, question: str, history: Sequence[Turn] = ()) -> Answer:
            return replace(quotes(MET), question=question * 10_000)  # 50 kB that nobody may keep

    items = [fact(f"q{number}") for number in range(300)]
    with Journal(tmp_path, INFO) as journal:
        run(Endless({}), items[:1], journal)
    tracemalloc.start()
    with Journal(tmp_path, INFO) as journal:
        run(Endless({}), items, journal)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000  # all answers together are 15 MB


def test_only_the_split_that_is_asked_for_is_chosen() -> None:
    items = [fact("a", split="dev"), fact("b"), unanswerable("c")]
    chosen = {split: [each.id for each in choose(items, split)] for split in ("dev", "test", "all")}
    assert chosen == {"dev": ["a"], "test": ["b", "c"], "all": ["a", "b", "c"]}
    with pytest.raises(GoldError, match=r"no item of the dev split; choose another with --split"):
        choose(items[1:], "dev")


def test_a_limit_draws_at_random_the_same_ones_each_time_in_their_order() -> None:
    items = [fact(f"{number:03d}") for number in range(100)]
    drawn = choose(items, "test", 10, seed=1)
    assert drawn == choose(items, "test", 10, seed=1) == sorted(drawn, key=lambda item: item.id)
    assert len({item.id for item in drawn}) == 10
    assert drawn not in (choose(items, "test", 10, seed=2), items[:10])
    assert choose(items, "test", 100) == choose(items, "test", 1_000) == items


def test_the_warm_up_asks_three_and_minds_no_error() -> None:
    assistant = Scripted({"b?": quotes(MET)})
    warm_up(assistant, [fact(name) for name in "abcde"])
    assert [question for question, _ in assistant.asked] == ["a?", "b?", "c?"]
