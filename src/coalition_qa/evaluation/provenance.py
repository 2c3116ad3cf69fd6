"""What a run was made with: hashes and versions."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from coalition_qa.types import DocumentInfo, GoldError

PACKAGES = """coalition-qa chromadb llama-index-core nltk numpy onnxruntime scipy sentence-transformers snowballstemmer
tokenizers""".split()
"""Those whose version may change an answer or a number."""


def digest_of(path: Path) -> str:
    """Hexadecimal sha256 of a file. Raises GoldError where it can't be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise GoldError(f"{path}: cannot be read: {error.strerror}.") from error


def digest_of_files(folder: Path, pattern: str) -> str:
    """One sha256 over the names and contents of the files below a folder that match."""
    digest = sha256()
    for path in sorted(folder.rglob(pattern)):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{digest_of(path)}\n".encode())
    return digest.hexdigest()


def digest_of_corpus(catalogue: Iterable[DocumentInfo]) -> str:
    """One sha256 over the names and texts of the documents that a library holds."""
    rows = sorted(f"{info.name}\0{info.document_id}\n" for info in catalogue)
    return sha256("".join(rows).encode()).hexdigest()


def model_hashes(folder: Path) -> Mapping[str, str]:
    """The hash of each model card and calibration in a folder of models; cards state the hashes of their models."""
    cards = sorted(path for path in folder.rglob("*.json") if path.name != "tokenizer.json")
    return {path.relative_to(folder).as_posix(): digest_of(path) for path in cards}


def package_versions() -> Mapping[str, str]:
    """Version by package; one that runs from a checkout without being installed is left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    """Version, system and processor: floating-point sums may differ between these."""
    return f"{platform.python_version()} {sys.platform} {platform.machine()}"


def peak_rss_mb() -> float:
    """The most memory that this process held so far, in millions of bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6, 1)
