from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import made
import pytest
from made import answered, declined, failed, unanswerable

from coalition_qa.evaluation import gate, report
from coalition_qa.evaluation.html import MOST_ROWS, to_html
from coalition_qa.evaluation.results import Result

NASTY = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'too'"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """The elements and the text of a page; fails where one is closed that is not open."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(each == tag for each, _ in self.tags)


def page(*results: Result, baseline: Path | None = None, **info: object) -> Page:
    made_of = made.report(*results, **info)
    outcome = gate.check(made_of, baseline) if baseline else None
    return Page(to_html(made_of, report.sections(made_of), report.remarks(made_of), outcome))


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    found = page(answered("a"), declined("b"), unanswerable("c"), failed("d"))
    assert found.open == []
    assert found.count("svg") == 3
    assert not any(name in ("src", "href", "onclick") for _, attributes in found.tags for name in attributes)
    assert found.count("script") == found.count("link") == 0


def test_a_page_is_made_for_phones_and_the_dark() -> None:
    source = to_html(made.report(answered("a")), [], {})
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in source
    assert "@media (prefers-color-scheme: dark)" in source
    assert not re.search(r"https?://", source)


def test_every_text_is_escaped() -> None:
    nasty = {"question": NASTY, "answer": NASTY, "gold_answers": (NASTY,), "category": NASTY}
    found = page(
        answered("a", made.WRONG, **nasty), failed("b", error=NASTY), gold=NASTY, notes=(NASTY,), models={NASTY: NASTY}
    )
    assert found.count("script") == found.count("img") == 0
    assert found.text.count(NASTY) >= 8


def test_each_plot_is_there_as_a_table_too() -> None:
    found = page(*(answered(str(at), confidence=at / 10) for at in range(10)))
    figures = [tag for tag, _ in found.tags if tag in ("figure", "svg", "table")]
    assert figures[:9] == ["figure", "svg", "table"] * 3
    assert "10 of 10" in found.text


def test_what_flipped_against_the_baseline_stands_with_both_answers(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    gate.write_baseline(made.report(answered("a", answer="In Rome."), declined("b")), baseline)
    found = page(answered("a", made.WRONG, answer="In Oslo."), answered("b"), baseline=baseline)
    text = " ".join(found.text.split())
    assert "Right before, not now: 1 a? a before: In Rome. now: In Oslo." in text
    assert "Right now, not before: 1 b? b before: (declined) now: They met in Rome." in text
    unchanged = page(answered("a"), declined("b"), baseline=baseline)
    assert "No question that was right before is wrong now" in unchanged.text


def test_of_very_many_wrong_answers_the_first_stand_there() -> None:
    found = page(*(answered(f"q{at}", made.WRONG) for at in range(MOST_ROWS + 5)))
    assert f"Not right: {MOST_ROWS + 5} of {MOST_ROWS + 5}" in found.text
    assert f"The first {MOST_ROWS}; results.jsonl has all." in found.text
    assert f"q{MOST_ROWS - 1}?" in found.text
    assert f"q{MOST_ROWS}?" not in found.text


@pytest.mark.parametrize(
    ("results", "plots"),
    [([failed("a")], 1), ([unanswerable("a", timings={})], 2)],
    ids=["nothing but an error", "nothing timed"],
)
def test_what_was_not_measured_is_not_drawn(results: list[Result], plots: int) -> None:
    assert page(*results).count("svg") == plots
