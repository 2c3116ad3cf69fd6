"""What is kept of a run so that later ones can be held against it: a small file that belongs in version control."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from coalition_qa.evaluation.measure import LATENCY, Report
from coalition_qa.evaluation.results import Result, RunInfo, Status
from coalition_qa.evaluation.scores import TESTED
from coalition_qa.evaluation.statistics import Estimate
from coalition_qa.types import GoldError

GATED = {
    "headline/reliable accuracy": "min",
    "retrieval/hit@5": "min",
    "retrieval/evidence recall@5": "min",
    "answers/correct": "min",
    "citations/recall: statements supported": "min",
    "abstention/hallucination": "max",
}
"""What a new baseline sets thresholds for, at the far end of its interval; afterwards they are yours to edit."""

_DIGITS = 6
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer, and what it scored in what paired tests compare; a score is None where it cannot be judged."""

    id: str
    question: str
    category: str
    cluster: str
    status: Status
    answer: str
    scores: Mapping[str, float | None]
    history: tuple[str, ...] | None = None
    answerable: bool | None = None

    def is_same_question(self, other: Scored) -> bool:
        """Whether the other answers the same question, after the same ones, that can be answered or can't. A baseline
        of old says no more than the question.
        """
        told = ((self.history, other.history), (self.answerable, other.answerable))
        return self.question == other.question and all(a == b or None in (a, b) for a, b in told)

    @classmethod
    def of(cls, result: Result) -> Self:
        """What is kept of a result."""
        scores = {name: next(iter(each(result)), None) for name, each in TESTED.items()}
        rounded = {name: None if score is None else round(float(score), _DIGITS) for name, score in scores.items()}
        answer = result.error if result.error else result.answer
        return cls(
            id=result.id,
            question=result.question,
            category=result.category,
            cluster=result.cluster,
            status=result.status,
            answer=answer,
            scores=rounded,
            history=tuple(result.history),
            answerable=result.answerable,
        )


class Bounds(BaseModel):
    """The least and the most that a metric may be; at least one of the two."""

    model_config = _STRICT

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("neither min nor max is given")
        return self


class Baseline(BaseModel):
    """A run to compare with. Only `timings` and `info.timings` differ between two writings of the same run."""

    model_config = _STRICT

    info: RunInfo
    thresholds: dict[str, Bounds]
    metrics: dict[str, Estimate]
    timings: dict[str, Estimate] = {}
    items: tuple[Scored, ...]


def of(report: Report, thresholds: Mapping[str, Bounds]) -> Baseline:
    """The baseline that a report makes."""
    rounded = {name: _rounded(each) for name, each in report.metrics.items()}
    return Baseline(
        info=report.info,
        thresholds=dict(thresholds),
        metrics={name: each for name, each in rounded.items() if not name.startswith(f"{LATENCY}/")},
        timings={name: each for name, each in rounded.items() if name.startswith(f"{LATENCY}/")},
        items=tuple(map(Scored.of, report.results)),
    )


def first_thresholds(report: Report) -> dict[str, Bounds]:
    """The end of the 95% interval that a worse result is beyond, in thousandths, for each metric in `GATED`."""
    made = {}
    for name, end in GATED.items():
        estimate = report.metrics[name]
        if end == "min" and estimate.low is not None:
            made[name] = Bounds(min=floor(estimate.low * 1000) / 1000)
        elif end == "max" and estimate.high is not None:
            made[name] = Bounds(max=ceil(estimate.high * 1000) / 1000)
    return made


def read(path: Path) -> Baseline:
    """Raises GoldError for a file that is missing or no baseline."""
    try:
        return Baseline.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise GoldError(f"{path}: the baseline cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise GoldError(
            f"{path}: not a baseline: {where}: {first['msg']}; write one with `eval run --new-baseline`."
        ) from error
    except ValueError as error:
        raise GoldError(f"{path}: not JSON ({error}); write one with `eval run --new-baseline`.") from error


def to_text(baseline: Baseline) -> str:
    """The file's text, one item a line, so that a difference can be read."""
    fields = {
        "info": baseline.info.to_json(),
        "thresholds": {name: each.model_dump(exclude_none=True) for name, each in baseline.thresholds.items()},
        "metrics": {name: asdict(each) for name, each in baseline.metrics.items()},
        "timings": {name: asdict(each) for name, each in baseline.timings.items()},
    }
    blocks = [f'"{name}": {_block(each) if name != "info" else _json(each, 2)}' for name, each in fields.items()]
    items = ",\n".join(_json(asdict(each)) for each in baseline.items)
    return "{\n" + ",\n".join([*blocks, f'"items": [\n{items}\n]']) + "\n}\n"


def _block(fields: Mapping[str, Any]) -> str:
    return "{" + ",".join(f"\n  {_json(name)}: {_json(each)}" for name, each in fields.items()) + "\n}"


def _json(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return text.encode(errors="backslashreplace").decode()


def _rounded(estimate: Estimate) -> Estimate:
    value, low, high = (
        None if each is None else round(each, _DIGITS) for each in (estimate.value, estimate.low, estimate.high)
    )
    return Estimate(value, estimate.n, low, high)
