from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import made
from made import answered, declined, failed, unanswerable

from coalition_qa.evaluation import gate
from coalition_qa.evaluation.gate import Outcome
from coalition_qa.evaluation.junit import to_xml
from coalition_qa.evaluation.results import Result


def cases(*results: Result, outcome: Outcome | None = None) -> dict[str, ET.Element]:
    tree = ET.fromstring(to_xml(results, outcome))
    return {case.get("name", "").partition(":")[0]: case for case in tree.iter("testcase")}


def told(case: ET.Element) -> str:
    return " ".join(f"{each.tag}: {each.get('message')}" for each in case)


def test_a_question_that_is_not_right_fails_and_says_why() -> None:
    unsupported = replace(made.RIGHT, right=False)
    found = cases(
        answered("right"),
        answered("wrong", made.WRONG),
        answered("unsupported", unsupported),
        declined("declined"),
        unanswerable("invented", made.HALLUCINATED),
        failed("broken"),
        answered("unjudged", replace(made.RIGHT, right=None, wording=None)),
    )
    assert {name: told(case) for name, case in found.items()} == {
        "right": "",
        "wrong": "failure: not the gold answer",
        "unsupported": "failure: correct, but a citation is missing or does not support it",
        "declined": "failure: declined an answerable question",
        "invented": "failure: answered an unanswerable question",
        "broken": "error: QuestionError: no",
        "unjudged": "skipped: judged by retrieval alone: it has no gold answer",
    }
    assert "gold: Rome" in (found["wrong"][0].text or "")
    assert (found["right"].get("classname"), found["right"].get("time")) == ("factoid", "0.010")


def test_the_suite_counts_what_it_holds() -> None:
    suite = ET.fromstring(to_xml([answered("a"), answered("b", made.WRONG), failed("c")]))[0]
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "questions",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "skipped": "0",
    }


def test_held_against_a_baseline_only_what_is_newly_wrong_fails(tmp_path: Path) -> None:
    far = {"category": "unanswerable-far"}
    before = made.report(answered("known", made.WRONG), answered("lost"), answered("kept"), unanswerable("far", **far))
    gate.write_baseline(before, tmp_path / "baseline.json")
    results = (
        answered("known", made.WRONG),
        answered("lost", made.WRONG),
        answered("kept"),
        answered("new", made.WRONG),
        unanswerable("far", made.HALLUCINATED, **far),
    )
    outcome = gate.check(made.report(*results), tmp_path / "baseline.json")
    found = cases(*results, outcome=outcome)
    assert told(found["known"]) == "skipped: not the gold answer, as in the baseline"
    assert told(found["lost"]) == told(found["new"]) == "failure: not the gold answer"
    assert told(found["kept"]) == ""
    assert told(found["far questions answered"]) == "failure: 1 of 1: far"
    assert told(found["errors"]) == ""


def test_characters_that_xml_cannot_hold_are_replaced_and_the_rest_escaped() -> None:
    odd = answered("odd", made.WRONG, question="\x00 <&> \ud800 “é”", answer="\x1b[31m]]>")
    case = cases(odd)["odd"]
    assert case.get("name") == "odd: � <&> � “é”"
    assert (case[0].text or "").startswith("�[31m]]>")
