"""What a run leaves behind: one flat record an item, and one record of the run. Both survive JSON unchanged.

Two runs on one machine write equal bytes, `timings` apart: all that the clock or the memory meter says is in there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from coalition_qa.types import GoldError

RESULTS = "results.jsonl"

Status = Literal["answered", "abstained", "error"]


@dataclass(frozen=True, slots=True)
class _Record:
    """Goes to JSON and back unchanged; what is read back has no unknown key and no NaN."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    def to_json(self) -> dict[str, Any]:
        """A JSON-serialisable form that loses nothing."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Retrieval(_Record):
    """How well the retrieved passages hold the gold evidence; definitions are in `metrics`.

    The numbers about characters are of the first 5 passages; `context_tokens` counts the words of these. `hit_5_whole`
    is hit@5 where a passage must hold all of a gold span. `ndcg` is None where no passage of the index is relevant.
    """

    hit_1: bool = False
    hit_3: bool = False
    hit_5: bool = False
    hit_5_whole: bool = False
    reciprocal_rank: float = 0.0
    ndcg: float | None = 0.0
    evidence_recall: float = 0.0
    evidence_precision: float = 0.0
    iou: float = 0.0
    all_evidence: bool = False
    context_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Wording(_Record):
    """How an answer's words compare with the gold answers.

    `tokens` is the length of what is shown and `gold_tokens` that of the shortest gold answer; `semantic` is the
    cosine of the two closest, None where no encoder was given.
    """

    contains: bool = False
    exact_match: bool = False
    token_f1: float = 0.0
    required_recall: float | None = None
    numbers_guarded: bool = False
    correct: bool = False
    tokens: int = 0
    gold_tokens: int = 0
    semantic: float | None = None


@dataclass(frozen=True, slots=True)
class Citing(_Record):
    """Of each statement the tier that supports it; of each citation, whether valid, needed, on gold; gold reached.

    `tiers` is by statement, `valid` and `precise` are by citation in the order of the sentences, `on_gold` too but
    empty where the item has no evidence, `gold_cited` is by gold span of the set that was reached best.
    """

    tiers: tuple[str | None, ...]
    valid: tuple[bool, ...]
    precise: tuple[bool, ...]
    on_gold: tuple[bool, ...]
    gold_cited: tuple[bool, ...]

    @property
    def sound(self) -> bool:
        """Whether something is said, all of it is supported, and every citation is valid."""
        return bool(self.tiers) and all(self.tiers) and all(self.valid)


@dataclass(frozen=True, slots=True)
class Verdicts(_Record):
    """Everything judged of one answer; None is what it cannot be judged by.

    `right` is what reliable accuracy counts: a correct answer whose citations are sound, or an unanswerable
    question declined; a false premise is right when corrected, too. It is None for an item without gold answers.
    `forbidden` is None where the item forbids nothing. `best_correct` is of the forced answer. `wording` is of no
    answer at all where an answerable question was declined: 0 all through.
    """

    right: bool | None
    abstained: bool = False
    corrected: bool = False
    forbidden: bool | None = None
    best_correct: bool = False
    retrieval: Retrieval | None = None
    wording: Wording | None = None
    citing: Citing | None = None


@dataclass(frozen=True, slots=True)
class Cited(_Record):
    """A cited place: characters `start` up to `end` of the document's text, which are `quote`."""

    doc: str
    start: int
    end: int
    quote: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Said(_Record):
    """One sentence of an answer."""

    text: str
    citations: tuple[Cited, ...] = ()


@dataclass(frozen=True, slots=True)
class Retrieved(_Record):
    """One retrieved passage; the first is the best."""

    doc: str
    start: int
    end: int
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Variant(_Record):
    """The same item asked another way: in other words, or after the gold history instead of its own answers."""

    question: str
    standalone_question: str
    status: Status
    answer: str
    short_answer: str
    confidence: float | None
    verdicts: Verdicts
    error: str = ""


@dataclass(frozen=True, slots=True)
class Result(_Record):
    """One gold item, what it was answered, and the verdicts. A line of results.jsonl.

    `error` says why there is no answer; then `status` is "error" and `confidence` None. `cluster` names the text that
    the question is about ("" where nothing says): questions on one text are not independent. `history` is the earlier
    questions of the item, which were really asked; `gold_history` is the item asked once more after the gold answers
    to them, where there are any. `judge` is an LLM's word where one was asked, and never counts.
    `timings` are milliseconds by stage and "total", measured after the warm-up.
    """

    id: str
    question: str
    standalone_question: str
    history: tuple[str, ...]
    answerable: bool
    category: str
    split: str
    status: Status
    verdicts: Verdicts
    tags: tuple[str, ...] = ()
    must_pass: bool = False
    cluster: str = ""
    gold_answers: tuple[str, ...] = ()
    reason: str = ""
    answer: str = ""
    short_answer: str = ""
    sentences: tuple[Said, ...] = ()
    confidence: float | None = None
    best_answer: tuple[Said, ...] = ()
    retrieved: tuple[Retrieved, ...] = ()
    gold_history: Variant | None = None
    paraphrases: tuple[Variant, ...] = ()
    judge: Literal["right", "wrong", "invalid"] | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def hallucinated(self) -> bool:
        """Whether an unanswerable question was answered without correcting its premise."""
        return not (self.answerable or self.error or self.verdicts.abstained or self.verdicts.corrected)

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> Result:
        """The record that `to_json` gave. Raises ValueError for anything else."""
        return _results_adapter().validate_python(fields)


@dataclass(frozen=True, slots=True)
class RunInfo(_Record):
    """All that decides the results of a run, so that two runs can be told apart, or one gone on with.

    `gold` is the file's name; `n` is how many items are asked, of which `limit` and `seed` tell the choice. `settings`
    are those that change answers; `models` are name to sha256; `fitted_on` names the questions that thresholds were
    tuned on; `code_sha256` is of this package's source. `timings` hold "cold_start_ms" (opening the assistant and
    the first answer), "ingest_s", "run_s" and "peak_rss_mb", those of them that were measured.
    """

    split: str
    gold: str
    gold_sha256: str
    corpus_sha256: str
    index_fingerprint: str
    documents: int
    n: int
    limit: int | None = None
    seed: int = 0
    settings: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    fitted_on: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    code_sha256: str = ""
    judge: str = ""
    notes: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    def is_same_run(self, other: RunInfo) -> bool:
        """Whether the results of the two must be equal: they differ in nothing but timings."""
        return replace(self, timings={}) == replace(other, timings={})

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> RunInfo:
        """The record that `to_json` gave. Raises ValueError for anything else."""
        return TypeAdapter(RunInfo).validate_python(fields)


@cache
def _results_adapter() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


def to_line(record: Result | RunInfo) -> str:
    """One line of JSON, its newline included.

    Half a surrogate pair, which UTF-8 cannot hold, is written as the escape that JSON has for it.
    """
    text = json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode() + "\n"


def read_results(path: Path, *, texts: bool = True) -> list[Result]:
    """The results of a finished run; without `texts` the retrieved passages' texts are left out, to save memory.

    Raises GoldError where the file is missing, or for the first line that is no result, naming it.
    """
    return list(_results(path, texts))


def _results(path: Path, texts: bool) -> Iterator[Result]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    result = Result.from_json(json.loads(line))
                except (ValueError, ValidationError) as error:
                    problem = f"{path}, line {number}: this is no result of `eval run`; run it again."
                    raise GoldError(problem) from error
                yield result if texts else replace(result, retrieved=_without_texts(result.retrieved))
    except (OSError, UnicodeDecodeError) as error:
        raise GoldError(f"{path}: the results cannot be read ({getattr(error, 'strerror', 'not UTF-8')}).") from error


def _without_texts(retrieved: tuple[Retrieved, ...]) -> tuple[Retrieved, ...]:
    return tuple(replace(each, text="") for each in retrieved)
