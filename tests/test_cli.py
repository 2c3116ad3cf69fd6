"""The command: what it prints where, its exit codes, and what it does not load."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from coalition_qa.cli import main, parser
from coalition_qa.corpus import file_digest

if TYPE_CHECKING:
    from tests.conftest import Outcome, Place

QUESTION = "Who painted the zebra crossing in Oslo?"
SENTENCE = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
HEAVY = ("torch", "transformers", "sentence_transformers", "gradio")
LOADED = """
import sys
from coalition_qa.cli import main
for command in {commands!r}:
    try:
        code = main(command)
    except SystemExit as leaving:
        code = leaving.code
    assert not code, (command, code)
print("LOADED", *[name for name in {watched!r} if name in sys.modules])
"""


def loaded(place: Place, commands: list[list[str]], watched: tuple[str, ...]) -> list[str]:
    """Which of the modules watched are loaded after these commands."""
    outcome = place.process("-c", LOADED.format(commands=commands, watched=watched))
    assert outcome.code == 0, outcome.err
    return outcome.out.splitlines()[-1].split()[1:]


def every_command() -> list[list[str]]:
    evaluation = [["eval"], *(["eval", each] for each in ("check", "run", "compare", "add"))]
    library = [["doctor"], ["backup"], ["restore"], ["verify"]]
    return [["chat"], ["ask"], ["add"], ["remove"], ["list"], ["sync"], *library, *evaluation]


@pytest.mark.parametrize("command", [[], *every_command()], ids=" ".join)
def test_every_command_has_help_that_names_its_options(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*command, "--help"])
    shown = capsys.readouterr().out
    assert leaving.value.code == 0
    assert shown.startswith(f"usage: {' '.join(['coalition-qa', *command])}")
    if command not in ([], ["eval"]):
        assert "--library DIR" in shown
        assert "--corpus DIR" in shown


def test_shared_options_stand_before_or_behind_the_command() -> None:
    before = parser().parse_args(["--library", "L", "--corpus", "C", "list"])
    behind = parser().parse_args(["list", "--library", "L", "--corpus", "C"])
    assert (before.library, before.corpus) == (behind.library, behind.corpus) == ("L", "C")
    assert parser().parse_args(["list"]).library is None


def test_help_lists_every_command() -> None:
    shown = parser().format_help()
    assert all(f"    {command} " in shown for (command, *_) in every_command())


@pytest.mark.parametrize("wrong", ["", "dance", "ask", "ask a b", "add", "list --port 1", "chat --port many", "eval"])
def test_wrong_usage_exits_with_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(wrong.split())
    assert leaving.value.code == 2
    assert "usage: coalition-qa" in capsys.readouterr().err


def test_help_loads_nothing_but_the_standard_library(place: Place) -> None:
    watched = (*HEAVY, "numpy", "chromadb", "pydantic", "pydantic_settings", "onnxruntime", "llama_index", "tokenizers")
    helped = [[*command, "--help"] for command in [[], *every_command()]]
    assert loaded(place, helped, watched) == []


def test_daily_commands_do_without_the_heavy_libraries(place: Place) -> None:
    file = place.outside("zebra.txt", SENTENCE)
    commands = [["add", str(file)], ["list"], ["ask", QUESTION], ["remove", "zebra.txt"], ["sync"], ["doctor"]]
    assert loaded(place, commands, HEAVY) == []


def test_ask_prints_the_answer_and_where_it_stands(stocked: Place) -> None:
    outcome = stocked.run("ask", QUESTION)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{SENTENCE} [1]" in outcome.out.splitlines()
    assert outcome.out.splitlines()[-1] == "[1] zebra.txt, characters 0-64"


def test_ask_says_when_the_documents_do_not_and_shows_what_is_closest(stocked: Place) -> None:
    outcome = stocked.run("ask", "When was the treaty of Westphalia signed?")
    assert outcome.code == 0
    assert outcome.out.startswith("The documents don't say.\n")
    assert "Closest passages (not an answer):" in outcome.out
    assert "[1]" not in outcome.out


def test_ask_as_json_is_the_whole_answer(stocked: Place) -> None:
    answer: dict[str, Any] = json.loads(stocked.run("ask", QUESTION, "--json").out)
    (sentence,) = answer["sentences"]
    (citation,) = sentence["citations"]
    assert (answer["status"], sentence["text"]) == ("answered", SENTENCE)
    assert citation["quote"] == (stocked.corpus / "zebra.txt").read_text()[citation["start"] : citation["end"]]
    assert citation["document_id"] == file_digest(stocked.corpus / "zebra.txt").split()[0]  # the text is the file
    abstained = json.loads(stocked.run("ask", "When was the treaty of Westphalia signed?", "--json").out)
    assert (abstained["status"], abstained["answer"], abstained["sentences"]) == ("abstained", "", [])
    assert abstained["retrieved"]


def test_ask_reads_a_question_from_standard_input_and_writes_in_any_encoding(
    stocked: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.write("cafe.txt", "The café “Zebra” in Oslo was painted by Åse Ødegård in 1990. 🦓\n")
    assert stocked.run("sync").code == 0
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with stocked.start("-m", "coalition_qa", "ask", "-", text=False) as process:
        out, err = process.communicate(b"Who painted the caf\xe9 \xc3\xa9 in Oslo in 1990?\n")
    assert (process.returncode, err) == (0, b"")
    assert b"was painted by ?se ?deg?rd in 1990." in out


def test_the_first_question_brings_the_library_in_line(place: Place) -> None:
    place.write("zebra.txt", SENTENCE)
    outcome = place.run("ask", QUESTION)
    assert outcome.code == 0
    assert "[1] zebra.txt" in outcome.out
    assert outcome.err == "new        zebra.txt\n"


def test_the_first_addition_brings_the_rest_of_the_corpus_with_it(place: Place) -> None:
    place.write("zebra.txt", SENTENCE)
    outcome = place.run("add", place.outside("owls.txt", "Owls hunt mice at night."))
    assert outcome.err.splitlines() == ["new        zebra.txt", "new        owls.txt", "1 added."]
    assert "[1] zebra.txt" in place.run("ask", QUESTION).out


def test_add_list_remove_and_sync_say_what_they_did(stocked: Place) -> None:
    added = stocked.run("add", stocked.outside("bread.txt", "Bread needs flour, water and salt."))
    assert (added.code, added.out, added.err) == (0, "", "new        bread.txt\n1 added.\n")
    listed = stocked.run("list").out.splitlines()
    assert [line.split()[1] for line in listed] == ["bread.txt", "owls.md", "zebra.txt"]
    assert listed[0].endswith("(1 passages, 34 characters)")
    as_json = json.loads(stocked.run("list", "--json").out)
    assert [info["name"] for info in as_json] == ["bread.txt", "owls.md", "zebra.txt"]
    assert as_json[0]["document_id"].startswith(listed[0].split()[0])
    assert stocked.run("remove", "bread.txt", as_json[1]["document_id"][:8]).err == (
        "removed    bread.txt  (1 passage; not in the list, the full text or the index any more)\n"
        "removed    owls.md  (1 passage; not in the list, the full text or the index any more)\n"
    )
    stocked.write("zebra.txt", SENTENCE.replace("Kari", "Ola"))
    assert stocked.run("sync").err == "changed    zebra.txt\n1 in line.\n"
    assert stocked.run("sync").err == "1 in line.\n"
    assert [path.name for path in stocked.corpus.iterdir()] == ["zebra.txt"]


def test_a_folder_that_became_empty_is_asked_about(stocked: Place) -> None:
    for file in list(stocked.corpus.iterdir()):
        file.unlink()
    for command in (["sync"], ["sync", "--rebuild"]):
        outcome = stocked.run(*command)
        assert outcome.code == 1
        assert "holds no documents" in outcome.complaint
        assert f"`coalition-qa {' '.join(command)} --emptied`" in outcome.complaint
    assert len(stocked.run("list").out.splitlines()) == 2
    assert stocked.run("sync", "--emptied").code == 0
    assert stocked.run("list").out.startswith("The library is empty")


def test_a_dry_run_shows_the_plan_and_changes_nothing(stocked: Place) -> None:
    bread, scan = stocked.outside("bread.txt", "Bread needs flour."), stocked.outside("scan.html", "<html></html>")
    outcome = stocked.run("add", "--dry-run", bread, scan, stocked.corpus / "owls.md")
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "new        bread.txt",
        "refused    scan.html: the file holds no text; fill it or leave it out.",
        "Plan: 1 new, 1 unchanged, 1 refused.",
    ]
    (stocked.corpus / "owls.md").rename(stocked.corpus / "birds.md")
    outcome = stocked.run("sync", "--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "new        birds.md  (same text as owls.md)",
        "removed    owls.md",
        "Plan: 1 new, 1 unchanged, 1 removed.",
    ]
    assert stocked.run("sync", "--dry-run", "--rebuild").out.endswith("Plan: 2 new.\n")
    assert [info["name"] for info in json.loads(stocked.run("list", "--json").out)] == ["owls.md", "zebra.txt"]
    assert sorted(path.name for path in stocked.corpus.iterdir()) == ["birds.md", "zebra.txt"]


def test_a_dry_run_makes_no_library(place: Place) -> None:
    place.write("zebra.txt", SENTENCE)
    assert place.run("sync", "--dry-run").out == "new        zebra.txt\nPlan: 1 new.\n"
    assert not place.library.exists()


def test_several_files_have_a_plan_first(place: Place) -> None:
    place.write("a.txt", SENTENCE)
    place.write("b.txt", SENTENCE)
    assert place.run("sync").err.splitlines() == [
        "Plan: 2 new.",
        "new        a.txt",
        "new        b.txt  (same text as a.txt)",
        "2 in line.",
    ]


def test_an_empty_library_is_said_to_be_empty(place: Place) -> None:
    assert place.run("sync").err == "0 in line.\n"
    assert place.run("list").out == "The library is empty: `coalition-qa add FILE` adds documents.\n"
    assert json.loads(place.run("list", "--json").out) == []
    assert "no documents in the library yet" in place.run("ask", QUESTION).out


def test_some_refused_of_many_is_an_error_and_the_rest_is_done(stocked: Place) -> None:
    good, bad = stocked.outside("good.txt", "Bread needs flour."), stocked.outside("bad.txt", b"")
    outcome = stocked.run("add", bad, good)
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "coalition-qa: bad.txt: the file holds no text; fill it or leave it out.",
        "new        good.txt",
        "1 added, 1 refused.",
    ]


def test_flags_beat_the_environment_which_beats_the_file(stocked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def corpus(*flags: str) -> str:
        return stocked.run("doctor", *flags).out.splitlines()[0].split()[1]

    config = stocked.folder / "config.toml"
    config.write_text('corpus = "/from/file"\n')
    monkeypatch.setenv("COALITION_QA_CONFIG", str(config))
    assert corpus("--corpus", "/from/flag") == "/from/flag"
    assert corpus() == str(stocked.corpus)
    monkeypatch.setenv("COALITION_QA_CORPUS", "")  # as a compose file passes on what is not set
    assert corpus() == "/from/file"
    monkeypatch.delenv("COALITION_QA_CORPUS")
    assert corpus() == "/from/file"


def test_doctor_checks_everything(stocked: Place) -> None:
    healthy = stocked.run("doctor")
    assert healthy.code == 0
    assert healthy.out.count("\nok ") == 14
    assert "FAULT" not in healthy.out
    (stocked.library / "index" / "READY.json").unlink()
    stocked.corpus.rename(stocked.folder / "away")
    ill = stocked.run("doctor")
    assert ill.code == 1
    assert "FAULT    corpus folder: is missing" in ill.out
    assert "FAULT    index proven: searches are exact until the next sync" in ill.out


def test_a_document_cannot_reach_the_terminal(stocked: Place) -> None:
    stocked.write("evil\x1b[2J.txt", f"\x1b]0;owned\x07{SENTENCE} \x1b[31mIt is red.\n".replace("Oslo", "Bergen"))
    outcomes: list[Outcome] = [
        stocked.run("sync"),
        stocked.run("list"),
        stocked.run("ask", "Who painted the zebra crossing in Bergen?"),
        stocked.run("remove", "evil\x1b[2J.txt"),
    ]
    assert all(outcome.code == 0 for outcome in outcomes)
    assert "\x1b" not in "".join(outcome.out + outcome.err for outcome in outcomes)
    assert "\x07" not in outcomes[2].out


def test_a_reader_that_goes_away_is_no_accident(stocked: Place) -> None:
    with stocked.start("-m", "coalition_qa", "list", stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_control_c_is_an_exit_code_not_a_traceback(place: Place) -> None:
    with place.start("-m", "coalition_qa", "ask", "-") as process:
        assert process.stdin is not None
        process.stdin.write("zebra " * 50_000)  # more than the pipe holds: returns once the command reads
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "coalition-qa: stopped.\n")


def test_it_runs_as_a_module_and_as_a_command(place: Place) -> None:
    outcome = place.process("-m", "coalition_qa", "list")
    assert outcome.code == 1
    assert "There is no library" in outcome.complaint
    script = subprocess.run([f"{sys.prefix}/bin/coalition-qa", "--help"], capture_output=True, text=True, check=True)
    assert script.stdout.startswith("usage: coalition-qa")
