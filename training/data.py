"""Build the reader's training examples: questions with their passage, and questions with a wrong one.

Every source is reduced to `Paragraph`s, each with its questions and the character spans that annotators
marked. `build` then draws positives (whole paragraphs or random sentence windows around the answer) and eight
kinds of no-answer examples, and writes one JSON object a line.

    python data.py --plan first --data DATA --encoder ENCODER --wordnet WORDNET --out first.jsonl --seed 13
    python data.py --plan second --data DATA --encoder ENCODER --wordnet WORDNET --out second.jsonl --seed 29
    python data.py --plan third --data DATA --encoder ENCODER --out third.jsonl --seed 41
    python data.py --plan fourth --data DATA --encoder ENCODER --out fourth.jsonl --seed 43
    python data.py --plan fifth --data DATA --encoder ENCODER --out fifth.jsonl --seed 47
    python data.py --plan sixth --data DATA --encoder ENCODER --out sixth.jsonl --seed 53
    python data.py --plan seventh --data DATA --encoder ENCODER --out seventh.jsonl --seed 59
    python data.py --plan eighth --data DATA --encoder ENCODER --out eighth.jsonl --seed 61
    python data.py --plan ninth --data DATA --encoder ENCODER --out ninth.jsonl --seed 67
    python data.py --plan tenth --data DATA --encoder ENCODER --out tenth.jsonl --seed 71
    python data.py --plan eleventh --data DATA --encoder ENCODER --out eleventh.jsonl --seed 73
    python data.py --plan twelfth --data DATA --encoder ENCODER --out twelfth.jsonl --seed 79
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import logging
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from retrieval import hard_negatives
from wordnet import Rewording, WordNet

Span = tuple[int, int]
log = logging.getLogger(__name__)

INVENTED = Path(__file__).parent / "invented"  # documents; the questions on them are in invented.tsv
ON_INVENTED = ("invented", "plain", "other")  # sources: invented.tsv, invented_plain.tsv, invented_other.tsv
MAX_WORDS = 175  # about 230 word pieces: question and passage stay within 256
SENTENCE_END = re.compile(r"(?<=[.!?])[\"'’”)\]]*\s+(?=[\"'“(\[]?[A-Z0-9])|\n+")
NAME_OR_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b|\b[A-Z][\w’'-]*[a-z](?:\s+[A-Z][\w’'-]*[a-z])*")
QUESTION_WORD = re.compile(
    r"(When|Where|How|Why|In (?:what|which) year|What year|On what date) "
    r"(?=(?:did|does|do|was|were|is|are|has|have|can) )",
    re.I,
)
TIME_WORDS = ("when", "in what year", "in which year", "what year", "on what date", "where", "how")
REASON = re.compile(
    r"\b(because|due|since|so|order|reasons?|thus|hence|therefore|caus\w+|result\w*|led|lead\w*|for|to|as|after|with)\b",
    re.I,
)
TIME = re.compile(
    r"\d|\b(day|week|month|year|decade|centur|morning|evening|night|today|yesterday|tomorrow|when|after|before|during"
    r"|while|then|now|soon|later|until|winter|spring|summer|autumn|fall|mon|tues|wednes|thurs|fri|satur|sun"
    r"|january|february|march|april|may|june|july|august|september|october|november|december)",
    re.I,
)
BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
    "``": '"',
    "''": '"',
}
NO_SPACE_BEFORE = set(",.;:!?)]}%") | {"'s", "'re", "'ve", "'ll", "'d", "'m", "n't", "'", "’s", "..."}
NO_SPACE_AFTER = set("([{$£€#")


@dataclass(frozen=True)
class Question:
    """A question and the answer spans in its paragraph, one for each annotator (or each part of a list)."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Miss:
    """A question that its paragraph doesn't answer, and the sentence that one might take for the answer, if known."""

    text: str
    near: Span | None = None


@dataclass(frozen=True)
class Paragraph:
    """A passage of one source; paragraphs with the same `group` are from one article, page or web site."""

    text: str
    source: str
    group: str
    questions: tuple[Question, ...] = ()
    misses: tuple[Miss, ...] = ()  # questions on its topic that it doesn't answer
    title: str = ""  # its document's, where that is known


@dataclass(frozen=True)
class Example:
    """One training example; no spans means that the passage does not hold the answer."""

    question: str
    context: str
    spans: list[Span]
    source: str
    kind: str
    title: str = ""


@dataclass(frozen=True)
class Plan:
    """How often each source's questions are used as positives, and how no-answer examples are mixed."""

    passes: dict[str, float]
    kinds: dict[str, float]
    negatives: float = 0.36  # share of all examples
    whole: float = 0.5  # share of positives and retrieved negatives that keep the whole paragraph
    reworded: float = 0.0  # share of all examples whose question gets synonyms for the words the passage says
    unmarked: float = 0.0  # share of all examples whose question loses its question mark
    missed: float = 0.0  # passes over the questions written as unanswerable, beside `negatives`
    near: float = 0.0  # share of those that stand near a sentence that shares many words with them, not just anywhere
    among: float = 0.0  # share of all examples whose passage stands among sentences of other paragraphs
    titled: float = 0.0  # share of the examples from a document with a title whose passage has it in front
    balanced: bool = False  # no way to open a question is more frequent among these than among those with an answer


SHIFTS = {"new_wiki": 2.0, "reddit": 1.0, "amazon": 1.0}
PLANS = {
    "first": Plan(
        passes={**SHIFTS, "qamr": 0.35, "qed": 1.0, "multispanqa": 1.0, "policyqa": 0.2, "covid_qa": 0.5},
        kinds={"retrieved": 0.46, "neighbour": 0.14, "removed": 0.25, "swapped": 0.15},
    ),
    "second": Plan(
        passes={**SHIFTS, "qamr": 0.6, "qed": 2.0, "multispanqa": 2.0, "policyqa": 0.2, "covid_qa": 0.5},
        kinds={
            "retrieved": 0.36, "neighbour": 0.11, "removed": 0.23, "swapped": 0.12, "changed": 0.13, "asked": 0.05,
        },
        reworded=0.35,
        unmarked=0.1,
    ),
    "third": Plan(
        passes={
            "written": 2.0, "new_wiki": 0.7, "reddit": 0.25, "amazon": 0.2, "qamr": 0.2, "qed": 0.7, "multispanqa": 1.0,
            "policyqa": 0.05, "covid_qa": 0.2,
        },
        kinds={"retrieved": 0.46, "neighbour": 0.12, "removed": 0.3, "swapped": 0.12},
        negatives=0.2,
        whole=0.4,
        unmarked=0.05,
        missed=1.5,
    ),
    "fourth": Plan(
        passes={"written": 1.3, "new_wiki": 0.3},
        kinds={"retrieved": 0.5, "neighbour": 0.15, "removed": 0.35},
        negatives=0.2,
        whole=0.4,
        unmarked=0.05,
        missed=1.0,
        balanced=True,
    ),
    "fifth": Plan(
        passes={
            "written": 1.5, "new_wiki": 1.6, "reddit": 0.3, "amazon": 0.15, "qamr": 0.15, "qed": 1.0,
            "multispanqa": 1.0, "covid_qa": 0.1,
        },
        kinds={"retrieved": 0.48, "neighbour": 0.12, "removed": 0.3, "swapped": 0.1},
        negatives=0.2,
        whole=0.5,
        unmarked=0.05,
        missed=1.5,
        balanced=True,
    ),
    "sixth": Plan(
        passes={"written": 1.0, "new_wiki": 0.7, "reddit": 0.2, "qamr": 0.1, "qed": 0.5, "multispanqa": 0.5},
        kinds={"retrieved": 0.5, "neighbour": 0.2, "removed": 0.3},
        negatives=0.25,
        whole=0.3,
        unmarked=0.1,
        missed=1.0,
        among=0.6,
        balanced=True,
    ),
    "seventh": Plan(
        passes={"invented": 4.0, "written": 0.5, "new_wiki": 0.4, "qed": 0.3},
        kinds={"neighbour": 0.3, "removed": 0.7},
        negatives=0.15,
        whole=0.4,
        unmarked=0.05,
        missed=0.5,
        near=0.75,
        among=0.3,
        balanced=True,
    ),
    "eighth": Plan(
        passes={
            "invented": 5.0, "written": 3.0, "new_wiki": 3.0, "reddit": 1.0, "amazon": 0.6, "qamr": 0.4, "qed": 2.0,
            "multispanqa": 2.0, "policyqa": 0.1, "covid_qa": 0.3,
        },
        kinds={"retrieved": 0.45, "neighbour": 0.15, "removed": 0.3, "swapped": 0.1},
        negatives=0.2,
        whole=0.4,
        unmarked=0.1,
        missed=2.5,
        near=0.4,
        among=0.35,
        titled=0.5,
        balanced=True,
    ),
    "ninth": Plan(
        passes={
            "new_wiki": 0.8, "written": 0.5, "invented": 1.0, "reddit": 0.1, "amazon": 0.05, "qamr": 0.05, "qed": 0.5,
            "multispanqa": 0.5, "covid_qa": 0.1,
        },
        kinds={"retrieved": 0.5, "neighbour": 0.15, "removed": 0.35},
        negatives=0.2,
        whole=0.4,
        unmarked=0.1,
        missed=0.5,
        near=0.4,
        among=0.35,
        titled=0.5,
        balanced=True,
    ),
    "tenth": Plan(
        passes={
            "plain": 2.0, "invented": 1.5, "written": 0.6, "new_wiki": 0.5, "qed": 0.4, "multispanqa": 0.4,
            "qamr": 0.03, "reddit": 0.05,
        },
        kinds={"retrieved": 0.3, "neighbour": 0.05, "removed": 0.3, "elsewhere": 0.35},
        negatives=0.2,
        whole=0.5,
        unmarked=0.1,
        missed=0.6,
        near=0.6,
        among=0.2,
        titled=0.6,
        balanced=True,
    ),
    "eleventh": Plan(
        passes={
            "plain": 1.6, "invented": 1.0, "written": 0.35, "new_wiki": 0.4, "qed": 1.2, "multispanqa": 1.0,
            "qamr": 0.05, "reddit": 0.05,
        },
        kinds={"retrieved": 0.3, "neighbour": 0.05, "removed": 0.3, "elsewhere": 0.35},
        negatives=0.2,
        whole=0.5,
        unmarked=0.1,
        missed=0.4,
        near=0.6,
        among=0.25,
        titled=0.6,
        balanced=True,
    ),
    "twelfth": Plan(
        passes={
            "other": 2.0, "plain": 0.5, "invented": 0.3, "written": 0.2, "new_wiki": 0.2, "qed": 0.6,
            "multispanqa": 0.8, "qamr": 0.03, "reddit": 0.03,
        },
        kinds={"retrieved": 0.3, "neighbour": 0.05, "removed": 0.3, "elsewhere": 0.35},
        negatives=0.2,
        whole=0.5,
        unmarked=0.1,
        missed=0.25,
        near=0.6,
        among=0.25,
        titled=0.6,
        balanced=True,
    ),
}  # fmt: skip


def detokenise(tokens: Sequence[str]) -> tuple[str, list[Span]]:
    """Join Penn-style tokens into plain text; returns it with each token's character span."""
    text, spans, glue, quote_open = "", [], True, False
    for raw in tokens:
        token = BRACKETS.get(raw, raw)
        closes = token == '"' and (quote_open if raw == '"' else raw == "''")
        if token == '"':
            quote_open = not closes
        if not (glue or token in NO_SPACE_BEFORE or closes):
            text += " "
        spans.append((len(text), len(text) + len(token)))
        text += token
        glue = token in NO_SPACE_AFTER or (token == '"' and not closes)
    return text, spans


def read_squad(path: Path, source: str) -> Iterator[Paragraph]:
    """SQuAD-format JSON. Answers whose offset is off are moved to the nearest occurrence, or dropped."""
    for number, article in enumerate(json.loads(path.read_text(encoding="utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            questions = []
            for item in paragraph["qas"]:
                found = [_locate(text, a["text"], a["answer_start"]) for a in item["answers"]]
                spans = tuple(span for span in found if span)
                if spans:
                    questions.append(Question(item["question"].strip(), spans))
            group = f"{path.stem}/{article.get('title', number)}"
            title = article["title"].replace("_", " ") if source == "new_wiki" else ""
            yield Paragraph(text, source, group, tuple(questions), title=title)


def _locate(text: str, answer: str, start: int) -> Span | None:
    """The occurrence of the answer nearest to `start`, trimmed of surrounding white space and full stop."""
    answer = answer.strip().rstrip(".,;: ")
    if not answer:
        return None
    starts = [match.start() for match in re.finditer(re.escape(answer), text)]
    best = min(starts, key=lambda s: abs(s - start), default=None)
    return None if best is None or abs(best - start) > 40 else (best, best + len(answer))


def read_qed(path: Path) -> Iterator[Paragraph]:
    """QED: Natural Questions with a paragraph; answers are character spans of tokenised text."""
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        tokens, offsets = [], []
        for match in re.finditer(r"\S+", item["paragraph_text"]):
            tokens.append(match.group())
            offsets.append(match.span())
        text, spans = detokenise(tokens)
        answers = []
        for reference in [a["paragraph_reference"] for a in item["annotation"].get("answer", [])]:
            inside = [i for i, (s, e) in enumerate(offsets) if s < reference["end"] and e > reference["start"]]
            if inside:
                answers.append((spans[inside[0]][0], spans[inside[-1]][1]))
        if answers:
            asked = (Question(item["question_text"], tuple(answers)),)
            yield Paragraph(text, "qed", item["title_text"], asked, title=item["title_text"])


def read_multispanqa(path: Path) -> Iterator[Paragraph]:
    """MultiSpanQA: every part of a list answer counts as an answer span."""
    for item in json.loads(path.read_text(encoding="utf-8"))["data"]:
        text, spans = detokenise(item["context"])
        answers: list[Span] = []
        for (start, end), label in zip(spans, item["label"], strict=True):
            if label == "B":
                answers.append((start, end))
            elif label == "I" and answers:
                answers[-1] = (answers[-1][0], end)
        question = " ".join(item["question"]).replace(" '", "'")
        if answers:
            yield Paragraph(text, "multispanqa", item["id"], (Question(question, tuple(answers)),))


def read_qamr(folder: Path) -> Iterator[Paragraph]:
    """QAMR: questions on single sentences; kept when a validator's answer overlaps the writer's."""
    lines = (folder / "wiki-sentences.tsv").read_text(encoding="utf-8").splitlines()
    sentences = dict(line.split("\t", 1) for line in lines)
    asked: dict[str, dict[str, tuple[Span, ...]]] = defaultdict(dict)
    texts = {key: detokenise(sentence.split(" ")) for key, sentence in sentences.items()}
    for name in ("dev.tsv", "test.tsv"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            key, _, _, _, _, question, *answers = line.split("\t")
            chosen = [_indices(answer.rpartition(":")[2]) for answer in answers]
            first = set(chosen[0])
            agreed = [c for c in chosen if c and first & set(c) and c[-1] - c[0] + 1 == len(c)]
            if len(agreed) < 2 or len(question.split()) < 3:
                continue
            offsets = texts[key][1]
            asked[key][question] = tuple((offsets[c[0]][0], offsets[c[-1]][1]) for c in agreed)
    for key, (text, _) in texts.items():
        questions = tuple(Question(q, spans) for q, spans in asked[key].items())
        yield Paragraph(text, "qamr", ":".join(key.split(":")[:3]), questions)


def read_written(path: Path, paragraphs: Iterable[Paragraph]) -> Iterator[Paragraph]:
    """The questions of questions.tsv, on paragraphs of other sources, which they name by a hash of the text.

    Where a column "answered" says no, the span is that of a sentence near the question. A question that several places
    answer together has a row for each.
    """
    texts = {digest(paragraph.text): paragraph for paragraph in paragraphs}
    asked: dict[str, dict[str, tuple[Span, ...]]] = defaultdict(dict)
    misses: dict[str, list[Miss]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            span = (int(row["start"]), int(row["end"])) if row["start"] else None
            if span is None or row.get("answered") == "no":
                misses[row["paragraph"]].append(Miss(row["question"], span))
            else:
                before = asked[row["paragraph"]].get(row["question"], ())
                asked[row["paragraph"]][row["question"]] = (*before, span)
    for key in dict.fromkeys([*asked, *misses]):
        paragraph = texts[key]
        group = key if paragraph.source == "reddit" else f"{paragraph.source}/{paragraph.group}"  # posts are no article
        source = paragraph.source if paragraph.source in ON_INVENTED else "written"
        questions = tuple(Question(text, spans) for text, spans in asked[key].items())
        yield Paragraph(paragraph.text, source, group, questions, tuple(misses[key]), paragraph.title)


def digest(text: str) -> str:
    """What questions.tsv names a paragraph by."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_news(folder: Path) -> Iterator[Paragraph]:
    """QAMR's Wikinews sentences, those of an article put together in their order."""
    articles: dict[str, dict[tuple[int, int], str]] = defaultdict(dict)
    for line in (folder / "wiki-sentences.tsv").read_text(encoding="utf-8").splitlines():
        key, sentence = line.split("\t", 1)
        _, site, article, paragraph, number = key.split(":")
        if site == "wikinews":
            articles[article][int(paragraph), int(number)] = detokenise(sentence.split(" "))[0]
    for article, sentences in articles.items():
        yield Paragraph(" ".join(sentences[at] for at in sorted(sentences)), "news", article)


def _indices(field_text: str) -> list[int]:
    return sorted(int(part) for part in field_text.split() if part.isdigit())


def read_all(data: Path, written: Path | None = None, more: Sequence[str] = ()) -> dict[str, list[Paragraph]]:
    """Every source by name. `data` holds the files that README.md lists, `written` is questions.tsv; `more` names those
    of invented_plain.tsv and invented_other.tsv, "plain" and "other", to add: earlier plans had none.
    """
    shifts = {"new_wiki": "new_wiki", "reddit": "reddit", "amazon": "amazon_reviews"}
    sources = {name: list(read_squad(data / f"squadshifts_{part}.json", name)) for name, part in shifts.items()}
    sources["qamr"] = list(read_qamr(data / "qamr"))
    sources["qed"] = list(read_qed(data / "qed_dev.jsonl"))
    sources["multispanqa"] = list(read_multispanqa(data / "multispanqa_valid.json"))
    policies = [p for part in ("dev", "test") for p in read_squad(data / f"policyqa_{part}.json", "policyqa")]
    sources["policyqa"] = policies
    sources["covid_qa"] = list(read_squad(data / "covid_qa.json", "covid_qa"))
    texts = {f.stem: f.read_text(encoding="utf-8") for f in sorted(INVENTED.glob("*.*"))}
    invented = [Paragraph(t, "invented", n, title=t.partition("\n")[0].strip("# ")) for n, t in texts.items()]
    sources["invented"] = list(read_written(INVENTED.with_suffix(".tsv"), invented))
    for name in more:
        asked = [replace(paragraph, source=name) for paragraph in invented]
        sources[name] = list(read_written(INVENTED.with_name(f"invented_{name}.tsv"), asked))
    if written:
        known = [*sources["new_wiki"], *sources["reddit"], *sources["qed"], *read_news(data / "qamr")]
        sources["written"] = list(read_written(written, known))
    return sources


def sentence_spans(text: str) -> list[Span]:
    """Character spans of sentences that tile `text`, cut by a plain rule; long ones are cut by words."""
    cuts = [0, *(match.end() for match in SENTENCE_END.finditer(text)), len(text)]
    return [(a, b) for a, b in itertools.pairwise(cuts) if text[a:b].strip()]


def normalise(text: str) -> str:
    """Lower case, words and digits only, single spaces, with a space at each end."""
    return " " + " ".join(re.findall(r"\w+", text.lower())) + " "


def window(text: str, spans: Sequence[Span], rng: random.Random, whole: bool) -> tuple[str, list[Span]] | None:
    """Sentences around the spans, within MAX_WORDS; `whole` takes as many as fit, else a random number.

    Spans that fall outside are dropped; None when none is left (an answer longer than the window).
    """
    sentences = sentence_spans(text)
    anchor = rng.choice(list(spans)) if spans else (rng.randrange(max(1, len(text))),) * 2
    inside = [i for i, (a, b) in enumerate(sentences) if a < max(anchor[1], anchor[0] + 1) and b > anchor[0]]
    if not inside:
        return None
    low, high = inside[0], inside[-1]
    words = [len(text[a:b].split()) for a, b in sentences]
    used, limit = sum(words[low : high + 1]), MAX_WORDS if whole else rng.randint(20, 110)
    before, after = True, True
    while before or after:
        before = low > 0 and used + words[low - 1] <= limit
        after = high + 1 < len(sentences) and used + words[high + 1] <= limit
        if before and (not after or rng.random() < 0.5):
            low, used = low - 1, used + words[low - 1]
        elif after:
            high, used = high + 1, used + words[high + 1]
    start, end = sentences[low][0], sentences[high][1]
    kept = [(a - start, b - start) for a, b in spans if a >= start and b <= end]
    piece = text[start:end].rstrip()
    if len(piece.split()) > MAX_WORDS * 1.3 or (spans and not kept):
        return None
    return piece, kept


class Builder:
    """Draws examples from paragraphs; every draw comes from one seeded generator. Only what rewords needs WordNet."""

    def __init__(
        self, sources: dict[str, list[Paragraph]], plan: Plan, seed: int, wordnet: WordNet | None = None
    ) -> None:
        self.sources, self.plan, self.rng = sources, plan, random.Random(seed)
        self.rewording = Rewording(wordnet, self.rng) if wordnet else None
        self.groups: dict[str, list[Paragraph]] = defaultdict(list)
        for paragraphs in sources.values():
            for paragraph in paragraphs:
                self.groups[paragraph.group].append(paragraph)
        self.names: dict[str, list[str]] = {}
        self.frequency: dict[str, Counter[str]] = {}

    def asked(self, source: str, share: float) -> list[tuple[Paragraph, Question]]:
        """`share` passes over a source's questions: whole passes and a random part."""
        pairs = [(p, q) for p in self.sources[source] for q in p.questions]
        drawn = pairs * int(share)
        return drawn + self.rng.sample(pairs, round(len(pairs) * (share - int(share))))

    def whole(self) -> bool:
        """Draw whether an example keeps its whole paragraph."""
        return self.rng.random() < self.plan.whole

    def positive(self, paragraph: Paragraph, question: Question) -> Example | None:
        """The question with its paragraph, or with some sentences of it; a QAMR sentence gets company."""
        text, spans = paragraph.text, list(question.spans)
        if paragraph.source == "qamr" and self.rng.random() < 0.5:
            before = self.rng.choice(self.groups[paragraph.group]).text
            after = self.rng.choice(self.sources["qamr"]).text
            text = f"{before} {text} {after}"
            spans = [(a + len(before) + 1, b + len(before) + 1) for a, b in spans]
        cut = window(text, spans, self.rng, self.whole())
        return Example(question.text, *cut, paragraph.source, "positive", paragraph.title) if cut else None

    def wrong_passage(self, passage: Paragraph, asked: Paragraph, question: Question, kind: str) -> Example | None:
        """The question with another paragraph, unless that one contains any of the answers' text."""
        if not self.specific(asked, question):
            return None
        cut = window(passage.text, [], self.rng, self.whole())
        if passage.text == asked.text or cut is None or _contains(cut[0], asked.text, question.spans):
            return None
        return Example(question.text, cut[0], [], asked.source, kind, passage.title)

    def specific(self, paragraph: Paragraph, question: Question) -> bool:
        """Whether a question can only be about its paragraph.

        "What did the author buy?" is answered by any review: questions on reviews and posts need a word that
        their paragraph has and at most 2% of the others have; those on privacy policies are never specific.
        """
        if paragraph.source == "policyqa":
            return False
        if paragraph.source not in ("reddit", "amazon"):
            return True
        if paragraph.source not in self.frequency:
            words = Counter(w for p in self.sources[paragraph.source] for w in set(normalise(p.text).split()))
            self.frequency[paragraph.source] = words
        words = self.frequency[paragraph.source]
        shared = set(normalise(question.text).split()) & set(normalise(paragraph.text).split())
        return any(words[w] <= 0.02 * len(self.sources[paragraph.source]) for w in shared)

    def neighbour(self, paragraph: Paragraph, question: Question) -> Example | None:
        """A paragraph of the same article."""
        if paragraph.source == "reddit":  # one group, but not one article
            return None
        return self.wrong_passage(self.rng.choice(self.groups[paragraph.group]), paragraph, question, "neighbour")

    def removed(self, paragraph: Paragraph, question: Question) -> Example | None:
        """The question's own paragraph without the sentences that hold an answer."""
        sentences = sentence_spans(paragraph.text)
        kept = [s for s in sentences if not _overlaps(question.spans, s)]
        if len(kept) < 2 or len(kept) == len(sentences):
            return None
        text = " ".join(paragraph.text[a:b].strip() for a, b in kept)
        cut = window(text, [], self.rng, True)
        if cut is None or _contains(cut[0], paragraph.text, question.spans):
            return None
        return Example(question.text, cut[0], [], paragraph.source, "removed", paragraph.title)

    def swapped(self, paragraph: Paragraph, question: Question) -> Example | None:
        """A name or number of the question, said by the paragraph, is replaced by one it does not say."""
        context = normalise(paragraph.text)
        if paragraph.source == "policyqa":
            return None
        found = [m for m in NAME_OR_NUMBER.finditer(question.text) if m.start() > 0]
        found = [m for m in found if normalise(m.group()) in context]
        if not found:
            return None
        old = self.rng.choice(found)
        pool = self._names(paragraph.group, old.group()[0].isdigit())
        pool = [name for name in pool if normalise(name) not in context]
        if not pool:
            return None
        text = question.text[: old.start()] + self.rng.choice(pool) + question.text[old.end() :]
        cut = window(paragraph.text, list(question.spans), self.rng, self.whole())
        return Example(text, cut[0], [], paragraph.source, "swapped", paragraph.title) if cut else None

    def changed(self, paragraph: Paragraph, question: Question) -> Example | None:
        """The own paragraph; a word that it shares with the question is replaced by an antonym or a sister."""
        cut = window(paragraph.text, list(question.spans), self.rng, self.whole())
        text = self.rewording.changed(question.text, cut[0]) if cut and self.rewording else None
        return Example(text, cut[0], [], paragraph.source, "changed", paragraph.title) if cut and text else None

    def asked_otherwise(self, paragraph: Paragraph, question: Question) -> Example | None:
        """ "When did ...?" becomes "Why did ...?" or the reverse, on sentences that name no reason, or no time."""
        match = QUESTION_WORD.match(question.text)
        cut = window(paragraph.text, list(question.spans), self.rng, False) if match else None
        if match is None or cut is None:
            return None
        other = "Why" if match.group(1).lower() in TIME_WORDS else "When"
        if (REASON if other == "Why" else TIME).search(cut[0]):
            return None
        return Example(other + question.text[match.end(1) :], cut[0], [], paragraph.source, "asked", paragraph.title)

    def among_others(self, example: Example) -> Example:
        """The example with sentences of other paragraphs of its source before and behind its passage: in a handbook,
        or in minutes, a passage is about several things. Pieces that hold the text of its answer are not taken.
        """
        text, spans = example.context, list(example.spans)
        answers = [normalise(text[a:b]) for a, b in spans]
        room, joint = MAX_WORDS - len(text.split()), self.rng.choice((" ", "\n", "\n\n"))
        for _ in range(self.rng.randint(2, 6)):
            other = self.rng.choice(self.sources[example.source]).text
            sentences = sentence_spans(other)
            first = self.rng.randrange(len(sentences))
            last = min(len(sentences) - 1, first + self.rng.randint(0, 2))
            piece = other[sentences[first][0] : sentences[last][1]].strip()
            length = len(piece.split())
            if not piece or length > min(room, 60) or any(answer in normalise(piece) for answer in answers):
                continue
            room -= length
            if self.rng.random() < 0.5:
                shift = len(piece) + len(joint)
                text, spans = f"{piece}{joint}{text}", [(a + shift, b + shift) for a, b in spans]
            else:
                text = f"{text}{joint}{piece}"
        return replace(example, context=text, spans=spans)

    def finished(self, example: Example) -> Example:
        """The example with its question reworded or unmarked, by the plan's shares, whatever its kind.

        Synonyms come with and without an answer alike, so that their presence tells nothing.
        """
        if self.plan.among and self.rng.random() < self.plan.among:  # no draw: an earlier plan's examples stay the same
            example = self.among_others(example)
        if example.title and self.plan.titled and self.rng.random() < self.plan.titled:
            example = titled(example)
        text = example.question
        if self.rewording and example.kind not in ("changed", "asked") and self.rng.random() < self.plan.reworded:
            text = self.rewording.synonyms(text, example.context)
        if self.rng.random() < self.plan.unmarked:
            text = text.rstrip("? ")
        return replace(example, question=text)

    def missed(self, paragraph: Paragraph, miss: Miss) -> Example | None:
        """A question that was written as one that its paragraph doesn't answer."""
        near = self.plan.near and self.rng.random() < self.plan.near
        at = [miss.near or self.rng.choice(self._alike(paragraph.text, miss.text))] if near else []
        cut = window(paragraph.text, at, self.rng, self.whole())
        return Example(miss.text, cut[0], [], paragraph.source, "missed", paragraph.title) if cut else None

    def elsewhere(self, paragraph: Paragraph, question: Question) -> Example | None:
        """Another place of an invented document, around a sentence that shares words with the question: what retrieval
        finds beside the right place.
        """
        if paragraph.source not in ON_INVENTED:
            return None
        away = [s for s in self._alike(paragraph.text, question.text, 4) if not _overlaps(question.spans, s)]
        cut = window(paragraph.text, [self.rng.choice(away)], self.rng, False) if away else None
        if cut is None or _contains(cut[0], paragraph.text, question.spans):
            return None
        return Example(question.text, cut[0], [], paragraph.source, "elsewhere", paragraph.title)

    @staticmethod
    def _alike(text: str, question: str, count: int = 2) -> list[Span]:
        """The sentences that share the most words with the question: a near miss is made near one of them."""
        asked = set(normalise(question).split())
        ranked = sorted(sentence_spans(text), key=lambda s: -len(asked & set(normalise(text[s[0] : s[1]]).split())))
        return ranked[:count]

    def _names(self, group: str, digits: bool) -> list[str]:
        """Names, or numbers, that the group's paragraphs mention inside a sentence."""
        key = f"{group}/{digits}"
        if key not in self.names:
            texts = self.rng.sample(self.groups[group], min(60, len(self.groups[group])))
            found = {m.group() for p in texts for m in NAME_OR_NUMBER.finditer(p.text) if m.start() > 0}
            self.names[key] = sorted(name for name in found if name[0].isdigit() == digits)
        return self.names[key]


def titled(example: Example) -> Example:
    """The example with its document's title before the passage, as the program reads it, unless it stands there."""
    front = f"{example.title}.\n"
    if example.context.lstrip("# ").startswith(example.title):
        return example
    spans = [(a + len(front), b + len(front)) for a, b in example.spans]
    return replace(example, context=front + example.context, spans=spans)


def _overlaps(spans: Iterable[Span], sentence: Span) -> bool:
    return any(sentence[0] < end and sentence[1] > start for start, end in spans)


def _contains(passage: str, text: str, spans: Iterable[Span]) -> bool:
    normal = normalise(passage)
    return any(normalise(text[a:b]) in normal for a, b in spans)


def build(
    sources: dict[str, list[Paragraph]], plan: Plan, seed: int, encoder: Path, wordnet: WordNet | None
) -> list[Example]:
    """All positives and the planned share of no-answer examples, shuffled."""
    builder = Builder(sources, plan, seed, wordnet)
    pairs = [pair for source, share in plan.passes.items() for pair in builder.asked(source, share)]
    examples = [e for pair in pairs if (e := builder.positive(*pair))]
    wanted = len(examples) * plan.negatives / (1 - plan.negatives)
    makers = {
        "neighbour": builder.neighbour,
        "removed": builder.removed,
        "swapped": builder.swapped,
        "elsewhere": builder.elsewhere,
        "changed": builder.changed,
        "asked": builder.asked_otherwise,
    }
    for kind in (kind for kind in makers if kind in plan.kinds):
        order = builder.rng.sample(pairs, len(pairs))
        made = (e for pair in order if (e := makers[kind](*pair)))
        examples += [e for e, _ in zip(made, range(round(wanted * plan.kinds[kind])), strict=False)]
    if "retrieved" in plan.kinds:
        examples += _retrieved(builder, round(wanted * plan.kinds["retrieved"]), encoder)
    shares = {"written": plan.missed} | {name: plan.passes.get(name, 0) for name in ON_INVENTED}
    for source, share in shares.items():
        misses = [(p, miss) for p in sources.get(source, ()) for miss in p.misses]
        drawn = misses * int(share) + builder.rng.sample(misses, round(len(misses) * (share % 1)))
        examples += [e for miss in drawn if (e := builder.missed(*miss))]
    builder.rng.shuffle(examples)
    finished = [builder.finished(example) for example in examples]
    return balanced(finished) if plan.balanced else finished


def balanced(examples: Sequence[Example]) -> list[Example]:
    """Leaves out written misses that open in a way ("Why", "How many") that fewer answered questions open in.

    Else a reader would learn that such a question has no answer.
    """
    written = ("written", *ON_INVENTED)
    left = Counter(opening(e.question) for e in examples if e.kind == "positive" and e.source in written)
    kept = []
    for example in examples:
        if example.kind == "missed":
            left[opening(example.question)] -= 1
            if left[opening(example.question)] < 0:
                continue
        kept.append(example)
    return kept


def opening(question: str) -> str:
    """The first word of a question, the first two of "How ..."."""
    return " ".join(question.lower().split()[: 2 if question.lower().startswith("how ") else 1])


def _retrieved(builder: Builder, count: int, encoder: Path) -> list[Example]:
    """Questions with a passage of the same source that retrieval ranks high and that has no answer."""
    sources = [s for s in ("written", "new_wiki", "reddit", "amazon", "qamr", "qed") if s in builder.plan.passes]
    total = sum(builder.plan.passes[s] * sum(len(p.questions) for p in builder.sources[s]) for s in sources)
    examples: list[Example] = []
    for source in sources:
        pairs = [(p, q) for p in builder.sources[source] for q in p.questions]
        share = builder.plan.passes[source] * len(pairs) / total
        pairs = builder.rng.sample(pairs, min(len(pairs), round(count * share * 1.1)))
        passages = builder.sources[source]
        ranked = hard_negatives([q.text for _, q in pairs], [p.text for p in passages], encoder, depth=12)
        made = [_first_wrong(builder, passages, rows, *pair) for rows, pair in zip(ranked, pairs, strict=True)]
        examples += [e for e in made if e][: round(count * share)]
    return examples


def _first_wrong(
    builder: Builder, passages: list[Paragraph], rows: np.ndarray, paragraph: Paragraph, question: Question
) -> Example | None:
    """One of the first few ranked passages without the answer: the first in half of the draws."""
    wrong = (builder.wrong_passage(passages[row], paragraph, question, "retrieved") for row in rows)
    usable = [e for e in wrong if e][:5]
    if not usable:
        return None
    return usable[0] if builder.rng.random() < 0.5 else builder.rng.choice(usable)


def squad(paragraphs: Iterable[Paragraph]) -> dict[str, object]:
    """Paragraphs with their questions in SQuAD v2's format, each paragraph an article."""
    articles = []
    for paragraph in paragraphs:
        key = digest(paragraph.text)
        asked = [
            (q.text, [{"text": paragraph.text[a:b], "answer_start": a} for a, b in q.spans])
            for q in paragraph.questions
        ]
        asked += [(miss.text, []) for miss in paragraph.misses]
        items = [
            {"id": f"{key}-{number}", "question": text, "answers": answers, "is_impossible": not answers}
            for number, (text, answers) in enumerate(asked)
        ]
        articles.append({"title": key, "paragraphs": [{"context": paragraph.text, "qas": items}]})
    return {"version": "v2.0", "data": articles}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the files README.md lists")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--wordnet", type=Path, help="folder of WordNet 3.0's files, for the plans that reword")
    parser.add_argument("--plan", choices=PLANS, default="second")
    parser.add_argument(
        "--squad", type=Path, help="only write the questions of this file, questions_dev.tsv, as SQuAD v2"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=29)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.squad:
        written = read_all(options.data, options.squad)["written"]
        options.out.write_text(json.dumps(squad(written), ensure_ascii=False), encoding="utf-8")
        return
    plan, written = PLANS[options.plan], Path(__file__).parent / "questions.tsv"
    wordnet = WordNet(options.wordnet) if plan.reworded else None
    more = [name for name in ON_INVENTED[1:] if name in plan.passes]
    sources = read_all(options.data, written if "written" in plan.passes else None, more)
    examples = build(sources, plan, options.seed, options.encoder, wordnet)
    with options.out.open("w", encoding="utf-8") as out:
        rows = ({key: value for key, value in asdict(e).items() if key != "title"} for e in examples)
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    for (source, kind), count in sorted(Counter((e.source, e.kind) for e in examples).items()):
        log.info("%-12s %-10s %6d", source, kind, count)


if __name__ == "__main__":
    main()
