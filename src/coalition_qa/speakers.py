"""Who says a sentence: "he argued" and "the minister warns" to the name of the person. Rules, no model.

A name counts as a person's only where the text itself shows it: as the subject of a verb of saying, or beside a title
("the Foreign Minister, Ada Berg"). Everything here works on spans of one document's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from coalition_qa.types import Span
from coalition_qa.words import content, fold, is_function_word, names, stem, words

_SAYING = """say tell argue add explain insist stress contend announce declare admit note assure confirm ask warn claim
    state complain suggest mention deny predict promise reply answer recall acknowledge conclude remark observe
    maintain emphasise emphasize underline highlight believe think judge point concede reckon hint advise remind
    remember object respond counter agree caution urge vow accuse doubt fear hope joke write""".split()
_PAST = "said told thought wrote".split()
_FORMS = {f"{verb}{ending}" for verb in _SAYING for ending in ("", "s", "d", "ed", "es")}
_FORMS |= {f"{verb[:-1]}{ending}" for verb in _SAYING if verb[-1] == "y" for ending in ("ied", "ies")}
_FORMS |= {"admitted", *_PAST}
_VERB = rf"(?:{'|'.join(sorted(_FORMS, key=len, reverse=True))})"
_WORD = r"[A-Z][\w’'-]*[\w]"
_NAME = rf"{_WORD}(?: (?:(?:de|del|van|von|der|al|bin|da|di|la|le) )?{_WORD}){{0,3}}"
_ROLES = """minister secretary president deputy chief head director chair chairman chairwoman chairperson leader
    spokesman spokeswoman spokesperson ambassador general governor mayor king queen prince pope bishop archbishop
    judge senator commissioner professor doctor colonel captain lieutenant sergeant officer official author founder
    owner manager coach lawyer teacher engineer scientist researcher analyst expert economist historian councillor
    treasurer clerk mediator curator farmer baker biologist geologist physicist nurse surgeon pilot driver referee
    witness prosecutor solicitor barrister foreman steward inspector chancellor principal headteacher campaigner
    activist warden ranger vicar priest resident neighbour neighbor organiser organizer shopkeeper""".split()
_ROLE_WORD = rf"(?:{'|'.join(_ROLES)})"
_OF = r"(?: (?:of|for) (?:the )?[\w’'-]+(?: [A-Z][\w’'-]+)*)?"
_ROLE = rf"(?:[Tt]he|[Aa]n?|[Hh]is|[Hh]er|[Ii]ts|[Tt]heir) (?:[\w’'.-]+ ){{0,4}}?(?i:{_ROLE_WORD})\b{_OF}"
_OPENING_ROLE = re.compile(rf"(?:^|[.!?”\"] |\n)(?P<role>[Tt]he (?:[\w’'.-]+ ){{0,3}}?(?i:{_ROLE_WORD})\b{_OF})")
_PRONOUN = r"(?:[Hh]e|[Ss]he|[Tt]hey)"
_SUBJECT = rf"(?P<subject>{_PRONOUN}\b|{_ROLE}|{_NAME})"
_BETWEEN = r"(?:(?: (?:has|had|have|also|then|later|himself|herself|further|even))*)"
_ASIDE = r"(?:,(?: [^,.;:\n“”\"]{1,60},)?)?"  # "Ada Berg, the mayor, said"
_BEFORE = re.compile(rf"(?<![\w’'-]){_SUBJECT}{_ASIDE}{_BETWEEN} {_VERB}\b")
_AFTER = re.compile(rf"(?:^|[,”\"’.] *|\n){_VERB}(?: out)?,? {_SUBJECT}", re.MULTILINE)
_OFFICE = rf"(?:[\w’'-]+ ){{0,3}}(?i:{_ROLE_WORD})(?: General)?"
_PLACE = r"(?:capital|city|town|village|country|state|province|region|island|river|district|port)\b"
_NO_PERSON = "".join(rf"(?<!\b{word} )" for word in "[Ii]n [Aa]t of the to [Ff]rom [Oo]n [Nn]ear".split())
_FULL_NAME = re.compile(rf"{_NO_PERSON}\b{_WORD} {_NAME}")
_TITLED = re.compile(
    rf"(?P<role>{_OFFICE}(?: (?:of|for)(?: [\w’'-]+){{1,4}}?)?), (?P<name>{_NAME})|"
    rf"(?P<role_of>{_OFFICE} of(?: [\w’'-]+){{1,3}}?) (?P<name_of>{_WORD} {_NAME})|"
    rf"(?P<role_plain>{_OFFICE}) (?P<name_plain>{_NAME})|"
    rf"\b(?P<role_any>(?!{_PLACE})[a-z]+), (?P<name_any>{_WORD} {_NAME}),|"
    rf"(?P<name_who>{_WORD} {_NAME})(?P<role_who>), (?:who|whose)\b"
)
_NO_ONE = frozenset("people many critics others nobody everybody everyone someone somebody experts observers".split())
_NOT_BETWEEN = "the|an?|his|her|their|its|our|your|my|can|could|should|may|must|might|shall|would|will|is|are|was|were"
_PERSON = rf"(?:person|man|woman|politician|diplomat|speaker|{'|'.join(_ROLES)})"
_BY_TRADE = (  # no suffix that things have, too: "which document says" and "which letter says" ask for no person
    r"(?:\w{3,}(?:ist|ian|man|woman|ctor|llor|essor|eer)|member|player|worker|writer|singer|painter|banker|reporter|"
    r"student|agent|tenant|assistant|consultant|accountant|applicant|claimant|defendant)"
)
_ASKING = re.compile(
    rf"\b(?:who(?! (?:did|does|do|has|had|have)\b)|which (?:of \w+ \w+ )?(?:\w+ ){{0,2}}?(?:{_PERSON}|{_BY_TRADE})) "
    rf"(?:(?!(?:{_NOT_BETWEEN})\b)[\w’'-]+ ){{0,2}}?{_VERB}\b|"
    r"\baccording to whom\b|\bwho (?:is|was) quoted(?: as saying)?\b|\bwhose words\b",
    re.IGNORECASE,
)
_ASKED_OF = re.compile(
    rf"\b(?:did|does|do|has|had|have)\b(?P<did>.*?)\b(?:{_VERB}|give|gave|given|have to say)\b|"
    rf"\b(?:according to|in the (?:words|opinion|view|eyes) of)\b(?P<according>[^,?]*)|"
    r"\b(?P<own>[\w’' -]*?)['’]s? (?:\w+ )?(?:opinion|view|warning|words|statement|comment|reason|explanation)\b",
    re.IGNORECASE,
)
_OPENING, _CLOSING = "“«", "”»"
_SINGLE = re.compile(r"(?<!\w)‘(?=\w)[^‘’\n]*(?:’\w[^‘’\n]*)*[.,!?…]’(?!\w)")


@dataclass(frozen=True, slots=True)
class _Saying:
    """Somebody says something: `place` is the words that say so, `subject` who."""

    place: Span
    subject: Span


def asks_for_speaker(question: str) -> bool:
    """Whether the answer is the person who said something: "Who warned that ...?", not "What did Ada say?"."""
    return _ASKING.search(question) is not None


def statement_of(question: str) -> str:
    """What is said, of a question that asks who said it."""
    return _ASKING.sub("", question)


def has_title(text: str) -> bool:
    """Whether it says what somebody's office or profession is."""
    return any(fold(word) in _ROLES for word in words(text))


class Speakers:
    """Who is said to say what in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._quotes = quotations(text)

    @cached_property
    def _sayings(self) -> list[_Saying]:
        found = {
            match.span("subject"): _Saying(Span(*match.span()), Span(*match.span("subject")))
            for pattern in (_BEFORE, _AFTER)
            for match in pattern.finditer(self._text)
            if not self._is_quoted(match.start("subject")) and not self._is_no_one(match.group("subject"))
        }
        return sorted(found.values(), key=lambda saying: saying.place)

    @cached_property
    def _persons(self) -> list[tuple[Span, set[str]]]:
        """Where persons are named, in order, each with the stems of the title that stands beside the name."""
        subjects = [(saying.subject, saying.subject.of(self._text)) for saying in self._sayings]
        names_of = [span for span, of in subjects if re.fullmatch(_NAME, of) and not re.fullmatch(_PRONOUN, of)]
        found = {span: set[str]() for span in names_of}
        for match in _TITLED.finditer(self._text):
            kind = next(kind for kind in ("", "_of", "_plain", "_any", "_who") if match.group(f"name{kind}"))
            name = match.group(f"name{kind}")
            if not self._is_quoted(match.start(f"name{kind}")) and not has_title(name):
                found[Span(*match.span(f"name{kind}"))] = set(content(match.group(f"role{kind}")))
        surnames = {self._surname(span) for span in found}
        for match in re.finditer(_NAME, self._text):
            span = Span(*match.span())
            if stem(words(match.group())[-1]) in surnames and not self._is_quoted(span.start):
                found.setdefault(span, set())
        return sorted(found.items())

    @property
    def text(self) -> str:
        """The text that all spans are of."""
        return self._text

    def of(self, sentence: Span) -> Span | None:
        """Where the text names who says what stands at `sentence`; None where nobody is said to."""
        return next(iter(self.named(sentence)), None)

    def named(self, sentence: Span) -> list[Span]:
        """Where the text names who says what stands at `sentence`: a name, and after it a title in its place."""
        saying = self._saying(sentence)
        if saying is None:
            return self._introduced(sentence)
        subject = saying.subject.of(self._text)
        if re.fullmatch(_PRONOUN, subject):
            return self._antecedents(saying.subject.start)
        if re.fullmatch(_ROLE, subject):
            return self._held(saying.subject)
        return [saying.subject]

    def asked_of(self, question: str) -> str:
        """The person whose saying a question asks for ("What did Berg warn of?"), as last named in the text; or ""."""
        match = _ASKED_OF.search(question)
        if match is None:
            return ""
        asked = {stem(word) for word in words(next(filter(None, match.groups()), ""))}
        if asked <= {"he", "she", "they"}:  # a question that follows others has the name behind it
            asked = {stem(word) for word in words(question)}
        spans = [span for span, _ in self._persons if self._surname(span) in asked]
        spans = [span for span in spans if _first_name(span.of(self._text)) in asked] or spans
        if not spans and any(fold(word) in _ROLES for word in words(question)):
            holder = self._holder(asked & {stem for _, title in self._persons for stem in title}, Span(0, 0))
            spans = [holder] if holder else []
        return spans[-1].of(self._text) if spans else ""

    def says(self, person: str, sentence: Span) -> bool | None:
        """Whether it is this person who says what stands at `sentence`; None where nobody is said to."""
        speaker = self.of(sentence)
        if speaker is None:
            return None
        name = speaker.of(self._text)
        if self._surname(speaker) != stem(words(person)[-1]):
            return False
        shorter, longer = sorted(({fold(word) for word in words(one)} for one in (name, person)), key=len)
        first = {_first_name(name), _first_name(person)} - {""}
        return shorter <= longer or len(first) < 2  # "González Laya" is Arancha González Laya

    def _surname(self, name: Span) -> str:
        return stem(words(name.of(self._text))[-1])

    def _saying(self, sentence: Span) -> _Saying | None:
        """The saying inside the sentence, else that of the quotation it is part of: what follows it, or leads in."""
        inside = [s for s in self._sayings if sentence.start <= s.subject.start < sentence.end]
        if inside:
            return inside[0]
        quote = self.quotation(sentence)
        if quote is None:
            return None
        ended = self._text[: quote.end - 1].endswith(".")  # then a capital begins a sentence of its own
        following = [s for s in self._sayings if 0 <= s.place.start - quote.end <= 3]
        following = [s for s in following if not (ended and self._text[s.place.start].isupper())]
        leading = [s for s in self._sayings if self._leads_in(s.place.end, quote.start)]
        return next(iter([*following, *leading[::-1]]), None)

    def _leads_in(self, end: int, start: int) -> bool:
        """Whether what ends there may belong to a quotation that starts here: at most one sentence ends between."""
        between = self._text[end:start]
        return 0 <= start - end <= 60 and "\n\n" not in between and len(re.findall(r"[.!?:]", between)) <= 1

    def quotation(self, sentence: Span) -> Span | None:
        """The quotation that most of the sentence is part of, or None."""
        quote = max(self._quotes, key=sentence.overlap, default=None)
        return quote if quote and sentence.overlap(quote) * 2 >= sentence.end - sentence.start else None

    def _introduced(self, sentence: Span) -> list[Span]:
        """Who says a quotation that no verb belongs to: the person whom its paragraph tells of before it, as in "Otto
        Berg disagreed." and what he said; or the paragraph before, where it is a paragraph of its own.
        """
        quote = self.quotation(sentence)
        if quote is None:
            return []
        at, start = quote.start, self._paragraph(quote.start)
        if start == at and start > 0:
            at, start = start - 2, self._paragraph(start - 2)
            if self._text[start] in f'"{_OPENING}':  # people talking in turn
                return []
        return self._antecedents(at, start)

    def _paragraph(self, at: int) -> int:
        """Where the paragraph begins that is at a place."""
        before = self._text.rfind("\n\n", 0, at)
        return 0 if before < 0 else before + 2

    def _antecedents(self, before: int, since: int = 0) -> list[Span]:
        """Whom "he" or "she" means there: the last person named, or whose title has opened a sentence since."""
        person = self._last_person(before)
        start = person.end if person else self._paragraph(before)
        roles = [Span(*role.span("role")) for role in _OPENING_ROLE.finditer(self._text, start, before)]
        last = [role for role in roles if not self._is_quoted(role.start)][-1:] or ([person] if person else [])
        if not last or last[0].start < since:
            return []
        return last if last == [person] else self._held(last[0])

    def _held(self, role: Span) -> list[Span]:
        """The person who holds a title, if the text names one, and the title."""
        holder = self._holder(set(content(role.of(self._text))), role)
        return [holder, role] if holder else [role]

    def _last_person(self, before: int) -> Span | None:
        """The last person named, unless somebody may have been named since whom the text doesn't show to be one; in a
        paragraph without any who is shown to be one, the only one who is named in full.
        """
        named = [span for span, _ in self._persons if span.end <= before]
        paragraph = self._text.rfind("\n\n", 0, before) + 1
        others = [
            Span(*m.span())
            for m in _FULL_NAME.finditer(self._text, named[-1].end if named else paragraph, before)
            if not self._is_quoted(m.start()) and not is_function_word(m.group().split()[0], "a")
        ]
        if named and (not others or named[-1].start >= paragraph):
            return None if others else named[-1]
        here = [span for span in others if span.start >= paragraph]
        return here[0] if len(here) == 1 else None

    def _holder(self, role: set[str], place: Span) -> Span | None:
        """The person whose title is most like `role`; of equals the last named before `place`, else the first."""
        scored = [(len(title & role) / len(title | role), span) for span, title in self._persons if title & role]
        if not scored:
            return None
        most = max(score for score, _ in scored)
        best = [span for score, span in scored if score == most]
        return ([span for span in best if span.end <= place.start] or best[:1])[-1]

    def _is_no_one(self, subject: str) -> bool:
        """Whether it is written like a name and is none: "It suggests", "People say", "Traders told" of traders."""
        parts = words(subject)
        if re.fullmatch(_PRONOUN, subject) or re.fullmatch(_ROLE, subject):
            return False
        common = len(parts) == 1 and fold(parts[0]) in self._in_lower_case - self._names
        return common or is_function_word(parts[0], "a") or fold(subject) in _NO_ONE

    @cached_property
    def _in_lower_case(self) -> set[str]:
        return {fold(word) for word in words(self._text) if word.islower()}

    @cached_property
    def _names(self) -> set[str]:
        return names(self._text)

    def _is_quoted(self, at: int) -> bool:
        return any(quote.start <= at < quote.end for quote in self._quotes)


def _first_name(name: str) -> str:
    """The stem of the first of several words; empty for a surname alone, or with a title."""
    parts = words(name)
    return stem(parts[0]) if len(parts) > 1 and not has_title(name) else ""


def quotations(text: str) -> list[Span]:
    """What stands between quotation marks, marks included; a quotation ends with its paragraph at the latest. Single
    marks count where they are curled and a stop is inside, which an apostrophe has not.
    """
    found: list[Span] = []
    opened: int | None = None
    for match in re.finditer(r"[“”«»\"]|\n", text):
        mark, at = match.group(), match.start()
        if mark == "\n":
            if opened is not None:
                found.append(Span(opened, at))
            opened = None
        elif opened is None and mark not in _CLOSING:
            opened = at
        elif opened is not None and mark not in _OPENING:
            found.append(Span(opened, at + 1))
            opened = None
    single = (Span(*match.span()) for match in _SINGLE.finditer(text))
    return [*found, *(span for span in single if not any(span.overlap(other) for other in found))]
