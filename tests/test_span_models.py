"""The shipped models are refused where they are damaged; the span search is right by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coalition_qa.encoders import MODELS, READERS
from coalition_qa.span_models import LONGEST_ANSWER, OnnxSpanModel, best_span
from coalition_qa.types import ModelError


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_model_is_refused(tmp_path: Path, name: str) -> None:
    for file in ("model.json", "tokenizer.json"):
        (tmp_path / file).write_bytes((MODELS / name / file).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="damaged"):
        OnnxSpanModel(tmp_path, threads=1)


@pytest.mark.parametrize(
    ("starts", "ends", "expected"),
    [
        ([1, 5, 0], [0, 2, 4], (1, 2, 9.0)),
        ([0, 0, 9], [9, 0, 1], (2, 2, 10.0)),  # 9 + 9 would end before it starts
        ([3], [4], (0, 0, 7.0)),
    ],
)
def test_best_span_is_the_highest_sum_in_order(
    starts: list[float], ends: list[float], expected: tuple[int, int, float]
) -> None:
    assert best_span(np.array(starts, dtype=np.float32), np.array(ends, dtype=np.float32)) == expected


def test_best_span_is_never_longer_than_the_longest_answer() -> None:
    starts, ends = np.zeros(60, dtype=np.float32), np.zeros(60, dtype=np.float32)
    starts[0] = ends[59] = 10
    first, last, _ = best_span(starts, ends)
    assert last - first < LONGEST_ANSWER
