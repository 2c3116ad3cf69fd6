from __future__ import annotations

import re
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

from coalition_qa.evaluation import provenance
from coalition_qa.types import DocumentInfo, GoldError


def info(name: str, document_id: str) -> DocumentInfo:
    return DocumentInfo(name, document_id, "", "", 1, 1)


def test_a_file_has_its_hash_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert provenance.digest_of(tmp_path / "a") == sha256(b"abc").hexdigest()
    with pytest.raises(GoldError, match=r"b: cannot be read: No such file"):
        provenance.digest_of(tmp_path / "b")


def test_files_hash_by_name_and_content(tmp_path: Path) -> None:
    digests = []
    for name, content in (("a.py", "1"), ("a.py", "2"), ("b.py", "2"), ("b.txt", "3")):
        (tmp_path / name).write_text(content)
        digests.append(provenance.digest_of_files(tmp_path, "*.py"))
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]


def test_a_corpus_hashes_by_names_and_texts_in_any_order() -> None:
    one, two = info("a", "1"), info("b", "2")
    assert provenance.digest_of_corpus([one, two]) == provenance.digest_of_corpus([two, one])
    assert provenance.digest_of_corpus([one]) != provenance.digest_of_corpus([info("a", "2")])
    assert provenance.digest_of_corpus([one]) != provenance.digest_of_corpus([info("b", "1")])


def test_models_are_known_by_their_cards(tmp_path: Path) -> None:
    for name in ("confidence.json", "reader/model.json", "reader/tokenizer.json", "reader/model.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    hashes = provenance.model_hashes(tmp_path)
    assert hashes == {name: sha256(name.encode()).hexdigest() for name in ("confidence.json", "reader/model.json")}


def test_versions_are_those_that_are_installed() -> None:
    versions = provenance.package_versions()
    assert versions["numpy"] == version("numpy")
    assert re.match(r"3\.\d+\.\d+ \w+ \w+", provenance.python_version())


def test_the_peak_of_memory_is_in_millions_of_bytes() -> None:
    assert 10 < provenance.peak_rss_mb() < 100_000
