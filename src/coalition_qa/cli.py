"""The command `coalition-qa`: parse, call, print, exit code. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from coalition_qa import eval_commands, library_commands
from coalition_qa.library_commands import plain as _plain
from coalition_qa.library_commands import settings_of as _settings
from coalition_qa.types import Answer, CoalitionQAError, CorpusGone, LibraryBusy

if TYPE_CHECKING:
    from coalition_qa.config import Settings
    from coalition_qa.ingest import Progress
    from coalition_qa.plan import Step

DIALS = ("strict", "balanced", "helpful")
ABSTAINED = "The documents don't say."
_QUOTED = 300  # characters of a passage that an abstention shows
_LINE = 1_000  # characters of a message: a name may be as long as someone made it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: it could not be done, said in one line; 2: wrong usage; 130: stopped.

    Of `eval`, 1 is a gate that did not pass, and 2 whatever could not be done.
    """
    given = parser().parse_args(arguments)
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # bytes or characters that the terminal's encoding lacks
    try:
        code = int(given.run(given))
        sys.stdout.flush()  # a reader that went away is noticed here, not at the interpreter's end
        return code
    except CoalitionQAError as error:
        return _fail(str(error), given.failure)
    except KeyboardInterrupt:
        return _fail("stopped.", 130)
    except BrokenPipeError:  # the reader of our output went away, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{str(where)[:200]}{error.strerror or error}.", given.failure)


def parser() -> argparse.ArgumentParser:
    """Every command with its help; each sets `run`."""
    top = argparse.ArgumentParser(
        prog="coalition-qa",
        description="Ask questions of your own documents; every citation is checked before it is shown.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    for either, default in ((top, None), (shared, argparse.SUPPRESS)):  # before the command or behind it
        library = "folder of the index (default: one for each corpus)"
        either.add_argument("--library", metavar="DIR", default=default, help=library)
        either.add_argument(
            "--corpus", metavar="DIR", default=default, help="folder of the documents (default: ./corpus)"
        )
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], what: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[shared], help=what, description=what)
        made.set_defaults(run=run, failure=1)
        return made

    dial = "how sure an answer must be to be shown (default: balanced)"
    _add_page_commands(command, dial)
    ask = command("ask", _ask, "Answer one question.")
    ask.add_argument("question", help="the question, in quotes; - reads it from standard input")
    ask.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    ask.add_argument("--dial", choices=DIALS, help=dial)
    add = command("add", _add, "Copy files, or folders of files, into the corpus and index them.")
    add.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    add.add_argument("--dry-run", action="store_true", help="only show what would be done")
    remove = command("remove", _remove, "Take documents out of the corpus and the library.")
    remove.add_argument("documents", nargs="+", metavar="DOC", help="name, or at least 6 characters of the id")
    lister = command("list", _list, "Show the documents in the library.")
    lister.add_argument("--json", action="store_true", help="print as JSON")
    sync = command("sync", _sync, "Bring the library in line with the corpus folder.")
    sync.add_argument("folder", nargs="?", metavar="DIR", help="another corpus folder")
    sync.add_argument("--dry-run", action="store_true", help="only show what would be done")
    sync.add_argument("--emptied", action="store_true", help="it is meant that the corpus folder is empty now")
    sync.add_argument("--rebuild", action="store_true", help="make the library anew and swap it in when complete")
    library_commands.add_commands(command)
    eval_commands.add_commands(commands, shared)
    return top


def _add_page_commands(command: Callable[..., argparse.ArgumentParser], dial: str) -> None:
    chat = command("chat", _chat, "Open the page where you ask.")
    chat.add_argument("--host", help="address to serve on (default: 127.0.0.1)")
    chat.add_argument("--port", type=int, help="port to serve on (default: 7860; 0 takes a free one)")
    chat.add_argument("--auth", type=Path, metavar="FILE", help="users who may log in (`coalition-qa login` makes it)")
    chat.add_argument("--proxy-header", metavar="NAME", help="header in which a reverse proxy names the user")
    hosts = "serve the page under this name too; may be given more than once"
    chat.add_argument("--allow-host", action="append", metavar="NAME", help=hosts)
    gold = "gold questions that the Evaluation screen offers (default: eval/gold.jsonl)"
    chat.add_argument("--gold", type=Path, metavar="FILE", help=gold)
    chat.add_argument("--watch", action="store_true", help="sync whenever files in the corpus folder change")
    chat.add_argument("--no-browser", action="store_true", help="do not open a browser")
    chat.add_argument("--dial", choices=DIALS, help=dial)
    login = command("login", _login, "Give a user of the page a password, asked for or read from standard input.")
    login.add_argument("file", type=Path, metavar="FILE", help="file of users; it is made where there is none")
    login.add_argument("name", metavar="NAME", help="the user's name")


def _chat(given: argparse.Namespace) -> int:
    from coalition_qa.heap import share_one_heap
    from coalition_qa.serving import serve_page
    from coalition_qa.store import FILE

    share_one_heap()
    flags = ("host", "port", "dial", "auth", "proxy_header", "gold")
    settings = _settings(
        given, allow_hosts=tuple(given.allow_host or ()) or None, **{flag: getattr(given, flag) for flag in flags}
    )
    notice = ""
    there = (settings.library_path / FILE).is_file()
    try:
        _bring_in_line(settings)
    except (LibraryBusy, CorpusGone) as error:
        if not there:
            raise
        notice = f"{error} Serving what it holds now."
        print(f"coalition-qa: {notice}", file=sys.stderr)
    serve_page(settings, open_browser=not given.no_browser, notice=notice, watch=_log if given.watch else None)
    return 0


def _log(line: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {' '.join(_plain(line).split(chr(10)))}", file=sys.stderr, flush=True)


def _login(given: argparse.Namespace) -> int:
    from getpass import getpass

    from coalition_qa.credentials import set_password

    typed = getpass(f"Password for {given.name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    set_password(given.file, given.name, typed)
    print(f"{given.name} can log in: coalition-qa chat --auth {given.file}")
    return 0


def _ask(given: argparse.Namespace) -> int:
    from coalition_qa.assistant import Assistant, checked_question
    from coalition_qa.store import FILE

    settings = _settings(given, dial=given.dial)
    text = sys.stdin.read() if given.question == "-" else given.question
    question = checked_question(text.encode(errors="replace").decode(), settings.max_question_characters)
    if not (settings.library_path / FILE).is_file():
        _bring_in_line(settings)
    with Assistant.open(settings) as assistant:
        answer = assistant.ask(question)
    if given.json:
        print(json.dumps(answer.to_json(), ensure_ascii=False, indent=2))
    else:
        print(_plain(rendered(answer)))
    return 0


def _add(given: argparse.Namespace) -> int:
    from coalition_qa.encoders import open_encoder
    from coalition_qa.ingest import Ingest
    from coalition_qa.library import Library
    from coalition_qa.store import FILE

    settings = _settings(given)
    if given.dry_run:
        return _dry_run(settings, given.paths)
    if settings.corpus.is_dir() and not (settings.library_path / FILE).is_file():
        _bring_in_line(settings)  # a library that holds only what is added would hide the rest of the corpus
    encoder = open_encoder(settings)
    with Library(settings.library_path, encoder, create=True, chroma_url=settings.chroma_url) as library:
        return _outcome(Ingest(settings, library, encoder).add(given.paths, _progress()), "added")


def _remove(given: argparse.Namespace) -> int:
    from coalition_qa.encoders import open_encoder
    from coalition_qa.ingest import Ingest
    from coalition_qa.library import Library

    settings = _settings(given)
    encoder = open_encoder(settings)
    with Library(settings.library_path, encoder, chroma_url=settings.chroma_url) as library:
        steps = Ingest(settings, library, encoder).remove(given.documents)
    for step in steps:
        _progress().done(step)
    return 0


def _list(given: argparse.Namespace) -> int:
    from coalition_qa.encoders import open_encoder
    from coalition_qa.library import Library

    settings = _settings(given)
    with Library(settings.library_path, open_encoder(settings)) as library:
        catalogue = library.catalogue()
    if given.json:
        print(json.dumps([asdict(info) for info in catalogue], ensure_ascii=False, indent=2))
        return 0
    for info in catalogue:
        pages = f"{info.pages:,} pages, " if info.pages else ""
        size = f"{pages}{info.passages} passages, {info.characters:,} characters"
        print(_plain(f"{info.document_id[:12]}  {info.name}  ({size})"))
    if not catalogue:
        print("The library is empty: `coalition-qa add FILE` adds documents.")
    return 0


def _sync(given: argparse.Namespace) -> int:
    settings = _settings(given, **({"corpus": given.folder} if given.folder else {}))
    if given.dry_run:
        return _dry_run(settings, rebuild=given.rebuild)
    return _outcome(_bring_in_line(settings, rebuild=given.rebuild, emptied=given.emptied), "in line")


def _dry_run(settings: Settings, paths: Sequence[Path] | None = None, *, rebuild: bool = False) -> int:
    from coalition_qa.encoders import open_encoder
    from coalition_qa.library import Library
    from coalition_qa.plan import dry_run
    from coalition_qa.progress import Shown
    from coalition_qa.store import FILE

    if rebuild or not (settings.library_path / FILE).is_file():
        steps = dry_run(settings, None, paths)
    else:
        with Library(settings.library_path, open_encoder(settings)) as library:
            steps = dry_run(settings, library, paths)
    Shown(sys.stdout, _plain, _complain).rows(steps)
    return 1 if any(step.action == "refused" for step in steps) else 0


def _bring_in_line(settings: Settings, *, rebuild: bool = False, emptied: bool = False) -> list[Step]:
    from coalition_qa import ingest
    from coalition_qa.encoders import open_encoder
    from coalition_qa.library import Library

    if settings.corpus_is_own:
        settings.corpus.mkdir(parents=True, exist_ok=True)  # the first start outside a project
    encoder = open_encoder(settings)
    if rebuild:
        return ingest.rebuild(settings, encoder, _progress(), emptied=emptied)
    with Library(settings.library_path, encoder, create=True, chroma_url=settings.chroma_url) as library:
        return ingest.Ingest(settings, library, encoder).sync(_progress(), emptied=emptied)


def rendered(answer: Answer) -> str:
    """The answer as text for a terminal: sentences with numbered citations, then where they stand."""
    lines = []
    if answer.standalone_question != answer.question:
        lines += [f"Searched for: {answer.standalone_question}", ""]
    if answer.status == "abstained":
        lines += [ABSTAINED, answer.reason]
        if answer.hits:
            lines += ["", "Closest passages (not an answer):"]
        for hit in answer.hits[:3]:
            text = textwrap.shorten(hit.passage.text, _QUOTED, placeholder=" ...")
            lines.append(f"  {hit.doc}: {text}")
        return "\n".join(lines)
    number = {citation: n for n, citation in enumerate(answer.citations, 1)}
    if answer.short_answer:
        lines += [answer.short_answer, ""]
    for sentence in answer.sentences:
        marks = "".join(f"[{number[citation]}]" for citation in sentence.citations)
        lines.append(f"{sentence.text} {marks}")
    lines.append("")
    for citation, n in number.items():
        page = f"page {citation.page}, " if citation.page else ""
        lines.append(f"[{n}] {citation.doc}, {page}characters {citation.span.start}-{citation.span.end}")
    return "\n".join(lines)


def _outcome(steps: Sequence[Step], done: str) -> int:
    refused = sum(step.action == "refused" for step in steps)
    if refused < len(steps) or not steps:
        print(f"{len(steps) - refused} {done}{f', {refused} refused' if refused else ''}.", file=sys.stderr)
    return 1 if refused else 0


def _progress() -> Progress:
    from coalition_qa.progress import Shown

    return Shown(sys.stderr, _plain, _complain)


def _complain(note: str) -> None:
    _fail(note, 1)


def _fail(message: str, code: int) -> int:
    line = " ".join(_plain(message).split())
    if len(line) > _LINE:
        line = f"{line[: _LINE // 2]} ... {line[-_LINE // 2 :]}"
    print(f"coalition-qa: {line}", file=sys.stderr)
    return code
