"""The exact way to find the nearest vectors."""

from __future__ import annotations

import numpy as np

from coalition_qa.nearest import exact_search


def test_exact_search_ranks_by_dot_product_then_by_id() -> None:
    rows = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
    assert exact_search(["c", "b", "a"], rows, np.array([0, 1], dtype=np.float32), 3) == [("a", 1), ("b", 1), ("c", 0)]
    assert exact_search([], np.zeros((0, 2), np.float32), rows[0], 3) == []
