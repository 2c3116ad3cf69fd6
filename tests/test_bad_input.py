"""Whatever is wrong: one clear line that says what and what to do, exit code 1, nothing lost, no traceback."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from coalition_qa.store import FILE, Store

if TYPE_CHECKING:
    from tests.conftest import FakeEncoder, Place

QUESTION = "Who painted the zebra crossing in Oslo?"
HOLD = """
import sys
from pathlib import Path
from coalition_qa.folder import only_writer
with only_writer(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.read()
"""
AS_NOBODY = """
import os, shutil, sys
from pathlib import Path
import chromadb, onnxruntime, tokenizers, charset_normalizer
from llama_index.core.node_parser.text import utils
from coalition_qa import assistant, cli, ingest
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
if not os.access(cli.__file__, os.R_OK):
    print("SKIP")
    sys.exit()
question, folder = sys.argv[1:]
for command in (["ask", question], ["add", f"{folder}/outside/new.txt"], ["remove", "zebra.txt"], ["sync"],
                ["sync", "--rebuild"], ["list", "--library", f"{folder}/new"], ["add", f"{folder}/outside/secret.txt"],
                ["sync", "--library", f"{folder}/new/library"]):
    print(command[0], cli.main(command), file=sys.stderr)
"""


def refused(place: Place, *command: str | Path, says: str, code: int = 1) -> None:
    """The command fails with one line, and afterwards everything is as it was."""
    before = everything(place)
    outcome = place.run(*command)
    assert outcome.code == code
    assert outcome.out == ""
    assert re.search(says, outcome.complaint), outcome.complaint
    assert len(outcome.complaint) < 1_200
    assert everything(place) == before


def everything(place: Place) -> tuple[dict[str, bytes], list[str]]:
    """The files of the corpus and the names in the library."""
    files = {str(path): path.read_bytes() for path in sorted(place.corpus.rglob("*")) if path.is_file()}
    store = Store(place.library, create=False)
    names = list(store.names())
    store.close()
    return files, names


def answers(place: Place) -> bool:
    return "painted by Kari Nordmann in 1987. [1]" in place.run("ask", QUESTION).out


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", b"", r"empty\.txt: the file holds no text; fill it or leave it out"),
        ("blank.md", b"\n \n", r"blank\.md: the file holds no text"),
        ("binary.txt", b"\x7fELF\0\1\2\3", r"binary\.txt: the file is binary, not text; save its text"),
        ("paper.pdf", b"%PDF-1.7", r"paper\.pdf: is cut short; save it again"),
        ("paper.doc", b"text", r"paper\.doc: no reader for files ending in \.doc; save it as one of .*\.txt"),
        ("noending", b"text", r"noending: no reader for files ending in nothing; save it as one of"),
    ],
)
def test_a_file_that_cannot_be_a_document(stocked: Place, name: str, content: bytes, says: str) -> None:
    refused(stocked, "add", stocked.outside(name, content), says=f"^coalition-qa: {says}")


def test_a_path_that_is_no_file(stocked: Place) -> None:
    outside = stocked.outside("dangling.txt", "").parent
    (outside / "dangling.txt").unlink()
    (outside / "dangling.txt").symlink_to("nothing")
    (outside / "loop.txt").symlink_to("loop.txt")
    (outside / "folder.txt").mkdir()
    (outside / "unread").mkdir()
    (outside / "unread" / "picture.png").write_bytes(b"\x89PNG")
    for path in (outside / "dangling.txt", outside / "loop.txt", "missing.txt", "x" * 10_000 + ".txt", "~no-one/a.txt"):
        refused(stocked, "add", path, says="there is no such file; check the path")
    for name in ("folder.txt", "unread"):
        refused(
            stocked, "add", outside / name, says="the folder holds no file that can be read; give .txt, .pdf or .docx"
        )
    assert answers(stocked)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(stocked: Place) -> None:
    secret = stocked.outside("secret.txt", "Secret text.")
    secret.chmod(0)
    refused(stocked, "add", secret, says=r"secret\.txt: cannot be read \(Permission denied\)")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("", "The question is empty: type what you want to know"),
        (" \n\t ", "The question is empty"),
        ("?!... — “”", "The question holds no word"),
        ("zebra " * 170_000, "is 1,019,999 characters long, the limit is 2,000: shorten it"),
        ("\ud800\udfff", "The question holds no word"),
    ],
    ids=["empty", "blank", "punctuation", "1 MB", "surrogates"],
)
def test_a_question_that_is_none(stocked: Place, question: str, says: str) -> None:
    refused(stocked, "ask", question, says=says)


def test_a_question_that_is_none_from_standard_input(stocked: Place) -> None:
    outcome = stocked.process("-m", "coalition_qa", "ask", "-", input="zebra " * 170_000)
    assert (outcome.code, outcome.out) == (1, "")
    assert "the limit is 2,000: shorten it" in outcome.complaint


def test_a_library_made_with_another_encoder(place: Place, fake_encoder: FakeEncoder) -> None:
    place.write("zebra.txt", "The zebra crossing in Oslo was painted by Kari Nordmann in 1987.")
    place.sync(fake_encoder)
    for command in (["ask", QUESTION], ["list"], ["sync"], ["add", "zebra.txt"], ["remove", "zebra.txt"], ["chat"]):
        refused(place, *command, says=r"made with the encoder fake@1, not .*: run `coalition-qa sync --rebuild`")
    assert place.run("sync", "--rebuild").code == 0
    assert answers(place)


def test_a_library_that_another_process_is_changing(stocked: Place) -> None:
    new = stocked.outside("new.txt", "Bread needs flour.")
    with stocked.start("-c", HOLD, stocked.library) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        says = rf"is being changed by process {holder.pid} \(-c.*\) since [0-9: -]+ UTC: wait for it or stop it"
        for command in (["add", new], ["remove", "zebra.txt"], ["sync"], ["sync", "--rebuild"]):
            refused(stocked, *command, says=says)
        refused(stocked, "eval", "run", says=says, code=2)
        assert answers(stocked)
        holder.communicate()
    assert stocked.run("add", new).code == 0


def test_an_address_that_cannot_be_served_on(stocked: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(stocked, "chat", "--port", port, says=rf"Port {port} on 127\.0\.0\.1 is in use: .*another with --port")
    refused(
        stocked,
        "chat",
        "--host",
        "192.0.2.1",
        "--port",
        "0",
        "--proxy-header",
        "x",
        says="cannot be served on 192.0.2.1, port 0: ",
    )
    refused(stocked, "chat", "--port", "99999", says="The setting 'port' cannot be used: .*65535")


def test_folders_that_cannot_be(stocked: Place) -> None:
    file = stocked.outside("file", "mine")
    refused(stocked, "sync", "--library", file, says=r"outside/file cannot be made \(File exists\)")
    refused(stocked, "sync", "--library", file / "below", says=r"cannot be made \(Not a directory\)")
    refused(stocked, "sync", "--rebuild", "--library", file, says="outside/file is not a folder: name another")
    refused(stocked, "sync", "--library", "/proc/nothing", says="/proc/nothing cannot be made")
    refused(stocked, "add", file, "--corpus", file, says=r"outside/file cannot be made \(File exists\)")
    refused(stocked, "sync", file, says="There is no corpus folder .*outside/file: make it, or name another")
    refused(stocked, "sync", stocked.folder / "nothing", says="There is no corpus folder .*nothing: make it, or name")
    refused(stocked, "list", "--library", stocked.folder / "nothing", says="no library in .*run `coalition-qa sync`")
    refused(stocked, "remove", "a", "--library", stocked.folder / "nothing", says="no library in .*coalition-qa sync")
    refused(stocked, "list", "--library", "x" * 10_000, says=r"File name too long|no library in")
    assert file.read_text() == "mine"


def test_folders_that_may_only_be_read(stocked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.outside("new.txt", "Bread needs flour.")
    stocked.outside("secret.txt", "Secret text.").chmod(0o000)
    with tempfile.TemporaryDirectory() as shared:  # where somebody without rights may look
        for name in ("corpus", "library", "outside"):
            (stocked.folder / name).rename(Path(shared) / name)
        (Path(shared) / "config.toml").touch()
        for path in [Path(shared), *Path(shared).rglob("*")]:
            path.chmod(0o000 if path.name == "secret.txt" else 0o555 if path.is_dir() else 0o444)
        for variable, name in {"CORPUS": "corpus", "LIBRARY": "library", "CONFIG": "config.toml"}.items():
            monkeypatch.setenv(f"COALITION_QA_{variable}", f"{shared}/{name}")
        outcome = stocked.process("-c", AS_NOBODY, QUESTION, shared)
    if outcome.out == "SKIP\n":
        pytest.skip("nobody but root may read the checkout here")
    assert outcome.out.endswith("[1] zebra.txt, characters 0-64\n"), outcome
    lines = outcome.err.splitlines()
    assert lines[0] == "ask 0", outcome.err
    assert lines[2::2] == ["add 1", "remove 1", "sync 1", "sync 1", "list 1", "add 1", "sync 1"], outcome.err
    assert all(line.startswith("coalition-qa: ") for line in lines[1::2]), outcome.err
    assert [line for line in lines[1::2] if "cannot be" not in line and "no library" not in line] == []


@pytest.mark.parametrize("damage", ["emptied", "halved", "header flipped", "random bytes"])
def test_a_corrupt_library_file(stocked: Place, damage: str) -> None:
    path = stocked.library / FILE
    whole = path.read_bytes()
    path.write_bytes(
        {
            "emptied": b"",
            "halved": whole[: len(whole) // 2],
            "header flipped": bytes(255 - byte for byte in whole[:100]) + whole[100:],
            "random bytes": np.random.default_rng(1).bytes(len(whole)),
        }[damage]
    )
    damaged = path.read_bytes()
    new = stocked.outside("new.txt", "Bread needs flour.")
    for command in (["ask", QUESTION], ["sync"], ["add", str(new)]):
        outcome = stocked.run(*command)
        assert (outcome.code, outcome.out) == (1, ""), command
        assert re.search(r"is damaged \(.*Your documents are untouched: run .*--rebuild", outcome.complaint), command
    assert stocked.run("doctor").code == 1
    assert path.read_bytes() == damaged
    assert sorted(path.name for path in stocked.corpus.iterdir()) == ["owls.md", "zebra.txt"]
    assert stocked.run("sync", "--rebuild").code == 0
    assert answers(stocked)


def test_settings_that_are_none(stocked: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value, says in (
        ("COALITION_QA_COLOUR", "red", r"Unknown setting in the environment: COALITION_QA_COLOUR\. Known: .*corpus,"),
        ("COALITION_QA_PORT", "many", "The setting 'port' cannot be used: .*valid integer"),
        ("COALITION_QA_THREADS", "0", "The setting 'threads' cannot be used: .*greater than or equal to 1"),
        ("COALITION_QA_CONFIG", str(stocked.folder), r"settings file .* cannot be read: Is a directory"),
        ("COALITION_QA_CONFIG", "nowhere.toml", r"settings file nowhere\.toml cannot be read: No such file"),
        ("COALITION_QA_CONFIG", "~no-one/a.toml", r"settings file ~no-one/a\.toml cannot be read: No such file"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            refused(stocked, "list", says=says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"corpus = ", r"config\.toml is not valid TOML: Invalid value"),
        (b"colour = 'red'", r"'colour' cannot be used: .* Known: .*corpus, "),
        (b"passages_read = 'many'", "'passages_read' cannot be used: .*valid integer"),
        (b"encoder = 7", "'encoder' cannot be used: .*valid string"),
        (b"corpus = 7", "'corpus' cannot be used: .*path"),
        (b"[corpus]\na = 1", "'corpus' cannot be used: .*path"),
        (b"\xff\xfe", r"config\.toml is not valid TOML"),
    ],
)
def test_a_settings_file_that_is_none(
    stocked: Place, monkeypatch: pytest.MonkeyPatch, content: bytes, says: str
) -> None:
    config = stocked.folder / "config.toml"
    config.write_bytes(content)
    monkeypatch.setenv("COALITION_QA_CONFIG", str(config))
    if content.startswith((b"corpus", b"[corpus")):
        monkeypatch.delenv("COALITION_QA_CORPUS")
    refused(stocked, "list", says=says)


def test_documents_that_are_not_there(stocked: Place) -> None:
    refused(stocked, "remove", "zebra.txt", "nobody.txt", says="no document 'nobody.txt': `coalition-qa list` shows")
    refused(stocked, "remove", "x" * 10_000, says="There is no document 'xxx.*`coalition-qa list` shows the names")
    refused(stocked, "remove", "", says="There is no document ''")
    assert answers(stocked)


@pytest.mark.parametrize(
    ("gold", "says"),
    [
        (None, r"gold\.jsonl"),
        (b"{", r"gold\.jsonl.*1"),
        (b"\xff\xfe\0", r"gold\.jsonl"),
        (b"", r"gold\.jsonl"),
        (b'{"id": "a", "question": "Who?", "answerable": true, "category": "factoid"}', r"gold\.jsonl.*1"),
        (
            b'{"id": "a", "question": "Who?", "answerable": true, "category": "factoid", "answers": ["Kari"],'
            b' "evidence": [{"quote": "Nobody ever said this."}]}',
            "Nobody ever said this.*not in",
        ),
    ],
    ids=["missing", "no JSON", "no text", "empty", "incomplete", "quote not there"],
)
def test_a_gold_file_that_is_none(stocked: Place, gold: bytes | None, says: str) -> None:
    path = stocked.folder / "gold.jsonl"
    if gold is not None:
        path.write_bytes(gold)
    refused(stocked, "eval", "run", "--gold", path, says=says, code=2)
