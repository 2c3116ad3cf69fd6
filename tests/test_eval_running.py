"""`eval run` as a user types it: on the own library, on any folder, on a SQuAD file; interrupted, gated, judged."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chat_server import serving
from coalition_qa.assistant import Assistant
from coalition_qa.eval_running import add_from_chat
from coalition_qa.store import Store
from coalition_qa.types import GoldError, Turn

if TYPE_CHECKING:
    from tests.conftest import Place

ZEBRA = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
WHO: dict[str, Any] = {
    "id": "who",
    "question": "Who painted the zebra crossing in Oslo?",
    "answers": ["Kari Nordmann"],
    "evidence": [{"doc": "zebra.txt", "quote": ZEBRA}],
    "answerable": True,
    "category": "factoid",
}
CUP: dict[str, Any] = {
    "id": "cup",
    "question": "Who won the football cup final?",
    "answerable": False,
    "category": "unanswerable-far",
}
REPORTS = ["junit.xml", "report.html", "report.json", "report.md", "results.jsonl"]


@pytest.fixture
def gold(stocked: Place) -> Path:
    path = stocked.folder / "gold.jsonl"
    path.write_text(json.dumps(WHO) + "\n" + json.dumps(CUP | {"split": "dev"}) + "\n")
    return path


def squad_file(place: Place, questions: int = 1, start: int = 42) -> Path:
    context = "The pedestrian crossing in Bergen was painted by Ola Hansen in 2003."
    answers = [{"text": "Ola Hansen", "answer_start": context.index("Ola") if start == 42 else start}]
    qas = [
        {"id": f"q{n}", "question": "Who painted the crossing in Bergen?", "answers": answers} for n in range(questions)
    ]
    return place.outside("squad.json", json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}))


def results(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]


def names(library: Path) -> list[str]:
    store = Store(library, create=False)
    try:
        return list(store.names())
    finally:
        store.close()


def without_timings(out: Path) -> str:
    return json.dumps([{key: value for key, value in each.items() if key != "timings"} for each in results(out)])


def test_gold_questions_are_asked_of_the_own_library_and_reported(stocked: Place, gold: Path) -> None:
    out = stocked.folder / "out"
    outcome = stocked.run("eval", "run", "--gold", gold, "--split", "all", "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert "reliable accuracy" in outcome.out
    assert sorted(path.name for path in out.iterdir()) == REPORTS
    who, cup = results(out)
    assert (who["id"], who["short_answer"], who["verdicts"]["right"]) == ("who", "Kari Nordmann", True)
    assert set(who["timings"]) == {"retrieve", "read", "verify", "total"}
    assert who["verdicts"]["wording"]["semantic"] > 0.9
    assert (cup["status"], cup["verdicts"]["right"]) == ("abstained", True)
    info = json.loads((out / "report.json").read_text())["info"]
    assert (info["split"], info["n"], info["documents"], info["gold"]) == ("all", 2, 2, "gold.jsonl")
    assert info["index_fingerprint"] == json.loads(stocked.run("ask", WHO["question"], "--json").out)["fingerprint"]
    assert info["settings"]["passages_read"] == 5
    assert "corpus" not in info["settings"]
    assert info["models"]["encoder"].startswith("all-MiniLM-L6-v2-int8@")
    assert any("tuned on the dev split" in note for note in info["notes"])
    timings = json.loads((out / "report.json").read_text())["timings"]
    assert timings["latency/cold start ms"]["value"] > 100
    assert timings["latency/peak rss mb"]["value"] > 50


def test_a_squad_file_is_asked_in_a_library_of_its_own(stocked: Place) -> None:
    out, before = stocked.folder / "out", names(stocked.library)
    outcome = stocked.run("eval", "run", "--squad", squad_file(stocked, 3), "--limit", "2", "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    asked = results(out)
    assert len(asked) == 2
    assert {each["retrieved"][0]["doc"] for each in asked} == {"0001-untitled-0001.txt"}
    assert asked[0]["verdicts"]["right"]
    assert names(stocked.library) == before == ["owls.md", "zebra.txt"]
    assert sorted(path.name for path in stocked.corpus.iterdir()) == before


def test_any_folder_is_asked_with_distractors_in_a_library_of_its_own(stocked: Place, gold: Path) -> None:
    corpus = stocked.outside("mine/zebra.txt", ZEBRA).parent
    noise = stocked.outside("noise/copy.txt", ZEBRA.replace("Oslo", "Bergen")).parent
    before, out = names(stocked.library), stocked.folder / "out"
    words = ["eval", "run", "--gold", gold, "--out", out]
    outcome = stocked.run(*words, "--corpus", corpus, "--noise", noise)
    assert (outcome.code, outcome.err) == (0, "")
    (who,) = results(out)
    assert [each["doc"] for each in who["retrieved"]] == ["zebra.txt", "noise/copy.txt"]
    assert stocked.run(*words, "--corpus", corpus).code == 0
    assert [each["doc"] for each in results(out)[0]["retrieved"]] == ["zebra.txt"]
    assert names(stocked.library) == before
    assert [path.name for path in corpus.iterdir()] == ["zebra.txt"]


def test_a_run_that_is_stopped_goes_on_and_ends_as_if_it_had_not_been(stocked: Place) -> None:
    squad, out = squad_file(stocked, 12), stocked.folder / "out"
    command = ["-m", "coalition_qa", "eval", "run", "--squad", squad, "--out"]
    with stocked.start(*command, out) as process:
        part = out / "results.jsonl.part"
        deadline = time.monotonic() + 60
        while not (part.exists() and part.read_bytes().count(b"\n") > 3):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "of 12 are kept: the same command goes on.\ncoalition-qa: stopped.\n" in err
    assert [path.name for path in out.iterdir()] == ["results.jsonl.part"]
    again = stocked.run("eval", "run", "--squad", squad, "--out", out)
    assert again.code == 0
    assert again.err.startswith(f"Going on in {out}: ")
    assert sorted(path.name for path in out.iterdir()) == REPORTS
    assert stocked.run("eval", "run", "--squad", squad, "--out", stocked.folder / "whole").code == 0
    assert without_timings(out) == without_timings(stocked.folder / "whole")


def test_a_part_of_another_run_is_said_to_be_left(stocked: Place, gold: Path) -> None:
    out = stocked.folder / "out"
    out.mkdir()
    (out / "results.jsonl.part").write_text("of another\n")
    outcome = stocked.run("eval", "run", "--as-is", "--gold", gold, "--out", out)
    assert (outcome.code, outcome.err) == (0, f"Starting afresh: what {out} held a part of was another run.\n")


def test_the_gate_passes_a_run_like_the_baseline_and_fails_a_worse_one(stocked: Place, gold: Path) -> None:
    baseline = stocked.folder / "baseline.json"
    words = ["eval", "run", "--as-is", "--gold", gold, "--split", "all"]
    assert f"{baseline} is the baseline now." in stocked.run(*words, "--new-baseline", baseline).out
    assert stocked.run(*words, "--baseline", baseline).code == 0
    must_pass = WHO | {"must_pass": True, "answers": ["Ola Hansen"]}
    gold.write_text(json.dumps(must_pass) + "\n")
    assert stocked.run(*words, "--baseline", baseline).code == 1


def test_a_judge_adds_its_word(stocked: Place, gold: Path) -> None:
    out = stocked.folder / "out"
    with serving() as server:
        server.said = '{"verdict": "wrong"}'
        assert stocked.run("eval", "run", "--as-is", "--gold", gold, "--judge", server.url, "--out", out).code == 0
    (who,) = results(out)
    assert (who["judge"], who["verdicts"]["right"]) == ("wrong", True)
    assert json.loads((out / "report.json").read_text())["info"]["judge"] == "tiny"


def test_a_stale_item_is_told_and_left_out(stocked: Place, gold: Path) -> None:
    assert stocked.run("eval", "check", "--lock", "--gold", gold).code == 0
    stocked.write("zebra.txt", "Nobody painted it.")
    out = stocked.folder / "out"
    outcome = stocked.run("eval", "run", "--gold", gold, "--split", "all", "--out", out)
    assert outcome.code == 0
    assert f"stale: {gold}, line 1, item who: " in outcome.err
    assert [each["id"] for each in results(out)] == ["cup"]
    assert len(json.loads((out / "report.json").read_text())["info"]["stale"]) == 1


def test_an_answer_given_in_chat_becomes_an_item_that_passes(stocked: Place, gold: Path) -> None:
    with Assistant.open(stocked.settings()) as assistant:
        first = assistant.ask("Who painted the zebra crossing?")
        second = assistant.ask("When did Kari Nordmann paint the zebra crossing in Oslo?")
        added = add_from_chat(assistant, gold, first)
        later = add_from_chat(assistant, gold, second, [Turn(first.question, first.text)], ["1987"])
        with pytest.raises(GoldError, match="this question is already among the gold questions, on line 3"):
            add_from_chat(assistant, gold, first)
    assert (added.id, added.answers, added.evidence[0].text) == ("q001", ("Kari Nordmann",), ZEBRA)
    assert (later.category, later.answers, later.history[0].answer) == ("follow-up", ("1987",), ZEBRA)
    out = stocked.folder / "out"
    assert stocked.run("eval", "run", "--as-is", "--gold", gold, "--out", out).code == 0
    assert {each["id"]: each["verdicts"]["right"] for each in results(out)} == {"who": True, "q001": True, "q002": True}
    assert results(out)[2]["gold_history"]["verdicts"]["right"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--squad", "{squad}"], "question q0: the answer 'Ola Hansen' is not at character 7"),
        (["--squad", "{squad}", "--library", "x"], "make a library of their own: leave out --library"),
        (["--noise", "x", "--library", "x"], "make a library of their own: leave out --library"),
        (["--noise", "/nowhere"], "/nowhere: the folder cannot be read"),
        (["--corpus", "/nowhere"], "There is no corpus folder /nowhere"),
        (["--baseline", "nothing.json"], "nothing.json"),
        (["--judge", "nothing"], "--judge nothing: not a URL"),
        (["--out", "{gold}"], "File exists"),
    ],
)
def test_what_cannot_be_run_is_one_line_and_nothing_is_written(
    stocked: Place, gold: Path, words: list[str], says: str
) -> None:
    given = [word.format(squad=squad_file(stocked, start=7), gold=gold) for word in words]
    source = [] if "--squad" in words else ["--gold", str(gold)]
    out = [] if "--out" in words else ["--out", str(stocked.folder / "out")]
    outcome = stocked.run("eval", "run", *source, *given, *out)
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.complaint
    assert not (stocked.folder / "out").exists()
