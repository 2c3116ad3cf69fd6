"""The commands that look after a library: doctor, backup, restore, verify. Nothing heavy is imported before its use."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coalition_qa.config import Settings

Run = Callable[[argparse.Namespace], int]
Command = Callable[[str, Run, str], argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """Add them to the program's; `command` makes one of a name, what it runs, and a line of help."""
    doctor = command("doctor", _doctor, "Check models, corpus, library and index.")
    doctor.add_argument("--repair", action="store_true", help="mend what is found, from the corpus folder if need be")
    backup = command("backup", _backup, "Write the library to one file.")
    backup.add_argument("file", type=Path, metavar="FILE", help="a file that is not there yet")
    restore = command("restore", _restore, "Put a backup in place of the library.")
    restore.add_argument("file", type=Path, metavar="FILE", help="a file that `backup` wrote")
    verify = command("verify", _verify, "Check whether the quotes of an exported answer still stand.")
    verify.add_argument("receipt", type=Path, metavar="RECEIPT", help="what `ask --json` or the page exported")
    verify.add_argument("--json", action="store_true", help="print as JSON")


def settings_of(given: argparse.Namespace, **more: Any) -> Settings:  # noqa: ANN401 - whatever a setting takes
    """The settings, with what was given on the command line laid over them."""
    from coalition_qa.config import load_settings

    return load_settings({"library": given.library, "corpus": given.corpus, **more})


def plain(text: str) -> str:
    """Without control characters, which a document could use to rewrite the user's terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else " " for c in text)


def _doctor(given: argparse.Namespace) -> int:
    from coalition_qa.doctor import examine, repair
    from coalition_qa.encoders import open_encoder

    settings = settings_of(given)
    print(f"corpus   {settings.corpus}\nlibrary  {settings.library_path}")
    checks = examine(settings)
    if given.repair and any(check.fault for check in checks):
        for check in checks:
            if check.fault:
                print(plain(f"found    {check.name}: {check.fault}"))
        checks = repair(settings, open_encoder(settings))
    for check in checks:
        print(plain(f"{'FAULT' if check.fault else 'ok':7}  {check.name}{': ' + check.fault if check.fault else ''}"))
    return 1 if any(check.fault for check in checks) else 0


def _backup(given: argparse.Namespace) -> int:
    from coalition_qa.backup import backup

    backup(settings_of(given).library_path, given.file)
    print(plain(f"Written to {given.file}: texts and vectors. Keep a copy of the corpus folder too."))
    return 0


def _restore(given: argparse.Namespace) -> int:
    from coalition_qa.backup import restore
    from coalition_qa.encoders import open_encoder

    settings = settings_of(given)
    count = restore(settings.library_path, given.file, open_encoder(settings), settings.chroma_url)
    print(f"Restored: {count} documents. The next sync takes out what is not in the corpus folder.")
    return 0


def _verify(given: argparse.Namespace) -> int:
    from coalition_qa.encoders import open_encoder
    from coalition_qa.library import Library
    from coalition_qa.receipts import MEANING, read_receipt, verify

    settings = settings_of(given)
    answers = read_receipt(given.receipt)
    with Library(settings.library_path, open_encoder(settings)) as library:
        verdict = verify(answers, library)
    if given.json:
        print(json.dumps({"stands": verdict.stands, **asdict(verdict)}, ensure_ascii=False, indent=2))
        return 0 if verdict.stands else 1
    for quote in verdict.quotes:
        print(plain(f'{quote.standing:8} {quote.doc}: "{quote.quote}"'))
    for standing in dict.fromkeys(quote.standing for quote in verdict.quotes):
        print(f"{standing}: {MEANING[standing]}.")
    print(f"The library {'is the same as' if verdict.same_library else 'has changed since'} it was asked.")
    if not verdict.quotes:
        print("The receipt cites nothing: no question was answered.")
    return 0 if verdict.stands else 1
