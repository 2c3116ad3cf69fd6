"""junit.xml, as continuous integration shows it: a test for each question, and one for each check of the gate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from coalition_qa.evaluation.gate import Outcome
from coalition_qa.evaluation.results import Result

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")  # XML 1.0, section 2.2


def to_xml(results: Sequence[Result], outcome: Outcome | None = None) -> str:
    """A question that is not right is a failure; held against a baseline, only one that was right before.

    The others that are not right are then skipped, as known failures are; so are questions without gold answers.
    """
    lost = {flip.b.id for flip in outcome.comparison.lost} if outcome else None
    new = set(outcome.comparison.only_b) if outcome else set()
    fails = None if lost is None else lost | new
    suites = ET.Element("testsuites", name="coalition-qa eval")
    _suite(suites, "questions", [_question(each, fails) for each in results])
    if outcome:
        _suite(suites, "gate", [_check(each.name, each.passed, each.detail) for each in outcome.checks])
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _suite(suites: ET.Element, name: str, cases: Sequence[ET.Element]) -> None:
    counts = {
        kind: str(sum(case.find(tag) is not None for case in cases))
        for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    suite = ET.SubElement(suites, "testsuite", {"name": name, "tests": str(len(cases)), **counts})
    suite.extend(cases)


def _question(result: Result, fails: set[str] | None) -> ET.Element:
    seconds = f"{result.timings.get('total', 0.0) / 1000:.3f}"
    name = _legal(f"{result.id}: {result.question}")
    case = ET.Element("testcase", classname=_legal(result.category), name=name, time=seconds)
    if result.error:
        ET.SubElement(case, "error", message=_legal(result.error))
    elif result.verdicts.right is None:
        ET.SubElement(case, "skipped", message="judged by retrieval alone: it has no gold answer")
    elif not result.verdicts.right:
        known = fails is not None and result.id not in fails
        kind = ET.SubElement(case, "skipped" if known else "failure", message=_reason(result, known))
        kind.text = _legal(f"{result.answer or '(declined)'}\n\ngold: {' | '.join(result.gold_answers) or '(none)'}")
    return case


def _reason(result: Result, known: bool) -> str:
    if result.status == "abstained":
        reason = "declined an answerable question"
    elif not result.answerable:
        reason = "answered an unanswerable question"
    elif result.verdicts.wording is not None and result.verdicts.wording.correct:
        reason = "correct, but a citation is missing or does not support it"
    else:
        reason = "not the gold answer"
    return f"{reason}, as in the baseline" if known else reason


def _check(name: str, passed: bool, detail: str) -> ET.Element:
    case = ET.Element("testcase", classname="gate", name=_legal(name))
    if not passed:
        ET.SubElement(case, "failure", message=_legal(detail))
    return case


def _legal(text: str) -> str:
    return _NOT_XML.sub("�", text)
