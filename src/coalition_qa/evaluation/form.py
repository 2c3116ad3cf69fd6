"""The form of one line of a gold file: its keys, what they may hold, and what does not go together."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from coalition_qa.evaluation.normalise import norm

Category = Literal[
    "factoid", "list", "who-said-what", "why", "temporal", "numeric", "multi-sentence", "follow-up",
    "false-premise", "unanswerable-near", "unanswerable-far", "adversarial", "long-answer", "retrieval-only",
]  # fmt: skip
CATEGORIES: tuple[str, ...] = get_args(Category)
ALWAYS_UNANSWERABLE = ("false-premise", "unanswerable-near", "unanswerable-far")

Split = Literal["dev", "test"]


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write it or leave it out")
    if any(unicodedata.category(char) == "Cs" for char in value):
        raise ValueError("holds half of a surrogate pair; write the character itself")
    return value


def _phrase(value: str) -> str:
    if not norm(value):
        raise ValueError(f"{value!r} has no word to look for; articles and punctuation do not count")
    return value


def _as_list(short: object) -> object:
    return short if isinstance(short, list) else [short]


def _under(key: str) -> BeforeValidator:
    return BeforeValidator(lambda short: {key: short} if isinstance(short, str) else short)


_Text = Annotated[str, AfterValidator(_text)]
_Phrase = Annotated[_Text, AfterValidator(_phrase)]


class Form(BaseModel):
    """Only known keys, and nothing turned into something else."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Quote(Form):
    """Words of a document, and which of several places is meant."""

    quote: _Text
    doc: _Text | None = None
    occurrence: Annotated[int, Field(ge=1)] | None = None


class Earlier(Form):
    """An earlier question, with its gold answer where there is one."""

    question: _Text
    answer: str = ""


_Places = Annotated[list[Annotated[Quote, _under("quote")]], BeforeValidator(_as_list)]


class Line(Form):
    """One item as it is written down."""

    id: _Text
    question: _Text
    answerable: bool
    category: Category
    answers: list[_Text] = []
    required: list[Annotated[list[_Phrase], Field(min_length=1)]] = []
    evidence: _Places = []
    evidence_alt: Annotated[list[_Places], BeforeValidator(_as_list)] = []
    history: list[Annotated[Earlier, _under("question")]] = []
    paraphrases: list[_Text] = []
    corrections: list[_Phrase] = []
    forbidden: list[_Phrase] = []
    tags: list[_Text] = []
    note: str = ""
    must_pass: bool = False
    split: Split = "test"

    @model_validator(mode="after")
    def _consistent(self) -> Line:
        if self.answerable and self.category in ALWAYS_UNANSWERABLE:
            raise ValueError(f"answerable in the category {self.category}; change one of the two")
        if self.answerable and not self.evidence:
            raise ValueError("answerable without evidence; quote the words that answer it, or set answerable to false")
        if self.answerable and not any(map(norm, self.answers)) and self.category != "retrieval-only":
            raise ValueError("answerable without an answer in words; give one, or set answerable to false")
        if not self.answerable and (self.answers or self.required):
            raise ValueError("unanswerable with answers; remove them or set answerable to true")
        if not self.answerable and (self.evidence or self.evidence_alt) and self.category != "false-premise":
            raise ValueError("unanswerable with evidence; remove it or set answerable to true")
        if self.evidence_alt and not self.evidence:
            raise ValueError("evidence_alt without evidence; name the first place under evidence")
        return self


def first_problem(error: ValidationError) -> str:
    """What is wrong with a line, and what to do."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = Line if len(first["loc"]) == 1 else Earlier if first["loc"][0] == "history" else Quote
        return f"unknown key {key!r}; the keys are {', '.join(known.model_fields)}."
    if first["type"] == "missing":
        return f"the key {key!r} is missing; add it."
    if first["type"] == "model_type":
        return f"{key} should be a string or an object."
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = f" (it is {json.dumps(first['input'])[:80]})" if message.startswith("should be") else ""
    return f"{key} {message}{given}.".lstrip()
