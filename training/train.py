"""Train a reader: the body of all-MiniLM-L6-v2, or of another encoder, with a span head, on the examples of data.py.

    python train.py --examples examples.jsonl --encoder ENCODER --out run --dev xquad_en_dev.json --minutes 80

Writes run/curve.csv (training loss), run/dev.csv, run/checkpoint.pt every ten minutes, and at the end
run/model (fp32, Hugging Face layout). `--resume` goes on from the checkpoint.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from evaluate import load_xquad, span_scores
from reader import context_tokens, has_segments, load_tokenizer, lower_precision, pad, read, torch_forward
from tokenizers import Encoding
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters; the schedule is linear warm-up, then linear decay to zero."""

    learning_rate: float = 2.5e-4
    warm_up: float = 0.06
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    batch: int = 32
    dropout: float = 0.0
    seed: int = 13


Target = dict[int, float]
Item = tuple[Encoding, Target, Target]


def load_items(path: Path, tokenizer_folder: Path) -> list[Item]:
    """Tokenised examples with soft targets: each annotator's start and end gets an equal share.

    No-answer examples point at [CLS]. Examples whose answers are cut off by the length limit are dropped.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    encodings = tokenizer.encode_batch([(row["question"], row["context"]) for row in rows])
    items: list[Item] = []
    for row, encoding in zip(rows, encodings, strict=True):
        found = [span for span in (_token_span(encoding, *s) for s in row["spans"]) if span]
        if found or not row["spans"]:
            spans = found or [(0, 0)]
            items.append((encoding, _shares([s for s, _ in spans]), _shares([e for _, e in spans])))
    return items


def _token_span(encoding: Encoding, start: int, end: int) -> tuple[int, int] | None:
    first, last = encoding.char_to_token(start, 1), encoding.char_to_token(end - 1, 1)
    return None if first is None or last is None else (first, last)


def _shares(tokens: Sequence[int]) -> Target:
    return {token: tokens.count(token) / len(tokens) for token in tokens}


def batches(items: list[Item], size: int, seed: int) -> Iterator[list[Item]]:
    """One shuffled pass; examples of similar length share a batch (sorted within pools of 64 batches)."""
    rng = random.Random(seed)
    order = rng.sample(items, len(items))
    for at in range(0, len(order), size * 64):
        pool = sorted(order[at : at + size * 64], key=lambda item: len(item[0].ids))
        groups = [pool[i : i + size] for i in range(0, len(pool), size)]
        rng.shuffle(groups)
        yield from groups


def soft_loss(logits: torch.Tensor, allowed: torch.Tensor, targets: Sequence[Target]) -> torch.Tensor:
    """Cross-entropy against soft targets over the passage's word pieces and [CLS]."""
    logp = logits.float().masked_fill(~allowed, -1e4).log_softmax(dim=1)
    goal = torch.zeros_like(logp)
    for row, target in enumerate(targets):
        for token, share in target.items():
            goal[row, token] = share
    return -(goal * logp).sum(1).mean()


def batch_loss(model: PreTrainedModel, group: list[Item]) -> torch.Tensor:
    """Mean of start and end loss."""
    encodings = [item[0] for item in group]
    ids, mask, types = (torch.from_numpy(a) for a in pad(encodings, 8, model.config.pad_token_id))
    segments = {"token_type_ids": types} if has_segments(model) else {}
    allowed = torch.zeros_like(mask, dtype=torch.bool)
    allowed[:, 0] = True
    for row, encoding in enumerate(encodings):
        allowed[row, context_tokens(encoding)] = True
    with lower_precision():
        output = model(input_ids=ids, attention_mask=mask, **segments)
    start = soft_loss(output.start_logits, allowed, [item[1] for item in group])
    return (start + soft_loss(output.end_logits, allowed, [item[2] for item in group])) / 2


def build_model(encoder: Path, recipe: Recipe) -> PreTrainedModel:
    """The encoder's body with a fresh span head."""
    return AutoModelForQuestionAnswering.from_pretrained(
        encoder, hidden_dropout_prob=recipe.dropout, attention_probs_dropout_prob=recipe.dropout
    )


class Training:
    """One run: model, optimiser, schedule, curve, checkpoints."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.out = recipe, options.out
        self.minutes: float = options.minutes
        self.items = load_items(options.examples, options.encoder)
        self.passes: int = options.passes
        self.total = self.passes * (-(-len(self.items) // recipe.batch))
        self.model = build_model(options.start or options.encoder, recipe)
        if options.keep_embeddings:
            self.model.base_model.embeddings.requires_grad_(False)
        if options.keep_layers:
            self.model.base_model.encoder.layer[: options.keep_layers].requires_grad_(False)
            if hasattr(self.model.base_model.encoder, "relative_attention_bias"):  # MPNet: shared by all layers
                self.model.base_model.encoder.relative_attention_bias.requires_grad_(False)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        plain = [p for p in trained if p.ndim < 2]
        decayed = [p for p in trained if p.ndim >= 2]
        groups = [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas)
        self.step, self.spent, self.saved, self.began = 0, 0.0, 0.0, time.monotonic()
        self.dev = [q for q in load_xquad(options.dev) if q.half == "dev"] if options.dev else []
        self.tokenizer = load_tokenizer(options.encoder)
        if options.resume:
            self.restore()

    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self.spent + time.monotonic() - self.began

    def progress(self) -> float:
        """Share of the run that is done: by steps, or by the time limit when that is further on."""
        done = max(self.step / self.total, self.elapsed() / (60 * self.minutes))
        return float(min(1.0, done))

    def run(self) -> None:
        """All passes, or until the time limit; the learning rate reaches zero either way."""
        losses: list[float] = []
        groups = (g for n in range(self.passes) for g in batches(self.items, self.recipe.batch, self.recipe.seed + n))
        for number, group in enumerate(groups):
            if number < self.step:  # done before a resume
                continue
            if self.progress() >= 1.0:
                break
            losses.append(self.update(group))
            if self.step % 25 == 0:
                self.record(
                    "curve.csv",
                    loss=round(float(np.mean(losses)), 4),
                    lr=self.optimiser.param_groups[0]["lr"],
                )
                losses.clear()
            if self.step % 400 == 0:
                self.score()
            if self.elapsed() - self.saved > 600:
                self.save()
        self.save()
        self.score()
        self.model.save_pretrained(self.out / "model")
        self.tokenizer.no_truncation()
        self.tokenizer.save(str(self.out / "model" / "tokenizer.json"))

    def update(self, group: list[Item]) -> float:
        """One optimiser step; returns its loss."""
        done = self.progress()
        rate = self.recipe.learning_rate * min(1.0, done / self.recipe.warm_up, (1 - done) / (1 - self.recipe.warm_up))
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = max(rate, 1e-7)
        loss = batch_loss(self.model, group)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach())

    def score(self) -> None:
        """Exact match and F1 on the development half, the paragraph given."""
        if not self.dev:
            return
        self.model.train(False)
        pairs = [(q.text, q.context) for q in self.dev]
        readings = read(torch_forward(self.model), self.tokenizer, pairs, batch=16)
        self.model.train()
        scores = [span_scores(q.context[r.start : r.end], q.answers) for q, r in zip(self.dev, readings, strict=True)]
        exact, f1 = np.mean([(s["exact"], s["f1"]) for s in scores], axis=0)
        answered = float(np.mean([r.margin > 0 for r in readings]))
        self.record("dev.csv", exact=round(float(exact), 4), f1=round(float(f1), 4), answered=round(answered, 4))

    def record(self, name: str, **values: float) -> None:
        """Append one row, with the step and the seconds so far, to a CSV file of the run."""
        row = {"step": self.step, "seconds": round(self.elapsed()), **values}
        path = self.out / name
        fresh = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        log.info("%s of %d", row, self.total)

    def save(self) -> None:
        """Write the checkpoint; an interrupted write leaves the old one."""
        self.saved = self.elapsed()
        state = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        torch.save({**state, "step": self.step, "elapsed": self.saved}, self.out / "checkpoint.tmp")
        (self.out / "checkpoint.tmp").replace(self.out / "checkpoint.pt")

    def restore(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.out / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self.saved = state["step"], state["elapsed"], state["elapsed"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--start", type=Path, help="an earlier run's model to go on from, instead of the encoder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dev", type=Path, help="xquad_en_dev.json: score its development half now and then")
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9, help="time limit; the schedule then follows the clock")
    parser.add_argument("--learning-rate", type=float, default=Recipe.learning_rate)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--keep-embeddings", action="store_true", help="train all but the embeddings: a fifth faster")
    parser.add_argument(
        "--keep-layers",
        type=int,
        default=0,
        help="with --keep-embeddings: keep the lowest layers too; 6 of 12: a third faster",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    run = Training(options, Recipe(learning_rate=options.learning_rate, batch=options.batch, seed=options.seed))
    log.info("%d examples, %d steps", len(run.items), run.total)
    run.run()


if __name__ == "__main__":
    main()
