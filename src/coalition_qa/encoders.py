"""Text to vectors: the shipped int8 ONNX encoder, or any sentence-transformers model by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coalition_qa.config import SHIPPED, Settings
from coalition_qa.types import ModelError, Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]
MODELS = Path(__file__).parent / "models"
READERS = ("reader", "second_reader")
"""The folders of the two that read, the one that reads every passage first."""


class Encoder(Protocol):
    """Turns texts into vectors that can be compared by their dot product."""

    @property
    def identity(self) -> str:
        """Name and content hash: vectors of two encoders may be mixed only when these are equal."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def window(self) -> int:
        """How many word pieces of one text are read, the special ones left out; more would be ignored."""
        ...

    def pieces(self, text: str) -> list[Span]:
        """The word pieces of `text` as character spans, special ones left out, nothing cut off."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit-length float32 row per text, shape (len(texts), dimensions), each independent of the rest."""
        ...


class OnnxEncoder:
    """The shipped encoder: no torch, one text at a time, so that a vector never depends on its batch."""

    def __init__(self, folder: Path, threads: int) -> None:
        card = read_model_card(folder)
        self._session = open_session(folder / "model.onnx", threads)
        self._tokenizer = open_tokenizer(folder / "tokenizer.json")
        self._dimensions = int(card["dimensions"])
        self._window = int(card["window"]) - self._tokenizer.num_special_tokens_to_add(is_pair=False)
        self._identity = f"{card['name']}@{card['sha256']['model.onnx'][:16]}"

    @property
    def identity(self) -> str:
        """Name and content hash of the model file."""
        return self._identity

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def window(self) -> int:
        """Word pieces read of one text, the two special ones left out."""
        return self._window

    def pieces(self, text: str) -> list[Span]:
        """The word pieces of `text` as character spans."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return [Span(start, end) for start, end in encoding.offsets]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit-length row per text; pieces beyond the window are not read."""
        rows = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            ids = self._tokenizer.encode(text).ids
            if len(ids) > self._window + 2:
                ids = [*ids[: self._window + 1], ids[-1]]
            tokens = np.array([ids], dtype=np.int64)
            feed = {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            }
            rows[row] = self._session.run(None, feed)[0][0]
        return rows


def may_download() -> bool:
    """Whether the user has said, with HF_HUB_OFFLINE=0, that models may be fetched. To be asked before Hugging Face's
    libraries are imported, which read the variable only then; those that were imported before are told by argument.
    """
    return os.environ.setdefault("HF_HUB_OFFLINE", "1").upper() not in ("1", "ON", "YES", "TRUE")


class SentenceTransformersEncoder:
    """Any sentence-transformers model that is on this machine, by name or path. Nothing is downloaded, unless the
    user sets HF_HUB_OFFLINE=0.
    """

    def __init__(self, name: str) -> None:
        here = not may_download()
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(name, local_files_only=here)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"The encoder {name!r} cannot be loaded: it is not on this machine, or is not a "
                f"sentence-transformers model. Give its folder, or unset COALITION_QA_ENCODER."
            ) from error
        self._tokenizer = self._model.tokenizer
        if not getattr(self._tokenizer, "is_fast", False):
            raise ModelError(f"The encoder {name!r} has no fast tokenizer, which exact spans need: choose another.")
        self._identity = f"{Path(name).name}@{weights_digest(self._model)}"  # not where it lies

    @property
    def identity(self) -> str:
        """Name and a hash over the weights as loaded."""
        return self._identity

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    @property
    def window(self) -> int:
        """Word pieces read of one text, special ones left out."""
        return int(self._model.max_seq_length) - int(self._tokenizer.num_special_tokens_to_add(pair=False))

    def pieces(self, text: str) -> list[Span]:
        """The word pieces of `text` as character spans."""
        encoding = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return [Span(start, end) for start, end in encoding["offset_mapping"]]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit-length row per text."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        rows = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)


def open_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name. Raises ModelError where it is missing or damaged."""
    if settings.encoder == SHIPPED:
        return OnnxEncoder(MODELS / "encoder", settings.threads)
    return SentenceTransformersEncoder(settings.encoder)


def read_model_card(folder: Path) -> dict[str, Any]:
    """The model's card, after every file that it names was found to have the hash that it states.

    Raises ModelError for a missing or altered file.
    """
    try:
        card: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
        for name, expected in card["sha256"].items():
            if sha256((folder / name).read_bytes()).hexdigest() != expected:
                raise ModelError(f"The model file {folder / name} is damaged: reinstall coalition-qa.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The model in {folder} is incomplete ({error}): reinstall coalition-qa.") from error
    return card


def open_session(model: Path, threads: int) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """A CPU inference session that keeps quiet."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # planned for each length of text, it holds more memory and gains no time
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # cores are shared, also among questions
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer without truncation or padding: what is cut must be cut knowingly."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def weights_digest(model: Any) -> str:  # noqa: ANN401 - a torch model
    """16 hexadecimal digits of the sha256 over a torch model's weights and their names."""
    digest = sha256()
    for part in _tensors(model):
        digest.update(part)
    return digest.hexdigest()[:16]


def _tensors(model: Any) -> Iterator[bytes]:  # noqa: ANN401
    for name, tensor in sorted(model.state_dict().items()):
        yield name.encode()
        yield tensor.detach().cpu().numpy().tobytes()
