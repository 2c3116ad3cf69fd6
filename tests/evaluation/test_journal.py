from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scripted import INFO, MET, Scripted, fact, quotes

from coalition_qa.evaluation.journal import PART, Journal
from coalition_qa.evaluation.results import Result, read_results
from coalition_qa.evaluation.run import Extras, ask_item
from coalition_qa.types import CoalitionQAError


def result(name: str) -> Result:
    return ask_item(Scripted({f"{name}?": quotes(MET)}), fact(name), Extras())


def started(folder: Path, *names: str) -> None:
    """A run that was cut off after these results."""
    with Journal(folder, INFO) as journal:
        for name in names:
            journal.append(result(name))


def test_a_run_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    started(tmp_path / "out", "a", "b")
    with Journal(tmp_path / "out", replace(INFO, timings={"ingest_s": 7.0})) as journal:
        assert journal.done == {"a", "b"}
        assert not journal.had_another
        journal.append(result("c"))
        assert [each.id for each in read_results(journal.finish())] == ["a", "b", "c"]
    with Journal(tmp_path / "out", INFO) as journal:  # killed before its report was there
        assert journal.done == {"a", "b", "c"}
        journal.finish()
    Journal.reported(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize(
    "cut",
    [b'{"id":"c","question"', b'{"id":"c"}\n', b"\xff\xfe\n", b"[1]\n"],
    ids=["in the middle of a line", "not a result", "not UTF-8", "not an object"],
)
def test_a_line_that_is_no_result_is_taken_off_with_all_behind_it(tmp_path: Path, cut: bytes) -> None:
    started(tmp_path, "a", "b")
    part = tmp_path / PART
    whole = part.read_bytes()
    part.write_bytes(whole + cut)
    with Journal(tmp_path, INFO) as journal:
        assert journal.done == {"a", "b"}
    assert part.read_bytes() == whole


def test_a_whole_last_line_without_its_newline_is_written_again(tmp_path: Path) -> None:
    started(tmp_path, "a", "b")
    part = tmp_path / PART
    part.write_bytes(part.read_bytes()[:-1])
    with Journal(tmp_path, INFO) as journal:
        assert journal.done == {"a"}
        journal.append(result("b"))
        assert [each.id for each in read_results(journal.finish())] == ["a", "b"]


@pytest.mark.parametrize(
    "other",
    [
        replace(INFO, seed=1),
        replace(INFO, settings={"passages_read": 4}),
        replace(INFO, gold_sha256="0" * 64),
        replace(INFO, code_sha256="1" * 64),
    ],
    ids=["seed", "settings", "gold", "code"],
)
def test_another_run_starts_afresh(tmp_path: Path, other: object) -> None:
    started(tmp_path, "a")
    assert isinstance(other, type(INFO))
    with Journal(tmp_path, other) as journal:
        assert (journal.done, journal.had_another) == (set(), True)
        journal.append(result("b"))
        assert [each.id for each in read_results(journal.finish())] == ["b"]


@pytest.mark.parametrize("head", [b"", b'{"split":', b"nonsense\n"])
def test_a_part_without_a_head_is_no_part(tmp_path: Path, head: bytes) -> None:
    (tmp_path / PART).write_bytes(head)
    with Journal(tmp_path, INFO) as journal:
        assert journal.done == set()
        assert journal.had_another == bool(head)


def test_a_finished_run_stays_until_another_is_whole_and_its_report_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("of before")
    (tmp_path / "report.json").write_text("of before")
    with Journal(tmp_path, INFO) as journal:
        journal.append(result("a"))
        assert (tmp_path / "results.jsonl").read_text() == "of before"
        assert (tmp_path / "report.json").exists()
        journal.finish()
    assert not (tmp_path / "report.json").exists()
    assert [each.id for each in read_results(tmp_path / "results.jsonl")] == ["a"]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path, INFO), pytest.raises(CoalitionQAError, match=r"Another evaluation is writing to .*--out"):
        Journal(tmp_path, INFO)
    with Journal(tmp_path, INFO) as journal:
        assert journal.done == set()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CoalitionQAError, match=r"cannot be written to .*taken: File exists\.$"):
        Journal(tmp_path / "taken", INFO)
