"""Corpora that a run makes for itself, and their place on disk. Everything there may be thrown away at any time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from coalition_qa.types import CoalitionQAError, GoldError

NOISE = "noise"
"""The folder in which distractor documents stand in a made corpus."""


def with_noise(documents: Mapping[str, Path | str], noise: Mapping[str, Path]) -> dict[str, Path | str]:
    """Both together, the distractors in a folder of their own. Raises GoldError where a document is there already."""
    there = next((name for name in documents if name.split("/")[0] == NOISE), None)
    if noise and there is not None:
        raise GoldError(f"The corpus has a folder {NOISE!r} already ({there}): rename it to run with --noise.")
    return {**documents, **{f"{NOISE}/{name}": path for name, path in noise.items()}}


def made_corpus(cache: Path, documents: Mapping[str, Path | str]) -> Path:
    """A folder that holds just these files, each given as a file or as its text; names use "/".

    Its name is the hash of its content: equal documents are made once, and a folder that is there is whole.
    Raises CoalitionQAError where it can't be written.
    """
    try:
        digest = sha256()
        for name in sorted(documents):
            digest.update(f"{name}\0{sha256(_bytes(documents[name])).hexdigest()}\n".encode())
        folder = cache / digest.hexdigest()[:16] / "corpus"
        if not folder.is_dir():
            _make(folder, documents)
    except OSError as error:
        raise CoalitionQAError(f"The documents cannot be brought together in {cache}: {error}.") from error
    return folder


def _make(folder: Path, documents: Mapping[str, Path | str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        for name, content in documents.items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_bytes(content))
        try:
            os.rename(fresh, folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster and made the same
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _bytes(content: Path | str) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content.encode()
