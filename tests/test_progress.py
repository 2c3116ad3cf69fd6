"""On a terminal there is a plan and a bar; elsewhere one line for each file, and nothing that rewrites lines."""

from __future__ import annotations

from io import StringIO

from coalition_qa.plan import Step
from coalition_qa.progress import MOST_ROWS, Shown, counted

STEPS = [
    Step("new", "a.pdf", "near-duplicate of b.pdf (93% alike)", 1_000_000),
    Step("changed", "b.pdf", size=3_000_000),
    Step("unchanged", "c.pdf"),
    Step("refused", "d.pdf", "d.pdf: holds no text."),
    Step("removed", "e.pdf"),
]
PLAN = "Plan: 1 new, 1 changed, 1 unchanged, 1 removed, 1 refused."


class Terminal(StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def shown(out: StringIO, steps: list[Step]) -> list[str]:
    """What was complained of while the work was shown on `out`."""
    complaints: list[str] = []
    progress = Shown(out, lambda text: text.replace("\x1b", "?"), complaints.append)
    for done in range(len(steps)):
        progress.reading(done + 1, len(steps))
    progress.planned(steps)
    for step in steps:
        progress.done(step)
    return complaints


def test_elsewhere_each_file_has_a_line_when_it_is_done() -> None:
    out = StringIO()
    assert shown(out, STEPS) == ["d.pdf: holds no text."]
    assert out.getvalue().splitlines() == [
        PLAN,
        "new        a.pdf  (near-duplicate of b.pdf (93% alike))",
        "changed    b.pdf",
        "removed    e.pdf",
    ]


def test_one_file_needs_no_plan() -> None:
    out = StringIO()
    shown(out, STEPS[:1])
    assert out.getvalue() == "new        a.pdf  (near-duplicate of b.pdf (93% alike))\n"


def test_a_terminal_shows_the_plan_and_then_a_bar_with_the_time_left() -> None:
    out = Terminal()
    assert shown(out, STEPS) == ["d.pdf: holds no text."]
    lines = out.getvalue().replace("\r\x1b[K", "\n").splitlines()
    assert "Comparing 4 of 5 files" in lines
    assert lines.index("refused    d.pdf: holds no text.") < lines.index(PLAN)
    bars = [line for line in lines if line.startswith("[")]
    assert bars[0].startswith("[" + "#" * 6 + "." * 18 + "] 1 of 3 files, ")
    assert bars[0].endswith(" s left")
    assert len([line for line in lines if "a.pdf" in line]) == 1
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_long_plan_is_cut_and_counted() -> None:
    out = StringIO()
    Shown(out, str, print).rows([Step("new", f"{n}.txt") for n in range(MOST_ROWS + 5)])
    assert out.getvalue().splitlines()[-2:] == ["... and 5 more.", "Plan: 45 new."]


def test_a_name_cannot_write_to_the_terminal() -> None:
    out = StringIO()
    shown(out, [Step("new", "a\x1b[2J\nb.txt")])
    assert out.getvalue() == "new        a?[2J b.txt\n"


def test_nothing_to_do_is_said() -> None:
    assert counted([]) == "nothing to do"
