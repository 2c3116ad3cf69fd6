"""SQuAD files as gold: every paragraph a document, every question asked of all of them together.

The format is that of SQuAD 1.1 and 2.0 (Rajpurkar et al., 2016 and 2018), in which XQuAD and others come, too.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from coalition_qa.evaluation.gold import GoldItem
from coalition_qa.evaluation.metrics import Excerpt
from coalition_qa.types import GoldError, Span

_SHOWN = 60
_SLUG = 40
_SENTENCE_END = re.compile(r"(?<![A-Z])(?<!\b[A-Z][a-z])(?<!\b[A-Z][a-z]{2})[.!?][\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Squad:
    """The documents by name, each text once, and the questions about them."""

    documents: dict[str, str]
    items: tuple[GoldItem, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Answer(_Part):
    text: str
    answer_start: int


class _Question(_Part):
    id: Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, int) else given)]
    question: Annotated[str, Field(pattern=r"\S")]
    answers: list[_Answer] = []
    is_impossible: bool = False


class _Paragraph(_Part):
    context: str
    qas: list[_Question]


class _Article(_Part):
    paragraphs: list[_Paragraph]
    title: str = ""


class _File(_Part):
    data: list[_Article]


def load_squad(path: Path) -> Squad:
    """Read a SQuAD file. An `is_impossible` question is unanswerable; of the others, the sentence around each answer
    is evidence.

    Raises GoldError for a file that is none, for an id that is there twice, and for an answer that is not where
    its `answer_start` says, with the question's id.
    """
    documents: dict[str, str] = {}
    items: list[GoldItem] = []
    names: dict[str, str] = {}
    seen: set[str] = set()
    for number, article in enumerate(_parsed(path).data, start=1):
        for at, paragraph in enumerate(article.paragraphs, start=1):
            text = as_document(paragraph.context)
            name = names.setdefault(text, f"{number:04d}-{_slug(article.title)}-{at:04d}.txt")
            documents[name] = text
            for question in paragraph.qas:
                if question.id in seen:
                    raise GoldError(f"{path}: the id {question.id!r} is there twice; keep one of the two questions.")
                seen.add(question.id)
                items.append(_item(path, question, paragraph.context, name, article.title or name))
    if not items:
        raise GoldError(f"{path}: the file holds no questions; give one in SQuAD's format.")
    return Squad(documents, tuple(items))


def as_document(text: str) -> str:
    """The text as it is read from a file: line ends are \\n, characters NFC."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def _parsed(path: Path) -> _File:
    try:
        fields: Any = json.loads(path.read_text("utf-8-sig"))
        return _File.model_validate(fields)
    except OSError as error:
        raise GoldError(f"{path}: the SQuAD file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise GoldError(f"{path}: not UTF-8; save the file as UTF-8.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise GoldError(f"{path}: not in SQuAD's format: {key}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise GoldError(f"{path}: not valid JSON{where}; give a file in SQuAD's format.") from error


def _item(path: Path, question: _Question, context: str, doc: str, title: str) -> GoldItem:
    where = f"{path}, question {question.id}"
    if question.is_impossible:
        return GoldItem(question.id, question.question, False, "unanswerable-near", cluster=title)
    if not question.answers:
        raise GoldError(f"{where}: it has no answer; give one, or set is_impossible to true.")
    text = as_document(context)
    spans = [_place(where, answer, context) for answer in question.answers]
    around = dict.fromkeys(_sentence(span, text) for span in spans)
    first, *others = (Excerpt(doc, span, span.of(text)) for span in around)
    return GoldItem(
        id=question.id,
        question=question.question,
        answerable=True,
        category="factoid",
        answers=tuple(dict.fromkeys(span.of(text) for span in spans)),
        evidence=(first,),
        evidence_alt=tuple((place,) for place in others),
        cluster=title,
    )


def _place(where: str, answer: _Answer, context: str) -> Span:
    """Where an answer stands in the document that is made of the context."""
    start, end = answer.answer_start, answer.answer_start + len(answer.text)
    if not answer.text.strip():
        raise GoldError(f"{where}: an answer is empty; write it, or set is_impossible to true.")
    if start < 0 or context[start:end] != answer.text:
        found = context.find(answer.text)
        elsewhere = f"it is at {found}" if found >= 0 else "and nowhere else in the paragraph"
        raise GoldError(
            f"{where}: the answer {answer.text[:_SHOWN]!r} is not at character {start} of its paragraph, "
            f"where {context[max(start, 0) : max(end, 0)][:_SHOWN]!r} stands; {elsewhere}; correct answer_start."
        )
    return Span(len(as_document(context[:start])), len(as_document(context[:end])))


def _sentence(span: Span, text: str) -> Span:
    """The sentence that holds a span, or the sentences that it reaches over; rather too much than half of one."""
    ends = [0, *(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
    start = max(end for end in ends if end <= span.start)
    end = min(end for end in ends if end >= span.end)
    return Span(start + len(text[start:end]) - len(text[start:end].lstrip()), start + len(text[start:end].rstrip()))


def _slug(title: str) -> str:
    """A title as part of a file's name on any system: ASCII letters, digits and single dashes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG].rstrip("-") or "untitled"
