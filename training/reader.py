"""Read passages with an extractive model: the best answer span and the margin over "no answer"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

Logits = tuple[np.ndarray, np.ndarray]
Forward = Callable[[np.ndarray, np.ndarray, np.ndarray], Logits]

MAX_LENGTH = 256  # word pieces of question and passage together
STRIDE = 96  # overlap of two windows of a longer passage
MAX_ANSWER = 30  # word pieces


@dataclass(frozen=True)
class Reading:
    """Best span of a passage; `margin` is its score minus the score of the null answer at [CLS]."""

    start: int
    end: int
    margin: float


def load_tokenizer(folder: Path, max_length: int = MAX_LENGTH) -> Tokenizer:
    """Tokenizer that cuts a long passage into overlapping windows and never cuts the question."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, stride=STRIDE, strategy="only_second")
    return tokenizer


def torch_forward(model: object) -> Forward:
    """Forward pass of a transformers model for question answering, fp32, without gradients."""
    import torch

    segments = has_segments(model)

    def forward(ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> Logits:
        tensors = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if segments else {})
        with torch.inference_mode():
            output = model(**{k: torch.from_numpy(v) for k, v in tensors.items()})  # type: ignore[operator]
        return output.start_logits.float().numpy(), output.end_logits.float().numpy()

    return forward


def has_segments(model: object) -> bool:
    """Whether a transformers model tells question and passage apart by segment ids: BERT does, MPNet does not."""
    return getattr(model.config, "type_vocab_size", 0) > 1  # type: ignore[attr-defined]


def lower_precision() -> AbstractContextManager[object]:
    """bf16 where the processor computes in it; where it would be emulated (30 times slower) fp32."""
    import torch

    fast = "amx" in torch.backends.cpu.get_cpu_capability().lower() or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast("cpu", torch.bfloat16) if fast else nullcontext()


def onnx_forward(path: Path, threads: int = 1) -> Forward:
    """Forward pass of an exported model."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {each.name for each in session.get_inputs()}

    def forward(ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> Logits:
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        feeds = {name: values for name, values in feeds.items() if name in inputs}
        start, end = session.run(["start_logits", "end_logits"], feeds)
        return start, end

    return forward


def pad(encodings: Sequence[Encoding], multiple: int = 1, blank: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, attention mask and segment ids, each (n, longest) int64; `blank` is the padding's id."""
    width = -(-max(len(e.ids) for e in encodings) // multiple) * multiple
    ids, mask, types = (np.zeros((len(encodings), width), dtype=np.int64) for _ in range(3))
    ids += blank
    for row, encoding in enumerate(encodings):
        n = len(encoding.ids)
        ids[row, :n], mask[row, :n], types[row, :n] = encoding.ids, 1, encoding.type_ids
    return ids, mask, types


def context_tokens(encoding: Encoding) -> np.ndarray:
    """Positions of the passage's word pieces."""
    return np.array([i for i, sequence in enumerate(encoding.sequence_ids) if sequence == 1], dtype=np.int64)


def decode(encoding: Encoding, start: np.ndarray, end: np.ndarray) -> Reading:
    """Best span of one window: highest start + end, in order, at most MAX_ANSWER word pieces."""
    tokens = context_tokens(encoding)
    null = float(start[0] + end[0])
    if not len(tokens):
        return Reading(0, 0, -np.inf)
    scores = start[tokens][:, None] + end[tokens][None, :]
    lengths = np.arange(len(tokens))[None, :] - np.arange(len(tokens))[:, None]
    scores = np.where((lengths >= 0) & (lengths < MAX_ANSWER), scores, -np.inf)
    first, last = np.unravel_index(int(scores.argmax()), scores.shape)
    offsets = encoding.offsets
    margin = float(scores[first, last]) - null
    return Reading(offsets[tokens[first]][0], offsets[tokens[last]][1], margin)


def read(forward: Forward, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], batch: int = 1) -> list[Reading]:
    """One reading for each (question, passage): the window with the highest margin."""
    windows: list[tuple[int, Encoding]] = []
    for row, encoding in enumerate(tokenizer.encode_batch(list(pairs))):
        windows += [(row, e) for e in (encoding, *encoding.overflowing)]
    windows.sort(key=lambda item: len(item[1].ids))
    best: dict[int, Reading] = {}
    for at in range(0, len(windows), batch):
        part = windows[at : at + batch]
        starts, ends = forward(*pad([e for _, e in part]))
        for (row, encoding), start, end in zip(part, starts, ends, strict=True):
            reading = decode(encoding, start, end)
            if row not in best or reading.margin > best[row].margin:
                best[row] = reading
    return [best[row] for row in range(len(pairs))]
