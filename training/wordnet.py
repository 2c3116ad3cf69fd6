"""Reword questions with WordNet: synonyms keep the meaning, antonyms and sisters change it.

Reads the plain files of WordNet 3.0 (index.*, data.*, cntlist.rev). Only a word's clearly most frequent sense is
used, by WordNet's own counts in tagged text, since nothing here tells senses apart.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lemminflect import getAllLemmas, getInflection

PARTS = {"NOUN": "n", "VERB": "v", "ADJ": "a", "ADV": "r"}
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
TAGS = {"n": ("NNS",), "v": ("VBD", "VBN", "VBG", "VBZ"), "a": ("JJR", "JJS"), "r": ("RBR", "RBS")}
# Words that carry the question's grammar or that WordNet knows in too many senses.
LEFT_ALONE = frozenset(
    "what when where which whose whom about after before does have been were being into from they their there that "
    "this these those with would could should much many most more some name type kind people thing year years part "
    "first last during also only same other such than then them will well said says author".split()
)
WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True)
class Sense:
    """A word as used: its base form, part of speech, synset, and the tag of its inflection ("" for the base)."""

    lemma: str
    part: str
    synset: int
    tag: str


class WordNet:
    """Synonyms, antonyms and sisters of common senses."""

    def __init__(self, folder: Path) -> None:
        self.senses: dict[tuple[str, str], list[int]] = {}
        self.words: dict[tuple[str, int], list[str]] = {}
        self.pointers: dict[tuple[str, int], list[tuple[str, int, str, str]]] = {}
        self.counts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        for part, name in FILES.items():
            self._load(folder, part, name)
        kinds = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
        for line in (folder / "cntlist.rev").read_text("ascii").splitlines():
            key, number, count = line.split()
            lemma, _, rest = key.partition("%")
            self.counts[lemma, kinds[rest[0]]][int(number)] = int(count)

    def _load(self, folder: Path, part: str, name: str) -> None:
        for line in (folder / f"index.{name}").read_text("ascii").splitlines():
            if not line.startswith(" "):
                fields = line.split()
                count = int(fields[2])
                self.senses[fields[0], part] = [int(offset) for offset in fields[-count:]]
        for line in (folder / f"data.{name}").read_text("ascii").splitlines():
            if line.startswith(" "):
                continue
            fields = line.split(" | ")[0].split()
            offset, size = int(fields[0]), int(fields[3], 16)
            self.words[part, offset] = [re.sub(r"\(.*\)$", "", w) for w in fields[4 : 4 + 2 * size : 2]]
            at, found = 4 + 2 * size, []
            for i in range(int(fields[at])):
                symbol, target, kind, ends = fields[at + 1 + 4 * i : at + 5 + 4 * i]
                found.append((symbol, int(target), "a" if kind == "s" else kind, ends))
            self.pointers[part, offset] = found

    def count(self, lemma: str, part: str, synset: int) -> int:
        """How often tagged text uses the word in this sense."""
        senses = self.senses.get((lemma.lower(), part), [])
        return self.counts[lemma.lower(), part].get(senses.index(synset) + 1, 0) if synset in senses else 0

    def sense(self, word: str) -> Sense | None:
        """The word's sense, if one part of speech and one sense of it are clearly the most frequent."""
        totals = {
            (lemma, part): sum(self.counts[lemma, part].values())
            for name, part in PARTS.items()
            for lemma in getAllLemmas(word).get(name, ())[:1]
            if (lemma, part) in self.senses
        }
        if not totals or sum(totals.values()) == 0:
            return None
        (lemma, part), most = max(totals.items(), key=lambda item: item[1])
        if most < 0.75 * sum(totals.values()) or self.counts[lemma, part].get(1, 0) < 0.6 * most:
            return None
        tag = "" if word == lemma else next((t for t in TAGS[part] if word in getInflection(lemma, t)), None)
        return None if tag is None else Sense(lemma, part, self.senses[lemma, part][0], tag)

    def inflected(self, lemma: str, sense: Sense) -> str:
        """Another word in the inflection of `sense`; of several words, the verb's first or the noun's last."""
        words = lemma.replace("_", " ").split()
        if sense.tag:
            at = 0 if sense.part == "v" else -1
            forms = getInflection(words[at], sense.tag)
            words[at] = forms[0] if forms else words[at]
        return " ".join(words)

    def same(self, sense: Sense) -> list[str]:
        """The synset's other words. Not those of the synset above: "adults" for "women" is not the same question."""
        near = [w for w in self.words[sense.part, sense.synset] if self.count(w, sense.part, sense.synset)]
        return [w for w in near if w.lower() != sense.lemma and w.islower()]

    def other(self, sense: Sense) -> list[str]:
        """Words that mean something else in the same place: antonyms, or the nouns and verbs beside it."""
        pointers = self.pointers[sense.part, sense.synset]
        antonyms = []
        for symbol, target, part, ends in pointers:
            source = int(ends[:2], 16)
            if symbol == "!" and self.words[sense.part, sense.synset][source - 1].lower() == sense.lemma:
                antonyms.append(self.words[part, target][int(ends[2:], 16) - 1])
        if antonyms:
            return antonyms
        above = [(part, target) for symbol, target, part, _ in pointers if symbol == "@"]
        sisters = [(part, target) for key in above for symbol, target, part, _ in self.pointers[key] if symbol == "~"]
        mine = set(self.same(sense))
        found = [w for key in sisters if key[1] != sense.synset for w in self.words[key] if self.count(w, *key) >= 2]
        return [w for w in found if w not in mine and w.lower() != sense.lemma and w.islower()]


def _lemmas(word: str) -> set[str]:
    return {word, *(lemma for lemmas in getAllLemmas(word).values() for lemma in lemmas)}


class Rewording:
    """Draws synonyms and other words for those words of a question that its passage says too."""

    def __init__(self, wordnet: WordNet, rng: random.Random) -> None:
        self.wordnet, self.rng = wordnet, rng
        self._known: dict[str, Sense | None] = {}
        self._bases: dict[str, set[str]] = {}

    def _sense(self, word: str) -> Sense | None:
        if word not in self._known:
            self._known[word] = None if word in LEFT_ALONE else self.wordnet.sense(word)
        return self._known[word]

    def _said(self, passage: str) -> set[str]:
        said: set[str] = set()
        for word in set(re.findall(r"[a-z]+", passage.lower())):
            if word not in self._bases:
                self._bases[word] = _lemmas(word)
            said |= self._bases[word]
        return said

    def synonyms(self, question: str, passage: str, share: float = 0.7) -> str:
        """The question with most of the words it shares with the passage said in other words, where there are any."""
        said = self._said(passage)

        def replaced(match: re.Match[str]) -> str:
            sense = self._sense(match.group())
            if sense is None or sense.lemma not in said or self.rng.random() > share:
                return match.group()
            near = [w for w in self.wordnet.same(sense) if w not in said]
            return self.wordnet.inflected(self.rng.choice(near), sense) if near else match.group()

        return question[:1] + WORD.sub(replaced, question[1:])

    def changed(self, question: str, passage: str) -> str | None:
        """The question with one shared word replaced by one that means something else; None if there is none."""
        said = self._said(passage)
        found = [(m, s) for m in WORD.finditer(question, 1) if (s := self._sense(m.group())) and s.lemma in said]
        self.rng.shuffle(found)
        for match, sense in found:
            others = [w for w in self.wordnet.other(sense) if w not in said]
            if others:
                word = self.wordnet.inflected(self.rng.choice(others), sense)
                return question[: match.start()] + word + question[match.end() :]
        return None
