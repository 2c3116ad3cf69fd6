"""Retrieval for training and evaluation: MiniLM sentence vectors, BM25, and their reciprocal rank fusion."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from reader import lower_precision
from scipy.sparse import csr_matrix
from tokenizers import Tokenizer
from transformers import AutoModel

RRF_K = 60  # Cormack, Clarke, Buettcher 2009


def embed(texts: Sequence[str], encoder: Path, limit: int = 192, batch: int = 16) -> np.ndarray:
    """Unit mean-pooled vectors, (n, 384) float32, of texts cut at `limit` word pieces."""
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.enable_truncation(limit)
    tokenizer.no_padding()
    model = AutoModel.from_pretrained(encoder).eval()
    encoded = [e.ids for e in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for at in range(0, len(order), batch):
        rows = order[at : at + batch]
        width = len(encoded[rows[-1]])
        ids = torch.tensor([encoded[i] + [0] * (width - len(encoded[i])) for i in rows])
        mask = torch.tensor([[1] * len(encoded[i]) + [0] * (width - len(encoded[i])) for i in rows])
        with torch.inference_mode(), lower_precision():
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        vectors[rows] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors


def bm25(queries: Sequence[str], passages: Sequence[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """BM25 scores, (queries, passages), over lower-cased words (Lucene's idf)."""
    counts = [Counter(re.findall(r"\w+", text.lower())) for text in passages]
    vocabulary = {word: i for i, word in enumerate(sorted(set().union(*counts)))}
    lengths = np.array([sum(c.values()) for c in counts])
    frequency = Counter(word for c in counts for word in c)
    rows, columns, values = [], [], []
    for row, count in enumerate(counts):
        norm = k1 * (1 - b + b * lengths[row] / lengths.mean())
        for word, times in count.items():
            n = frequency[word]
            idf = np.log(1 + (len(passages) - n + 0.5) / (n + 0.5))
            rows.append(row)
            columns.append(vocabulary[word])
            values.append(idf * times * (k1 + 1) / (times + norm))
    index = csr_matrix((values, (rows, columns)), shape=(len(passages), len(vocabulary)), dtype=np.float32)
    asked = [[vocabulary[w] for w in sorted(set(re.findall(r"\w+", q.lower()))) if w in vocabulary] for q in queries]
    pointers = np.cumsum([0, *map(len, asked)])
    flat = np.array([w for words in asked for w in words], dtype=np.int64)
    query = csr_matrix((np.ones(len(flat), np.float32), flat, pointers), shape=(len(queries), len(vocabulary)))
    return np.asarray((query @ index.T).todense())


def ranks(scores: np.ndarray) -> np.ndarray:
    """Rank (0 = best) of every column within its row; ties keep column order."""
    order = np.argsort(-scores, axis=1, kind="stable")
    result = np.empty_like(order)
    np.put_along_axis(result, order, np.arange(scores.shape[1])[None, :], axis=1)
    return result


def fuse(*scores: np.ndarray) -> np.ndarray:
    """Reciprocal rank fusion of score matrices with the same shape."""
    return np.asarray(sum(1.0 / (RRF_K + 1 + ranks(s)) for s in scores))


def hard_negatives(queries: Sequence[str], passages: Sequence[str], encoder: Path, depth: int) -> np.ndarray:
    """Indices of the best `depth` passages for each query, (queries, depth), by MiniLM and BM25 fused."""
    vectors, asked = embed(passages, encoder), embed(queries, encoder)
    found = []
    for at in range(0, len(queries), 500):
        part = slice(at, at + 500)
        fused = fuse(asked[part] @ vectors.T, bm25(queries[part], passages))
        found.append(np.argsort(-fused, axis=1, kind="stable")[:, :depth])
    return np.concatenate(found)
