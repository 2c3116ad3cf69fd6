"""The lock file: which texts a gold file was checked against, so that a changed document is told from a wrong quote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from coalition_qa.evaluation.files import replace_file
from coalition_qa.types import Document, GoldError


def lock_path(gold: Path) -> Path:
    """gold.jsonl has gold.lock.json beside it."""
    return gold.with_suffix(".lock.json")


def read_lock(gold: Path) -> dict[str, str]:
    """Document name to the sha256 of the text that quotes were found in; empty where nothing was locked.

    Raises GoldError for a lock file that is none.
    """
    path = lock_path(gold)
    try:
        held = json.loads(path.read_text("utf-8"))["documents"]
        if not all(isinstance(each, str) for each in held.values()):
            raise TypeError
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise GoldError(f"{path}: the lock file cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GoldError(
            f"{path}: this is no lock file; remove it, and make it with `coalition-qa eval check --lock`."
        ) from error
    return dict(held)


def write_lock(gold: Path, names: Iterable[str], documents: Mapping[str, Document]) -> bool:
    """Lock the texts of these documents as they are now. False where the lock says just that already.

    Raises OSError where the file can't be written.
    """
    locked = {name: documents[name].id for name in sorted(set(names))}
    if read_lock(gold) == locked:
        return False
    replace_file(lock_path(gold), json.dumps({"documents": locked}, ensure_ascii=False, indent=1) + "\n")
    return True
